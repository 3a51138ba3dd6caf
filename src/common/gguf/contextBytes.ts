// What the keys and values of conversations take in memory, layer by layer.
// Source: llama.cpp's llama_kv_cache and llama_kv_cache_iswa, one for each conversation, and src/models/*.cpp for which
// layers of an architecture look at a window only (set_swa_pattern).
// Must not know: Node, what else a model takes.

import { layerLimit, layerNumbers } from './layerNumbers';
import type { GgufHeader } from './readGgufHeader';

interface WindowPattern {
  /** The last of so many layers sees the whole context, the others a window; undefined: the header has a list. */
  readonly period?: number;
  /** It is the first of so many instead. */
  readonly first?: true;
  /** Tokens, where the header does not say. */
  readonly window?: number;
  /** Only the model with so many layers has windows. */
  readonly layers?: number;
}

/** By architecture. Those that are not here may name a window as well, and llama.cpp keeps all of the context for them. */
const windowPatterns: Readonly<Partial<Record<string, WindowPattern>>> = {
  afmoe: { period: 4 },
  cohere2: { period: 4 },
  exaone4: { period: 4, window: 4096, layers: 64 },
  'exaone-moe': { period: 4, window: 128 },
  gemma2: { period: 2, window: 4096 },
  gemma3: { period: 6 },
  gemma3n: { period: 5 },
  gemma4: {},
  'gpt-oss': { period: 2 },
  llama4: { period: 4, window: 8192 },
  mimo2: {},
  olmo2: { period: 4 },
  plamo3: { period: 8 },
  smallthinker: { period: 4, first: true },
  step35: {},
};

/** The first layers of Gemma 3n that keep keys and values; the others look at theirs. */
const gemma3nLayers = 20;

export interface ContextShape {
  /** Tokens of one conversation. */
  readonly contextTokens: number;
  /** Default 1. */
  readonly conversations?: number;
  /** Tokens that are computed together, which a window has to hold as well; default 512. */
  readonly batchTokens?: number;
  /** Plain attention keeps values as wide as the widest layer's; default no. */
  readonly padsValues?: boolean;
}

/**
 * Bytes of memory for contexts in 16-bit floats: keys and values of every layer. Undefined where the header lacks a number.
 * Layers with a window keep no more than it and a batch (node-llama-cpp's `swaFullCache` is off).
 */
export function contextBytes(header: GgufHeader, { contextTokens, conversations = 1, batchTokens = 512, padsValues = false }: ContextShape): number | undefined {
  const { blockCount = 0, embeddingLength, headCount, headCountKv, metadata, architecture } = header;
  if (blockCount < 1 || blockCount > layerLimit || embeddingLength === undefined) {
    return undefined;
  }
  const ofAll = (number: number): number[] => Array.from({ length: blockCount }, () => number);
  const heads = headCount === undefined ? layerNumbers(header, 'attention.head_count') : ofAll(headCount);
  const headsOfOne = heads?.find((number) => number > 0);
  if (heads === undefined || headsOfOne === undefined) {
    return undefined;
  }
  const headsKv = typeof headCountKv === 'object' ? headCountKv : headCountKv === undefined ? heads : ofAll(headCountKv);
  const key = header.keyLength ?? embeddingLength / headsOfOne;
  const value = header.valueLength ?? embeddingLength / headsOfOne;
  const more = (name: string): number | undefined => {
    const said = metadata.get(`${architecture}.attention.${name}`);
    return typeof said === 'number' ? said : undefined;
  };
  const hasWindow = layersWithWindow(header);
  const window = more('sliding_window') ?? windowPatterns[architecture ?? '']?.window ?? 0;
  // One token more for what node-llama-cpp adds to a batch; llama.cpp rounds up to 256.
  const windowTokens = Math.min(contextTokens, Math.ceil((window + batchTokens + 1) / 256) * 256);
  // Gemma's last layers look at what an earlier one keeps.
  const keeping = architecture === 'gemma3n' ? gemma3nLayers : blockCount - (architecture === 'gemma4' ? (more('shared_kv_layers') ?? 0) : 0);
  const keyInWindow = more('key_length_swa') ?? key;
  const valueInWindow = more('value_length_swa') ?? value;
  const layers = headsKv.slice(0, Math.min(blockCount, keeping)).map((count, layer) =>
    hasWindow[layer] === true
      ? { tokens: windowTokens, keys: count * keyInWindow, values: count * valueInWindow }
      : { tokens: contextTokens, keys: count * key, values: count * value },
  );
  const widest = layers.reduce((most, { values }) => Math.max(most, values), 0);
  const numbers = layers.reduce((sum, { tokens, keys, values }) => (keys === 0 ? sum : sum + tokens * (keys + (padsValues ? widest : values))), 0);
  return numbers * 2 * conversations;
}

/** For each layer, whether it looks at a window of the context only. */
function layersWithWindow(header: GgufHeader): readonly boolean[] {
  const { architecture = '', metadata, blockCount = 0 } = header;
  const pattern = windowPatterns[architecture];
  const window = metadata.get(`${architecture}.attention.sliding_window`) ?? pattern?.window;
  if (pattern === undefined || typeof window !== 'number' || window < 1 || (pattern.layers ?? blockCount) !== blockCount) {
    return [];
  }
  if (pattern.period === undefined) {
    return layerNumbers(header, 'attention.sliding_window_pattern')?.map((number) => number !== 0) ?? [];
  }
  // Where llama.cpp expects a period, it passes over a list, which says the same for the models there are.
  const said = metadata.get(`${architecture}.attention.sliding_window_pattern`);
  const period = typeof said === 'number' ? said : pattern.period;
  return Array.from({ length: blockCount }, (_, layer) => period === 0 || layer % period !== (pattern.first === true ? 0 : period - 1));
}
