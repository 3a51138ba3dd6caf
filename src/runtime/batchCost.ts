// What a step of the model costs by how many tokens it reads at once, as measured while it works. With weights that are
// read faster than they are computed with (quantised ones on few cores) a token more costs nearly a whole step; llama.cpp's
// kernels for some types even take longer for two tokens in one step than for two steps.
// Must not know: llama.cpp, what the tokens are.

/** What a token more is taken to cost until it is measured, as a share of a single one's step. */
const assumedShare = 0.03;
/** Slower steps change what is known by this share: they are others' load more often than the truth. */
const slowerShare = 0.05;

export class BatchCost {
  readonly #ms = new Map<number, number>();

  note(tokens: number, ms: number): void {
    const size = bucketOf(tokens);
    const known = this.#ms.get(size);
    this.#ms.set(size, known === undefined || ms < known ? ms : known + (ms - known) * slowerShare);
  }

  /** Of a step with that many tokens, ms; undefined as long as a single one's is unknown. */
  of(tokens: number): number | undefined {
    const single = this.#ms.get(1);
    if (single === undefined || tokens <= 1) {
      return single;
    }
    const size = bucketOf(tokens);
    let below = 1;
    let above = Infinity;
    for (const known of this.#ms.keys()) {
      if (known <= size && known > below) {
        below = known;
      }
      if (known >= size && known < above) {
        above = known;
      }
    }
    const least = this.#ms.get(below)!;
    if (above === Infinity) {
      return least + single * assumedShare * (size - below);
    }
    const most = this.#ms.get(above)!;
    return above === below ? least : least + ((most - least) * (size - below)) / (above - below);
  }
}

/** Up to 16 each number by itself, then the next of 24, 32, 48, 64, … */
function bucketOf(tokens: number): number {
  if (tokens <= 16) {
    return tokens;
  }
  const half = 2 ** Math.floor(Math.log2(tokens - 1));
  return tokens <= half * 1.5 ? half * 1.5 : half * 2;
}
