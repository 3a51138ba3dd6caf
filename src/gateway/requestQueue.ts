// How much is done at once: so many in turn, so many waiting, the rest refused.
// Must not know: HTTP exchanges, what the turn is used for.

import { HttpError } from './httpError';

/** One request's place. Always `leave()` it. */
export interface QueuePlace {
  /** Resolves when it is this place's turn; rejects with the signal's reason. */
  turn(signal: AbortSignal): Promise<void>;
  leave(): void;
}

export class RequestQueue {
  #places = 0;
  #active = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(
    private readonly maxActive: number,
    private readonly maxWaiting: number,
  ) {}

  get state(): { readonly active: number; readonly waiting: number } {
    return { active: this.#active, waiting: this.#waiting.length };
  }

  /** Takes a place, so that no more than the limit of bodies is ever in memory. @throws HttpError 429 when full. */
  enter(): QueuePlace {
    if (this.#places >= this.maxActive + this.maxWaiting) {
      throw new HttpError(429, `${this.#places} requests are already being answered or waiting. Try again in a moment.`, {
        code: 'too_many_requests',
        headers: { 'Retry-After': '1' },
      });
    }
    this.#places += 1;
    let state: 'entered' | 'active' | 'left' = 'entered';
    return {
      turn: async (signal) => {
        await this.#takeTurn(signal);
        state = 'active';
      },
      leave: () => {
        if (state === 'left') {
          return;
        }
        this.#places -= 1;
        if (state === 'active') {
          this.#giveTurn();
        }
        state = 'left';
      },
    };
  }

  async #takeTurn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#active < this.maxActive) {
      this.#active += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(onTurn), 1);
        reject(signal.reason as Error);
      };
      const onTurn = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(onTurn);
    });
  }

  /** Hands the turn on; the count of active ones stays as it is when someone takes it. */
  #giveTurn(): void {
    const next = this.#waiting.shift();
    if (next === undefined) {
      this.#active -= 1;
    } else {
      next();
    }
  }
}
