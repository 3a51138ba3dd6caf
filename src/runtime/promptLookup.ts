// Guesses the next tokens of an answer that repeats its prompt or itself (edits, quotes, code): what followed the last
// time that the newest tokens stood there. The model checks all guesses in one step, so the answer stays what it was.
// It is prompt lookup decoding (A. Saxena, 2023); a guess is made only as long as it is likely to be worth its price,
// which is learned by following the place in silence.
// Must not know: llama.cpp, requests.

/** Fewer equal tokens than this are chance, anywhere; near the place that was followed, fewer do. */
const leastMatch = 3;
const leastMatchNearby = 2;
/** How far after the place where an edit differs its text is looked for again, tokens. */
const nearby = 48;
/** So near, one equal token is enough: a word replaced by another is the commonest edit. */
const veryNear = 8;
const tableBits = 15;
/** Lengths of guesses to choose from: with the token before, steps whose sizes are even. */
const lengths = [1, 2, 3, 5, 7, 11, 15, 23, 31] as const;
/** No guess takes longer than so many single tokens: text should flow evenly, and Stop be heard soon. */
export const longestGuess = 5;
/**
 * A guess must promise so much more than token by token: what it is known to cost and to bring is never quite so, and a
 * wrong one makes its reader wait.
 */
const leastGain = 1.25;
/** What was right and wrong counts less with each token. */
const fading = 0.97;

/** What a step costs with so many tokens, in any unit; undefined: not known yet. */
export type StepCost = (tokens: number) => number | undefined;

/** Reading weights takes the time. */
const readingWeights: StepCost = (tokens) => 1 + 0.03 * (tokens - 1);

export class PromptLookup<T extends number> {
  #tokens: T[] = [];
  /** Where the newest occurrence of three tokens ends, by their hash; 0: nowhere. */
  #table = new Int32Array(0);
  #indexed = 0;
  /** The place that is followed: what stands there is expected next. 0: none. */
  #source = 0;
  /** Where the answer left the place that it had followed. 0: nowhere. */
  #left = 0;
  /** How many tokens in a row the place was right. */
  #run = 0;
  /** Of places that were followed, fading. */
  #right = 0;
  #wrong = 0;

  constructor(private readonly cost: StepCost = readingWeights) {}

  /** @param tokens all of the prompt */
  reset(tokens: readonly T[]): void {
    this.#tokens = [...tokens];
    this.#indexed = 0;
    this.#source = 0;
    this.#left = 0;
    this.#run = 0;
    this.#right = 0;
    this.#wrong = 0;
  }

  push(tokens: readonly T[]): void {
    for (const token of tokens) {
      this.#judge(token);
      this.#tokens.push(token);
    }
  }

  /** The next tokens, perhaps; often none. */
  predict(): readonly T[] {
    if (this.#source === 0) {
      this.#index();
      this.#source = this.#findNearby() || this.#find();
      this.#run = 0;
    }
    const source = this.#source;
    return source === 0 ? [] : this.#tokens.slice(source, source + this.#worthwhile(this.#tokens.length - source));
  }

  #judge(token: T): void {
    this.#right *= fading;
    this.#wrong *= fading;
    if (this.#source === 0) {
      return;
    }
    if (this.#tokens[this.#source] === token) {
      this.#source++;
      this.#run++;
      this.#right++;
    } else {
      this.#left = this.#source;
      this.#source = 0;
      this.#wrong++;
    }
  }

  /** The length of guess with most tokens for its cost, when each is right as often as those before; 0: none is worth it. */
  #worthwhile(available: number): number {
    const single = this.cost(1);
    if (single === undefined) {
      return 0;
    }
    const seen = this.#right + 2 * this.#run + leastMatch;
    const chance = seen / (seen + this.#wrong + 1);
    let best = 0;
    let bestRate = leastGain / single;
    for (const length of lengths) {
      const cost = this.cost(length + 1);
      const expected = (1 - chance ** (length + 1)) / (1 - chance);
      if (length <= available && cost !== undefined && cost <= longestGuess * single && expected / cost > bestRate) {
        best = length;
        bestRate = expected / cost;
      }
    }
    return best;
  }

  /** Enters all but the newest three tokens, which are the ones that are looked for. */
  #index(): void {
    if (this.#indexed === 0) {
      this.#table = this.#table.length === 0 ? new Int32Array(1 << tableBits) : this.#table.fill(0);
      this.#indexed = leastMatch;
    }
    for (; this.#indexed < this.#tokens.length; this.#indexed++) {
      this.#table[this.#hash(this.#indexed)] = this.#indexed;
    }
  }

  /** An edit goes on with the same text a little later. */
  #findNearby(): number {
    if (this.#left === 0) {
      return 0;
    }
    const last = Math.min(this.#left + nearby, this.#tokens.length - 1);
    for (let place = this.#left + 1; place <= last; place++) {
      if (this.#matches(place, place - this.#left <= veryNear ? 1 : leastMatchNearby)) {
        return place;
      }
    }
    return 0;
  }

  /** Where the newest tokens stood before; the index of what followed them, or 0. */
  #find(): number {
    if (this.#tokens.length <= leastMatch) {
      return 0;
    }
    const found = this.#table[this.#hash(this.#tokens.length)]!;
    return this.#matches(found, leastMatch) ? found : 0;
  }

  /** Are the tokens before the place the newest ones? */
  #matches(place: number, count: number): boolean {
    const tokens = this.#tokens;
    for (let back = 1; back <= count; back++) {
      if (place < back || tokens[place - back] !== tokens[tokens.length - back]) {
        return false;
      }
    }
    return true;
  }

  /** Of the three tokens before `end`. */
  #hash(end: number): number {
    const tokens = this.#tokens;
    const mixed = Math.imul(tokens[end - 1]! + 1, 0x9e3779b1) ^ Math.imul(tokens[end - 2]! + 1, 0x85ebca6b) ^ Math.imul(tokens[end - 3]! + 1, 0xc2b2ae35);
    return (mixed ^ (mixed >>> 15)) & ((1 << tableBits) - 1);
  }
}
