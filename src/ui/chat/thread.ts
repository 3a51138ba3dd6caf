// The conversation that is open in the view: its messages as a tree, and the part of the active branch that is shown.
// Must not know: the store's calls, other conversations, VS Code.

import type { Conversation, Message } from '../../api/jan';
import type { MessageItem } from '../../protocol/chatProtocol';
import type { AnswerRemarks, Generation } from './generation';
import { generatingItem, messageItem } from './messageItems';
import { MessageTree } from './messageTree';

/** A state holds at most this many messages; "show earlier" adds as many. */
export const shownPage = 200;

export class Thread {
  #conversation: Conversation;
  #messages: readonly Message[];
  #tree: MessageTree;
  #endId: string | null;
  #shown = shownPage;
  #items: readonly MessageItem[] | undefined;
  /** Raised by every local change, so that a reading that began before one is known to be old. */
  version = 0;

  constructor(conversation: Conversation, messages: readonly Message[]) {
    this.#conversation = conversation;
    this.#messages = messages;
    this.#tree = new MessageTree(messages);
    this.#endId = this.#activeEnd();
  }

  get conversation(): Conversation {
    return this.#conversation;
  }

  get tree(): MessageTree {
    return this.#tree;
  }

  /** End of the branch that is shown. */
  get endId(): string | null {
    return this.#endId;
  }

  setConversation(conversation: Conversation): void {
    this.#conversation = conversation;
    this.version += 1;
  }

  /** What the store holds now. The branch follows the store, but for one that this window is writing at the moment. */
  replace(conversation: Conversation, messages: readonly Message[], writingId: string | undefined): void {
    this.#conversation = conversation;
    this.#messages = messages;
    this.#tree = new MessageTree(messages);
    const isWritingShown = writingId !== undefined && this.#endId === writingId && this.#tree.get(writingId) !== undefined;
    if (!isWritingShown) {
      this.#endId = this.#activeEnd();
    }
    this.#items = undefined;
  }

  /** Adds or replaces one message; `asEnd` shows its branch. */
  put(message: Message, asEnd: boolean): void {
    const others = this.#messages.filter((one) => one.id !== message.id);
    this.#messages = [...others, message];
    this.#tree = new MessageTree(this.#messages);
    if (asEnd) {
      this.#endId = message.id;
    }
    this.#items = undefined;
    this.version += 1;
  }

  showBranch(endId: string): void {
    this.#endId = endId;
    this.#items = undefined;
    this.version += 1;
  }

  showEarlier(): void {
    this.#shown += shownPage;
    this.#items = undefined;
  }

  /** As many as it takes for this message of the branch to be among them. */
  showFrom(messageId: string): void {
    const path = this.#tree.pathTo(this.#endId);
    const index = path.findIndex((one) => one.id === messageId);
    if (index >= 0 && path.length - index > this.#shown) {
      this.#shown = path.length - index + 10;
      this.#items = undefined;
    }
  }

  /** Names of models have changed. */
  invalidate(): void {
    this.#items = undefined;
  }

  /** The part that is shown, and how many come before it. */
  items(
    generation: Generation | undefined,
    nameOfModel: (id?: string) => string,
    remarksOn: (messageId: string) => AnswerRemarks,
  ): { readonly messages: readonly MessageItem[]; readonly earlier: number } {
    const path = this.#tree.pathTo(this.#endId);
    const earlier = Math.max(0, path.length - this.#shown);
    this.#items ??= path.slice(earlier).map((message) => ({ ...messageItem(message, this.#tree, nameOfModel), ...remarksOn(message.id) }));
    const messages =
      generation === undefined
        ? this.#items
        : this.#items.map((item) => (item.id === generation.messageId ? generatingItem(item, generation, nameOfModel) : item));
    return { messages, earlier };
  }

  #activeEnd(): string | null {
    const active = this.#conversation.activeMessageId;
    return active !== undefined && this.#tree.get(active) !== undefined ? active : this.#tree.newestLeaf();
  }
}
