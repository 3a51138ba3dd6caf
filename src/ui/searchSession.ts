// The state of a search as the user types: debounced, newest question wins, further pages are added.
// Must not know: VS Code, what is searched.

import { toJanError, type JanError } from '../common/errors';
import { Emitter } from '../common/events';
import type { Disposable } from '../common/lifecycle';

export interface SearchPage<T> {
  readonly items: readonly T[];
  /** Absent on the last page. */
  readonly cursor?: string;
}

export interface SearchState<T> {
  /** What `items` answer; while `busy` the text may be newer. */
  readonly text: string;
  readonly items: readonly T[];
  readonly busy: boolean;
  readonly hasMore: boolean;
  readonly error?: JanError;
}

export interface SearchSessionOptions<T> {
  readonly search: (text: string, cursor: string | undefined) => Promise<SearchPage<T>>;
  /** Typing rests this long before a question is asked, ms. Default 250. */
  readonly debounceMs?: number;
}

export class SearchSession<T> implements Disposable {
  readonly #search: SearchSessionOptions<T>['search'];
  readonly #debounceMs: number;
  readonly #change = new Emitter<SearchState<T>>();
  #state: SearchState<T> = { text: '', items: [], busy: false, hasMore: false };
  #cursor: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Rises with each question; an answer to an older one is dropped. */
  #question = 0;

  readonly onDidChange = this.#change.event;

  constructor(options: SearchSessionOptions<T>) {
    this.#search = options.search;
    this.#debounceMs = options.debounceMs ?? 250;
  }

  get state(): SearchState<T> {
    return this.#state;
  }

  /** The text changed. Empty: no question, no items. */
  setText(raw: string): void {
    const text = raw.trim();
    if (text === this.#state.text && this.#state.error === undefined) {
      return;
    }
    clearTimeout(this.#timer);
    this.#question += 1;
    this.#cursor = undefined;
    if (text === '') {
      this.#set({ text, items: [], busy: false, hasMore: false });
      return;
    }
    // The old items stay until the new ones are there: a list that empties at each key is hard to read.
    this.#set({ ...this.#state, text, busy: true, hasMore: false, error: undefined });
    this.#timer = setTimeout(() => void this.#ask(), this.#debounceMs);
  }

  /** The next page, added to the items. Nothing happens while busy or at the end. */
  async loadMore(): Promise<void> {
    if (!this.#state.busy && this.#state.hasMore) {
      this.#set({ ...this.#state, busy: true });
      await this.#ask();
    }
  }

  /** Asks again after an error. */
  async retry(): Promise<void> {
    if (!this.#state.busy && this.#state.error !== undefined) {
      this.#set({ ...this.#state, busy: true, error: undefined });
      await this.#ask();
    }
  }

  async #ask(): Promise<void> {
    const question = ++this.#question;
    const { text } = this.#state;
    const cursor = this.#cursor;
    try {
      const page = await this.#search(text, cursor);
      if (question === this.#question) {
        this.#cursor = page.cursor;
        const items = cursor === undefined ? page.items : [...this.#state.items, ...page.items];
        this.#set({ text, items, busy: false, hasMore: page.cursor !== undefined });
      }
    } catch (error) {
      if (question === this.#question) {
        const items = cursor === undefined ? [] : this.#state.items;
        this.#set({ text, items, busy: false, hasMore: cursor !== undefined, error: toJanError(error) });
      }
    }
  }

  #set(state: SearchState<T>): void {
    this.#state = state;
    this.#change.fire(state);
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#question += 1;
    this.#change.dispose();
  }
}

/** What typed text names directly: a GGUF file by address, or a repository; else undefined. */
export function directTarget(
  raw: string,
): { readonly kind: 'url'; readonly url: string } | { readonly kind: 'repository'; readonly repository: string } | undefined {
  const text = raw.trim();
  if (URL.canParse(text)) {
    const url = new URL(text);
    if (url.protocol !== 'https:' && url.protocol !== 'http:') {
      return undefined;
    }
    if (url.pathname.toLowerCase().endsWith('.gguf')) {
      return { kind: 'url', url: text };
    }
    const [owner, name] = url.pathname.split('/').filter((part) => part !== '');
    return owner !== undefined && name !== undefined ? { kind: 'repository', repository: `${owner}/${name}` } : undefined;
  }
  return /^[\w.-]+\/[\w.-]+$/.test(text) ? { kind: 'repository', repository: text } : undefined;
}
