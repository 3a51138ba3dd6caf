// One lease: a connection to the llama.cpp process with typed, checked, bounded calls. When the other side dies every
// pending call rejects with the cause.
// Must not know: how the process is started, models, VS Code.

import { connect, type Socket } from 'node:net';
import * as v from 'valibot';
import {
  CancellationTokenSource,
  createMessageConnection,
  ErrorCodes,
  ResponseError,
  StreamMessageReader,
  type MessageConnection,
} from 'vscode-jsonrpc/node';
import { startAwakeTimer, type AwakeTimer } from '../../common/awakeTimer';
import { fromErrorWire, JanError } from '../../common/errors';
import { Emitter, type Event } from '../../common/events';
import { toDisposable, type Disposable } from '../../common/lifecycle';
import type { Logger } from '../../common/log';
import { WholeMessageWriter } from '../../protocol/messageWriter';
import {
  helloRequest,
  runtimeProtocolVersion,
  type NotificationDescriptor,
  type RequestDescriptor,
} from '../../protocol/runtimeProtocol';

export interface CallRequestOptions {
  readonly signal?: AbortSignal;
  /** Told of a function that starts the time limit anew; to be called at each sign of life. */
  readonly onStart?: (alive: () => void) => void;
}

/** A call that was given up is cancelled; when neither its end nor anything else comes for this long, the engine hangs, ms. */
const defaultSettlingMs = 10_000;

export class RuntimeConnection implements Disposable {
  readonly #rpc: MessageConnection;
  readonly #socket: Socket;
  readonly #listeners = new Map<string, Set<(params: unknown) => void>>();
  readonly #closed: Promise<JanError>;
  readonly #onDidClose = new Emitter<JanError>();
  /** With the cause. Also after dispose(). */
  readonly onDidClose: Event<JanError> = this.#onDidClose.event;
  readonly #onDidHang = new Emitter<string>();
  /** A call did not end, although it was out of time and cancelled, and nothing else was heard: its method. */
  readonly onDidHang: Event<string> = this.#onDidHang.event;
  #isClosed = false;
  #received = 0;
  #pid = 0;

  /**
   * @param causeOfDeath asked once when the connection has ended.
   * @throws the socket's error when nobody listens; JanError when the other side refuses.
   */
  static async open(address: string, client: string, causeOfDeath: () => Promise<JanError>, log: Logger, settlingMs = defaultSettlingMs): Promise<RuntimeConnection> {
    const socket = connect(address);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const connection = new RuntimeConnection(socket, causeOfDeath, log, settlingMs);
    try {
      const { pid, protocolVersion } = await connection.request(helloRequest, { protocolVersion: runtimeProtocolVersion, client });
      if (protocolVersion !== runtimeProtocolVersion) {
        throw new JanError(
          'engine-unavailable',
          'The engine that runs is of a different version of Jan than this window. Reload all windows, then try again.',
          { details: { expected: runtimeProtocolVersion, received: protocolVersion } },
        );
      }
      connection.#pid = pid;
      return connection;
    } catch (error) {
      connection.dispose();
      throw error;
    }
  }

  private constructor(
    socket: Socket,
    causeOfDeath: () => Promise<JanError>,
    private readonly log: Logger,
    private readonly settlingMs: number,
  ) {
    this.#socket = socket;
    this.#rpc = createMessageConnection(new StreamMessageReader(socket), new WholeMessageWriter(socket), {
      error: (message) => log.debug(message),
      warn: (message) => log.debug(message),
      info: () => undefined,
      log: () => undefined,
    });
    this.#closed = new Promise<JanError>((resolve) => {
      const end = (): void => {
        if (this.#isClosed) {
          return;
        }
        this.#isClosed = true;
        void this.#drain()
          .then(causeOfDeath)
          .then((cause) => {
            this.#rpc.dispose();
            resolve(cause);
            this.#onDidClose.fire(cause);
          });
      };
      socket.once('close', end);
      this.#rpc.onError(([error]) => {
        if ((error as NodeJS.ErrnoException).code === undefined) {
          log.warn(`The engine sent something unreadable: ${error.message}`);
        }
        // Whoever sends what is no JSON-RPC is not our engine.
        socket.destroy();
      });
    });
    socket.on('error', () => undefined);
    this.#rpc.onNotification((method, params) => {
      this.#received++;
      this.#listeners.get(method)?.forEach((listener) => listener(params));
    });
    this.#rpc.listen();
  }

  /** Of the process. */
  get pid(): number {
    return this.#pid;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * @throws JanError `invalid-argument` for parameters out of range, `timeout`, `cancelled`, what the other side
   * answered, or the cause of its death.
   */
  async request<P extends v.GenericSchema, R extends v.GenericSchema>(
    descriptor: RequestDescriptor<P, R>,
    params: v.InferInput<P>,
    options: CallRequestOptions = {},
  ): Promise<v.InferOutput<R>> {
    const checked = v.safeParse(descriptor.params, params);
    if (!checked.success) {
      throw new JanError('invalid-argument', `This cannot be asked of a model: ${v.summarize(checked.issues)}`);
    }
    if (this.#isClosed) {
      throw await this.#closed;
    }
    const cancellation = new CancellationTokenSource();
    let onAbort = (): void => undefined;
    let settling: AwakeTimer | undefined;
    const abandoned = new Promise<never>((_resolve, reject) => {
      onAbort = () => {
        cancellation.cancel();
        // Whoever cancels does not wait for native code that has not come back.
        settling = startAwakeTimer(this.settlingMs, () => reject(new JanError('cancelled', 'Cancelled; the engine is still at it.')));
      };
    });
    options.signal?.addEventListener('abort', onAbort, { once: true });
    let timer: AwakeTimer | undefined;
    let isGivenUp = false;
    const timedOut = new Promise<never>((_resolve, reject) => {
      timer = startAwakeTimer(descriptor.timeoutMs, () => {
        isGivenUp = true;
        cancellation.cancel();
        reject(
          new JanError('timeout', `The engine did not answer within ${Math.round(descriptor.timeoutMs / 1000)} seconds. Restart it, then try again.`, {
            details: { method: descriptor.method },
          }),
        );
      });
      options.onStart?.(descriptor.progressRestartsTimeout === true ? () => timer?.restart() : () => undefined);
    });
    const died = this.#closed.then((cause) => {
      throw cause;
    });
    let answer: Promise<unknown> | undefined;
    try {
      answer = this.#rpc.sendRequest<unknown>(descriptor.method, checked.output, cancellation.token).catch(async (error: unknown) => {
        throw error instanceof ResponseError && error.data !== undefined ? fromErrorWire(error.data) : await this.#orCause(error);
      });
      if (options.signal?.aborted === true) {
        onAbort();
      }
      const result = v.safeParse(descriptor.result, await Promise.race([answer, timedOut, died, abandoned]));
      if (!result.success) {
        throw new JanError('internal', `The engine gave an answer of the wrong form. Reload all windows, then restart the engine. ${v.summarize(result.issues)}`);
      }
      return result.output;
    } finally {
      timer?.dispose();
      settling?.dispose();
      if (isGivenUp && answer !== undefined) {
        this.#watchForHang(descriptor.method, answer);
      }
      options.signal?.removeEventListener('abort', onAbort);
      cancellation.dispose();
      died.catch(() => undefined);
      timedOut.catch(() => undefined);
    }
  }

  onNotification<P extends v.GenericSchema>(descriptor: NotificationDescriptor<P>, listener: (params: v.InferOutput<P>) => void): Disposable {
    const checked = (raw: unknown): void => {
      const parsed = v.safeParse(descriptor.params, raw);
      if (parsed.success) {
        listener(parsed.output);
      } else {
        this.log.warn(`The engine sent a malformed ${descriptor.method}: ${v.summarize(parsed.issues)}`);
      }
    };
    const listeners = this.#listeners.get(descriptor.method) ?? new Set();
    this.#listeners.set(descriptor.method, listeners.add(checked));
    return toDisposable(() => listeners.delete(checked));
  }

  /** JavaScript that is late answers a cancelled call; native code that hangs does not. */
  #watchForHang(method: string, answer: Promise<unknown>): void {
    const heard = this.#received;
    const timer = startAwakeTimer(this.settlingMs, () => {
      if (!this.#isClosed && this.#received === heard) {
        this.#onDidHang.fire(method);
      }
    });
    const settled = (): void => timer.dispose();
    answer.then(settled, settled);
    void this.#closed.then(settled);
  }

  /** Ends the lease. */
  dispose(): void {
    this.#socket.destroy();
  }

  /**
   * What arrived before the end counts, above all the reason for it: vscode-jsonrpc handles one message per turn of the
   * event loop, so messages may wait when the socket has closed.
   */
  async #drain(): Promise<void> {
    for (let before = -1; before !== this.#received; ) {
      before = this.#received;
      for (let turn = 0; turn < 5; turn++) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  /** A call that fails because the connection ends gets the cause of that, which takes a moment to be known. */
  async #orCause(error: unknown): Promise<JanError> {
    if (this.#isClosed || this.#socket.destroyed) {
      return this.#closed;
    }
    if (error instanceof ResponseError && error.code === ErrorCodes.MethodNotFound) {
      // Of the same protocol and an older build: started before an update, and still in use.
      return new JanError(
        'unsupported',
        'The engine that runs was started by an older version of Jan and does not know this yet. Restart the engine, then try again.',
        { cause: error },
      );
    }
    return new JanError('internal', error instanceof Error ? error.message : String(error), { cause: error });
  }
}
