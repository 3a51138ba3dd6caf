// The store in a worker thread, as the window sees it: started by the first call, let go when nobody used it for five
// minutes, started again by the next call or after it died.
// Must not know: what the calls do, SQLite.

import { Worker } from 'node:worker_threads';
import { fromErrorWire, JanError } from '../../common/errors';
import type { Logger } from '../../common/log';
import type { StoreEvent } from './changeEvents';
import type { FromStoreThread, Store, StoreMethod, StoreThreadOptions, ToStoreThread } from './storeThreadMessages';

export interface ThreadedStoreOptions extends StoreThreadOptions {
  /** Of the bundled storeWorker.ts. */
  readonly storeWorkerPath: string;
  readonly log: Logger;
  readonly onEvent: (event: StoreEvent) => void;
  /**
   * Does anyone look at what other windows change? Then the thread is kept, and its events come. Once it was let go,
   * nothing is told until the next call; whoever begins to look reads the lists first anyway. Default: nobody.
   */
  readonly isObserved?: () => boolean;
  /** Default five minutes. */
  readonly idleMs?: number;
}

const defaultIdleMs = 5 * 60 * 1000;
/** Bytes copied before others get their turn. */
const copySlice = 1024 * 1024;
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Call {
  readonly items: unknown[];
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** One thread, from its start to its end. */
class StoreThread {
  readonly ended: Promise<void>;
  readonly #worker: Worker;
  readonly #calls = new Map<number, Call>();
  #lastId = 0;
  #hasEnded = false;

  constructor(private readonly options: ThreadedStoreOptions) {
    const { directory, wasmPath, snapshotWorkerPath, compactAt } = options;
    const workerData: StoreThreadOptions = { directory, wasmPath, snapshotWorkerPath, compactAt };
    this.#worker = new Worker(options.storeWorkerPath, { workerData, execArgv: [] });
    let reason: Error | undefined;
    this.#worker.on('message', (message: FromStoreThread) => this.#take(message));
    this.#worker.on('messageerror', (error) => options.log.error(`store: ${String(error)}`));
    this.#worker.on('error', (error) => {
      reason = error instanceof Error ? error : new Error(String(error));
    });
    this.ended = new Promise((resolve) =>
      this.#worker.on('exit', (code) => {
        this.#hasEnded = true;
        if (this.#calls.size > 0 || reason !== undefined) {
          options.log.error(`store: its thread ended with ${code}: ${String(reason)}`);
        }
        for (const call of this.#calls.values()) {
          call.reject(threadEnded(reason ?? code));
        }
        this.#calls.clear();
        resolve();
      }),
    );
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  call(method: StoreMethod, args: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      this.#calls.set(id, { items: [], resolve, reject });
      this.#send({ type: 'call', id, method, args });
    });
  }

  /** Resolves once it finished what was begun and is gone, with its memory. */
  async close(): Promise<void> {
    this.#send({ type: 'close' });
    await this.ended;
  }

  #send(message: ToStoreThread): void {
    this.#worker.postMessage(message);
  }

  #take(message: FromStoreThread): void {
    switch (message.type) {
      case 'event':
        return this.options.onEvent(message.event);
      case 'log':
        return this.options.log[message.level](message.text);
      case 'error':
        this.#settle(message.id)?.reject(fromErrorWire(message.error));
        return;
      case 'result':
        this.#settle(message.id)?.resolve(message.value);
        return;
      case 'part': {
        const items = this.#calls.get(message.id)?.items;
        for (const item of message.items) {
          items?.push(item);
        }
        if (message.last) {
          this.#settle(message.id)?.resolve(items);
        } else {
          // Messages that wait are all taken in one turn, so the next part is asked for in another one.
          setImmediate(() => this.#hasEnded || this.#send({ type: 'next', id: message.id }));
        }
      }
    }
  }

  #settle(id: number): Call | undefined {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    return call;
  }
}

export class ThreadedStore {
  #thread: StoreThread | undefined;
  /** Threads that were told to end, and are finishing. */
  readonly #ending = new Set<Promise<void>>();
  #running = 0;
  #idle: NodeJS.Timeout | undefined;
  #closed = false;
  /** Messages that this window is writing: their thread's end would call them interrupted. */
  readonly #streaming = new Set<string>();

  constructor(private readonly options: ThreadedStoreOptions) {}

  /** For tests and the log: is a thread running that may be used? */
  get isLoaded(): boolean {
    return this.#thread !== undefined && !this.#thread.hasEnded;
  }

  async call(method: StoreMethod, args: readonly unknown[]): Promise<unknown> {
    if (this.#closed) {
      throw new JanError('store-unavailable', 'Jan is shutting down in this window. Reload it to go on.');
    }
    clearTimeout(this.#idle);
    this.#running += 1;
    try {
      if (this.#thread === undefined || this.#thread.hasEnded) {
        this.#streaming.clear();
        this.#thread = new StoreThread(this.options);
      }
      const value = await this.#thread.call(method, args);
      this.#noteStreaming(method, value);
      return value;
    } finally {
      this.#running -= 1;
      this.#startIdle();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#idle);
    this.#release();
    await Promise.all(this.#ending);
  }

  #noteStreaming(method: StoreMethod, value: unknown): void {
    if (method === 'createMessage' || method === 'updateMessage') {
      const { id, status } = value as { readonly id: string; readonly status: string };
      if (status === 'streaming') {
        this.#streaming.add(id);
      } else {
        this.#streaming.delete(id);
      }
    }
  }

  #startIdle(): void {
    if (this.#running > 0 || this.#closed) {
      return;
    }
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      if (this.#running > 0 || this.#streaming.size > 0 || this.options.isObserved?.() === true) {
        this.#startIdle();
      } else {
        this.options.log.debug('store: let go, as nobody uses it');
        this.#release();
      }
    }, this.options.idleMs ?? defaultIdleMs).unref();
  }

  #release(): void {
    const thread = this.#thread;
    this.#thread = undefined;
    if (thread !== undefined && !thread.hasEnded) {
      const ended = thread.close().finally(() => this.#ending.delete(ended));
      this.#ending.add(ended);
    }
  }
}

const methods: Readonly<Record<StoreMethod, true>> = {
  getConversations: true, getConversation: true, getConversationMessages: true, searchMessages: true, getConversationTags: true, getModel: true,
  getModels: true, contentHash: true, createConversation: true, updateConversation: true, deleteConversation: true,
  deleteConversations: true, restoreConversation: true, forkConversation: true, importConversation: true,
  purgeConversations: true, createMessage: true, updateMessage: true, storeAttachment: true, getAttachment: true,
  storeModel: true, finishModel: true, deleteModel: true, checkStore: true, backupStore: true, restoreStore: true,
  settled: true, compact: true,
};

/** The store's methods, each of which runs in the thread. */
export function createThreadedStore(options: ThreadedStoreOptions): { readonly store: Store; readonly thread: ThreadedStore } {
  const thread = new ThreadedStore(options);
  const calls = Object.fromEntries(
    (Object.keys(methods) as StoreMethod[]).map((name) => [name, (...args: readonly unknown[]) => thread.call(name, args)]),
  );
  const store = {
    ...calls,
    damage: [],
    close: () => thread.close(),
    // Shared, so that the copy for the thread is made in steps.
    storeAttachment: async (bytes: Uint8Array, info: unknown) =>
      thread.call('storeAttachment', [await shared(bytes), info]),
  } as unknown as Store;
  return { store, thread };
}

async function shared(bytes: Uint8Array): Promise<Uint8Array> {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  for (let position = 0; position < bytes.length; position += copySlice) {
    copy.set(bytes.subarray(position, position + copySlice), position);
    await nextTurn();
  }
  return copy;
}

/** Whether the last change was saved is not known. */
function threadEnded(reason: unknown): JanError {
  return new JanError(
    'store-unavailable',
    'The part of Jan that keeps your conversations stopped unexpectedly; the last change may not have been saved. Try again; if it happens again, see the log.',
    { details: { reason: String(reason), outcome: 'unknown' } },
  );
}
