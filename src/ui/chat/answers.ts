// Runs the answers of this window: one at a time per conversation, any number of conversations at once.
// Must not know: which conversation is shown, the view, VS Code.

import type { Conversation, JanApi, Message } from '../../api/jan';
import type { Logger } from '../../common/log';
import type { Disposable } from '../../common/lifecycle';
import { attachedTexts } from './composer/attachedText';
import { createChatRequest, type ChatSettings } from './chatRequest';
import { Generation, noRemarks, type AnswerRemarks } from './generation';
import { messageOfGeneration } from './messageItems';
import { MessageTree } from './messageTree';

export interface AnswersOptions {
  readonly api: Pick<JanApi, 'data' | 'inference'>;
  readonly log: Logger;
  readonly flushMs: number;
  readonly settings: (modelId: string | undefined) => ChatSettings;
  /** Something about the answers has changed. */
  readonly onChange: () => void;
  /** A message was made (`isNew`) or ended. */
  readonly onMessage: (message: Message, isNew: boolean) => void;
}

interface Slot {
  generation?: Generation;
  isStopped: boolean;
}

export class Answers implements Disposable {
  readonly #slots = new Map<string, Slot>();
  /** Of this window's answers. The store does not keep them. */
  readonly #remarks = new Map<string, AnswerRemarks>();

  constructor(private readonly options: AnswersOptions) {}

  get(conversationId: string | null): Generation | undefined {
    return conversationId === null ? undefined : this.#slots.get(conversationId)?.generation;
  }

  /** Of those that are being answered. */
  get conversationIds(): readonly string[] {
    return [...this.#slots.keys()];
  }

  isAnswering(conversationId: string | null): boolean {
    return conversationId !== null && this.#slots.has(conversationId);
  }

  /** Is every one of these messages being written by this window? */
  isWriting(messageIds: readonly string[]): boolean {
    const writing = new Set([...this.#slots.values()].map((slot) => slot.generation?.messageId));
    return messageIds.every((id) => writing.has(id));
  }

  remarksOn(messageId: string): AnswerRemarks {
    return this.#remarks.get(messageId) ?? noRemarks;
  }

  stop(conversationId: string): void {
    const slot = this.#slots.get(conversationId);
    if (slot !== undefined) {
      slot.isStopped = true;
      slot.generation?.stop();
    }
  }

  /**
   * Answers the message `parentId`; resolves with the ended generation, `undefined` when one is running already.
   * @throws JanError of the store when the answer's message could not be made
   */
  async answer(conversation: Conversation, parentId: string, modelId: string | undefined): Promise<Generation | undefined> {
    if (this.#slots.has(conversation.id)) {
      return undefined;
    }
    const slot: Slot = { isStopped: false };
    this.#slots.set(conversation.id, slot);
    this.options.onChange();
    try {
      const all = await this.options.api.data.getConversationMessages(conversation.id, { branch: 'all' });
      const path = new MessageTree(all).pathTo(parentId);
      const attached = await attachedTexts(this.options.api.data, path);
      const request = createChatRequest(path, modelId, conversation, this.options.settings(modelId), attached);
      const message = await this.options.api.data.createMessage({
        conversationId: conversation.id,
        parentId,
        role: 'assistant',
        content: '',
        status: 'streaming',
        ...(modelId === undefined ? {} : { modelId }),
      });
      const { api, log, flushMs, onChange } = this.options;
      const generation = new Generation({ api, log, message, request, flushMs, onChange });
      slot.generation = generation;
      this.options.onMessage(message, true);
      if (slot.isStopped) {
        generation.stop();
      }
      const saved = await generation.run();
      this.#remarks.set(generation.messageId, generation.remarks);
      this.options.onMessage(saved ?? messageOfGeneration(message, generation), false);
      return generation;
    } finally {
      this.#slots.delete(conversation.id);
      this.options.onChange();
    }
  }

  /** The window closes: what has arrived is written, marked as interrupted. */
  dispose(): void {
    for (const slot of this.#slots.values()) {
      slot.isStopped = true;
      slot.generation?.stop('interrupted');
    }
  }
}
