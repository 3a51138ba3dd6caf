// What a model will take of this machine's memory, how long a context fits, and in words what would. Pure.
// Sizes: llama.cpp's llama_kv_cache (common/gguf/contextBytes) and its graph buffers (one batch through the
// widest layers and the vocabulary, 32 bit; plain attention's scores).
// Must not know: node-llama-cpp, which models are loaded.

import { contextBytes } from '../common/gguf/contextBytes';
import type { GgufHeader } from '../common/gguf/readGgufHeader';
import type { EstimateMemoryParams, EstimateMemoryResult } from '../protocol/runtimeProtocol';
import { attentionBytes, chooseAttention, draftAttention, type AttentionWishes } from './attention';

/** Longest context that is taken without being asked for, tokens. */
export const defaultContextLength = 8192;
/** Shorter contexts are of no use to a conversation. */
const leastContextLength = 1024;
/** The process itself, bytes. */
const engineBytes = 100 * 1024 ** 2;
/** Of free memory, what a model may take; the rest is everyone else's. */
const usableShare = 0.9;
/** Contexts for four conversations at once are taken where all of it needs no more than this share of free memory. */
const generousShare = 0.5;
/** Above this share of free memory it is tight. */
const tightShare = 0.7;

export interface LoadWishes extends AttentionWishes {
  readonly contextLength?: number | undefined;
  readonly slots?: number | undefined;
  /** Default: nothing. */
  readonly beside?: LoadedBeside | undefined;
}

/** What is loaded along with a model. */
export interface LoadedBeside {
  readonly draft?: { readonly header: GgufHeader; /** Bytes. */ readonly size: number };
  /** Of the LoRA adapters' files, bytes; default 0. */
  readonly adapterBytes?: number;
}

export interface MemoryNeed {
  readonly contextLength: number;
  readonly slots: number;
  /** Bytes. */
  readonly weights: number;
  readonly context: number;
  readonly compute: number;
  readonly total: number;
}

export interface MemoryPlan {
  /** What was asked, else what would be chosen. */
  readonly need: MemoryNeed;
  readonly fit: 'fits' | 'tight' | 'too-large';
  /** What was made smaller than the default, in words. */
  readonly notes: readonly string[];
  /** When it does not fit: what would, in words. */
  readonly advice?: string;
}

/**
 * A context that the caller named is not changed; one that he left open is made shorter until it fits. Four
 * conversations at once are planned for where memory is plenty, else two, else one.
 * @param fileBytes of all parts of the model's file
 * @param free bytes, of this machine and its graphics card together
 * @param card bytes of those that are the graphics card's, which contexts should not take from the weights
 * @param limit bytes that it may take at most, however much is free
 */
export function planMemory(header: GgufHeader, fileBytes: number, wishes: LoadWishes, free: number, { card = 0, limit = Infinity }: { readonly card?: number; readonly limit?: number } = {}): MemoryPlan {
  const usable = Math.min(free * usableShare, limit);
  const trained = header.contextLength ?? defaultContextLength;
  const wanted = Math.min(wishes.contextLength ?? defaultContextLength, trained);
  const needOf = (contextLength: number, count: number): MemoryNeed => memoryNeed(header, fileBytes, { ...wishes, contextLength, slots: count, onCard: card > 0 });
  const choices = (wishes.slots === undefined ? [4, 2, 1] : [wishes.slots]).map((slots) => needOf(wanted, slots));
  const generous = Math.min(card > 0 ? card : free, limit) * generousShare;
  const found = choices.find(({ slots, total }) => total <= (slots > 2 && wishes.slots === undefined ? generous : usable));
  if (found !== undefined) {
    return { need: found, fit: found.total <= free * tightShare ? 'fits' : 'tight', notes: [] };
  }
  const longest = longestContext((contextLength) => needOf(contextLength, 1), usable, wanted);
  if (longest !== undefined && wishes.contextLength === undefined) {
    return {
      need: needOf(longest, 1),
      fit: 'tight',
      notes: [`The context has ${longest} tokens instead of ${wanted}: more does not fit into ${limit < free * usableShare ? 'the memory budget' : 'the free memory'}.`],
    };
  }
  const need = choices.at(-1)!;
  return {
    need,
    fit: 'too-large',
    notes: [],
    advice:
      longest === undefined
        ? `${fileThatFits(needOf(leastContextLength, 1), usable)}Close other programs, unload other models, or take a smaller model.`
        : `It would fit with a context of ${longest} tokens.`,
  };
}

/**
 * What a load with these wishes would take of the machine's memory and of the graphics card's, layer by layer.
 * @param free bytes; `shared` of the graphics card's are the processor's as well, default 0
 */
export function estimateOf(
  header: GgufHeader,
  fileBytes: number,
  wishes: Pick<EstimateMemoryParams, 'gpuLayers'> & LoadWishes,
  { ram, vram, shared = 0 }: { readonly ram: number; readonly vram: number; readonly shared?: number },
): EstimateMemoryResult {
  const onProcessor = wishes.gpuLayers === 0;
  const { need, fit, advice } = planMemory(header, fileBytes, wishes, ram + (onProcessor ? shared : vram), { card: onProcessor ? 0 : vram });
  const layers = (header.blockCount ?? 0) + 1;
  const wanted = typeof wishes.gpuLayers === 'number' ? Math.min(wishes.gpuLayers, layers) : layers;
  const onCard = vram === 0 ? 0 : Math.min(wanted / layers, vram / need.total);
  return {
    contextLength: need.contextLength,
    gpuLayers: Math.floor(onCard * layers),
    weights: need.weights,
    context: need.context,
    compute: need.compute,
    ram: { needed: Math.round(need.total * (1 - onCard)), free: ram },
    ...(vram === 0 ? {} : { vram: { needed: Math.round(need.total * onCard), free: vram } }),
    fit,
    ...(advice === undefined ? {} : { advice }),
  };
}

/** @param wanted `onCard`: at least a part is computed on a graphics card */
export function memoryNeed(
  header: GgufHeader,
  fileBytes: number,
  { beside: { draft, adapterBytes = 0 } = {}, onCard = false, ...wishes }: LoadWishes & { readonly contextLength: number; readonly slots: number; readonly onCard?: boolean },
): MemoryNeed {
  const { contextLength, slots } = wishes;
  const own = contextNeed(header, fileBytes, { ...wishes, onCard });
  const drafts =
    draft === undefined
      ? { context: 0, compute: 0 }
      : contextNeed(draft.header, draft.size, { ...draftAttention(wishes), onCard, slots: 1, contextLength: Math.min(contextLength, draft.header.contextLength ?? contextLength) });
  const weights = fileBytes + (draft?.size ?? 0) + adapterBytes;
  const context = own.context + drafts.context;
  const compute = engineBytes + own.compute + drafts.compute;
  return { contextLength, slots, weights, context, compute, total: weights + context + compute };
}

/** Keys and values of all conversations, and what computing a batch takes. */
function contextNeed(
  header: GgufHeader,
  fileBytes: number,
  { contextLength, slots, onCard, ...wishes }: AttentionWishes & { readonly contextLength: number; readonly slots: number; readonly onCard: boolean },
): Pick<MemoryNeed, 'context' | 'compute'> {
  const { vocabularySize = 32_000, embeddingLength = 4096, headCount } = header;
  const attention = chooseAttention(wishes, { gpuLayers: onCard ? 1 : 0, contextLength, headCount });
  const shape = { contextTokens: contextLength, conversations: slots, batchTokens: attention.batchSize, padsValues: attention.flashAttention === false };
  return {
    context: Math.round(contextBytes(header, shape) ?? recurrentBytes(header, slots) ?? fileBytes / 10),
    compute: attention.batchSize * (vocabularySize + 12 * embeddingLength) * Float32Array.BYTES_PER_ELEMENT + attentionBytes(attention, { contextLength, headCount }),
  };
}

export function gigabytes(bytes: number): string {
  return `${(bytes / 1024 ** 3).toFixed(1)} GB`;
}

/** Models without attention keep one state a conversation, however long: about 66 numbers a dimension and layer. */
function recurrentBytes({ architecture, blockCount, embeddingLength }: GgufHeader, slots: number): number | undefined {
  const recurrent = architecture !== undefined && /^(?:a?rwkv|mamba)/.test(architecture);
  return recurrent && blockCount !== undefined && embeddingLength !== undefined ? blockCount * embeddingLength * 66 * 4 * slots : undefined;
}

function fileThatFits(need: MemoryNeed, usable: number): string {
  const largest = usable - need.context - need.compute;
  return largest < 50 * 1024 ** 2 ? '' : `A file of up to ${gigabytes(largest)} would fit. `;
}

/** In steps of 256 tokens. */
function longestContext(needOf: (contextLength: number) => MemoryNeed, usable: number, wanted: number): number | undefined {
  const least = Math.min(leastContextLength, wanted);
  for (let length = wanted; length >= least; length = Math.ceil(length / 256 - 1) * 256) {
    if (needOf(length).total <= usable) {
      return length;
    }
  }
  return undefined;
}
