// Unsent texts, one per conversation, kept across reloads.
// Must not know: the view, conversations.

import type { Disposable } from '../../../common/lifecycle';

/** Where small things are kept between sessions; `vscode.Memento` has this shape. */
export interface ChatMemory {
  get(key: string): unknown;
  update(key: string, value: unknown): PromiseLike<void>;
}

const storageKey = 'jan.chat.drafts';
const mostDrafts = 50;
/** Longer ones live as long as the window. */
const longestKept = 100_000;
/** The draft of a conversation that does not exist yet. */
const newKey = 'new';

export class Drafts implements Disposable {
  readonly #texts = new Map<string, string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param delayMs how long to gather changes before writing them */
  constructor(
    private readonly memory: ChatMemory,
    private readonly delayMs: number,
  ) {
    const kept = memory.get(storageKey);
    if (typeof kept === 'object' && kept !== null) {
      for (const [key, text] of Object.entries(kept).slice(0, mostDrafts)) {
        if (typeof text === 'string') {
          this.#texts.set(key, text);
        }
      }
    }
  }

  get(conversationId: string | null): string {
    return this.#texts.get(conversationId ?? newKey) ?? '';
  }

  set(conversationId: string | null, text: string): void {
    const key = conversationId ?? newKey;
    if ((this.#texts.get(key) ?? '') === text) {
      return;
    }
    // Set again, so that the newest are last and the oldest are the ones forgotten.
    this.#texts.delete(key);
    if (text !== '') {
      this.#texts.set(key, text);
    }
    this.#timer ??= setTimeout(() => this.#write(), this.delayMs);
  }

  dispose(): void {
    if (this.#timer !== undefined) {
      this.#write();
    }
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const kept = [...this.#texts].filter(([, text]) => text.length <= longestKept).slice(-mostDrafts);
    this.memory.update(storageKey, Object.fromEntries(kept)).then(undefined, () => undefined);
  }
}
