// Decides everything about the chat: which conversation is open, what is sent, answered, stopped, shown.
// The view only draws the state that this publishes and sends back what the user did.
// Must not know: VS Code (what it needs of it is handed in), HTML, who implements a service.

import type { Conversation, JanApi, Message } from '../../api/jan';
import { JanError, toJanError } from '../../common/errors';
import { DisposableStore, type Disposable } from '../../common/lifecycle';
import type { Logger } from '../../common/log';
import type { ChatAction, ChatState, ChatStrings, ErrorItem, ToHost, ToWebview } from '../../protocol/chatProtocol';
import { Answers } from './answers';
import type { ChatSettings } from './chatRequest';
import { commandOfAction, safeUrl, type ChatSurroundings } from './chatSurroundings';
import { ConversationList } from './conversationList';
import { conversationNameFrom } from './conversationName';
import { Drafts, type ChatMemory } from './drafts';
import { actionsForNotice } from './errorActions';
import { ModelStatus } from './modelStatus';
import { OpenConversation } from './openConversation';
import { StatePublisher, type AttachedPage } from './statePublisher';

export interface ChatControllerOptions {
  readonly api: JanApi;
  readonly log: Logger;
  readonly strings: ChatStrings;
  /** Per workspace: the open conversation, the chosen model and the drafts. */
  readonly memory: ChatMemory;
  readonly surroundings: ChatSurroundings;
  readonly settings: (modelId: string | undefined) => ChatSettings;
  /** ms; the defaults are for use, the option for tests. */
  readonly times?: Partial<typeof defaultTimes>;
}

const defaultTimes = { frame: 24, flush: 250, undo: 6000, refresh: 150, drafts: 400 };

export class ChatController implements Disposable {
  readonly #owned = new DisposableStore();
  readonly #times: typeof defaultTimes;
  readonly #publisher: StatePublisher;
  readonly #drafts: Drafts;
  readonly #list: ConversationList;
  readonly #answers: Answers;
  readonly #models: ModelStatus;
  readonly #open: OpenConversation;
  #isLoading = true;
  #notice: ErrorItem | null = null;
  #isCreating = false;
  #isAnswering = false;
  #refreshTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: ChatControllerOptions) {
    const { api, log, memory } = options;
    this.#times = { ...defaultTimes, ...options.times };
    this.#publisher = this.#owned.add(new StatePublisher(() => this.#state(), this.#times.frame));
    this.#drafts = this.#owned.add(new Drafts(memory, this.#times.drafts));
    const changed = (): void => this.#changed();
    this.#list = this.#owned.add(new ConversationList(api, this.#times.undo, changed, (error) => this.#report(error)));
    this.#models = new ModelStatus(api, log, memory);
    this.#answers = this.#owned.add(
      new Answers({
        api,
        log,
        flushMs: this.#times.flush,
        settings: options.settings,
        onChange: changed,
        onMessage: (message, isNew) => this.#put(message, isNew),
      }),
    );
    this.#open = new OpenConversation({
      api,
      memory,
      drafts: this.#drafts,
      writingIn: (id) => this.#answers.get(id)?.messageId,
      onChange: changed,
    });
    this.#owned.add(api.onDidChangeConversations((event) => this.#onConversations(event.kind, event.ids)));
    this.#owned.add(
      api.onDidChangeMessages((event) => {
        if (event.conversationId === this.#open.id && !this.#answers.isWriting(event.ids)) {
          this.#open.isStale = true;
          this.#refreshSoon();
        }
      }),
    );
    this.#owned.add(
      api.onDidChangeEngine((state) => {
        const known = this.#models.item(this.#modelId).state;
        this.#models.setEngine(state);
        if (this.#models.item(this.#modelId).state !== known) {
          this.#refreshModels();
        }
        this.#changed();
      }),
    );
    this.#owned.add(api.onDidChangeModels(() => this.#refreshModels()));
    this.#owned.add(api.onDidChangePlugins(() => this.#refreshModels()));
  }

  /** Connects a page; disposing disconnects it. Answers go on without one. */
  attach(post: (message: ToWebview) => void): AttachedPage {
    return this.#publisher.attach(post);
  }

  /** What the user did. Never rejects: what fails is shown in the state. */
  async handle(message: ToHost): Promise<void> {
    try {
      await this.#handle(message);
    } catch (error) {
      this.#report(error);
    }
  }

  /** Shows an empty conversation; it is created with its first message. */
  newConversation(): void {
    this.#show(null);
    this.#publisher.post({ type: 'focusInput' });
  }

  stopAnswer(): void {
    if (this.#open.id !== null) {
      this.#answers.stop(this.#open.id);
    }
  }

  focusInput(): void {
    this.#publisher.post({ type: 'focusInput' });
  }

  /** For this conversation and for new ones. */
  async setModel(modelId: string): Promise<void> {
    this.#models.choose(modelId);
    const { id } = this.#open;
    if (id !== null) {
      this.#update(await this.options.api.data.updateConversation({ id, modelId }));
    }
    this.#changed();
  }

  dispose(): void {
    clearTimeout(this.#refreshTimer);
    this.#owned.dispose();
  }

  async #handle(message: ToHost): Promise<void> {
    const { surroundings, strings } = this.options;
    switch (message.type) {
      case 'ready':
        return this.#start();
      case 'resync':
        return this.#publisher.sendState();
      case 'send':
        return this.#send(this.#open.resolve(message.conversationId), message.text);
      case 'stop':
        return this.stopAnswer();
      case 'draft':
        return this.#drafts.set(this.#open.resolve(message.conversationId), message.text);
      case 'newConversation':
        return this.newConversation();
      case 'openConversation':
        this.#show(message.id);
        return this.#open.read();
      case 'renameConversation':
        return this.#rename(message.id, message.name);
      case 'deleteConversation':
        return this.#delete(message.id);
      case 'undoDelete':
        if (this.#list.undoDelete(message.id) && this.#open.id === null) {
          this.#show(message.id);
          await this.#open.read();
        }
        return;
      case 'showMoreConversations':
        return this.#list.showMore();
      case 'showEarlier':
        this.#open.thread?.showEarlier();
        return this.#changed();
      case 'regenerate':
        return this.#regenerate(message.messageId);
      case 'edit':
        return this.#edit(message.messageId, message.text);
      case 'switchBranch':
        return this.#switchBranch(message.messageId);
      case 'pickModel':
        return this.#pickModel();
      case 'action':
        return this.#act(message.action, message.messageId);
      case 'dismissNotice':
        this.#notice = null;
        return this.#changed();
      case 'copy':
        return surroundings.copyText(message.text);
      case 'insert':
        if (!(await surroundings.insertAtCursor(message.text))) {
          throw new JanError('unsupported', strings.noEditor);
        }
        return;
      case 'openLink':
        return surroundings.openExternal(safeUrl(message.url, strings.linkRefused));
    }
  }

  /** A page is up, new or again: it gets strings and state at once, and what has to be read as it comes. */
  async #start(): Promise<void> {
    this.#open.resetDraft();
    this.#publisher.sendState(this.options.strings);
    const models = this.#models.refresh();
    await Promise.all([this.#list.load(), this.#open.read()]).finally(() => {
      this.#isLoading = false;
      this.#changed();
    });
    await models;
    this.#open.thread?.invalidate();
    this.#changed();
  }

  #show(conversationId: string | null): void {
    if (this.#open.show(conversationId)) {
      this.#notice = null;
    }
  }

  async #send(conversationId: string | null, text: string): Promise<void> {
    const content = text.trim();
    if (content === '') {
      return;
    }
    if (conversationId === null ? this.#isCreating : this.#answers.isAnswering(conversationId)) {
      return this.#restoreDraft(conversationId, text);
    }
    this.#drafts.set(conversationId, '');
    this.#notice = null;
    let conversation: Conversation;
    let question: Message;
    let id = conversationId;
    try {
      conversation = id === null ? await this.#create(content) : await this.options.api.data.getConversation(id);
      id = conversation.id;
      const parentId = this.#open.thread?.conversation.id === id ? this.#open.thread.endId : (conversation.activeMessageId ?? null);
      question = await this.options.api.data.createMessage({ conversationId: id, parentId, role: 'user', content });
    } catch (error) {
      this.#restoreDraft(id, text);
      throw error;
    }
    this.#put(question, true);
    if (conversation.name === '') {
      conversation = await this.options.api.data.updateConversation({ id, name: conversationNameFrom(content) });
      this.#update(conversation);
    }
    await this.#answer(conversation, question.id);
  }

  async #create(content: string): Promise<Conversation> {
    this.#isCreating = true;
    try {
      const modelId = this.#models.choice;
      const conversation = await this.options.api.data.createConversation({
        name: conversationNameFrom(content),
        ...(modelId === undefined ? {} : { modelId }),
      });
      this.#list.put(conversation);
      if (this.#open.id === null) {
        this.#open.becomes(conversation);
      }
      return conversation;
    } finally {
      this.#isCreating = false;
    }
  }

  async #answer(conversation: Conversation, parentId: string): Promise<void> {
    const modelId = conversation.modelId ?? this.#models.item(undefined).id ?? undefined;
    const generation = await this.#answers.answer(conversation, parentId, modelId);
    if (generation?.saveError !== undefined) {
      const { code, message } = generation.saveError;
      throw new JanError(code, this.options.strings.notSaved.replace('{0}', () => message));
    }
    if (this.#publisher.isAttached) {
      await this.#list.load();
    }
  }

  async #regenerate(messageId: string): Promise<void> {
    const { thread } = this.#open;
    const message = thread?.tree.get(messageId);
    const questionId = message?.role === 'assistant' ? message.parentId : message?.id;
    if (thread !== undefined && typeof questionId === 'string' && !this.#answers.isAnswering(thread.conversation.id)) {
      this.#notice = null;
      await this.#answer(thread.conversation, questionId);
    }
  }

  async #edit(messageId: string, text: string): Promise<void> {
    const { thread } = this.#open;
    const message = thread?.tree.get(messageId);
    const content = text.trim();
    if (thread === undefined || message?.role !== 'user' || content === '') {
      return;
    }
    const conversationId = thread.conversation.id;
    if (this.#answers.isAnswering(conversationId)) {
      return;
    }
    const { parentId } = message;
    const question = await this.options.api.data.createMessage({ conversationId, parentId, role: 'user', content });
    this.#put(question, true);
    await this.#answer(thread.conversation, question.id);
  }

  async #switchBranch(messageId: string): Promise<void> {
    const { thread } = this.#open;
    if (thread?.tree.get(messageId) === undefined) {
      return;
    }
    const activeMessageId = thread.tree.leafBelow(messageId);
    thread.showBranch(activeMessageId);
    this.#changed();
    this.#update(await this.options.api.data.updateConversation({ id: thread.conversation.id, activeMessageId }));
  }

  async #rename(id: string, name: string): Promise<void> {
    const trimmed = name.trim();
    if (trimmed !== '') {
      this.#update(await this.options.api.data.updateConversation({ id, name: trimmed }));
    }
  }

  #update(conversation: Conversation): void {
    this.#list.put(conversation);
    this.#open.setConversation(conversation);
  }

  #delete(id: string): void {
    this.#answers.stop(id);
    this.#list.delete(id);
    if (this.#open.id === id) {
      this.#show(null);
    }
  }

  async #pickModel(): Promise<void> {
    const modelId = await this.options.surroundings.pickModel(this.#models.item(this.#modelId).id ?? undefined);
    if (modelId !== undefined) {
      await this.setModel(modelId);
    }
  }

  async #act(action: ChatAction, messageId: string | null): Promise<void> {
    const command = commandOfAction[action];
    if (command !== undefined) {
      await this.options.surroundings.executeCommand(command);
    } else if (action === 'pickModel') {
      await this.#pickModel();
    } else if (action === 'newConversation') {
      this.newConversation();
    } else if (action === 'retry' && messageId !== null) {
      await this.#regenerate(messageId);
    }
  }

  #onConversations(kind: 'created' | 'updated' | 'deleted', ids: readonly string[]): void {
    const { id } = this.#open;
    if (id !== null && ids.includes(id)) {
      if (kind === 'deleted') {
        this.#answers.stop(id);
        this.#show(null);
      } else if (!this.#answers.isAnswering(id)) {
        this.#open.isStale = true;
      }
    }
    this.#refreshSoon();
  }

  /** Events come in bursts, and a hidden page needs none: it gets everything when it is shown again. */
  #refreshSoon(): void {
    if (this.#publisher.isAttached) {
      this.#refreshTimer ??= setTimeout(() => {
        this.#refreshTimer = undefined;
        const reading = this.#open.isStale ? this.#open.read() : undefined;
        Promise.all([this.#list.load(), reading]).catch((error: unknown) => this.#report(error));
      }, this.#times.refresh);
    }
  }

  #refreshModels(): void {
    if (this.#publisher.isAttached) {
      void this.#models.refresh().then(() => {
        this.#open.thread?.invalidate();
        this.#changed();
      });
    }
  }

  #put(message: Message, isNew: boolean): void {
    const { thread } = this.#open;
    if (thread?.conversation.id === message.conversationId) {
      thread.put(message, isNew);
    }
    this.#changed();
  }

  #restoreDraft(conversationId: string | null, text: string): void {
    this.#drafts.set(conversationId, text);
    if (conversationId === this.#open.id) {
      this.#open.resetDraft();
    }
  }

  #report(error: unknown): void {
    const known = toJanError(error);
    this.options.log.warn('chat:', known.code);
    this.#notice = { code: known.code, message: known.message, actions: actionsForNotice(known.code) };
    this.#changed();
  }

  /** The conversation's own model; absent: the user's last choice or what there is. */
  get #modelId(): string | undefined {
    return this.#open.thread?.conversation.modelId;
  }

  #changed(): void {
    const isAnswering = this.#answers.isAnswering(this.#open.id);
    if (isAnswering !== this.#isAnswering) {
      this.#isAnswering = isAnswering;
      this.options.surroundings.setAnswering(isAnswering);
    }
    this.#publisher.schedule();
  }

  #state(): ChatState {
    const generation = this.#answers.get(this.#open.id);
    const nameOfModel = (id?: string): string => this.#models.nameOf(id);
    const { messages, earlier } = this.#open.thread?.items(generation, nameOfModel) ?? { messages: [], earlier: 0 };
    return {
      conversations: this.#list.items((id) => this.#answers.isAnswering(id)),
      hasMoreConversations: this.#list.hasMore,
      conversationId: this.#open.id,
      messages,
      earlier,
      loading: this.#isLoading || (this.#open.id !== null && this.#open.thread === undefined),
      answering: this.#answers.isAnswering(this.#open.id),
      draft: this.#open.draft,
      model: this.#models.item(this.#modelId),
      notice: this.#notice,
      undo: this.#list.undo,
    };
  }
}
