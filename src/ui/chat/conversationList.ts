// The list of conversations, and those of it that were deleted a moment ago and can still be had back.
// Must not know: messages, the view, VS Code.

import type { Conversation, JanApi } from '../../api/jan';
import { isJanError } from '../../common/errors';
import type { Disposable } from '../../common/lifecycle';
import type { ChatState, ConversationItem } from '../../protocol/chatProtocol';

const pageSize = 100;
const mostListed = 500;

type Deleted = Pick<Conversation, 'id' | 'name'>;

export class ConversationList implements Disposable {
  #conversations: readonly Conversation[] = [];
  #limit = pageSize;
  readonly #deleting = new Map<string, { readonly conversation: Deleted; readonly timer: ReturnType<typeof setTimeout> }>();

  /**
   * @param undoMs how long a deletion can be taken back
   * @param onError told when a deletion fails; the conversation is in the list again
   */
  constructor(
    private readonly api: Pick<JanApi, 'data'>,
    private readonly undoMs: number,
    private readonly onChange: () => void,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** What is shown of them, newest change first. */
  items(isAnswering: (id: string) => boolean): readonly ConversationItem[] {
    return this.#conversations
      .filter((one) => !this.#deleting.has(one.id))
      .map(({ id, name, updatedAt }) => ({ id, name, updatedAt, answering: isAnswering(id) }));
  }

  get hasMore(): boolean {
    return this.#conversations.length >= this.#limit && this.#limit < mostListed;
  }

  /** The newest deletion that can be taken back. */
  get undo(): ChatState['undo'] {
    const newest = [...this.#deleting.values()].at(-1)?.conversation;
    return newest === undefined ? null : { conversationId: newest.id, name: newest.name };
  }

  async load(): Promise<void> {
    this.#conversations = await this.api.data.getConversations({ limit: this.#limit });
    this.onChange();
  }

  async showMore(): Promise<void> {
    this.#limit = Math.min(mostListed, this.#limit + pageSize);
    await this.load();
  }

  /** Puts a new or changed one in its place without asking for the list again. */
  put(conversation: Conversation): void {
    const others = this.#conversations.filter((one) => one.id !== conversation.id);
    this.#conversations = [conversation, ...others].sort((a, b) => b.updatedAt - a.updatedAt || (a.id < b.id ? 1 : -1));
    this.onChange();
  }

  /** Out of sight at once, deleted when the time to take it back is over. */
  delete(id: string): void {
    if (this.#deleting.has(id)) {
      return;
    }
    const conversation = this.#conversations.find((one) => one.id === id) ?? { id, name: '' };
    const timer = setTimeout(() => void this.#deleteNow(id), this.undoMs);
    this.#deleting.set(id, { conversation, timer });
    this.onChange();
  }

  /** @returns whether it could be had back */
  undoDelete(id: string): boolean {
    const entry = this.#deleting.get(id);
    if (entry === undefined) {
      return false;
    }
    clearTimeout(entry.timer);
    this.#deleting.delete(id);
    this.onChange();
    return true;
  }

  /** What was deleted stays deleted when the window closes. */
  dispose(): void {
    for (const [id, { timer }] of this.#deleting) {
      clearTimeout(timer);
      void this.#deleteNow(id);
    }
  }

  async #deleteNow(id: string): Promise<void> {
    try {
      await this.api.data.deleteConversation(id);
      this.#conversations = this.#conversations.filter((one) => one.id !== id);
    } catch (error) {
      // Another window was quicker: it is gone, as wished.
      if (!isJanError(error, 'conversation-not-found')) {
        this.onError(error);
      }
    } finally {
      this.#deleting.delete(id);
      this.onChange();
    }
  }
}
