// A queue between who produces pieces as they come and who reads them in a loop.
// Must not know: what the pieces are.

export class ChunkQueue<T> implements AsyncIterable<T> {
  readonly #items: T[] = [];
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  #wake: () => void = () => undefined;

  push(item: T): void {
    this.#items.push(item);
    this.#wake();
  }

  end(last?: T): void {
    if (last !== undefined) {
      this.#items.push(last);
    }
    this.#ended = true;
    this.#wake();
  }

  /** Readers get what was pushed before, then the error. */
  fail(error: unknown): void {
    this.#failure = { error };
    this.end();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      while (this.#items.length > 0) {
        yield this.#items.shift()!;
      }
      if (this.#failure !== undefined) {
        throw this.#failure.error;
      }
      if (this.#ended) {
        return;
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
