// Decides everything about the chat: which conversation is open, what is sent, answered, stopped, shown.
// The view only draws the state that this publishes and sends back what the user did.
// Must not know: VS Code (what it needs of it is handed in), HTML, who implements a service.

import type { Conversation, JanApi, Message } from '../../api/jan';
import { JanError, isJanError, toJanError } from '../../common/errors';
import { DisposableStore, type Disposable } from '../../common/lifecycle';
import type { Logger } from '../../common/log';
import type { ChatAction, ChatState, ChatStrings, ErrorItem, ToHost, ToWebview } from '../../protocol/chatProtocol';
import { commandIds, type CommandId } from '../ids';
import { Answers } from './answers';
import type { ChatSettings } from './chatRequest';
import { ConversationList } from './conversationList';
import { conversationNameFrom } from './conversationName';
import { Drafts, type ChatMemory } from './drafts';
import { actionsForNotice } from './errorActions';
import { ModelStatus } from './modelStatus';
import { StatePublisher } from './statePublisher';
import { Thread } from './thread';

/** What the controller asks of VS Code. */
export interface ChatSurroundings {
  /** Lets the user choose; `undefined`: they did not. */
  pickModel(currentModelId: string | undefined): Promise<string | undefined>;
  executeCommand(id: CommandId): Promise<void>;
  copyText(text: string): Promise<void>;
  /** Resolves with false when there is no editor to insert into. */
  insertAtCursor(text: string): Promise<boolean>;
  /** The address is http or https. */
  openExternal(url: string): Promise<void>;
  /** An answer is being written in the conversation that is shown. */
  setAnswering(isAnswering: boolean): void;
}

export interface ChatControllerOptions {
  readonly api: JanApi;
  readonly log: Logger;
  readonly strings: ChatStrings;
  /** Per workspace: the open conversation, the chosen model and the drafts. */
  readonly memory: ChatMemory;
  readonly surroundings: ChatSurroundings;
  readonly settings: () => ChatSettings;
  /** ms; the defaults are for use, the option for tests. */
  readonly times?: Partial<typeof defaultTimes>;
}

const defaultTimes = { frame: 24, flush: 250, undo: 6000, refresh: 150, drafts: 400 };

/** The only commands that a button of an error can run. */
const commandOfAction: Readonly<Partial<Record<ChatAction, CommandId>>> = {
  downloadModel: commandIds.downloadModel,
  addModelFile: commandIds.addModelFile,
  restartEngine: commandIds.restartEngine,
  showLog: commandIds.showLog,
};

const memoryKeys = { conversation: 'jan.chat.conversation', model: 'jan.chat.model' } as const;

export class ChatController implements Disposable {
  readonly #owned = new DisposableStore();
  readonly #times: typeof defaultTimes;
  readonly #publisher: StatePublisher;
  readonly #drafts: Drafts;
  readonly #list: ConversationList;
  readonly #answers: Answers;
  readonly #models: ModelStatus;
  #currentId: string | null;
  #thread: Thread | undefined;
  #isLoading = true;
  /** The conversation that the page still shows as a new one. */
  #createdFromNew: string | null = null;
  #draft = { text: '', revision: 0 };
  #notice: ErrorItem | null = null;
  #chosenModel: string | undefined;
  #isCreating = false;
  #isAnswering = false;
  #isThreadStale = false;
  #readingThread: Promise<void> | undefined;
  #refreshTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: ChatControllerOptions) {
    const { api, log, memory } = options;
    this.#times = { ...defaultTimes, ...options.times };
    this.#publisher = this.#owned.add(new StatePublisher(() => this.#state(), this.#times.frame));
    this.#drafts = this.#owned.add(new Drafts(memory, this.#times.drafts));
    const changed = (): void => this.#changed();
    this.#list = this.#owned.add(new ConversationList(api, this.#times.undo, changed, (error) => this.#report(error)));
    this.#models = new ModelStatus(api, log);
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
    this.#currentId = asId(memory.get(memoryKeys.conversation)) ?? null;
    this.#chosenModel = asId(memory.get(memoryKeys.model));
    this.#owned.add(api.onDidChangeConversations((event) => this.#onConversations(event.kind, event.ids)));
    this.#owned.add(
      api.onDidChangeMessages((event) => {
        if (event.conversationId === this.#currentId && !this.#answers.isWriting(event.ids)) {
          this.#isThreadStale = true;
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
  attach(post: (message: ToWebview) => void): Disposable {
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
    if (this.#currentId !== null) {
      this.#answers.stop(this.#currentId);
    }
  }

  focusInput(): void {
    this.#publisher.post({ type: 'focusInput' });
  }

  /** For this conversation and for new ones. */
  async setModel(modelId: string): Promise<void> {
    this.#chosenModel = modelId;
    await this.options.memory.update(memoryKeys.model, modelId);
    const id = this.#currentId;
    if (id !== null) {
      const conversation = await this.options.api.data.updateConversation({ id, modelId });
      this.#list.put(conversation);
      if (this.#thread?.conversation.id === id) {
        this.#thread.setConversation(conversation);
      }
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
        return this.#send(message.conversationId ?? this.#createdFromNew, message.text);
      case 'stop':
        return this.stopAnswer();
      case 'draft':
        return this.#drafts.set(message.conversationId ?? this.#createdFromNew, message.text);
      case 'newConversation':
        return this.newConversation();
      case 'openConversation':
        this.#show(message.id);
        return this.#readThread();
      case 'renameConversation':
        return this.#rename(message.id, message.name);
      case 'deleteConversation':
        return this.#delete(message.id);
      case 'undoDelete':
        if (this.#list.undoDelete(message.id) && this.#currentId === null) {
          this.#show(message.id);
          await this.#readThread();
        }
        return;
      case 'showMoreConversations':
        return this.#list.showMore();
      case 'showEarlier':
        this.#thread?.showEarlier();
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
    this.#setDraft();
    this.#publisher.sendState(this.options.strings);
    const models = this.#models.refresh();
    await Promise.all([this.#list.load(), this.#currentId === null ? undefined : this.#readThread()]).finally(() => {
      this.#isLoading = false;
      this.#changed();
    });
    await models;
    this.#thread?.invalidate();
    this.#changed();
  }

  #show(conversationId: string | null): void {
    if (conversationId === this.#currentId && this.#thread !== undefined) {
      return;
    }
    this.#currentId = conversationId;
    this.#createdFromNew = null;
    this.#thread = undefined;
    this.#notice = null;
    this.#setDraft();
    void this.options.memory.update(memoryKeys.conversation, conversationId);
    this.#changed();
  }

  /** Reads the open conversation, again when it was changed meanwhile. */
  #readThread(): Promise<void> {
    this.#isThreadStale = true;
    this.#readingThread ??= this.#readStaleThread().finally(() => (this.#readingThread = undefined));
    return this.#readingThread;
  }

  async #readStaleThread(): Promise<void> {
    const { data } = this.options.api;
    while (this.#isThreadStale && this.#currentId !== null) {
      this.#isThreadStale = false;
      const id = this.#currentId;
      const version = this.#thread?.version;
      try {
        const [conversation, messages] = await Promise.all([
          data.getConversation(id),
          data.getConversationMessages(id, { branch: 'all' }),
        ]);
        if (this.#currentId !== id || this.#thread?.version !== version) {
          this.#isThreadStale = true;
        } else if (this.#thread === undefined) {
          this.#thread = new Thread(conversation, messages);
        } else {
          this.#thread.replace(conversation, messages, this.#answers.get(id)?.messageId);
        }
      } catch (error) {
        if (this.#currentId !== id) {
          this.#isThreadStale = true;
        } else if (isJanError(error, 'conversation-not-found')) {
          this.#show(null);
        } else {
          throw error;
        }
      }
      this.#changed();
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
      const parentId = this.#thread?.conversation.id === id ? this.#thread.endId : (conversation.activeMessageId ?? null);
      question = await this.options.api.data.createMessage({ conversationId: id, parentId, role: 'user', content });
    } catch (error) {
      this.#restoreDraft(id, text);
      throw error;
    }
    this.#put(question, true);
    if (conversation.name === '') {
      conversation = await this.options.api.data.updateConversation({ id, name: conversationNameFrom(content) });
      this.#list.put(conversation);
    }
    await this.#answer(conversation, question.id);
  }

  async #create(content: string): Promise<Conversation> {
    this.#isCreating = true;
    try {
      const modelId = this.#modelId;
      const conversation = await this.options.api.data.createConversation({
        name: conversationNameFrom(content),
        ...(modelId === undefined ? {} : { modelId }),
      });
      this.#list.put(conversation);
      if (this.#currentId === null) {
        const draft = this.#draft;
        this.#show(conversation.id);
        // The page has its box under control: what is typed meanwhile must stay.
        this.#draft = draft;
        this.#createdFromNew = conversation.id;
        this.#thread = new Thread(conversation, []);
      }
      return conversation;
    } finally {
      this.#isCreating = false;
    }
  }

  async #answer(conversation: Conversation, parentId: string): Promise<void> {
    const modelId = conversation.modelId ?? this.#models.item(this.#validChoice).id ?? undefined;
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
    const thread = this.#thread;
    const message = thread?.tree.get(messageId);
    const questionId = message?.role === 'assistant' ? message.parentId : message?.id;
    if (thread !== undefined && typeof questionId === 'string' && !this.#answers.isAnswering(thread.conversation.id)) {
      this.#notice = null;
      await this.#answer(thread.conversation, questionId);
    }
  }

  async #edit(messageId: string, text: string): Promise<void> {
    const thread = this.#thread;
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
    const thread = this.#thread;
    if (thread?.tree.get(messageId) === undefined) {
      return;
    }
    const activeMessageId = thread.tree.leafBelow(messageId);
    thread.showBranch(activeMessageId);
    this.#changed();
    const conversation = await this.options.api.data.updateConversation({ id: thread.conversation.id, activeMessageId });
    thread.setConversation(conversation);
  }

  async #rename(id: string, name: string): Promise<void> {
    const trimmed = name.trim();
    if (trimmed === '') {
      return;
    }
    const conversation = await this.options.api.data.updateConversation({ id, name: trimmed });
    this.#list.put(conversation);
    if (this.#thread?.conversation.id === id) {
      this.#thread.setConversation(conversation);
    }
  }

  #delete(id: string): void {
    this.#answers.stop(id);
    this.#list.delete(id);
    if (this.#currentId === id) {
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
    if (kind === 'deleted' && this.#currentId !== null && ids.includes(this.#currentId)) {
      this.#answers.stop(this.#currentId);
      this.#show(null);
    } else if (kind === 'updated' && this.#currentId !== null && ids.includes(this.#currentId)) {
      this.#isThreadStale ||= !this.#answers.isAnswering(this.#currentId);
    }
    this.#refreshSoon();
  }

  /** Events come in bursts, and a hidden page needs none: it gets everything when it is shown again. */
  #refreshSoon(): void {
    if (this.#publisher.isAttached) {
      this.#refreshTimer ??= setTimeout(() => {
        this.#refreshTimer = undefined;
        const thread = this.#isThreadStale ? this.#readThread() : undefined;
        Promise.all([this.#list.load(), thread]).catch((error: unknown) => this.#report(error));
      }, this.#times.refresh);
    }
  }

  #refreshModels(): void {
    if (this.#publisher.isAttached) {
      void this.#models.refresh().then(() => {
        this.#thread?.invalidate();
        this.#changed();
      });
    }
  }

  #put(message: Message, isNew: boolean): void {
    if (this.#thread?.conversation.id === message.conversationId) {
      this.#thread.put(message, isNew);
    }
    this.#changed();
  }

  #setDraft(): void {
    this.#draft = { text: this.#drafts.get(this.#currentId), revision: this.#draft.revision + 1 };
  }

  #restoreDraft(conversationId: string | null, text: string): void {
    this.#drafts.set(conversationId, text);
    if (conversationId === this.#currentId) {
      this.#setDraft();
      this.#changed();
    }
  }

  #report(error: unknown): void {
    const known = toJanError(error);
    this.options.log.warn('chat:', known.code);
    this.#notice = { code: known.code, message: known.message, actions: actionsForNotice(known.code) };
    this.#changed();
  }

  get #validChoice(): string | undefined {
    return this.#chosenModel !== undefined && this.#models.has(this.#chosenModel) ? this.#chosenModel : undefined;
  }

  /** The conversation's model, else the user's last choice while it exists; `undefined`: whatever is loaded. */
  get #modelId(): string | undefined {
    return this.#thread?.conversation.modelId ?? this.#validChoice;
  }

  #changed(): void {
    const isAnswering = this.#answers.isAnswering(this.#currentId);
    if (isAnswering !== this.#isAnswering) {
      this.#isAnswering = isAnswering;
      this.options.surroundings.setAnswering(isAnswering);
    }
    this.#publisher.schedule();
  }

  #state(): ChatState {
    const generation = this.#answers.get(this.#currentId);
    const nameOfModel = (id?: string): string => this.#models.nameOf(id);
    const { messages, earlier } = this.#thread?.items(generation, nameOfModel) ?? { messages: [], earlier: 0 };
    const undo = this.#list.undo;
    return {
      conversations: this.#list.shown.map(({ id, name, updatedAt }) => ({
        id,
        name,
        updatedAt,
        answering: this.#answers.isAnswering(id),
      })),
      hasMoreConversations: this.#list.hasMore,
      conversationId: this.#currentId,
      messages,
      earlier,
      loading: this.#isLoading || (this.#currentId !== null && this.#thread === undefined),
      answering: this.#answers.isAnswering(this.#currentId),
      draft: this.#draft,
      model: this.#models.item(this.#modelId),
      notice: this.#notice,
      undo: undo === undefined ? null : { conversationId: undo.id, name: undo.name },
    };
  }
}

function asId(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= 200 ? value : undefined;
}

/** @throws JanError `denied` for anything but http and https */
function safeUrl(text: string, refusal: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new JanError('denied', refusal.replace('{0}', () => text.slice(0, 200)));
  }
  return url.href;
}
