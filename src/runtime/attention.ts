// How attention is computed where nobody asked for a way. Pure.
//
// llama.cpp's flash attention saves memory and is the faster way on graphics cards. On processors it reads a long prompt
// somewhat faster, in tiles of 64 tokens, and everything else more slowly once there is much to look at: a token of an
// answer, and the few new tokens of a conversation's next turn. Measured on one core with 3,000 tokens before them, a model of
// 200 MB with as many heads of keys as of queries, flash ÷ plain, by llama.cpp's variant for the processor:
//   AMX (Sapphire Rapids)   a token of an answer 70 ÷ 43 ms, 16 new ones 490 ÷ 137 ms, the whole prompt 11.6 ÷ 15.5 s
//   AVX2 (haswell, on Zen 4)                    120 ÷ 43           532 ÷ 239                          24.9 ÷ 28.9
//   AVX-512 (icelake, on Zen 4)                  47 ÷ 37           458 ÷ 233                          18.3 ÷ 23.7
//   AVX-512 (zen4)                               46 ÷ 42           345 ÷ 273                          18.8 ÷ 25.5
// So plain is never the slower way to go on, and a good deal faster on what most laptops have; a long prompt costs 15 to 35 %
// more once. With a quarter of the heads of keys (AMX): 33 ÷ 24 ms, 238 ÷ 86 ms, 7.5 ÷ 9.2 s. After ten other tokens a token
// takes 13.9 ÷ 17.5 and 13.3 ÷ 14.0 ms; both are as fast after about 400.
// Plain attention needs memory for each pair of a batch's tokens and the context's, and head.
// Must not know: node-llama-cpp, what else takes memory.

export interface Attention {
  readonly flashAttention: boolean | 'auto';
  /** Tokens that are computed together at most. */
  readonly batchSize: number;
}

export interface AttentionWishes {
  readonly flashAttention?: boolean | 'auto' | undefined;
  readonly batchSize?: number | undefined;
}

export interface AttentionShape {
  /** Layers on a graphics card. */
  readonly gpuLayers: number;
  /** Tokens of one conversation. */
  readonly contextLength: number;
  /** Of queries; undefined where the file does not say. */
  readonly headCount: number | undefined;
}

const batchSizes = { flash: 512, plain: 128 };
/** What plain attention may take, bytes. */
const mostScores = 256 * 1024 ** 2;

/** @param wishes are kept to; `auto` is none */
export function chooseAttention(wishes: AttentionWishes, { gpuLayers, contextLength, headCount }: AttentionShape): Attention {
  const within = (size: number): number => Math.min(wishes.batchSize ?? size, contextLength);
  const isPlain =
    typeof wishes.flashAttention === 'boolean'
      ? !wishes.flashAttention
      : gpuLayers === 0 && (scoreBytes(within(batchSizes.plain), contextLength, headCount) ?? Infinity) <= mostScores;
  if (isPlain) {
    return { flashAttention: false, batchSize: within(gpuLayers === 0 ? batchSizes.plain : batchSizes.flash) };
  }
  return { flashAttention: wishes.flashAttention ?? 'auto', batchSize: within(batchSizes.flash) };
}

/** What of a model's wishes holds for the model that drafts for it: how it is computed, not in which batches. */
export function draftAttention({ flashAttention }: AttentionWishes): AttentionWishes {
  return { flashAttention };
}

/** What the attention takes beside what any computation of the batch does, bytes: a number for each pair of tokens and head. */
export function attentionBytes({ flashAttention, batchSize }: Attention, { contextLength, headCount }: Pick<AttentionShape, 'contextLength' | 'headCount'>): number {
  return flashAttention === false ? (scoreBytes(batchSize, contextLength, headCount) ?? 0) : 0;
}

function scoreBytes(batchSize: number, contextLength: number, headCount: number | undefined): number | undefined {
  return headCount === undefined ? undefined : batchSize * contextLength * headCount * Float32Array.BYTES_PER_ELEMENT;
}
