// An answer's text is made of its tokens while the model computes the next one, so that the model never waits for it.
// Must not know: llama.cpp, what the text becomes.

import { setImmediate as nextTurn } from 'node:timers/promises';

export class DeferredText<T> {
  #unread: T | undefined;
  #hasEnded = false;

  /** @param read one token; returns whether the text ended the answer */
  constructor(private readonly read: (token: T) => boolean) {}

  /** The text made so far ended the answer. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** To be read during the next step, or by `catchUp`. What was held before is read now. */
  hold(token: T): void {
    this.catchUp();
    this.#unread = token;
  }

  /** Reads what is held, now; nothing that comes after the end. */
  catchUp(): void {
    const token = this.#unread;
    if (token !== undefined) {
      this.#unread = undefined;
      this.#hasEnded ||= this.read(token);
    }
  }

  /**
   * Reads what is held as soon as the step has been begun, in the same turn of the event loop.
   * @throws what the step throws, or the reading
   */
  async during<R>(step: Promise<R>): Promise<R> {
    if (this.#unread === undefined) {
      return step;
    }
    const [result] = await Promise.all([step, this.#later()]);
    return result;
  }

  async #later(): Promise<void> {
    await nextTurn();
    this.catchUp();
  }
}
