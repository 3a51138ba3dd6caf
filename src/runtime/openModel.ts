// Makes of a file what answers requests: weights, then a context or an encoder, with a draft model where one is named.
// Must not know: other models in memory, who waits for the load.

import process from 'node:process';
import type { LlamaContext, LlamaModel } from 'node-llama-cpp';
import type { Logger } from '../common/log';
import { chooseAttention, draftAttention } from './attention';
import { Batching } from './batching';
import { DraftModel } from './draftModel';
import { EncoderModel } from './encoderModel';
import type { ResponseGrammars } from './grammar/responseGrammars';
import type { LlamaLibrary } from './llamaLibrary';
import { LoadedModel } from './loadedModel';
import { loadAndPrepare } from './loadWeights';
import { checkedAdapters } from './loadOptions';
import type { MemoryNeed } from './memoryPlan';
import type { ModelEntry } from './modelEntry';
import type { Sandbox } from './sandbox/sandbox';
import { settleDraws } from './settledDraws';
import type { StateCache } from './stateCache';
import { ModelTemplates } from './template/modelTemplates';

/** Longest text that is read as a whole without being asked for, tokens: compute memory grows with its square. */
const defaultEncoderLength = 2048;

export interface OpenModelOptions {
  readonly library: LlamaLibrary;
  readonly entry: ModelEntry;
  readonly need: MemoryNeed;
  readonly sandbox: Sandbox;
  readonly grammars: ResponseGrammars;
  readonly states: StateCache;
  readonly onChange: () => void;
  /** 0…1. */
  readonly onProgress: (fraction: number) => void;
  readonly log: Logger;
}

export interface OpenedModel {
  readonly loaded: LoadedModel | EncoderModel;
  /** What went otherwise than asked, in words. */
  readonly notes: readonly string[];
}

/** Nothing is left in memory when it fails. */
export async function openModel(options: OpenModelOptions): Promise<OpenedModel> {
  const { library, entry, onProgress, log } = options;
  const weights = {
    path: entry.path,
    gpuLayers: entry.params.gpuLayers,
    signal: entry.abort.signal,
    // Creating the context is the last tenth.
    onProgress: (fraction: number) => onProgress(fraction * 0.9),
    log,
  };
  const { prepared, notes } = await loadAndPrepare(library.llama, weights, (model) => prepare(options, model));
  return { loaded: prepared, notes };
}

/** For what the model was made for. */
async function prepare(options: OpenModelOptions, model: LlamaModel): Promise<LoadedModel | EncoderModel> {
  const { library, entry, sandbox, log } = options;
  const { params } = entry;
  const encoder = entry.purposes.find((purpose) => purpose === 'embeddings' || purpose === 'rerank');
  if (encoder !== undefined) {
    const longest = Math.min(params.contextLength ?? defaultEncoderLength, model.trainContextSize);
    return EncoderModel.create(model, { kind: encoder, contextLength: longest, threads: library.threads, signal: entry.abort.signal, onStep: () => entry.stall.step() }, options.onChange);
  }
  const templates = ModelTemplates.open(model, sandbox, params.chatTemplate, log);
  templates.catch(() => undefined);
  // A context keeps to the most threads that were allowed when it was made.
  library.llama.maxThreads = library.threads;
  const batching = new Batching(() => {
    entry.stall.step();
    library.adaptThreads();
  });
  const context = settleDraws(await createContext(options, model, batching));
  const draft = await openDraft(options, model, context);
  return new LoadedModel(
    { module: library.module, model, context, batching, draft, grammars: options.grammars, templates: await templates, states: options.states },
    options.onChange,
  );
}

async function createContext({ library, entry, need, log }: OpenModelOptions, model: LlamaModel, batching: Batching): Promise<LlamaContext> {
  const { params } = entry;
  const adapters = await checkedAdapters(params.loraAdapters, entry.header.architecture);
  const contextSize = Math.min(need.contextLength, model.trainContextSize);
  const options = {
    contextSize,
    threads: params.threads ?? library.threads,
    ...chooseAttention(params, { gpuLayers: model.gpuLayers, contextLength: contextSize, headCount: entry.header.headCount }),
    ...(adapters.length === 0 ? {} : { lora: { adapters } }),
    batching: {
      itemPrioritizationStrategy: batching.choose,
      // After all answers that go on in this turn of the event loop; waiting for the next turn would let the processor idle.
      dispatchSchedule: (dispatch: () => void) => (batching.answering > 1 ? process.nextTick(dispatch) : dispatch()),
    },
    createSignal: entry.abort.signal,
    failedCreationRemedy: { retries: 6, autoContextSizeShrink: 0.25 },
  };
  try {
    return await model.createContext({ ...options, sequences: need.slots });
  } catch (error) {
    if (need.slots === 1 || entry.abort.signal.aborted) {
      throw error;
    }
    log.warn(`No memory for ${need.slots} conversations at once, trying one: ${error instanceof Error ? error.message : String(error)}`);
    return await model.createContext({ ...options, sequences: 1 });
  }
}

async function openDraft({ library, entry, log }: OpenModelOptions, model: LlamaModel, context: LlamaContext): Promise<DraftModel | undefined> {
  const { draft, threads, gpuLayers } = entry.params;
  if (draft === undefined) {
    return undefined;
  }
  return DraftModel.open(library.llama, model, {
    ...draft,
    contextLength: context.contextSize,
    headCount: entry.beside.draft?.header.headCount,
    attention: draftAttention(entry.params),
    threads: threads ?? library.threads,
    gpuLayers,
    signal: entry.abort.signal,
    log,
  });
}
