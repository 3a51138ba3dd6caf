// From tokens to text as they come: holds back bytes of a character that is not complete yet.
// Must not know: llama.cpp, where the text goes.

/** Text of `tokens` that follow `before`. Bytes that are no complete character become U+FFFD. */
export type Detokenize<T> = (tokens: readonly T[], before: readonly T[]) => string;

/** A character has at most four bytes, so a longer tail is not a character in the making. */
const maxPending = 4;
/** What the detokeniser looks at to decide on spaces. */
const contextTokens = 3;

export class TokenText<T> {
  readonly #pending: T[] = [];
  readonly #before: T[] = [];

  constructor(private readonly detokenize: Detokenize<T>) {}

  /** Text that is certain now; often that of this token, sometimes ''. */
  push(token: T): string {
    this.#pending.push(token);
    const text = this.detokenize(this.#pending, this.#before);
    if (text.endsWith('\uFFFD') && this.#pending.length < maxPending) {
      return '';
    }
    this.#settle();
    return text;
  }

  /** The rest, at the end. An unfinished character is dropped: half a character is nobody's text. */
  end(): string {
    if (this.#pending.length === 0) {
      return '';
    }
    const text = this.detokenize(this.#pending, this.#before).replace(/\uFFFD+$/, '');
    this.#settle();
    return text;
  }

  #settle(): void {
    this.#before.push(...this.#pending);
    this.#before.splice(0, Math.max(0, this.#before.length - contextTokens));
    this.#pending.length = 0;
  }
}
