// How long the next request would be in tokens, counted by the model itself while one writes: some time after the last
// change, one count at a time, and only by a model that is loaded already.
// Must not know: the view, what a request is made of.

import type { ChatRequest, JanApi } from '../../../api/jan';
import type { Disposable } from '../../../common/lifecycle';
import type { TokenCountItem } from '../../../protocol/chatProtocol';

/** What would be sent now. */
export interface NextRequest {
  readonly whole: ChatRequest;
  /** Without the messages that may be left out; absent: nothing is written. Made only where it is needed. */
  readonly newest?: () => ChatRequest;
}

export interface TokenCounterOptions {
  readonly inference: Pick<JanApi['inference'], 'countTokens'>;
  /** ms after the last change */
  readonly delayMs: number;
  /** `undefined`: nothing would be sent, or there is no model that could count it. Called once the delay is over. */
  readonly request: () => Promise<NextRequest | undefined>;
  readonly onChange: () => void;
}

export class TokenCounter implements Disposable {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #counting: AbortController | undefined;
  #isStale = false;
  #count: TokenCountItem | null = null;

  constructor(private readonly options: TokenCounterOptions) {}

  /** The last count; the next one replaces it. */
  get count(): TokenCountItem | null {
    return this.#count;
  }

  /** Something that a request is made of has changed. */
  schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#start(), this.options.delayMs);
  }

  /** Another conversation: the old number says nothing about it. */
  reset(): void {
    this.#counting?.abort();
    this.#set(null);
    this.schedule();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#counting?.abort();
  }

  #start(): void {
    this.#timer = undefined;
    if (this.#counting === undefined) {
      void this.#run();
    } else {
      this.#isStale = true;
    }
  }

  async #run(): Promise<void> {
    const counting = new AbortController();
    this.#counting = counting;
    this.#isStale = false;
    let count: TokenCountItem | null = null;
    try {
      const request = await this.options.request();
      if (request !== undefined) {
        const { inference } = this.options;
        const call = { signal: counting.signal, onlyLoaded: true };
        const { tokens, contextLength } = await inference.countTokens(request.whole, call);
        const isOver = contextLength !== undefined && tokens > contextLength;
        const newest = isOver && request.newest !== undefined ? (await inference.countTokens(request.newest(), call)).tokens : null;
        count = { count: tokens, limit: contextLength ?? null, newest };
      }
    } catch {
      // A model that cannot count, or is just leaving: there is no number then, and sending says what is wrong.
    }
    this.#counting = undefined;
    if (!counting.signal.aborted) {
      this.#set(count);
    }
    if (this.#isStale) {
      this.#start();
    }
  }

  #set(count: TokenCountItem | null): void {
    if (count?.count !== this.#count?.count || count?.limit !== this.#count?.limit || count?.newest !== this.#count?.newest) {
      this.#count = count;
      this.options.onChange();
    }
  }
}
