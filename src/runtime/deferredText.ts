// An answer's text is made of its tokens while the model computes the next one, so that the model never waits for it.
// Must not know: llama.cpp, what the text becomes.

export class DeferredText<T> {
  #unread: T | undefined;
  #hasEnded = false;
  #failure: { readonly error: unknown } | undefined;

  /** @param read one token; returns whether the text ended the answer */
  constructor(private readonly read: (token: T) => boolean) {}

  /** The text made so far ended the answer. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Read at the end of this turn of the event loop, when the next step has been begun, or by `catchUp`. */
  hold(token: T): void {
    this.catchUp();
    this.#unread = token;
    setImmediate(this.#readInTime);
  }

  /** Reads what is held, now; nothing that comes after the end. @throws what reading threw, now or before */
  catchUp(): void {
    this.#readInTime();
    if (this.#failure !== undefined) {
      throw this.#failure.error;
    }
  }

  readonly #readInTime = (): void => {
    const token = this.#unread;
    this.#unread = undefined;
    if (token === undefined || this.#hasEnded || this.#failure !== undefined) {
      return;
    }
    try {
      this.#hasEnded = this.read(token);
    } catch (error) {
      this.#failure = { error };
    }
  };
}
