// The models in memory: loads, joins loads under way, makes room, unloads, and tells of every change.
// Must not know: windows, the wire.

import { isJanError, JanError, toJanError } from '../common/errors';
import { modelPurposes } from '../common/gguf/modelPurpose';
import type { Logger } from '../common/log';
import type { ConfigureParams, EstimateMemoryParams, EstimateMemoryResult, LoadModelParams, RuntimeModel } from '../protocol/runtimeProtocol';
import { EncoderModel } from './encoderModel';
import { freeMemory } from './freeMemory';
import { ResponseGrammars } from './grammar/responseGrammars';
import { IdleUnload } from './idleUnload';
import { openLlama, type LlamaLibrary } from './llamaLibrary';
import { LoadedModel } from './loadedModel';
import { differingOptions, filesBeside, mergedOptions } from './loadOptions';
import { estimateOf, gigabytes, type MemoryPlan } from './memoryPlan';
import { freeBytes, makeRoom } from './memoryRoom';
import { describe, isIdle, residentBytes, type ModelEntry } from './modelEntry';
import { checkModelFile } from './modelFileCheck';
import { openModel } from './openModel';
import { Sandbox } from './sandbox/sandbox';
import { StallWatch } from './stallWatch';
import { StateCache } from './stateCache';

export interface EngineOptions {
  readonly log: Logger;
  readonly onChange: () => void;
  /** Native code has not come back for `stallMs`; only the end of the process helps. */
  readonly onStall: () => void;
  /** Sleep not counted. */
  readonly stallMs: number;
}

export class Engine {
  readonly #entries = new Map<string, ModelEntry>();
  readonly #sandbox: Sandbox;
  readonly #states: StateCache;
  #grammars: ResponseGrammars | undefined;
  /** Bytes for all models together; undefined: what is free. */
  #memoryBudget: number | undefined;
  /** Loads take room one after the other: what one will take is not free for the next. */
  #roomTaken: Promise<unknown> = Promise.resolve();
  private readonly log: Logger;
  private readonly onChange: () => void;
  readonly #idleUnload = new IdleUnload({
    idle: () => [...this.#entries.values()].filter(isIdle),
    unload: (modelId) => {
      this.log.info(`Unloading ${modelId}: nobody has used it for a while`);
      this.unload(modelId).catch((error: unknown) => this.log.warn(`${modelId} could not be unloaded: ${String(error)}`));
    },
  });

  constructor(private readonly options: EngineOptions) {
    this.log = options.log;
    this.onChange = options.onChange;
    this.#states = new StateCache({ log: this.log });
    this.#sandbox = new Sandbox({}, undefined, this.log);
  }

  get models(): RuntimeModel[] {
    return [...this.#entries.values()].map((entry) => describe(entry));
  }

  async load(params: LoadModelParams, onProgress: (fraction: number) => void, signal: AbortSignal): Promise<RuntimeModel> {
    const existing = this.#entries.get(params.modelId);
    if (existing?.status === 'loading' && existing.abort.signal.aborted) {
      // Given up by all who wanted it, which native code takes its time to notice: it only has to be out of the way.
      await existing.ready.catch(() => undefined);
      if (signal.aborted) {
        throw loadingCancelled();
      }
      return this.load(params, onProgress, signal);
    }
    if (existing !== undefined && existing.status !== 'unloading' && existing.leaving === undefined && existing.path === params.path) {
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
    const beside = await filesBeside(params);
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
      beside,
      purposes: modelPurposes(header),
      notes: [],
      status: 'loading',
      progress: 0,
      planned: 0,
      users: 0,
      lastUsed: performance.now(),
      wasAsked: false,
      abort: new AbortController(),
      stall: new StallWatch(this.options.stallMs, () => {
        this.log.error(`${params.modelId} has made no step for ${Math.round(this.options.stallMs / 1000)} s`);
        this.options.onStall();
      }),
      waiting: new Set(),
      ready: Promise.reject(new Error('not begun')),
    };
    entry.ready.catch(() => undefined);
    this.#entries.set(params.modelId, entry);
    if (entry.purposes.includes('chat')) {
      // While the weights are read; and before native code opens a file that the process would inherit.
      this.#sandbox.prepare();
    }
    entry.ready = this.#load(entry);
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
    if ([...this.#entries.values()].every(isIdle)) {
      // Nobody waits: what JavaScript still holds of the model goes as well (the process is started with this function).
      (globalThis as { readonly gc?: () => void }).gc?.();
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
    const end = entry.stall.begin();
    try {
      return await run(await entry.ready);
    } finally {
      end();
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
      leave = () => reject(loadingCancelled());
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

  async #load(entry: ModelEntry): Promise<LoadedModel | EncoderModel> {
    const end = entry.stall.begin();
    try {
      const library = await openLlama(this.log);
      const plan = await this.#takeRoom(entry, library);
      const { loaded, notes } = await openModel({
        library,
        entry,
        need: plan.need,
        sandbox: this.#sandbox,
        grammars: this.#grammarsOf(library),
        states: this.#states,
        onChange: this.onChange,
        onProgress: (fraction) => this.#progress(entry, fraction),
        log: this.log,
      });
      entry.notes = [...plan.notes, ...notes];
      entry.loaded = loaded;
      entry.status = 'ready';
      entry.lastUsed = performance.now();
      this.#progress(entry, 1);
      this.log.info(`Loaded ${entry.modelId}: context ${loaded.contextLength} × ${loaded.slots}, ${loaded.gpuLayers} GPU layers`);
      return loaded;
    } catch (error) {
      if (this.#entries.get(entry.modelId) === entry) {
        this.#entries.delete(entry.modelId);
      }
      this.onChange();
      throw loadError(error, entry);
    } finally {
      end();
    }
  }

  #takeRoom(entry: ModelEntry, { llama }: LlamaLibrary): Promise<MemoryPlan> {
    const take = async (): Promise<MemoryPlan> => {
      const plan = await makeRoom({
        entry,
        llama,
        budget: this.#memoryBudget,
        entries: () => [...this.#entries.values()],
        unload: (idle) => {
          this.log.info(`Unloading ${idle.modelId} to make room for ${entry.modelId}`);
          return this.unload(idle.modelId);
        },
      });
      entry.planned = plan.need.total;
      return plan;
    };
    const taken = this.#roomTaken.then(take);
    this.#roomTaken = taken.catch(() => undefined);
    return taken;
  }

  /** What a model would take now. @throws JanError `model-file-missing`, `model-invalid` */
  async estimate(params: EstimateMemoryParams): Promise<EstimateMemoryResult> {
    const { size, header } = await checkModelFile(params.path);
    const { llama } = await openLlama(this.log);
    const free = await freeBytes(llama);
    // Idle models make way for one that is loaded.
    const idle = [...this.#entries.values()].filter(isIdle).reduce((sum, entry) => sum + residentBytes(entry), 0);
    return estimateOf(header, size, { ...params, beside: await filesBeside(params) }, { ...free, ram: free.ram + idle });
  }

  #grammarsOf({ module, llama }: LlamaLibrary): ResponseGrammars {
    return (this.#grammars ??= new ResponseGrammars(module, llama, this.#sandbox));
  }

  #progress(entry: ModelEntry, fraction: number): void {
    entry.stall.step();
    entry.progress = Math.min(1, Math.max(0, fraction));
    for (const report of entry.waiting) {
      report(entry.progress);
    }
    this.onChange();
  }
}

function loadingCancelled(): JanError {
  return new JanError('cancelled', 'Loading was cancelled.');
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
