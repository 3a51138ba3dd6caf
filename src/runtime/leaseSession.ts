// One window's conversation with the runtime: checks what comes in, calls the engine, sends answers back.
// Must not know: sockets, llama.cpp.

import type { Duplex } from 'node:stream';
import * as v from 'valibot';
import {
  createMessageConnection,
  ResponseError,
  StreamMessageReader,
  type CancellationToken,
  type MessageConnection,
} from 'vscode-jsonrpc/node';
import { JanError, toErrorWire } from '../common/errors';
import type { Logger } from '../common/log';
import { WholeMessageWriter } from '../protocol/messageWriter';
import {
  chatProgressNotification,
  chatRequest,
  chatTextNotification,
  completeRequest,
  configureRequest,
  countTokensRequest,
  detokenizeRequest,
  embedRequest,
  estimateMemoryRequest,
  getStateRequest,
  helloRequest,
  janErrorRpcCode,
  loadModelRequest,
  loadProgressNotification,
  rankRequest,
  renderChatRequest,
  runtimeProtocolVersion,
  shutdownRequest,
  stateNotification,
  stoppingNotification,
  tokenizeRequest,
  unloadModelRequest,
  type NotificationDescriptor,
  type RequestDescriptor,
  type RuntimeState,
} from '../protocol/runtimeProtocol';
import type { Engine } from './engine';
import type { AnswerListener } from './loadedModel';
import { inWords } from './nativeErrors';

export interface SessionOptions {
  readonly engine: Engine;
  readonly state: () => RuntimeState;
  readonly shutdown: (reason: string) => void;
  readonly log: Logger;
}

/** A connection that does not say hello is closed, ms. */
const helloDeadlineMs = 5000;
/** Waiting in the queue sends a sign of life this often, ms. */
const signOfLifeMs = 5000;

export class LeaseSession {
  readonly #connection: MessageConnection;
  /** Everything this window has asked for ends with it. */
  readonly #gone = new AbortController();
  #greeted = false;

  constructor(
    stream: Duplex,
    private readonly options: SessionOptions,
    onClose: (session: LeaseSession) => void,
  ) {
    this.#connection = createMessageConnection(new StreamMessageReader(stream), new WholeMessageWriter(stream), {
      // A window that left while it was written to is no fault of anyone.
      error: (message) => (this.#gone.signal.aborted || stream.destroyed ? undefined : options.log.error(message)),
      warn: (message) => options.log.debug(message),
      info: () => undefined,
      log: () => undefined,
    });
    const deadline = setTimeout(() => stream.destroy(), helloDeadlineMs);
    stream.once('close', () => {
      clearTimeout(deadline);
      this.#gone.abort();
      this.#connection.dispose();
      onClose(this);
    });
    this.#connection.onError(([error]) => options.log.warn(`A window sent something unreadable: ${error.message}`));
    this.#handle(helloRequest, async ({ protocolVersion }) => {
      if (protocolVersion !== runtimeProtocolVersion) {
        throw new JanError(
          'engine-unavailable',
          'Another window runs a different version of Jan, and its engine is in use. Reload all windows, then try again.',
          { details: { expected: runtimeProtocolVersion, received: protocolVersion } },
        );
      }
      clearTimeout(deadline);
      this.#greeted = true;
      return { protocolVersion: runtimeProtocolVersion, pid: process.pid };
    });
    this.#handleEngineRequests();
    this.#connection.listen();
  }

  sendState(state: RuntimeState): void {
    if (this.#greeted) {
      void this.#notify(stateNotification, state);
    }
  }

  /** Resolves when it has been written. */
  sendStopping(reason: string): Promise<void> {
    return this.#notify(stoppingNotification, { reason });
  }

  #handleEngineRequests(): void {
    const { engine } = this.options;
    this.#handle(configureRequest, async (settings) => {
      engine.configure(settings);
      return {};
    });
    this.#handle(loadModelRequest, (params, signal) =>
      engine.load(params, (fraction) => void this.#notify(loadProgressNotification, { modelId: params.modelId, fraction }), signal),
    );
    this.#handle(unloadModelRequest, async ({ modelId }) => {
      await engine.unload(modelId);
      return {};
    });
    this.#handle(estimateMemoryRequest, (params) => engine.estimate(params));
    this.#handle(getStateRequest, async () => this.options.state());
    this.#handle(countTokensRequest, ({ modelId, ...prompt }) => engine.use(modelId, (model) => model.countTokens(prompt)));
    this.#handle(renderChatRequest, ({ modelId, ...prompt }) => engine.use(modelId, async (model) => ({ text: await model.renderChat(prompt) })));
    this.#handle(tokenizeRequest, ({ modelId, text, special, addSpecial }) =>
      engine.use(modelId, async (model) => ({ tokens: await model.tokenize(text, special, addSpecial) })),
    );
    this.#handle(detokenizeRequest, ({ modelId, tokens }) => engine.use(modelId, (model) => ({ text: model.detokenize(tokens) })));
    this.#handle(embedRequest, ({ modelId, texts }, signal) => engine.useEncoder(modelId, (model) => model.embed(texts, signal)));
    this.#handle(rankRequest, ({ modelId, query, documents, topN }, signal) =>
      engine.useEncoder(modelId, (model) => model.rank(query, documents, topN, signal)),
    );
    this.#handle(chatRequest, (params, signal) =>
      this.#answering(params.requestId, (listener) => engine.use(params.modelId, (model) => model.chat(params, listener, signal))),
    );
    this.#handle(completeRequest, (params, signal) =>
      this.#answering(params.requestId, (listener) => engine.use(params.modelId, (model) => model.complete(params, listener, signal))),
    );
    this.#handle(shutdownRequest, async ({ reason }) => {
      // After the answer has been written.
      setImmediate(() => this.options.shutdown(reason));
      return {};
    });
  }

  /** Sends pieces on as they come, and a sign of life while there are none. */
  async #answering<R>(requestId: string, answer: (listener: AnswerListener) => Promise<R>): Promise<R> {
    const waiting = setInterval(
      () => void this.#notify(chatProgressNotification, { requestId, promptTokens: 0, processedTokens: 0 }),
      signOfLifeMs,
    );
    try {
      return await answer({
        onPiece: (piece) => {
          clearInterval(waiting);
          void this.#notify(chatTextNotification, { requestId, ...piece });
        },
        onProgress: (promptTokens, processedTokens) => {
          clearInterval(waiting);
          void this.#notify(chatProgressNotification, { requestId, promptTokens, processedTokens });
        },
      });
    } finally {
      clearInterval(waiting);
    }
  }

  #handle<P extends v.GenericSchema, R extends v.GenericSchema>(
    descriptor: RequestDescriptor<P, R>,
    run: (params: v.InferOutput<P>, signal: AbortSignal) => Promise<v.InferInput<R>>,
  ): void {
    this.#connection.onRequest(descriptor.method, async (raw: unknown, token: CancellationToken) => {
      const abort = new AbortController();
      const onGone = (): void => abort.abort();
      this.#gone.signal.addEventListener('abort', onGone, { once: true });
      const cancellation = token.onCancellationRequested(() => abort.abort());
      try {
        if (!this.#greeted && descriptor.method !== helloRequest.method) {
          throw new JanError('denied', 'Say hello first.');
        }
        const parsed = v.safeParse(descriptor.params, raw);
        if (!parsed.success) {
          throw new JanError('invalid-argument', `The engine was asked something malformed: ${v.summarize(parsed.issues)}`);
        }
        return await run(parsed.output, abort.signal);
      } catch (error) {
        const wire = toErrorWire(inWords(error));
        return new ResponseError(janErrorRpcCode, wire.message, wire);
      } finally {
        cancellation.dispose();
        this.#gone.signal.removeEventListener('abort', onGone);
      }
    });
  }

  #notify<P extends v.GenericSchema>(descriptor: NotificationDescriptor<P>, params: v.InferInput<P>): Promise<void> {
    return this.#gone.signal.aborted ? Promise.resolve() : this.#connection.sendNotification(descriptor.method, params as object).catch(() => undefined);
  }
}
