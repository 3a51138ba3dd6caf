// How many of a prompt's tokens are read at a time: few enough that whoever cancels, or writes another answer meanwhile,
// does not wait long, and as many as llama.cpp's attention reads at its full speed.
// Must not know: sequences, batches of several answers.

/**
 * Rows that llama.cpp's attention on processors computes as one tile (ggml_fa_tile_config::Q in ggml-cpu/common.h);
 * those that do not fill one take several times as long each. Measured with 3,000 tokens before them on one core: 6.2 ms
 * a token in 64s, 26 to 30 ms in pieces of 16 to 63; with two heads of keys for eight of queries 3.8 and 14 to 15 ms.
 */
const tile = 64;
const smallestPiece = 16;
/** Of a tile that the new tokens fill this far, the rest is read again rather than leave it unfilled … */
const nearlyFilled = 40;
/** … where so many tokens come before it: reading again costs all layers, attention grows with what it looks at. */
const deep = 1024;
/** Smaller pieces than a tile are kept to while they read at nearly a tile's speed. */
const tolerableLoss = 1.25;
/** So many tokens are read in parts before a whole tile is tried again: the machine may have been busy for a moment. */
const partsBetweenTiles = 4 * tile;

/**
 * How many of the known tokens to keep where attention is computed by the processor: all, or less than a tile fewer, so
 * that what is read is whole tiles. 40 new tokens after 3,000 took 1,100 ms, and take 410.
 * @param shared of the prompt's tokens, how many are known
 */
export function keptForWholeTiles(shared: number, promptTokens: number): number {
  const rest = (promptTokens - shared) % tile;
  return rest >= nearlyFilled && shared >= deep ? shared - (tile - rest) : shared;
}

export interface PieceTimes {
  /** What a piece should take, ms. */
  readonly wanted: number;
  /** Tiles that take longer are read in parts. */
  readonly longest: number;
}

export class PromptPieces {
  /** Of the last piece. */
  #msPerToken: number | undefined;
  /** Of the last piece of whole tiles, ms. */
  #tileMs: number | undefined;
  /** Read in parts of a tile since the last whole one. */
  #parts = { tokens: 0, ms: 0 };
  /** What a tile last took in parts, ms. */
  #inPartsMs = 0;
  /** What pieces were last made of: a tile, with one token more among others. */
  #unit = tile;

  constructor(private readonly batchSize: number) {}

  /**
   * @param left tokens still to be read, the last of which is left to the caller's draw
   * @param isAmongOthers others write: llama.cpp computes one token of each together, and then what is left of this one
   */
  next(left: number, { wanted, longest }: PieceTimes, isAmongOthers: boolean): number {
    if (this.batchSize <= tile) {
      return Math.min(left, this.batchSize);
    }
    const ms = this.#msPerToken;
    if (ms !== undefined && this.#mayReadParts(longest)) {
      return Math.min(left, Math.max(smallestPiece, Math.min(tile / 2, Math.round(wanted / ms))));
    }
    const unit = isAmongOthers ? tile + 1 : tile;
    // What does not fill a tile is read with the first one, where least is before it.
    const rest = left % unit;
    const most = Math.max(1, Math.floor((this.batchSize - rest) / unit));
    const units = ms === undefined ? 1 : Math.floor(wanted / ms / unit);
    this.#unit = unit;
    return Math.min(left, this.batchSize, rest + unit * Math.min(most, Math.max(1, units)));
  }

  /** What the piece took that was named last. */
  took(tokens: number, ms: number): void {
    this.#msPerToken = Math.max(0.001, ms / tokens);
    if (tokens < tile) {
      this.#parts = { tokens: this.#parts.tokens + tokens, ms: this.#parts.ms + ms };
      if (this.#parts.tokens >= tile) {
        this.#inPartsMs = (this.#parts.ms / this.#parts.tokens) * tile;
      }
    } else if (tokens % this.#unit === 0) {
      this.#tileMs = this.#msPerToken * this.#unit;
      this.#parts = { tokens: 0, ms: 0 };
    }
  }

  /** Where a tile takes too long and its parts, together, do not take much longer. A whole one is tried again now and then. */
  #mayReadParts(longest: number): boolean {
    return this.#tileMs !== undefined && this.#tileMs > longest && this.#parts.tokens < partsBetweenTiles && this.#inPartsMs <= this.#tileMs * tolerableLoss;
  }
}
