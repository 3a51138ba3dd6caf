// The backend `llama.cpp`: the downloaded GGUF models, run in the runtime process.
// Must not know: other backends, which one a request is routed to, VS Code.

import type {
  CallOptions,
  ChatChunk,
  ChatRequest,
  CompletionRequest,
  DetokenizeRequest,
  EmbeddingRequest,
  EmbeddingResult,
  InferenceModel,
  InitModelOptions,
  MemoryEstimate,
  Model,
  ModelBackend,
  ModelLoadOptions,
  RerankRequest,
  RerankResult,
  RunningModel,
  TokenCount,
  TokenizeRequest,
} from '../../api/jan';
import { JanError, isJanError } from '../../common/errors';
import type { Event } from '../../common/events';
import { DisposableStore, type Disposable } from '../../common/lifecycle';
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
  loadModelRequest,
  loadProgressNotification,
  rankRequest,
  renderChatRequest,
  tokenizeRequest,
  unloadModelRequest,
  type GenerationResult,
} from '../../protocol/runtimeProtocol';
import { ChunkQueue } from './chunkQueue';
import { definedOnly, toChunk, toCompletionPrompt, toGenerationParams, toLastChunk, toLoadParams, toPromptParams, toVector, wantsLoad } from './llamaRequests';
import { CrashBlame, type ModelWithFile } from './crashBlame';
import type { CrashMemory } from './crashMemory';
import { toConfigureParams, type EngineSettingsSource } from './engineSettings';
import { LoadedModels } from './loadedModels';
import { ModelPurposes } from './modelPurposes';
import type { CallRequestOptions, RuntimeConnection } from './runtimeConnection';
import type { RuntimeSupervisor } from './runtimeSupervisor';
import type { RuntimeWatch } from './runtimeWatch';

export const llamaBackendId = 'llama.cpp';

interface Asked {
  readonly modelId: string;
  readonly load?: ModelLoadOptions;
}

export class LlamaBackend implements ModelBackend, Disposable {
  readonly id = llamaBackendId;
  readonly name = 'llama.cpp';
  readonly remote = false;
  readonly #owned = new DisposableStore();
  /** Other models are ready. */
  readonly onDidChangeModels: Event<void>;
  /** Something about the loaded models changed: loading progress, activity. */
  readonly onDidChangeState: Event<void>;
  readonly #loaded: LoadedModels;
  readonly #blame: CrashBlame;
  readonly #purposes = new ModelPurposes();
  #nextRequest = 1;

  constructor(
    private readonly supervisor: RuntimeSupervisor,
    /** Tells of the engine until this window has a lease on it. */
    watch: RuntimeWatch,
    private readonly getDownloadedModels: () => Promise<readonly Model[]>,
    private readonly crashes: CrashMemory,
    private readonly settings?: EngineSettingsSource,
  ) {
    this.#loaded = this.#owned.add(new LoadedModels(this.id, watch, getDownloadedModels));
    this.#blame = new CrashBlame(crashes, this.#loaded, (modelId) => this.#downloadedModel(modelId));
    this.onDidChangeModels = this.#loaded.onDidChangeReady;
    this.onDidChangeState = this.#loaded.onDidChange;
    this.#owned.add(
      supervisor.onDidConnect((connection) => {
        this.#configure(connection);
        this.#loaded.follow(connection);
      }),
    );
    if (settings !== undefined) {
      this.#owned.add(settings.onDidChange(() => this.#configure(supervisor.current)));
    }
  }

  /** Models in memory or on their way. */
  get running(): RunningModel[] {
    return this.#loaded.running;
  }

  async getModels(): Promise<InferenceModel[]> {
    await this.#loaded.look();
    const models = (await this.getDownloadedModels()).filter((model) => model.backendId === this.id && model.path !== undefined);
    const purposes = await Promise.all(models.map(({ path }) => this.#purposes.of(path!)));
    return models.map((model, index) => {
      this.#loaded.setName(model);
      const capabilities = purposes[index];
      const loaded = this.#loaded.ready(model.id);
      const contextLength = loaded?.contextLength ?? model.contextLength;
      return {
        id: model.id,
        name: model.name,
        backendId: this.id,
        loaded: loaded !== undefined,
        remote: false,
        ...(contextLength === undefined ? {} : { contextLength }),
        ...(capabilities === undefined ? {} : { capabilities }),
      };
    });
  }

  async initModel(modelId: string, options: InitModelOptions = {}): Promise<RunningModel> {
    if (options.signal?.aborted === true) {
      throw new JanError('cancelled', 'Loading was cancelled.');
    }
    const model = await this.#downloadedModel(modelId);
    if (options.retryCrashed === true) {
      await this.crashes.forget(modelId);
    }
    const connection = await this.supervisor.lease();
    await this.#load(connection, model, options);
    return this.running.find((running) => running.modelId === modelId)!;
  }

  async estimateModelMemory(modelId: string, options: ModelLoadOptions = {}): Promise<MemoryEstimate> {
    const { path } = await this.#downloadedModel(modelId);
    const wishes = { ...toLoadParams(options), ...(await this.#draftOf(options)) };
    const ask = (connection: RuntimeConnection) => connection.request(estimateMemoryRequest, { path, ...wishes });
    // A question in passing is no use of an engine that runs for others.
    const { vram, advice, ...estimate } = (await this.supervisor.visit(ask)) ?? (await ask(await this.supervisor.lease()));
    return { modelId, ...estimate, ...definedOnly({ vram, advice }) };
  }

  async stopModel(modelId: string): Promise<void> {
    await this.supervisor.visit((connection) => connection.request(unloadModelRequest, { modelId }));
    this.#loaded.remove(modelId);
  }

  createChatCompletion(request: ChatRequest & { readonly modelId: string }, options: CallOptions = {}): AsyncGenerator<ChatChunk> {
    return this.#stream(request, options, (connection, requestId, call) =>
      connection.request(
        chatRequest,
        {
          ...toGenerationParams(request, requestId),
          ...toPromptParams(request),
          ...definedOnly({ parallelToolCalls: request.parallelToolCalls }),
        },
        call,
      ),
    );
  }

  createCompletion(request: CompletionRequest & { readonly modelId: string }, options: CallOptions = {}): AsyncGenerator<ChatChunk> {
    return this.#stream(request, options, (connection, requestId, call) =>
      connection.request(completeRequest, { ...toGenerationParams(request, requestId), ...toCompletionPrompt(request) }, call),
    );
  }

  async createEmbeddings({ modelId, input }: EmbeddingRequest & { readonly modelId: string }, options: CallOptions = {}): Promise<EmbeddingResult> {
    const params = { modelId, texts: [...input] };
    const { vectors, tokens } = await this.#computed(modelId, options, (connection, call) => connection.request(embedRequest, params, call));
    return { modelId, embeddings: vectors.map(toVector), usage: { promptTokens: tokens, completionTokens: 0 } };
  }

  async rerankDocuments({ modelId, query, documents, topN }: RerankRequest & { readonly modelId: string }, options: CallOptions = {}): Promise<RerankResult> {
    const params = { modelId, query, documents: [...documents], ...definedOnly({ topN }) };
    const { results, tokens } = await this.#computed(modelId, options, (connection, call) => connection.request(rankRequest, params, call));
    return { modelId, results, usage: { promptTokens: tokens, completionTokens: 0 } };
  }

  async tokenize({ modelId, text, special = false, addSpecial = false }: TokenizeRequest & { readonly modelId: string }, options: CallOptions = {}): Promise<readonly number[]> {
    return this.#withModel(modelId, options, async (connection, call) => (await connection.request(tokenizeRequest, { modelId, text, special, addSpecial }, call)).tokens);
  }

  async detokenize({ modelId, tokens }: DetokenizeRequest & { readonly modelId: string }, options: CallOptions = {}): Promise<string> {
    return this.#withModel(modelId, options, async (connection, call) => (await connection.request(detokenizeRequest, { modelId, tokens: [...tokens] }, call)).text);
  }

  async countTokens(request: ChatRequest & { readonly modelId: string }, options: CallOptions = {}): Promise<TokenCount> {
    const { modelId } = request;
    return this.#withModel(modelId, options, async (connection, call) => ({
      modelId,
      ...(await connection.request(countTokensRequest, { modelId, ...toPromptParams(request) }, call)),
    }));
  }

  async applyChatTemplate(request: ChatRequest & { readonly modelId: string }, options: CallOptions = {}): Promise<string> {
    const { modelId } = request;
    return this.#withModel(modelId, options, async (connection, call) => (await connection.request(renderChatRequest, { modelId, ...toPromptParams(request) }, call)).text);
  }

  dispose(): void {
    this.#owned.dispose();
  }

  /** Pieces of an answer as they come; `ask` sends the request that they belong to. */
  async *#stream(
    { modelId, load }: Asked,
    options: CallOptions,
    ask: (connection: RuntimeConnection, requestId: string, call: CallRequestOptions) => Promise<GenerationResult>,
  ): AsyncGenerator<ChatChunk> {
    const abort = new AbortController();
    const onAbort = (): void => abort.abort();
    options.signal?.addEventListener('abort', onAbort, { once: true });
    if (options.signal?.aborted === true) {
      abort.abort();
    }
    let first = true;
    try {
      for (let attempt = 0; ; attempt++) {
        const connection = await this.#connectionTo(modelId, { ...options, signal: abort.signal }, load).catch((error: unknown) => {
          if (abort.signal.aborted && isJanError(error, 'cancelled')) {
            return undefined;
          }
          throw error;
        });
        if (connection === undefined) {
          yield { finishReason: 'cancelled', usage: { promptTokens: 0, completionTokens: 0 }, modelId };
          return;
        }
        try {
          for await (const chunk of this.#pieces(connection, abort.signal, ask)) {
            yield first ? { ...chunk, modelId } : chunk;
            first = false;
          }
          await this.#blame.noteSuccess(modelId, connection);
          return;
        } catch (error) {
          await this.#blame.noteAnswerCrash(modelId, connection, error);
          if (this.#isGone(modelId, error) && attempt === 0 && first && options.onlyLoaded !== true) {
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

  async *#pieces(
    connection: RuntimeConnection,
    signal: AbortSignal,
    ask: (connection: RuntimeConnection, requestId: string, call: CallRequestOptions) => Promise<GenerationResult>,
  ): AsyncGenerator<ChatChunk> {
    const requestId = `${this.#nextRequest++}`;
    const queue = new ChunkQueue<ChatChunk>();
    let alive = (): void => undefined;
    const subscriptions = new DisposableStore();
    subscriptions.add(
      connection.onNotification(chatTextNotification, ({ requestId: id, ...piece }) => {
        if (id === requestId) {
          alive();
          queue.push(toChunk(piece));
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
    ask(connection, requestId, { signal, onStart: (restart) => (alive = restart) }).then(
      (result) => queue.end(toLastChunk(result)),
      (error: unknown) => queue.fail(error),
    );
    try {
      yield* queue;
    } finally {
      subscriptions.dispose();
    }
  }

  /** Asks something of a model, which is loaded first when it is not and may be. */
  async #withModel<R>(modelId: string, options: CallOptions, ask: (connection: RuntimeConnection, call: CallRequestOptions) => Promise<R>): Promise<R> {
    for (let attempt = 0; ; attempt++) {
      const connection = await this.#connectionTo(modelId, options);
      try {
        return await ask(connection, { signal: options.signal });
      } catch (error) {
        await this.#blame.noteAnswerCrash(modelId, connection, error);
        if (this.#isGone(modelId, error) && attempt === 0 && options.onlyLoaded !== true) {
          continue;
        }
        throw error;
      }
    }
  }

  /** The same for what the model computes, which shows that it can. */
  async #computed<R>(modelId: string, options: CallOptions, ask: (connection: RuntimeConnection, call: CallRequestOptions) => Promise<R>): Promise<R> {
    return this.#withModel(modelId, options, async (connection, call) => {
      const result = await ask(connection, call);
      await this.#blame.noteSuccess(modelId, connection);
      return result;
    });
  }

  /** A lease on an engine that has the model in memory. @throws JanError `cancelled`, and as `initModel` */
  async #connectionTo(modelId: string, { signal, onlyLoaded = false }: CallOptions, load?: ModelLoadOptions): Promise<RuntimeConnection> {
    if (signal?.aborted === true) {
      throw new JanError('cancelled', 'Cancelled before the model was asked.');
    }
    if (onlyLoaded && (this.#loaded.ready(modelId) === undefined || wantsLoad(load))) {
      throw new JanError('model-not-found', 'The model is not loaded. Load it, then try again.', { details: { modelId } });
    }
    const connection = await this.supervisor.lease();
    // The engine knows how the model was loaded, and loads it anew only when that differs.
    if (this.#loaded.ready(modelId) === undefined || wantsLoad(load)) {
      await this.#load(connection, await this.#downloadedModel(modelId), { ...load, chatTemplate: undefined, signal });
    }
    return connection;
  }

  /** Did another window unload the model between our look and our question? */
  #isGone(modelId: string, error: unknown): boolean {
    const gone = isJanError(error, 'model-not-found');
    if (gone) {
      this.#loaded.remove(modelId);
    }
    return gone;
  }

  /** Nobody waits for it: when the connection ends, whoever asks something next is told. */
  #configure(connection: RuntimeConnection | undefined): void {
    if (this.settings !== undefined) {
      connection?.request(configureRequest, toConfigureParams(this.settings.read())).catch(() => undefined);
    }
  }

  async #load(connection: RuntimeConnection, model: ModelWithFile, options: InitModelOptions): Promise<void> {
    const settings = { ...toLoadParams(options), ...(await this.#draftOf(options)) };
    const expected = await this.#blame.check(model, settings);
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
          ...settings,
        },
        { signal: options.signal, onStart: (restart) => (alive = restart) },
      );
      this.#loaded.add(connection, loaded);
    } catch (error) {
      await this.#blame.noteLoadCrash(model.id, connection, error, expected);
      throw error;
    } finally {
      progress.dispose();
    }
  }

  async #draftOf({ draftModelId }: ModelLoadOptions): Promise<{ readonly draft?: { readonly modelId: string; readonly path: string } }> {
    if (draftModelId === undefined || draftModelId === '') {
      return {};
    }
    const { path } = await this.#downloadedModel(draftModelId);
    return { draft: { modelId: draftModelId, path } };
  }

  async #downloadedModel(modelId: string): Promise<ModelWithFile> {
    const model = (await this.getDownloadedModels()).find(({ id, backendId }) => id === modelId && backendId === this.id);
    if (model?.path === undefined) {
      throw new JanError('model-not-found', `There is no model "${modelId}" on this machine. Download it, or choose another one.`, {
        details: { modelId },
      });
    }
    this.#loaded.setName(model);
    return { ...model, path: model.path };
  }
}
