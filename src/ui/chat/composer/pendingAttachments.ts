// What is attached to messages that are not sent yet, per conversation, kept across reloads. The bytes are in the store
// already; it keeps those of no message for a day.
// Must not know: the view, how files are read, the store's calls.

import type { Attachment } from '../../../api/jan';
import type { ChatMemory } from './drafts';

const storageKey = 'jan.chat.attachments';
const mostConversations = 50;
const newKey = 'new';

export class PendingAttachments {
  readonly #attached = new Map<string, readonly Attachment[]>();

  constructor(private readonly memory: ChatMemory) {
    const kept = memory.get(storageKey);
    if (typeof kept === 'object' && kept !== null) {
      for (const [key, list] of Object.entries(kept).slice(0, mostConversations)) {
        if (Array.isArray(list) && list.every(isAttachment)) {
          this.#attached.set(key, list);
        }
      }
    }
  }

  /** @param conversationId null: of the conversation that does not exist yet */
  of(conversationId: string | null): readonly Attachment[] {
    return this.#attached.get(conversationId ?? newKey) ?? [];
  }

  set(conversationId: string | null, attachments: readonly Attachment[]): void {
    const key = conversationId ?? newKey;
    if (attachments.length === 0 && !this.#attached.has(key)) {
      return;
    }
    this.#attached.delete(key);
    if (attachments.length > 0) {
      this.#attached.set(key, attachments);
    }
    const kept = Object.fromEntries([...this.#attached].slice(-mostConversations));
    this.memory.update(storageKey, kept).then(undefined, () => undefined);
  }
}

/** The memory is a file that anyone may have changed; what gets into a message is checked by the store again. */
function isAttachment(value: unknown): value is Attachment {
  const { id, name, mediaType, size } = (value ?? {}) as Record<string, unknown>;
  return typeof id === 'string' && typeof name === 'string' && typeof mediaType === 'string' && typeof size === 'number';
}
