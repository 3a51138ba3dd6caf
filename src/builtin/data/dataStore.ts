// The store of conversations, messages and models: a view of the shared journal, read after every change of it, and
// the way to change it. All arguments and results are plain data, so that it could run in a worker.
// Must not know: the public API's registration, whether its input was validated for users (dataPlugin does that).

import type {
  Conversation,
  ConversationChange,
  ConversationQuery,
  Message,
  MessageChange,
  MessageQuery,
  Model,
  NewConversation,
  NewMessage,
  NewModel,
} from '../../api/jan';
import { JanError } from '../../common/errors';
import type { Disposable } from '../../common/lifecycle';
import type { Logger } from '../../common/log';
import { createUuidV7 } from '../../common/uuid';
import { AppendQueue } from './appendQueue';
import { readMessages } from './branchReader';
import { coalesceChanges, compareConversations, type OriginatedChange, type StoreEvent } from './changeEvents';
import { Compactor } from './compaction';
import { Follower, type AppliedRecord, type Damage, type StoreEnvironment } from './follower';
import { Interruptions } from './interruptions';
import { recordKind, type OperationName, type Payload } from './operations';
import { buildSnapshot, buildSnapshotInWorker } from './snapshotBuilder';
import { loadSqlite } from './sqlite';
import { toStoreError } from './storeErrors';
import { nodeStoreFiles, type StoreFiles } from './storeFiles';
import { notFound, type View } from './view';

export interface DataStoreOptions {
  /** Shared by all windows; made when missing. */
  readonly directory: string;
  readonly log: Logger;
  readonly onEvent: (event: StoreEvent) => void;
  /** Unix ms. Default: the system's clock. */
  readonly now?: () => number;
  readonly wasmPath?: string;
  /** Of the bundled snapshotWorker.ts. Without it snapshots are built on this thread. */
  readonly snapshotWorkerPath?: string;
  readonly files?: StoreFiles;
  /** Journal bytes from which on compaction is due, if the snapshot is not larger. Default 8 MiB. */
  readonly compactAt?: number;
}

/** From a notice of the file system to the look at the journal, ms. Other windows' changes are shown this much later. */
const noticeDelayMs = 5;

export class DataStore {
  /** What could not be read, since this window opened the store. */
  readonly damage: Damage[] = [];
  readonly #now: () => number;
  readonly #files: StoreFiles;
  #opening: Promise<void> | undefined;
  #follower: Follower | undefined;
  #queue: AppendQueue | undefined;
  #interruptions: Interruptions | undefined;
  #watcher: Disposable | undefined;
  #compactor: Compactor | undefined;
  #noticed: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(private readonly options: DataStoreOptions) {
    this.#now = options.now ?? Date.now;
    this.#files = options.files ?? nodeStoreFiles;
  }

  //#region Reading

  async getConversations(query: ConversationQuery = {}): Promise<Conversation[]> {
    return this.#read((view) => view.queries.conversations(query));
  }

  async getConversation(id: string): Promise<Conversation> {
    return (await this.#read((view) => view.queries.conversation(id))) ?? missing('conversation', id);
  }

  async getConversationMessages(conversationId: string, query: MessageQuery = {}): Promise<Message[]> {
    await this.#read(() => undefined);
    const dead = await this.#interruptions!.end(conversationId);
    const follower = this.#follower!;
    const messages = await follower.exclusively(() => readMessages(follower.view.queries, conversationId, query));
    return (
      messages?.map((message) => (dead.has(message.id) ? { ...message, status: 'interrupted' } : message)) ??
      missing('conversation', conversationId)
    );
  }

  async getModel(id: string): Promise<Model> {
    return (await this.#read((view) => view.queries.model(id))) ?? missing('model', id);
  }

  async getModels(downloads: 'finished' | 'unfinished'): Promise<Model[]> {
    return this.#read((view) => view.queries.models(downloads));
  }

  /** Equal in all windows that hold the same. For checks and tests. */
  async contentHash(): Promise<string> {
    return this.#read((view) => view.queries.contentHash());
  }
  //#endregion

  //#region Writing

  async createConversation(input: NewConversation = {}): Promise<Conversation> {
    const id = createUuidV7(this.#now());
    const { name = '', modelId, systemPrompt } = input;
    return this.#change('createConversation', { id, name, modelId, systemPrompt, at: this.#now() }, (view) =>
      view.queries.conversation(id),
    );
  }

  async updateConversation(change: ConversationChange): Promise<Conversation> {
    await this.#demand('conversation', change.id);
    return this.#change('updateConversation', { ...change, at: this.#now() }, (view) =>
      view.queries.conversation(change.id),
    );
  }

  async deleteConversation(id: string): Promise<void> {
    await this.#demand('conversation', id);
    await this.#change('deleteConversation', { id, at: this.#now() }, () => true);
  }

  async createMessage(input: NewMessage): Promise<Message> {
    await this.#demand('conversation', input.conversationId);
    if (typeof input.parentId === 'string') {
      await this.#demand('message', input.parentId);
    }
    const id = createUuidV7(this.#now());
    const { status = 'complete', error, usage, timings, ...rest } = input;
    const payload: Payload<'createMessage'> = {
      ...rest,
      ...objects({ error, usage, timings }),
      id,
      status,
      writer: status === 'streaming' ? await this.#interruptions!.identify() : undefined,
      at: this.#now(),
    };
    return this.#change('createMessage', payload, (view) => view.queries.message(id));
  }

  async updateMessage(change: MessageChange): Promise<Message> {
    await this.#demand('message', change.id);
    const { error, usage, timings, ...rest } = change;
    const payload: Payload<'updateMessage'> = {
      ...rest,
      ...objects({ error, usage, timings }),
      writer: change.status === 'streaming' ? await this.#interruptions!.identify() : undefined,
      at: this.#now(),
    };
    return this.#change('updateMessage', payload, (view) => view.queries.message(change.id));
  }

  async storeModel(model: NewModel): Promise<Model> {
    await this.#read(() => undefined);
    return this.#change('storeModel', { model, at: this.#now() }, (view) => view.queries.model(model.id));
  }

  async finishModel(id: string, finishedAt: number = this.#now()): Promise<Model> {
    await this.#demand('model', id);
    return this.#change('finishModel', { id, finishedAt, at: this.#now() }, (view) => view.queries.model(id));
  }

  async deleteModel(id: string): Promise<void> {
    await this.#demand('model', id);
    await this.#change('deleteModel', { id, at: this.#now() }, () => true);
  }
  //#endregion

  /** Resolves when no compaction is under way. */
  async settled(): Promise<void> {
    await this.#compactor?.settled();
  }

  /** Seals this generation and writes the next one's snapshot now. */
  async compact(): Promise<void> {
    await this.#read(() => undefined);
    await this.#compactor?.start('now');
  }

  /** Finishes what was begun, then lets go of files and memory. Later calls are refused. */
  async close(): Promise<void> {
    if (this.#closed) {
      return;
    }
    this.#closed = true;
    this.#watcher?.dispose();
    await this.#opening?.catch(() => undefined);
    this.#watcher?.dispose();
    await this.#queue?.close();
    await this.#compactor?.settled();
    await this.#interruptions?.close();
    await this.#follower?.close();
  }

  /**
   * Opens the store at the first call, and brings the view up to date.
   * @param query runs at once then: a view must not be kept, for another may take its place.
   */
  async #read<T>(query: (view: View) => T): Promise<T> {
    if (this.#closed) {
      throw new JanError('store-unavailable', 'Jan is shutting down in this window. Reload it to go on.');
    }
    try {
      this.#opening ??= this.#open();
      await this.#opening;
      await this.#follower!.refresh();
    } catch (error) {
      if (this.#follower === undefined) {
        this.#opening = undefined; // The next call tries again.
      }
      throw toStoreError(error, 'read', this.options.directory);
    }
    return query(this.#follower!.view);
  }

  async #open(): Promise<void> {
    const { directory, log } = this.options;
    const started = performance.now();
    const sqlite = await loadSqlite(this.options.wasmPath).catch((error: unknown) => {
      throw new JanError(
        'store-unavailable',
        'SQLite, which holds your conversations, could not be loaded. Install the extension again.',
        { cause: error },
      );
    });
    // Before reading, so that no change goes unseen in between. A folder that cannot be made may still be readable.
    await this.#files.makeDirectory(directory).catch((error: unknown) => log.debug(`store: ${String(error)}`));
    this.#watch();
    const environment: StoreEnvironment = { directory, files: this.#files, sqlite, log };
    const follower = new Follower(
      environment,
      {
        onApplied: (records, loading) => this.#onApplied(records, loading),
        onDamage: (damage) => this.#onDamage(damage),
        onReload: (before, after) => this.#onReload(before, after),
      },
      'append',
    );
    try {
      await follower.refresh();
    } catch (error) {
      await follower.close();
      this.#watcher?.dispose();
      throw error;
    }
    this.#follower = follower;
    this.#queue = new AppendQueue(this.#files, directory, follower);
    this.#interruptions = new Interruptions(follower, this.#queue, this.#now, log);
    const { snapshotWorkerPath, wasmPath } = this.options;
    const build = (generation: number): Promise<number> =>
      snapshotWorkerPath === undefined
        ? buildSnapshot(environment, generation)
        : buildSnapshotInWorker(snapshotWorkerPath, { directory, generation, wasmPath });
    this.#compactor = new Compactor(environment, follower, this.#queue, build, this.options.compactAt);
    log.info(`store: open after ${Math.round(performance.now() - started)} ms`, follower.sizes);
    await this.#mendTail(follower, this.#queue);
    this.#interruptions.end().catch((error: unknown) => log.warn(`store: ${String(error)}`));
  }

  /** A record behind a torn one makes every reader certain that the torn one is finished. */
  async #mendTail(follower: Follower, queue: AppendQueue): Promise<void> {
    const journal = follower.journal;
    const unfinished = journal?.unfinished ?? 0;
    if (journal === undefined || unfinished === 0) {
      return;
    }
    await queue.append(recordKind.mend, { offset: journal.offset, length: unfinished }).catch(() => {
      this.#onDamage({
        kind: 'record',
        file: `journal-${journal.generation}.log`,
        start: journal.offset,
        end: journal.offset + unfinished,
      });
    });
  }

  #watch(): void {
    const { directory, log } = this.options;
    this.#watcher?.dispose();
    try {
      this.#watcher = this.#files.watch(
        directory,
        (name) => {
          if (name === null || name.endsWith('.log')) {
            this.#refreshSoon();
          }
        },
        (error) => log.warn(`store: changes of other windows are seen on the next call only: ${String(error)}`),
      );
    } catch (error) {
      log.warn(`store: changes of other windows are seen on the next call only: ${String(error)}`);
    }
  }

  /** A burst of notices, of which our own writes make most, is answered with one look. */
  #refreshSoon(): void {
    if (this.#noticed !== undefined) {
      return;
    }
    this.#noticed = setTimeout(() => {
      this.#noticed = undefined;
      if (!this.#closed) {
        this.#follower?.refresh().catch((error: unknown) => this.options.log.warn(`store: ${String(error)}`));
      }
    }, noticeDelayMs);
  }

  /** Refuses early, without a record, what the view knows not to be there. */
  async #demand(what: keyof typeof notFound, id: string): Promise<void> {
    // What the view has may be written to without a look at the file: applying decides.
    const known = !this.#closed && this.#follower?.view.queries.has(what, id) === true;
    if (!known && !(await this.#read((view) => view.queries.has(what, id)))) {
      missing(what, id);
    }
  }

  async #change<N extends OperationName, T>(
    name: N,
    payload: Payload<N>,
    result: (view: View) => T | undefined,
  ): Promise<T> {
    if (this.#queue === undefined || this.#closed) {
      await this.#read(() => undefined);
    }
    let value: T | undefined;
    const outcome = await this.#queue!
      .append(recordKind[name], payload, { onApplied: () => (value = result(this.#follower!.view)) })
      .catch((error: unknown) => {
        throw error instanceof RangeError
          ? new JanError('invalid-argument', 'This message is too long to be saved. Shorten it.', { cause: error })
          : error;
      });
    if (outcome?.type === 'refused') {
      throw new JanError(outcome.code, outcome.message, { details: { id: outcome.id } });
    }
    if (value === undefined) {
      throw new JanError('internal', 'The change was saved but could not be read back. Reload the window.', {
        details: { operation: name, outcome: outcome?.type },
      });
    }
    this.#compactor?.startWhenDue();
    return value;
  }

  #onApplied(records: readonly AppliedRecord[], loading: boolean): void {
    const changes: OriginatedChange[] = [];
    for (const record of records) {
      const origin = this.#queue?.takeApplied(record) === true ? 'local' : 'remote';
      if (record.outcome.type === 'applied') {
        changes.push(...record.outcome.changes.map((change) => ({ change, origin }) as const));
      } else if (record.outcome.type === 'unknown') {
        this.options.log.warn(`store: record ${record.id} is of a newer version of Jan; it was kept, not applied`);
      }
    }
    if (!loading) {
      this.#emit(changes);
    }
  }

  #onReload(before: View, after: View): void {
    this.#watch();
    const [old, now] = [before.queries.conversationTimes(), after.queries.conversationTimes()];
    this.#emit(compareConversations(old, now));
  }

  #emit(changes: readonly OriginatedChange[]): void {
    for (const event of coalesceChanges(changes)) {
      try {
        this.options.onEvent(event);
      } catch (error) {
        this.options.log.error(`store: a listener failed: ${String(error)}`);
      }
    }
  }

  #onDamage(damage: Damage): void {
    const same = (known: Damage): boolean =>
      known.file === damage.file && known.start === damage.start && known.end === damage.end;
    if (this.damage.some(same)) {
      return; // Read anew.
    }
    this.damage.push(damage);
    this.options.log.warn(`store: passed over damage in ${damage.file}`, damage);
  }
}

function missing(what: keyof typeof notFound, id: string): never {
  throw new JanError(notFound[what].code, notFound[what].message, { details: { id } });
}

/** The contract's interfaces as the plain objects that a record holds. */
type Fields = 'error' | 'usage' | 'timings';
function objects(fields: Record<Fields, object | undefined>): Partial<Record<Fields, Record<string, unknown>>> {
  return fields as Partial<Record<Fields, Record<string, unknown>>>;
}
