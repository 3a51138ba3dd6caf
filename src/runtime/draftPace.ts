// How many tokens to draft with a smaller model: as many as have most of them kept for the time that they cost, by what was
// kept and what it took; none where plain steps are faster. Now and then it is tried anew. Pure.
// Must not know: models.

import { longestGuess, type StepCost } from './promptLookup';

const lengths = [1, 2, 3, 5, 7, 11, 15] as const;
/** Taken for a draft's token until it was measured, as a share of the larger model's step. */
const assumedShare = 0.2;
/** What was right and wrong counts less with each token. */
const fading = 0.99;
/** What a draft's token is known to take changes by this share with each draft. */
const learning = 0.3;

export class DraftPace<T> {
  #right = 0;
  #wrong = 0;
  /** Of a drafted token, ms. */
  #tokenMs: number | undefined;
  #draft: readonly T[] = [];
  #at = 0;

  /** @param cost of a step of the larger model with so many tokens, ms; undefined: not known, or drafts are of no use now */
  constructor(private readonly cost: StepCost) {}

  /** Of the next draft; 0: none. */
  get length(): number {
    const single = this.cost(1);
    if (single === undefined) {
      return 0;
    }
    const tokenMs = this.#tokenMs ?? single * assumedShare;
    const seen = this.#right + 3;
    const chance = seen / (seen + this.#wrong + 1);
    let best = 0;
    let bestRate = 1 / single;
    for (const length of lengths) {
      const step = this.cost(length + 1);
      const expected = (1 - chance ** (length + 1)) / (1 - chance);
      const ms = (step ?? Infinity) + length * tokenMs;
      if (ms <= longestGuess * single && expected / ms > bestRate) {
        best = length;
        bestRate = expected / ms;
      }
    }
    return best;
  }

  /** @param ms what it took */
  drafted(draft: readonly T[], ms: number): void {
    const each = ms / Math.max(1, draft.length);
    this.#tokenMs = this.#tokenMs === undefined ? each : this.#tokenMs + (each - this.#tokenMs) * learning;
    this.#draft = draft;
    this.#at = 0;
  }

  /** A token that the larger model said. */
  said(token: T): void {
    this.#right *= fading;
    this.#wrong *= fading;
    if (this.#at >= this.#draft.length) {
      return;
    }
    if (this.#draft[this.#at] === token) {
      this.#right++;
      this.#at++;
    } else {
      // Nothing of it was of use.
      this.#wrong += this.#at === 0 ? 3 : 1;
      this.#draft = [];
      this.#at = 0;
    }
  }
}

/** The first of two that knows something. */
export function firstOf<T>(
  first: { reset(tokens: readonly T[]): void; push(tokens: readonly T[]): void; predict(): readonly T[] },
  second: { reset(tokens: readonly T[]): void; push(tokens: readonly T[]): void; predict(): readonly T[] | Promise<readonly T[]> },
) {
  return {
    reset(tokens: readonly T[]): void {
      first.reset(tokens);
      second.reset(tokens);
    },
    push(tokens: readonly T[]): void {
      first.push(tokens);
      second.push(tokens);
    },
    predict(): readonly T[] | Promise<readonly T[]> {
      const guess = first.predict();
      return guess.length > 0 ? guess : second.predict();
    },
  };
}
