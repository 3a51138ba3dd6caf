// The backend `llama.cpp`: the downloaded GGUF models, run in the runtime process.
// Must not know: other backends, which one a request is routed to, VS Code.

import type { CallOptions, ChatChunk, ChatRequest, InferenceModel, InitModelOptions, Model, ModelBackend, RunningModel } from '../../api/jan';
import { JanError, isJanError } from '../../common/errors';
import { Emitter, type Event } from '../../common/events';
import { DisposableStore, type Disposable } from '../../common/lifecycle';
import {
  chatProgressNotification,
  chatRequest,
  chatTextNotification,
  loadModelRequest,
  loadProgressNotification,
  stateNotification,
  unloadModelRequest,
  type ChatResult,
  type RuntimeModel,
} from '../../protocol/runtimeProtocol';
import { ChunkQueue } from './chunkQueue';
import type { RuntimeConnection } from './runtimeConnection';
import type { RuntimeSupervisor } from './runtimeSupervisor';

export const llamaBackendId = 'llama.cpp';

export class LlamaBackend implements ModelBackend, Disposable {
  readonly id = llamaBackendId;
  readonly name = 'llama.cpp';
  readonly remote = false;
  readonly #owned = new DisposableStore();
  readonly #onDidChangeModels = this.#owned.add(new Emitter<void>());
  readonly onDidChangeModels: Event<void> = this.#onDidChangeModels.event;
  readonly #onDidChangeState = this.#owned.add(new Emitter<void>());
  /** Something about the loaded models changed: loading progress, activity. */
  readonly onDidChangeState: Event<void> = this.#onDidChangeState.event;
  #models: readonly RuntimeModel[] = [];
  readonly #names = new Map<string, string>();
  #nextRequest = 1;

  constructor(
    private readonly supervisor: RuntimeSupervisor,
    private readonly getDownloadedModels: () => Promise<readonly Model[]>,
  ) {
    this.#owned.add(
      supervisor.onDidConnect((connection) => {
        connection.onNotification(stateNotification, ({ models }) => this.#setModels(models));
        connection.onDidClose(() => this.#setModels([]));
      }),
    );
  }

  /** Models in memory or on their way. */
  get running(): RunningModel[] {
    return this.#models.map((model) => ({
      modelId: model.modelId,
      name: this.#names.get(model.modelId) ?? model.modelId,
      backendId: this.id,
      status: model.status,
      ...(model.progress === undefined ? {} : { progress: model.progress }),
      ...(model.contextLength === undefined ? {} : { contextLength: model.contextLength }),
      ...(model.memory === undefined ? {} : { memory: model.memory }),
    }));
  }

  async getModels(): Promise<InferenceModel[]> {
    const models = (await this.getDownloadedModels()).filter((model) => model.backendId === this.id && model.path !== undefined);
    return models.map((model) => {
      this.#names.set(model.id, model.name);
      const loaded = this.#models.find(({ modelId, status }) => modelId === model.id && status === 'ready');
      const contextLength = loaded?.contextLength ?? model.contextLength;
      return {
        id: model.id,
        name: model.name,
        backendId: this.id,
        loaded: loaded !== undefined,
        remote: false,
        ...(contextLength === undefined ? {} : { contextLength }),
      };
    });
  }

  async initModel(modelId: string, options: InitModelOptions = {}): Promise<RunningModel> {
    if (options.signal?.aborted === true) {
      throw new JanError('cancelled', 'Loading was cancelled.');
    }
    const model = await this.#downloadedModel(modelId);
    const connection = await this.supervisor.lease();
    await this.#load(connection, model, options);
    return this.running.find((running) => running.modelId === modelId)!;
  }

  async stopModel(modelId: string): Promise<void> {
    const connection = this.supervisor.current;
    if (connection !== undefined) {
      await connection.request(unloadModelRequest, { modelId });
      this.#setModels(this.#models.filter((model) => model.modelId !== modelId));
    }
  }

  async *createChatCompletion(request: ChatRequest & { readonly modelId: string }, options: CallOptions = {}): AsyncGenerator<ChatChunk> {
    const { modelId } = request;
    const abort = new AbortController();
    const onAbort = (): void => abort.abort();
    options.signal?.addEventListener('abort', onAbort, { once: true });
    if (options.signal?.aborted === true) {
      abort.abort();
    }
    let first = true;
    try {
      for (let attempt = 0; ; attempt++) {
        if (abort.signal.aborted) {
          yield { finishReason: 'cancelled', usage: { promptTokens: 0, completionTokens: 0 }, modelId };
          return;
        }
        const connection = await this.supervisor.lease();
        if (!this.#isReady(modelId)) {
          try {
            await this.#load(connection, await this.#downloadedModel(modelId), { signal: abort.signal });
          } catch (error) {
            if (abort.signal.aborted && isJanError(error, 'cancelled')) {
              continue;
            }
            throw error;
          }
        }
        try {
          for await (const chunk of this.#chat(connection, request, abort.signal)) {
            yield first ? { ...chunk, modelId } : chunk;
            first = false;
          }
          return;
        } catch (error) {
          // Another window unloaded it between our look and our question.
          if (attempt === 0 && first && isJanError(error, 'model-not-found')) {
            this.#setModels(this.#models.filter((model) => model.modelId !== modelId));
            continue;
          }
          throw error;
        }
      }
    } finally {
      // Also when the consumer leaves its loop: the engine must not go on for nobody.
      abort.abort();
      options.signal?.removeEventListener('abort', onAbort);
    }
  }

  dispose(): void {
    this.#owned.dispose();
  }

  async *#chat(connection: RuntimeConnection, request: ChatRequest & { readonly modelId: string }, signal: AbortSignal): AsyncGenerator<ChatChunk> {
    const { modelId, messages, maxTokens, stop, ...sampling } = request;
    const requestId = `${this.#nextRequest++}`;
    const queue = new ChunkQueue<ChatChunk>();
    let alive = (): void => undefined;
    const subscriptions = new DisposableStore();
    subscriptions.add(
      connection.onNotification(chatTextNotification, ({ requestId: id, text, reasoning }) => {
        if (id === requestId) {
          alive();
          queue.push({ ...(text === undefined ? {} : { text }), ...(reasoning === undefined ? {} : { reasoning }) });
        }
      }),
    );
    subscriptions.add(
      connection.onNotification(chatProgressNotification, ({ requestId: id }) => {
        if (id === requestId) {
          alive();
        }
      }),
    );
    const answer = connection.request(
      chatRequest,
      {
        requestId,
        modelId,
        // What a tool gave back is told to the model as the user's words, until templates are given tools.
        messages: messages.map(({ role, content }) => ({ role: role === 'tool' ? ('user' as const) : role, content })),
        sampling: definedOnly(sampling),
        ...(maxTokens === undefined ? {} : { maxTokens }),
        ...(stop === undefined ? {} : { stop: [...stop] }),
      },
      { signal, onStart: (restart) => (alive = restart) },
    );
    answer.then(
      (result) => queue.end(lastChunk(result)),
      (error: unknown) => queue.fail(error),
    );
    try {
      yield* queue;
    } finally {
      subscriptions.dispose();
    }
  }

  async #load(connection: RuntimeConnection, model: Model & { readonly path: string }, options: InitModelOptions): Promise<void> {
    let alive = (): void => undefined;
    const progress = connection.onNotification(loadProgressNotification, ({ modelId, fraction }) => {
      if (modelId === model.id) {
        alive();
        options.onProgress?.(fraction);
      }
    });
    try {
      const loaded = await connection.request(
        loadModelRequest,
        {
          modelId: model.id,
          path: model.path,
          ...(options.contextLength === undefined ? {} : { contextLength: options.contextLength }),
        },
        { signal: options.signal, onStart: (restart) => (alive = restart) },
      );
      this.#setModels([...this.#models.filter(({ modelId }) => modelId !== model.id), loaded]);
    } finally {
      progress.dispose();
    }
  }

  async #downloadedModel(modelId: string): Promise<Model & { readonly path: string }> {
    const model = (await this.getDownloadedModels()).find(({ id, backendId }) => id === modelId && backendId === this.id);
    if (model?.path === undefined) {
      throw new JanError('model-not-found', `There is no model "${modelId}" on this machine. Download it, or choose another one.`, {
        details: { modelId },
      });
    }
    this.#names.set(model.id, model.name);
    return { ...model, path: model.path };
  }

  #isReady(modelId: string): boolean {
    return this.#models.some((model) => model.modelId === modelId && model.status === 'ready');
  }

  #setModels(models: readonly RuntimeModel[]): void {
    const readyBefore = readyIds(this.#models);
    this.#models = models;
    this.#onDidChangeState.fire();
    if (readyIds(models) !== readyBefore) {
      this.#onDidChangeModels.fire();
    }
  }
}

function readyIds(models: readonly RuntimeModel[]): string {
  return models
    .filter(({ status }) => status === 'ready')
    .map(({ modelId }) => modelId)
    .sort()
    .join('\n');
}

function lastChunk({ finishReason, usage, timings }: ChatResult): ChatChunk {
  return { finishReason, usage, timings };
}

/** A caller may pass `undefined` where it means "default". */
function definedOnly(sampling: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const names = ['temperature', 'topP', 'topK', 'minP', 'seed', 'frequencyPenalty', 'presencePenalty', 'repeatPenalty'];
  return Object.fromEntries(names.filter((name) => sampling[name] !== undefined).map((name) => [name, sampling[name]]));
}
