// Guesses the next tokens of an answer that repeats its prompt or itself (edits, quotes, code): what followed the last
// time that the newest tokens stood there. The model checks all guesses in one go, so the answer stays what it was.
// It is prompt lookup decoding (A. Saxena, 2023), with its own way to stop where it does not pay.
// Must not know: llama.cpp, requests.

/** Fewer equal tokens than this are chance. */
const leastMatch = 3;
const tableBits = 15;
const firstDraft = 4;
const largestDraft = 15;
/** After a guess that was no use at all it keeps quiet for so many tokens; twice as many each time. */
const firstPause = 8;
const longestPause = 256;

export class PromptLookup<T extends number> {
  #tokens: T[] = [];
  /** Where the newest occurrence of three tokens ends, by their hash; 0: nowhere. */
  #table = new Int32Array(0);
  #indexed = 0;
  /** The place that a guess was read from goes on being read while it is right. */
  #source = 0;
  #draft: readonly T[] = [];
  #draftStart = 0;
  #draftLength = firstDraft;
  #pause = firstPause;
  #quietUntil = 0;

  /** @param tokens all of the prompt */
  reset(tokens: readonly T[]): void {
    this.#tokens = [...tokens];
    this.#indexed = 0;
    this.#source = 0;
    this.#draft = [];
    this.#draftLength = firstDraft;
    this.#pause = firstPause;
    this.#quietUntil = 0;
  }

  push(tokens: readonly T[]): void {
    this.#tokens.push(...tokens);
  }

  /** The next tokens, perhaps; often none. */
  predict(): readonly T[] {
    this.#judge();
    this.#index();
    const tokens = this.#tokens;
    if (tokens.length < this.#quietUntil) {
      return [];
    }
    const source = this.#source > 0 ? this.#source : this.#find();
    this.#source = source;
    this.#draft = source === 0 ? [] : tokens.slice(source, Math.min(source + this.#draftLength, tokens.length));
    this.#draftStart = tokens.length;
    return this.#draft;
  }

  /** What became of the guess? Its length and the pauses follow from that. */
  #judge(): void {
    const draft = this.#draft;
    if (draft.length === 0) {
      return;
    }
    const came = this.#tokens.length - this.#draftStart;
    let right = 0;
    while (right < draft.length && right < came && draft[right] === this.#tokens[this.#draftStart + right]) {
      right++;
    }
    this.#draft = [];
    if (right === draft.length) {
      this.#draftLength = Math.min(largestDraft, this.#draftLength * 2);
      // The token after the guess is known as well: does it go on as there?
      const last = this.#tokens.length - 1;
      const follows = this.#source + came - 1;
      this.#source = follows < last && this.#tokens[follows] === this.#tokens[last] ? follows + 1 : 0;
    } else {
      this.#source = 0;
      this.#draftLength = Math.max(2, Math.min(this.#draftLength, right + 2));
    }
    if (right * 2 >= draft.length) {
      this.#pause = firstPause;
    } else if (right === 0) {
      this.#quietUntil = this.#tokens.length + this.#pause;
      this.#pause = Math.min(longestPause, this.#pause * 2);
    }
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

  /** Where the newest tokens stood before; the index of what followed them, or 0. */
  #find(): number {
    const tokens = this.#tokens;
    const end = tokens.length;
    if (end <= leastMatch) {
      return 0;
    }
    const found = this.#table[this.#hash(end)]!;
    for (let back = 1; back <= leastMatch; back++) {
      if (found < leastMatch || tokens[found - back] !== tokens[end - back]) {
        return 0;
      }
    }
    return found;
  }

  /** Of the three tokens before `end`. */
  #hash(end: number): number {
    const tokens = this.#tokens;
    const mixed = Math.imul(tokens[end - 1]! + 1, 0x9e3779b1) ^ Math.imul(tokens[end - 2]! + 1, 0x85ebca6b) ^ Math.imul(tokens[end - 3]! + 1, 0xc2b2ae35);
    return (mixed ^ (mixed >>> 15)) & ((1 << tableBits) - 1);
  }
}
