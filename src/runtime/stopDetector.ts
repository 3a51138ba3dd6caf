// Finds the first stop string in a stream of text; holds back only what may be the beginning of one.
// Must not know: tokens, models.

export interface StopResult {
  /** Text that is certainly not part of a stop string. */
  readonly text: string;
  readonly stopped: boolean;
  /** Which stop string it was. */
  readonly stop?: string;
}

export class StopDetector {
  readonly #stops: readonly string[];
  #held = '';

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop.length > 0);
  }

  push(text: string): StopResult {
    if (this.#stops.length === 0) {
      return { text, stopped: false };
    }
    const all = this.#held + text;
    let end = -1;
    let which: string | undefined;
    for (const stop of this.#stops) {
      const found = all.indexOf(stop);
      if (found >= 0 && (end < 0 || found < end)) {
        end = found;
        which = stop;
      }
    }
    if (end >= 0) {
      this.#held = '';
      return { text: all.slice(0, end), stopped: true, stop: which };
    }
    const keep = longestSuffixThatStarts(all, this.#stops);
    this.#held = all.slice(all.length - keep);
    return { text: all.slice(0, all.length - keep), stopped: false };
  }

  /** What was held back and turned out to be text. */
  end(): string {
    const rest = this.#held;
    this.#held = '';
    return rest;
  }
}

/** Length of the longest end of `text` with which one of `words` begins (but is not complete). */
export function longestSuffixThatStarts(text: string, words: readonly string[]): number {
  let longest = 0;
  for (const word of words) {
    for (let length = Math.min(word.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(word.slice(0, length))) {
        longest = length;
        break;
      }
    }
  }
  return longest;
}
