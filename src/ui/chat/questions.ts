// Asks: sends what was typed, again or in other words, and sees to the conversation that it needs.
// Must not know: the view, VS Code, how an answer is written.

import type { Attachment, Conversation, JanApi, Message } from '../../api/jan';
import { JanError } from '../../common/errors';
import type { Logger } from '../../common/log';
import type { ChatStrings } from '../../protocol/chatProtocol';
import type { Answers } from './answers';
import { conversationNameFrom } from './conversationName';
import { ConversationTitles } from './conversationTitles';
import type { Drafts } from './composer/drafts';
import type { PendingAttachments } from './composer/pendingAttachments';
import type { ModelStatus } from './modelStatus';
import type { OpenConversation } from './openConversation';

export interface QuestionsOptions {
  readonly api: Pick<JanApi, 'data' | 'inference'>;
  readonly log: Logger;
  readonly strings: ChatStrings;
  /** URI of this window's folder, if it has one. */
  readonly folder: string | undefined;
  readonly drafts: Drafts;
  readonly pending: PendingAttachments;
  readonly answers: Answers;
  readonly models: ModelStatus;
  readonly open: OpenConversation;
  /** A question is on its way: what failed before is past. */
  readonly onAsk: () => void;
  /** A question was stored. */
  readonly onMessage: (message: Message) => void;
  /** A conversation was made or changed. */
  readonly onUpdate: (conversation: Conversation) => void;
  /** An answer has ended. */
  readonly onAnswered: (conversation: Conversation) => Promise<void>;
}

export class Questions {
  readonly #titles: ConversationTitles;
  #isCreating = false;

  constructor(private readonly options: QuestionsOptions) {
    this.#titles = new ConversationTitles(options.api, options.log);
  }

  async send(conversationId: string | null, text: string): Promise<void> {
    const content = text.trim();
    const attachments = this.options.pending.of(conversationId);
    if (content === '' && attachments.length === 0) {
      return;
    }
    if (conversationId === null ? this.#isCreating : this.options.answers.isAnswering(conversationId)) {
      return this.#restoreDraft(conversationId, text);
    }
    this.#titles.cancel();
    this.options.drafts.set(conversationId, '');
    this.options.pending.set(conversationId, []);
    this.options.onAsk();
    let conversation: Conversation;
    let question: Message;
    let id = conversationId;
    try {
      conversation = id === null ? await this.#create(nameFor(content, attachments)) : await this.options.api.data.getConversation(id);
      id = conversation.id;
      const parentId = this.options.open.thread?.conversation.id === id ? this.options.open.thread.endId : (conversation.activeMessageId ?? null);
      question = await this.options.api.data.createMessage({ conversationId: id, parentId, role: 'user', content, attachments });
    } catch (error) {
      this.options.pending.set(id, attachments);
      this.#restoreDraft(id, text);
      throw error;
    }
    this.options.onMessage(question);
    if (conversation.name === '') {
      conversation = await this.options.api.data.updateConversation({ id, name: nameFor(content, attachments) });
      this.options.onUpdate(conversation);
    }
    await this.#answer(conversation, question.id);
  }

  async #create(name: string): Promise<Conversation> {
    this.#isCreating = true;
    try {
      const modelId = this.options.models.choice;
      const conversation = await this.options.api.data.createConversation({
        name,
        ...(modelId === undefined ? {} : { modelId }),
        ...(this.options.folder === undefined ? {} : { workspace: this.options.folder }),
      });
      this.options.onUpdate(conversation);
      if (this.options.open.id === null) {
        this.options.open.becomes(conversation);
      }
      return conversation;
    } finally {
      this.#isCreating = false;
    }
  }

  async #answer(conversation: Conversation, parentId: string): Promise<void> {
    const modelId = conversation.modelId ?? this.options.models.item(undefined).id ?? undefined;
    const generation = await this.options.answers.answer(conversation, parentId, modelId);
    if (generation?.saveError !== undefined) {
      const { code, message } = generation.saveError;
      throw new JanError(code, this.options.strings.notSaved.replace('{0}', () => message));
    }
    await this.options.onAnswered(conversation);
    await this.#nameByModel(conversation, parentId, generation?.messageId);
  }

  /** Only by a model of this machine that can: a remote one is asked nothing that the user did not ask. */
  async #nameByModel(conversation: Conversation, questionId: string, answerId: string | undefined): Promise<void> {
    const { thread } = this.options.open;
    const question = thread?.tree.get(questionId);
    const answer = answerId === undefined ? undefined : thread?.tree.get(answerId);
    if (question === undefined || answer?.modelId === undefined) {
      return;
    }
    const model = this.options.models.item(answer.modelId);
    if (!model.starter && !model.remote && model.state === 'ready') {
      const named = await this.#titles.name(conversation, question, answer);
      if (named !== undefined) {
        this.options.onUpdate(named);
      }
    }
  }

  async again(messageId: string): Promise<void> {
    const { thread } = this.options.open;
    const message = thread?.tree.get(messageId);
    const questionId = message?.role === 'assistant' ? message.parentId : message?.id;
    if (thread !== undefined && typeof questionId === 'string' && !this.options.answers.isAnswering(thread.conversation.id)) {
      this.options.onAsk();
      await this.#answer(thread.conversation, questionId);
    }
  }

  /** The same, with a model that has ended the engine before. */
  async againAnyway(messageId: string): Promise<void> {
    const { thread } = this.options.open;
    const { modelId = thread?.conversation.modelId } = thread?.tree.get(messageId) ?? {};
    if (thread !== undefined && modelId !== undefined) {
      await this.options.api.inference.initModel(modelId, { ...thread.conversation.settings?.load, retryCrashed: true });
      await this.again(messageId);
    }
  }

  async inOtherWords(messageId: string, text: string): Promise<void> {
    const { thread } = this.options.open;
    const message = thread?.tree.get(messageId);
    const content = text.trim();
    if (thread === undefined || message?.role !== 'user' || content === '') {
      return;
    }
    const conversationId = thread.conversation.id;
    if (this.options.answers.isAnswering(conversationId)) {
      return;
    }
    const { parentId, attachments } = message;
    const question = await this.options.api.data.createMessage({
      conversationId,
      parentId,
      role: 'user',
      content,
      ...(attachments === undefined ? {} : { attachments }),
    });
    this.options.onMessage(question);
    await this.#answer(thread.conversation, question.id);
  }

  #restoreDraft(conversationId: string | null, text: string): void {
    this.options.drafts.set(conversationId, text);
    if (conversationId === this.options.open.id) {
      this.options.open.resetDraft();
    }
  }
}

/** A message of files alone is named after the first. */
function nameFor(content: string, attachments: readonly Attachment[]): string {
  return conversationNameFrom(content === '' ? (attachments[0]?.name ?? '') : content);
}
