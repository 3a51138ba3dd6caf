// How attention is computed where nobody asked for a way. Pure.
//
// llama.cpp's flash attention saves memory and is the faster way on graphics cards. On processors it reads a long prompt
// somewhat faster, in tiles of 64 tokens, and everything else more slowly once there is much to look at: a token of an
// answer, and the few new tokens of a conversation's next turn. Measured on one core with 3,000 tokens before them, models
// of 200 MB with as many heads of keys as of queries, and with a quarter of them, flash ÷ plain:
//   a token of an answer 70 ÷ 43 and 33 ÷ 24 ms; 16 new ones 490 ÷ 137 and 238 ÷ 86 ms; the whole prompt 11.6 ÷ 15.5 and
//   7.5 ÷ 9.2 s; a token after 10 others 13.9 ÷ 17.5 and 13.3 ÷ 14.0 ms, as fast as each other after about 400.
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

/** What the attention takes beside what any computation of the batch does, bytes: a number for each pair of tokens and head. */
export function attentionBytes({ flashAttention, batchSize }: Attention, { contextLength, headCount }: Pick<AttentionShape, 'contextLength' | 'headCount'>): number {
  return flashAttention === false ? (scoreBytes(batchSize, contextLength, headCount) ?? 0) : 0;
}

function scoreBytes(batchSize: number, contextLength: number, headCount: number | undefined): number | undefined {
  return headCount === undefined ? undefined : batchSize * contextLength * headCount * Float32Array.BYTES_PER_ELEMENT;
}
