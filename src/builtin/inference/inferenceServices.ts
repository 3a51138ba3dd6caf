// The functions behind the names of the Inference service, over every registered backend; one of them is llama.cpp.
// Must not know: VS Code, HTTP, how other backends work, how the plugin is registered.

import * as path from 'node:path';
import type {
  ChatChunk,
  EngineState,
  GenerationRequest,
  InferenceModel,
  InferenceService,
  JanApi,
  ModelBackend,
  PluginHandle,
} from '../../api/jan';
import { JanError, toJanError } from '../../common/errors';
import { DisposableStore, toDisposable, type Disposable } from '../../common/lifecycle';
import { CrashMemory } from './crashMemory';
import type { InferencePluginOptions } from './inferencePlugin';
import { LlamaBackend } from './llamaBackend';
import { withModelLoadOptions, withModelSettings } from './modelSettings';
import { checkInput, requestSchemas } from './requests';
import { RuntimeSupervisor } from './runtimeSupervisor';
import { RuntimeWatch } from './runtimeWatch';

/** `onDidChangeEngine` at most this often, ms. */
const engineEventMs = 100;

export class InferenceServices implements InferenceService, Disposable {
  readonly #owned = new DisposableStore();
  readonly #supervisor: RuntimeSupervisor;
  readonly #watch: RuntimeWatch;
  readonly llama: LlamaBackend;
  /** Which backend has a model; forgotten whenever models or backends change. */
  readonly #routes = new Map<string, string>();
  #activeRequests = 0;
  #tokensPerSecond: number | undefined;
  #engineEvent: NodeJS.Timeout | undefined;
  #lastEngineEvent = -Infinity;

  constructor(
    api: JanApi,
    private readonly plugin: PluginHandle,
    private readonly options: InferencePluginOptions,
  ) {
    this.#supervisor = this.#owned.add(
      new RuntimeSupervisor({
        entry: options.runtimeEntry,
        directory: options.runtimeDirectory,
        execPath: options.execPath,
        beatMs: options.beatMs,
        log: options.log,
      }),
    );
    const crashes = new CrashMemory(options.crashMemoryFile ?? path.join(options.runtimeDirectory, 'crashes.json'), options.runtimeEntry, options.log);
    this.#watch = this.#owned.add(new RuntimeWatch(options.runtimeDirectory, options.log));
    this.llama = this.#owned.add(new LlamaBackend(this.#supervisor, this.#watch, () => plugin.invoke('getDownloadedModels'), crashes, options.engineSettings));

    this.#owned.add(api.onDidChangeModels(() => this.#routes.clear()));
    this.#owned.add(plugin.onDidChangeBackends(() => this.#routes.clear()));
    this.#owned.add(this.#supervisor.onDidChange(() => this.#announce()));
    this.#owned.add(this.llama.onDidChangeState(() => this.#announce()));
    this.#owned.add(toDisposable(() => clearTimeout(this.#engineEvent)));
  }

  readonly initModel: InferenceService['initModel'] = async (modelId, init) => {
    checkInput(requestSchemas.modelId, modelId);
    checkInput(requestSchemas.load, init ?? {});
    const backend = await this.#backendOf(modelId);
    if (backend.initModel === undefined) {
      const model = (await backend.getModels()).find(({ id }) => id === modelId);
      return { modelId, name: model?.name ?? modelId, backendId: backend.id, status: 'ready' };
    }
    return backend.initModel(modelId, withModelLoadOptions(init, this.#settingsOf(modelId)));
  };

  readonly stopModel: InferenceService['stopModel'] = async (modelId) => {
    checkInput(requestSchemas.modelId, modelId);
    // A model that no backend has any more is not loaded either, except in the engine.
    const backend = await this.#backendOf(modelId).catch(() => this.llama);
    await backend.stopModel?.(modelId);
  };

  readonly getEngineState: InferenceService['getEngineState'] = async () => {
    await this.#watch.look();
    return this.#engineState();
  };

  readonly restartEngine: InferenceService['restartEngine'] = async () => {
    await this.#supervisor.restart();
  };

  dispose(): void {
    this.#owned.dispose();
  }

  readonly inferenceUrl: InferenceService['inferenceUrl'] = async () => {
    try {
      return await this.options.openEndpoint();
    } catch (error) {
      throw toJanError(error, 'engine-unavailable', `The endpoint could not be opened: ${error instanceof Error ? error.message : String(error)}`);
    }
  };

  readonly createChatCompletion: InferenceService['createChatCompletion'] = async (request, call = {}) => {
    checkInput(requestSchemas.chat, request);
    const { backend, modelId } = await this.#route(request.modelId);
    return this.#counted(backend.createChatCompletion(this.#completed(request, modelId), call));
  };

  readonly createCompletion: InferenceService['createCompletion'] = async (request, call = {}) => {
    checkInput(requestSchemas.completion, request);
    const { backend, modelId } = await this.#route(request.modelId);
    return this.#counted(able(backend, 'createCompletion')(this.#completed(request, modelId), call));
  };

  readonly createEmbeddings: InferenceService['createEmbeddings'] = async (request, call = {}) => {
    checkInput(requestSchemas.embedding, request);
    const { backend, modelId } = await this.#route(request.modelId, 'embeddings');
    return able(backend, 'createEmbeddings')({ ...request, modelId }, call);
  };

  readonly rerankDocuments: InferenceService['rerankDocuments'] = async (request, call = {}) => {
    checkInput(requestSchemas.rerank, request);
    const { backend, modelId } = await this.#route(request.modelId, 'rerank');
    return able(backend, 'rerankDocuments')({ ...request, modelId }, call);
  };

  readonly tokenize: InferenceService['tokenize'] = async (request, call = {}) => {
    checkInput(requestSchemas.tokenize, request);
    const { backend, modelId } = await this.#route(request.modelId);
    return able(backend, 'tokenize')({ ...request, modelId }, call);
  };

  readonly detokenize: InferenceService['detokenize'] = async (request, call = {}) => {
    checkInput(requestSchemas.detokenize, request);
    const { backend, modelId } = await this.#route(request.modelId);
    return able(backend, 'detokenize')({ ...request, modelId }, call);
  };

  readonly countTokens: InferenceService['countTokens'] = async (request, call = {}) => {
    checkInput(requestSchemas.chat, request);
    const { backend, modelId } = await this.#route(request.modelId);
    return able(backend, 'countTokens')(this.#completed(request, modelId), call);
  };

  readonly applyChatTemplate: InferenceService['applyChatTemplate'] = async (request, call = {}) => {
    checkInput(requestSchemas.chat, request);
    const { backend, modelId } = await this.#route(request.modelId);
    return able(backend, 'applyChatTemplate')(this.#completed(request, modelId), call);
  };

  readonly estimateModelMemory: InferenceService['estimateModelMemory'] = async (modelId, load) => {
    checkInput(requestSchemas.modelId, modelId);
    checkInput(requestSchemas.load, load ?? {});
    return able(await this.#backendOf(modelId), 'estimateModelMemory')(modelId, withModelLoadOptions(load, this.#settingsOf(modelId)));
  };

  /** With the model's id and what the user set for it. */
  #completed<R extends GenerationRequest>(request: R, modelId: string): R & { readonly modelId: string } {
    return { ...withModelSettings(request, this.#settingsOf(modelId)), modelId };
  }

  #settingsOf(modelId: string): unknown {
    return this.options.modelSettings?.(modelId);
  }

  /** Keeps count of running answers and their speed. */
  async *#counted(chunks: AsyncIterable<ChatChunk>): AsyncGenerator<ChatChunk> {
    this.#activeRequests++;
    this.#announce();
    try {
      for await (const chunk of chunks) {
        this.#tokensPerSecond = chunk.timings?.tokensPerSecond ?? this.#tokensPerSecond;
        yield chunk;
      }
    } finally {
      this.#activeRequests--;
      this.#announce();
    }
  }

  async #route(wanted: string | undefined, capability: 'chat' | 'embeddings' | 'rerank' = 'chat'): Promise<{ backend: ModelBackend; modelId: string }> {
    const modelId = wanted ?? (capability === 'chat' ? await this.#defaultModelId() : await this.#modelIdFor(capability));
    return { backend: await this.#backendOf(modelId), modelId };
  }

  async #defaultModelId(): Promise<string> {
    const models = (await this.getInferenceModels()).filter(({ capabilities }) => capabilities?.includes('chat') ?? true);
    const ready = this.llama.running.filter(({ modelId, status }) => status === 'ready' && models.some(({ id }) => id === modelId)).at(-1);
    const choice =
      ready?.modelId ?? (models.find(({ id }) => id === this.options.starterModelId) ?? models.find(({ remote }) => !remote))?.id;
    if (choice === undefined) {
      throw new JanError('no-model', 'There is no model to answer with. Download one, or add a GGUF file from your disk.');
    }
    return choice;
  }

  async #modelIdFor(capability: 'embeddings' | 'rerank'): Promise<string> {
    const models = (await this.getInferenceModels()).filter(({ capabilities, remote }) => !remote && capabilities?.includes(capability) === true);
    const choice = models.find(({ loaded }) => loaded) ?? models[0];
    if (choice === undefined) {
      throw new JanError(
        'unsupported',
        `There is no model made for ${capability === 'rerank' ? 'ranking' : 'embeddings'} on this machine. Download one, or add its GGUF file.`,
        { details: { capability } },
      );
    }
    return choice.id;
  }

  async #backendOf(modelId: string): Promise<ModelBackend> {
    const backends = this.plugin.getBackends();
    const known = this.#routes.get(modelId);
    const routed = backends.find(({ id }) => id === known);
    if (routed !== undefined) {
      return routed;
    }
    for (const { id, modelIds } of await this.#modelsOfBackends()) {
      if (modelIds.has(modelId)) {
        this.#routes.set(modelId, id);
        const backend = backends.find((candidate) => candidate.id === id);
        if (backend !== undefined) {
          return backend;
        }
      }
    }
    throw new JanError('model-not-found', `There is no model "${modelId}". Choose another one, or download it.`, { details: { modelId } });
  }

  async #modelsOfBackends(): Promise<{ readonly id: string; readonly models: readonly InferenceModel[]; readonly modelIds: ReadonlySet<string> }[]> {
    return Promise.all(
      this.plugin.getBackends().map(async (backend) => {
        const models = await backend.getModels().catch((error: unknown) => {
          // One backend that fails must not hide the others' models.
          this.options.log.warn(`The models of ${backend.id} are unknown: ${error instanceof Error ? error.message : String(error)}`);
          return [];
        });
        return { id: backend.id, models, modelIds: new Set(models.map(({ id }) => id)) };
      }),
    );
  }

  readonly getInferenceModels: InferenceService['getInferenceModels'] = async () =>
    (await this.#modelsOfBackends()).flatMap(({ models }) => models);

  #engineState(): EngineState {
    const { error, current } = this.#supervisor;
    // What runs for other windows runs, whatever became of the one that this window had.
    const status = this.#watch.state === undefined || this.#supervisor.status === 'starting' ? this.#supervisor.status : 'running';
    const pid = current?.pid ?? this.#watch.state?.pid;
    return {
      status,
      models: this.llama.running,
      ...(pid === undefined ? {} : { pid }),
      activeRequests: this.#activeRequests,
      ...(this.#tokensPerSecond === undefined ? {} : { tokensPerSecond: this.#tokensPerSecond }),
      ...(status === 'crashed' && error !== undefined ? { error: { code: error.code, message: error.message } } : {}),
    };
  }

  #announce(): void {
    if (this.#owned.isDisposed || this.#engineEvent !== undefined) {
      return;
    }
    const wait = Math.max(0, this.#lastEngineEvent + engineEventMs - performance.now());
    this.#engineEvent = setTimeout(() => {
      this.#engineEvent = undefined;
      this.#lastEngineEvent = performance.now();
      this.plugin.emit('onDidChangeEngine', this.#engineState());
    }, wait);
  }
}

type BackendFunction =
  | 'createCompletion'
  | 'createEmbeddings'
  | 'rerankDocuments'
  | 'tokenize'
  | 'detokenize'
  | 'countTokens'
  | 'applyChatTemplate'
  | 'estimateModelMemory';

/** A function that a backend may lack. @throws JanError `unsupported` */
function able<K extends BackendFunction>(backend: ModelBackend, name: K): NonNullable<ModelBackend[K]> {
  const found = backend[name];
  if (found === undefined) {
    throw new JanError('unsupported', `${backend.name} can’t do this (${name}). Choose a model of another backend.`, {
      details: { backendId: backend.id, service: name },
    });
  }
  return found.bind(backend) as NonNullable<ModelBackend[K]>;
}
