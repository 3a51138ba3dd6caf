// The models in memory: loads, joins loads under way, makes room, unloads, and tells of every change.
// Must not know: windows, the wire.

import type { LlamaContext, LlamaModel } from 'node-llama-cpp';
import { isJanError, JanError, toJanError } from '../common/errors';
import { modelPurposes } from '../common/gguf/modelPurpose';
import type { Logger } from '../common/log';
import type { ConfigureParams, EstimateMemoryParams, EstimateMemoryResult, LoadModelParams, RuntimeModel } from '../protocol/runtimeProtocol';
import { Batching } from './batching';
import { EncoderModel } from './encoderModel';
import { freeMemory } from './freeMemory';
import { ResponseGrammars } from './grammar/responseGrammars';
import { IdleUnload } from './idleUnload';
import { openLlama, type LlamaLibrary } from './llamaLibrary';
import { LoadedModel } from './loadedModel';
import { loadWeights } from './loadWeights';
import { checkedAdapters, differingOptions, mergedOptions } from './loadOptions';
import { estimateOf, gigabytes, type MemoryNeed } from './memoryPlan';
import { freeBytes, makeRoom } from './memoryRoom';
import { describe, isIdle, type ModelEntry } from './modelEntry';
import { checkModelFile } from './modelFileCheck';
import { Sandbox } from './sandbox/sandbox';
import { StateCache } from './stateCache';
import { ModelTemplates } from './template/modelTemplates';

/** Longest text that is read as a whole without being asked for, tokens: compute memory grows with its square. */
const defaultEncoderLength = 2048;

export class Engine {
  readonly #entries = new Map<string, ModelEntry>();
  readonly #sandbox = new Sandbox();
  readonly #states: StateCache;
  #grammars: ResponseGrammars | undefined;
  /** Bytes for all models together; undefined: what is free. */
  #memoryBudget: number | undefined;
  readonly #idleUnload = new IdleUnload({
    idle: () => [...this.#entries.values()].filter(isIdle),
    unload: (modelId) => {
      this.log.info(`Unloading ${modelId}: nobody has used it for a while`);
      this.unload(modelId).catch((error: unknown) => this.log.warn(`${modelId} could not be unloaded: ${String(error)}`));
    },
  });

  constructor(
    private readonly log: Logger,
    private readonly onChange: () => void,
  ) {
    this.#states = new StateCache({ log });
  }

  get models(): RuntimeModel[] {
    return [...this.#entries.values()].map((entry) => describe(entry));
  }

  async load(params: LoadModelParams, onProgress: (fraction: number) => void, signal: AbortSignal): Promise<RuntimeModel> {
    const existing = this.#entries.get(params.modelId);
    if (existing !== undefined && existing.status !== 'unloading' && existing.path === params.path) {
      const got = existing.loaded === undefined ? {} : { contextLength: existing.loaded.contextLength, slots: existing.loaded.slots };
      const differing = differingOptions(existing.params, got, params);
      if (differing.length === 0) {
        await this.#join(existing, onProgress, signal);
        const loaded = await existing.ready;
        if (params.chatTemplate !== undefined && loaded instanceof LoadedModel) {
          await loaded.templates.setDefault(params.chatTemplate);
        }
        return describe(existing);
      }
      if (existing.loaded === undefined) {
        // Someone waits for the load under way: it is not taken from them.
        await this.#join(existing, onProgress, signal);
        return this.load(params, onProgress, signal);
      }
      if (describe(existing).activeRequests + describe(existing).queuedRequests > 0) {
        throw new JanError('model-busy', 'The model is answering, and it would have to be loaded anew for this. Wait for the answer, or stop it, then try again.', {
          details: { modelId: params.modelId, options: differing },
        });
      }
      params = mergedOptions(existing.params, params);
    }
    if (existing !== undefined) {
      await this.unload(params.modelId);
    }
    const { size, header } = await checkModelFile(params.path);
    // Another call may have begun the same load while the file was looked at.
    const concurrent = this.#entries.get(params.modelId);
    if (concurrent !== undefined) {
      return this.load(params, onProgress, signal);
    }
    const entry: ModelEntry = {
      modelId: params.modelId,
      path: params.path,
      params,
      header,
      size,
      purposes: modelPurposes(header),
      notes: [],
      status: 'loading',
      progress: 0,
      planned: 0,
      users: 0,
      lastUsed: performance.now(),
      wasAsked: false,
      abort: new AbortController(),
      waiting: new Set(),
      ready: Promise.reject(new Error('not begun')),
    };
    entry.ready.catch(() => undefined);
    this.#entries.set(params.modelId, entry);
    entry.ready = this.#load(entry, params);
    entry.ready.catch(() => undefined);
    this.onChange();
    await this.#join(entry, onProgress, signal);
    return describe(entry);
  }

  async unload(modelId: string): Promise<void> {
    const entry = this.#entries.get(modelId);
    if (entry !== undefined) {
      await (entry.leaving ??= this.#unload(entry));
    }
  }

  async #unload(entry: ModelEntry): Promise<void> {
    entry.abort.abort();
    const loaded = await entry.ready.catch(() => undefined);
    if (loaded !== undefined) {
      entry.status = 'unloading';
      this.onChange();
      await loaded.dispose();
    }
    if (this.#entries.get(entry.modelId) === entry) {
      this.#entries.delete(entry.modelId);
    }
    this.onChange();
  }

  /** What the windows' settings say. */
  configure({ keepAliveMs, memoryBudget }: ConfigureParams): void {
    this.#memoryBudget = memoryBudget;
    this.#idleUnload.setKeepAlive(keepAliveMs ?? undefined);
  }

  /**
   * Asks something of a model that is loaded or about to be; it does not leave memory meanwhile, unless someone says so.
   * @throws JanError `model-not-found`, `unsupported` for a model that does not write
   */
  use<R>(modelId: string, run: (model: LoadedModel) => R | Promise<R>): Promise<R> {
    return this.#use(modelId, (model) => {
      if (model instanceof EncoderModel) {
        const madeFor = model.kind === 'rerank' ? 'ranking documents' : 'embeddings';
        throw new JanError('unsupported', `This model was made for ${madeFor}; it can’t write. Choose another model.`, { details: { modelId } });
      }
      return run(model);
    });
  }

  /** As `use`. @throws JanError `model-not-found`, `unsupported` for a model that writes */
  useEncoder<R>(modelId: string, run: (model: EncoderModel) => R | Promise<R>): Promise<R> {
    return this.#use(modelId, (model) => {
      if (!(model instanceof EncoderModel)) {
        throw new JanError('unsupported', 'This model was made to write. Choose one made for embeddings, or for ranking.', { details: { modelId } });
      }
      return run(model);
    });
  }

  async #use<R>(modelId: string, run: (model: LoadedModel | EncoderModel) => R | Promise<R>): Promise<R> {
    const entry = this.#entries.get(modelId);
    if (entry === undefined || entry.status === 'unloading') {
      throw new JanError('model-not-found', 'The model is not loaded. Load it, then send the message again.', { details: { modelId } });
    }
    entry.users++;
    try {
      return await run(await entry.ready);
    } finally {
      entry.users--;
      entry.wasAsked = true;
      entry.lastUsed = performance.now();
      this.#idleUnload.update();
    }
  }

  /** Waits for a load with others; leaving is no end of the load unless everyone has left. */
  async #join(entry: ModelEntry, onProgress: (fraction: number) => void, signal: AbortSignal): Promise<void> {
    entry.waiting.add(onProgress);
    let leave = (): void => undefined;
    const left = new Promise<never>((_resolve, reject) => {
      leave = () => reject(new JanError('cancelled', 'Loading was cancelled.'));
      signal.addEventListener('abort', leave, { once: true });
      if (signal.aborted) {
        leave();
      }
    });
    try {
      await Promise.race([entry.ready, left]);
    } finally {
      signal.removeEventListener('abort', leave);
      entry.waiting.delete(onProgress);
      this.#idleUnload.update();
      if (entry.waiting.size === 0 && entry.status === 'loading') {
        entry.abort.abort();
      }
    }
  }

  async #load(entry: ModelEntry, params: LoadModelParams): Promise<LoadedModel | EncoderModel> {
    let model: LlamaModel | undefined;
    try {
      const library = await openLlama(this.log);
      const plan = await makeRoom({
        entry,
        llama: library.llama,
        budget: this.#memoryBudget,
        entries: () => [...this.#entries.values()],
        unload: (idle) => {
          this.log.info(`Unloading ${idle.modelId} to make room for ${entry.modelId}`);
          return this.unload(idle.modelId);
        },
      });
      entry.planned = plan.need.total;
      const weights = await loadWeights(library.llama, {
        path: entry.path,
        gpuLayers: params.gpuLayers,
        signal: entry.abort.signal,
        // Creating the context is the last tenth.
        onProgress: (fraction) => this.#progress(entry, fraction * 0.9),
        log: this.log,
      });
      model = weights.model;
      entry.notes = [...plan.notes, ...weights.notes];
      entry.loaded = await this.#prepare(library, model, entry, params, plan.need);
      entry.status = 'ready';
      entry.lastUsed = performance.now();
      this.#progress(entry, 1);
      this.log.info(`Loaded ${entry.modelId}: context ${entry.loaded.contextLength} × ${entry.loaded.slots}, ${entry.loaded.gpuLayers} GPU layers`);
      return entry.loaded;
    } catch (error) {
      if (this.#entries.get(entry.modelId) === entry) {
        this.#entries.delete(entry.modelId);
      }
      this.onChange();
      await model?.dispose();
      throw loadError(error, entry);
    }
  }

  /** For what the model was made for. */
  async #prepare(
    library: LlamaLibrary,
    model: LlamaModel,
    entry: ModelEntry,
    params: LoadModelParams,
    need: MemoryNeed,
  ): Promise<LoadedModel | EncoderModel> {
    const encoder = entry.purposes.find((purpose) => purpose === 'embeddings' || purpose === 'rerank');
    if (encoder !== undefined) {
      const longest = Math.min(params.contextLength ?? defaultEncoderLength, model.trainContextSize);
      const options = { kind: encoder, contextLength: longest, threads: library.threads, signal: entry.abort.signal };
      return EncoderModel.create(model, options, this.onChange);
    }
    const templates = ModelTemplates.open(model, this.#sandbox, params.chatTemplate, this.log);
    templates.catch(() => undefined);
    const batching = new Batching();
    const context = await this.#createContext(library, model, entry, need, batching);
    return new LoadedModel(library.module, model, context, batching, this.#grammarsOf(library), await templates, this.#states, this.onChange);
  }

  async #createContext(library: LlamaLibrary, model: LlamaModel, entry: ModelEntry, { contextLength, slots }: MemoryNeed, batching: Batching): Promise<LlamaContext> {
    const { params } = entry;
    const adapters = await checkedAdapters(params.loraAdapters, entry.header.architecture);
    const contextSize = Math.min(contextLength, model.trainContextSize);
    const options = {
      contextSize,
      threads: params.threads ?? library.threads,
      batchSize: Math.min(params.batchSize ?? 512, contextSize),
      ...(params.flashAttention === undefined ? {} : { flashAttention: params.flashAttention }),
      ...(adapters.length === 0 ? {} : { lora: { adapters } }),
      batching: { itemPrioritizationStrategy: batching.choose },
      createSignal: entry.abort.signal,
      failedCreationRemedy: { retries: 6, autoContextSizeShrink: 0.25 },
    };
    try {
      return await model.createContext({ ...options, sequences: slots });
    } catch (error) {
      if (slots === 1 || entry.abort.signal.aborted) {
        throw error;
      }
      this.log.warn(`No memory for ${slots} conversations at once, trying one: ${error instanceof Error ? error.message : String(error)}`);
      return await model.createContext({ ...options, sequences: 1 });
    }
  }

  /** What a model would take now. @throws JanError `model-file-missing`, `model-invalid` */
  async estimate(params: EstimateMemoryParams): Promise<EstimateMemoryResult> {
    const { size, header } = await checkModelFile(params.path);
    const { llama } = await openLlama(this.log);
    return estimateOf(header, size, params, await freeBytes(llama));
  }

  #grammarsOf({ module, llama }: LlamaLibrary): ResponseGrammars {
    return (this.#grammars ??= new ResponseGrammars(module, llama, this.#sandbox));
  }

  #progress(entry: ModelEntry, fraction: number): void {
    entry.progress = Math.min(1, Math.max(0, fraction));
    for (const report of entry.waiting) {
      report(entry.progress);
    }
    this.onChange();
  }
}

function loadError(error: unknown, entry: ModelEntry): JanError {
  const details = { modelId: entry.modelId, path: entry.path };
  if (isJanError(error)) {
    return error;
  }
  if (entry.abort.signal.aborted) {
    return new JanError('cancelled', 'Loading was cancelled.', { details, cause: error });
  }
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof Error && (error.constructor.name === 'InsufficientMemoryError' || /memory|alloc/i.test(text))) {
    return new JanError(
      'out-of-memory',
      `There is not enough memory for this model: its file has ${gigabytes(entry.size)}, and ${gigabytes(freeMemory())} are free. ` +
        'Close other programs, choose a shorter context, or take a smaller model.',
      { details: { ...details, size: entry.size, free: freeMemory() }, cause: error },
    );
  }
  return toJanError(error, 'model-load-failed', `The model could not be loaded: ${text.replace(/\.$/, '')}. Try another file of it.`);
}
