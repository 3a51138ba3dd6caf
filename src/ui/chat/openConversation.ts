// The conversation that is open in the view: which one, its messages as they are read, its unsent text.
// Must not know: what is done with it, the view, VS Code.

import type { Conversation, JanApi } from '../../api/jan';
import { isJanError } from '../../common/errors';
import type { DraftItem } from '../../protocol/chatProtocol';
import type { ChatMemory, Drafts } from './composer/drafts';
import { keptConversation, openConversationKey } from './keptConversation';
import { Thread } from './thread';

export interface OpenConversationOptions {
  readonly api: Pick<JanApi, 'data'>;
  readonly memory: ChatMemory;
  readonly drafts: Drafts;
  /** The message that this window writes in a conversation now. */
  readonly writingIn: (conversationId: string) => string | undefined;
  readonly onChange: () => void;
}

export class OpenConversation {
  #id: string | null;
  #thread: Thread | undefined;
  /** The conversation that the page still shows as a new one. */
  #createdFromNew: string | null = null;
  #draft: DraftItem = { text: '', revision: 0 };
  #reading: Promise<void> | undefined;
  isStale = false;

  constructor(private readonly options: OpenConversationOptions) {
    this.#id = keptConversation(options.memory);
  }

  /** `null`: a new one, which does not exist yet. */
  get id(): string | null {
    return this.#id;
  }

  /** Absent while it is being read, and for a new one. */
  get thread(): Thread | undefined {
    return this.#thread;
  }

  /** Has it settings of its own? */
  get hasSettings(): boolean {
    const { settings, systemPrompt } = this.#thread?.conversation ?? {};
    return Object.keys(settings ?? {}).length > 0 || (systemPrompt ?? '') !== '';
  }

  /** The text of the box as the host last set it. */
  get draft(): DraftItem {
    return this.#draft;
  }

  /** What the page means: it may not have heard yet that its new conversation exists. */
  resolve(conversationId: string | null): string | null {
    return conversationId ?? this.#createdFromNew;
  }

  /** @returns whether it was another one that was open */
  show(id: string | null): boolean {
    if (id === this.#id && (id === null || this.#thread !== undefined)) {
      return false;
    }
    this.#set(id, undefined);
    this.resetDraft();
    return true;
  }

  /** The new one has come to be. The box is left alone: what is typed meanwhile must stay. */
  becomes(conversation: Conversation): void {
    this.#set(conversation.id, new Thread(conversation, []));
    this.#createdFromNew = conversation.id;
  }

  /** Puts the kept text into the box. */
  resetDraft(): void {
    this.#draft = { text: this.options.drafts.get(this.#id), revision: this.#draft.revision + 1 };
    this.options.onChange();
  }

  setConversation(conversation: Conversation): void {
    if (this.#thread?.conversation.id === conversation.id) {
      this.#thread.setConversation(conversation);
      this.options.onChange();
    }
  }

  /** Reads it, and again when it was changed meanwhile. @throws JanError of the store */
  read(): Promise<void> {
    this.isStale = true;
    this.#reading ??= this.#readStale().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #readStale(): Promise<void> {
    const { data } = this.options.api;
    while (this.isStale && this.#id !== null) {
      this.isStale = false;
      const id = this.#id;
      const version = this.#thread?.version;
      try {
        const [conversation, messages] = await Promise.all([
          data.getConversation(id),
          data.getConversationMessages(id, { branch: 'all' }),
        ]);
        if (this.#id !== id || this.#thread?.version !== version) {
          this.isStale = true;
        } else if (this.#thread === undefined) {
          this.#thread = new Thread(conversation, messages);
        } else {
          this.#thread.replace(conversation, messages, this.options.writingIn(id));
        }
      } catch (error) {
        if (this.#id !== id) {
          this.isStale = true;
        } else if (isJanError(error, 'conversation-not-found')) {
          this.show(null);
        } else {
          throw error;
        }
      }
      this.options.onChange();
    }
  }

  #set(id: string | null, thread: Thread | undefined): void {
    this.#id = id;
    this.#thread = thread;
    this.#createdFromNew = null;
    this.options.memory.update(openConversationKey, id).then(undefined, () => undefined);
    this.options.onChange();
  }
}
