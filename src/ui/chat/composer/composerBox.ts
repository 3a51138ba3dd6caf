// What is being written to the open conversation and has not been sent: its text, the files that go with it, its length.
// Must not know: how a message is sent, the view, VS Code.

import type { Attachment, ChatRequest, JanApi, Message } from '../../../api/jan';
import { JanError, toJanError } from '../../../common/errors';
import type { Disposable } from '../../../common/lifecycle';
import { maxAttachments, type ChatState, type ChatStrings, type ToHost } from '../../../protocol/chatProtocol';
import { createChatRequest, type ChatSettings } from '../chatRequest';
import type { ChatSurroundings } from '../chatSurroundings';
import { attachmentItem } from '../messageItems';
import type { ModelStatus } from '../modelStatus';
import type { OpenConversation } from '../openConversation';
import { toAttachable, type FoundFile } from './attachable';
import { attachedTexts } from './attachedText';
import type { Drafts } from './drafts';
import type { PendingAttachments } from './pendingAttachments';
import { TokenCounter, type NextRequest } from './tokenCounter';

export interface ComposerBoxOptions {
  readonly api: Pick<JanApi, 'data' | 'inference'>;
  readonly strings: ChatStrings;
  readonly surroundings: Pick<ChatSurroundings, 'chooseFiles' | 'readUris' | 'openAttachment'>;
  readonly drafts: Drafts;
  readonly pending: PendingAttachments;
  readonly open: OpenConversation;
  readonly models: ModelStatus;
  readonly settings: (modelId: string | undefined) => ChatSettings;
  /** Does anyone look, and is the engine free to count? */
  readonly isIdle: () => boolean;
  readonly countDelayMs: number;
  readonly onChange: () => void;
}

type ComposerMessage = Extract<ToHost, { type: 'draft' | 'attach' | 'attachFiles' | 'attachUris' | 'removeAttachment' | 'openAttachment' }>;

export class ComposerBox implements Disposable {
  readonly #counter: TokenCounter;
  #shownOf: string | null | undefined;

  constructor(private readonly options: ComposerBoxOptions) {
    this.#counter = new TokenCounter({
      inference: options.api.inference,
      delayMs: options.countDelayMs,
      request: () => this.#nextRequest(),
      onChange: options.onChange,
    });
  }

  state(): Pick<ChatState, 'draft' | 'attachments' | 'tokens'> {
    const { open, pending } = this.options;
    return { draft: open.draft, attachments: pending.of(open.id).map(attachmentItem), tokens: this.#counter.count };
  }

  /** What a request is made of may have changed: the conversation, its messages, the model. */
  recount(): void {
    if (!this.options.isIdle()) {
      return;
    }
    if (this.#shownOf === this.options.open.id) {
      this.#counter.schedule();
    } else {
      this.#shownOf = this.options.open.id;
      this.#counter.reset();
    }
  }

  async handle(message: ComposerMessage): Promise<void> {
    const { surroundings, open, drafts } = this.options;
    switch (message.type) {
      case 'draft':
        drafts.set(open.resolve(message.conversationId), message.text);
        return this.recount();
      case 'attach':
        return this.attach(await surroundings.chooseFiles(), open.resolve(message.conversationId));
      case 'attachFiles':
        return this.attach(message.files, open.resolve(message.conversationId));
      case 'attachUris':
        return this.attach(await surroundings.readUris(message.uris), open.resolve(message.conversationId));
      case 'removeAttachment':
        return this.#remove(open.resolve(message.conversationId), message.index);
      case 'openAttachment': {
        const attachment = this.#attachmentsOf(message.messageId)[message.index];
        return attachment === undefined ? undefined : surroundings.openAttachment(attachment);
      }
    }
  }

  /**
   * Adds files to the next message; those that can be taken are, whatever is wrong with others.
   * @throws JanError of the first that could not be
   */
  async attach(files: readonly FoundFile[], conversationId = this.options.open.id): Promise<void> {
    const failures: JanError[] = [];
    for (const file of files) {
      await this.#attachOne(file, conversationId).catch((error: unknown) => failures.push(toJanError(error)));
    }
    this.options.onChange();
    this.recount();
    if (failures[0] !== undefined) {
      throw failures[0];
    }
  }

  dispose(): void {
    this.#counter.dispose();
  }

  async #attachOne(file: FoundFile, conversationId: string | null): Promise<void> {
    const { api, pending, strings } = this.options;
    if (pending.of(conversationId).length >= maxAttachments) {
      throw new JanError('invalid-argument', strings.attachTooMany.replace('{0}', () => String(maxAttachments)));
    }
    const { info, bytes } = toAttachable(file, strings);
    const attachment = await api.data.storeAttachment(bytes, info);
    const attached = pending.of(conversationId);
    if (!attached.some((one) => isSame(one, attachment))) {
      pending.set(conversationId, [...attached, attachment]);
    }
  }

  #remove(conversationId: string | null, index: number): void {
    const { pending } = this.options;
    pending.set(
      conversationId,
      pending.of(conversationId).filter((_, at) => at !== index),
    );
    this.options.onChange();
    this.recount();
  }

  #attachmentsOf(messageId: string | null): readonly Attachment[] {
    const { open, pending } = this.options;
    return messageId === null ? pending.of(open.id) : (open.thread?.tree.get(messageId)?.attachments ?? []);
  }

  /** As Answers makes it of what is sent. */
  async #nextRequest(): Promise<NextRequest | undefined> {
    const { api, drafts, open, pending, models, settings } = this.options;
    const { thread, id } = open;
    const model = models.item(thread?.conversation.modelId);
    if (model.id === null || model.state !== 'ready' || (id !== null && thread === undefined)) {
      return undefined;
    }
    const path = thread?.tree.pathTo(thread.endId) ?? [];
    const text = drafts.get(id).trim();
    const attachments = pending.of(id);
    const isWritten = text !== '' || attachments.length > 0;
    if (path.length === 0 && !isWritten) {
      return undefined;
    }
    const whole = isWritten ? [...path, unsentMessage(text, attachments)] : path;
    const texts = await attachedTexts(api.data, whole);
    const requestOf = (messages: readonly Message[]): ChatRequest => createChatRequest(messages, model.id!, thread?.conversation ?? {}, settings(model.id!), texts);
    return {
      whole: requestOf(whole),
      ...(isWritten ? { newest: () => requestOf(whole.filter(({ role }, index) => role === 'system' || index === whole.length - 1)) } : {}),
    };
  }
}

function isSame(one: Attachment, other: Attachment): boolean {
  return one.id === other.id && one.name === other.name && one.range?.startLine === other.range?.startLine && one.range?.endLine === other.range?.endLine;
}

function unsentMessage(content: string, attachments: readonly Attachment[]): Message {
  return { id: '', conversationId: '', parentId: null, role: 'user', content, attachments, status: 'complete', createdAt: 0, updatedAt: 0 };
}
