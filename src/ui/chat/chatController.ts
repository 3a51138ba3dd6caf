// Decides everything about the chat: which conversation is open, what is sent, answered, stopped, shown.
// The view only draws the state that this publishes and sends back what the user did.
// Must not know: VS Code (what it needs of it is handed in), HTML, who implements a service.

import type { Conversation, JanApi, Message } from '../../api/jan';
import { JanError, toJanError } from '../../common/errors';
import { DisposableStore, type Disposable } from '../../common/lifecycle';
import type { Logger } from '../../common/log';
import type { ChatAction, ChatState, ChatStrings, ErrorItem, RevealItem, ToHost, ToWebview } from '../../protocol/chatProtocol';
import { Answers } from './answers';
import type { ChatSettings } from './chatRequest';
import { commandIds } from '../ids';
import { commandOfAction, safeUrl, type ChatSurroundings } from './chatSurroundings';
import { ConversationLibrary } from './conversationLibrary';
import type { FoundFile } from './composer/attachable';
import { ComposerBox } from './composer/composerBox';
import { Drafts, type ChatMemory } from './composer/drafts';
import { PendingAttachments } from './composer/pendingAttachments';
import { actionsForNotice } from './errorActions';
import { ModelStatus } from './modelStatus';
import { OpenConversation } from './openConversation';
import { Questions } from './questions';
import { StatePublisher, type AttachedPage } from './statePublisher';
import { StoreFollower } from './storeFollower';

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

const defaultTimes = { frame: 24, flush: 250, undo: 10_000, refresh: 150, drafts: 400, count: 500 };

export class ChatController implements Disposable {
  readonly #owned = new DisposableStore();
  readonly #times: typeof defaultTimes;
  readonly #publisher: StatePublisher;
  readonly #composer: ComposerBox;
  readonly #library: ConversationLibrary;
  readonly #answers: Answers;
  readonly #models: ModelStatus;
  readonly #open: OpenConversation;
  readonly #questions: Questions;
  readonly #folder: string | undefined;
  #reveal: RevealItem | null = null;
  /** Was open when it was deleted here. */
  #deletedOpen: string | undefined;
  #isLoading = true;
  #notice: ErrorItem | null = null;
  #isAnswering = false;

  constructor(private readonly options: ChatControllerOptions) {
    const { api, log, memory } = options;
    this.#times = { ...defaultTimes, ...options.times };
    this.#publisher = this.#owned.add(new StatePublisher(() => this.#state(), this.#times.frame));
    const drafts = this.#owned.add(new Drafts(memory, this.#times.drafts));
    const pending = new PendingAttachments(memory);
    const changed = (): void => this.#changed();
    this.#folder = options.surroundings.folder();
    this.#library = this.#owned.add(
      new ConversationLibrary({
        api,
        memory,
        folder: this.#folder,
        undoMs: this.#times.undo,
        onChange: changed,
        onUpdate: (conversation) => this.#open.setConversation(conversation),
      }),
    );
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
      drafts,
      writingIn: (id) => this.#answers.get(id)?.messageId,
      onChange: () => {
        changed();
        this.#composer.recount();
      },
    });
    this.#composer = this.#owned.add(
      new ComposerBox({
        api,
        strings: options.strings,
        surroundings: options.surroundings,
        drafts,
        pending,
        open: this.#open,
        models: this.#models,
        settings: options.settings,
        isIdle: () => this.#publisher.isAttached && !this.#answers.isAnswering(this.#open.id),
        countDelayMs: this.#times.count,
        onChange: changed,
      }),
    );
    this.#questions = new Questions({
      api,
      log,
      strings: options.strings,
      folder: this.#folder,
      drafts,
      pending,
      answers: this.#answers,
      models: this.#models,
      open: this.#open,
      onAsk: () => (this.#notice = null),
      onMessage: (message) => this.#put(message, true),
      onUpdate: (conversation) => this.#update(conversation),
      onAnswered: async ({ id }) => {
        this.#composer.recount();
        return this.#publisher.isAttached ? this.#library.list.refresh([id]) : undefined;
      },
    });
    this.#owned.add(
      new StoreFollower({
        api,
        delayMs: this.#times.refresh,
        answers: this.#answers,
        library: this.#library,
        open: this.#open,
        isShown: () => this.#publisher.isAttached,
        onDeleted: () => this.#show(null),
        onError: (error) => this.#report(error),
      }),
    );
    this.#owned.add(
      api.onDidChangeEngine((state) => {
        const known = this.#models.item(this.#modelId).state;
        this.#models.setEngine(state);
        if (this.#models.item(this.#modelId).state !== known) {
          this.#refreshModels();
          this.#composer.recount();
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

  /** Puts files into the box of the open conversation. Never rejects: what could not be attached is said in the view. */
  async attachFiles(find: () => Promise<readonly FoundFile[]>): Promise<void> {
    try {
      await this.#composer.attach(await find());
    } catch (error) {
      this.#report(error);
    }
    this.focusInput();
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
    this.#composer.recount();
    this.#changed();
  }

  dispose(): void {
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
        return this.#questions.send(this.#open.resolve(message.conversationId), message.text);
      case 'stop':
        return this.stopAnswer();
      case 'draft':
      case 'attach':
      case 'attachFiles':
      case 'attachUris':
      case 'removeAttachment':
      case 'openAttachment':
        return this.#composer.handle(message);
      case 'newConversation':
        return this.newConversation();
      case 'openConversation':
        this.#show(message.id);
        return this.#open.read();
      case 'openHit':
        return this.#openHit(message.conversationId, message.messageId);
      case 'fork':
        return this.#fork(message.messageId);
      case 'deleteConversations':
        return this.#delete(message.ids);
      case 'undoDelete':
        return this.#undoDelete();
      case 'exportConversations':
        return surroundings.exportConversations(message.ids);
      case 'renameConversation':
      case 'pinConversation':
      case 'archiveConversations':
      case 'tagConversation':
      case 'showMoreConversations':
      case 'filterHistory':
      case 'search':
      case 'showMoreHits':
        return this.#library.handle(message);
      case 'showEarlier':
        this.#open.thread?.showEarlier();
        return this.#changed();
      case 'regenerate':
        return this.#questions.again(message.messageId);
      case 'edit':
        return this.#questions.inOtherWords(message.messageId, message.text);
      case 'switchBranch':
        return this.#switchBranch(message.messageId);
      case 'pickModel':
        return this.#pickModel();
      case 'editSettings':
        return surroundings.executeCommand(commandIds.conversationSettings);
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
    await Promise.all([this.#library.list.load(), this.#open.read()]).finally(() => {
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

  #update(conversation: Conversation): void {
    this.#library.list.put(conversation);
    this.#open.setConversation(conversation);
  }

  /** Shows the conversation with this message in sight, on whichever branch it is. */
  async #openHit(conversationId: string, messageId: string | null): Promise<void> {
    this.#show(conversationId);
    await this.#open.read();
    const { thread } = this.#open;
    if (messageId === null || thread?.conversation.id !== conversationId || thread.tree.get(messageId) === undefined) {
      return;
    }
    const isShown = thread.tree.pathTo(thread.endId).some((one) => one.id === messageId);
    if (!isShown && !this.#answers.isAnswering(conversationId)) {
      await this.#switchBranch(messageId);
    }
    thread.showFrom(messageId);
    this.#reveal = { messageId, revision: (this.#reveal?.revision ?? 0) + 1 };
    this.#changed();
  }

  async #fork(messageId: string): Promise<void> {
    const { thread } = this.#open;
    if (thread?.tree.get(messageId) !== undefined) {
      const forked = await this.options.api.data.forkConversation(thread.conversation.id, messageId);
      this.#library.list.put(forked);
      this.#show(forked.id);
      await this.#open.read();
      this.#publisher.post({ type: 'focusInput' });
    }
  }

  async #delete(ids: readonly string[]): Promise<void> {
    ids.forEach((id) => this.#answers.stop(id));
    if (this.#open.id !== null && ids.includes(this.#open.id)) {
      this.#deletedOpen = this.#open.id;
      this.#show(null);
    }
    await this.#library.delete(ids);
  }

  async #undoDelete(): Promise<void> {
    const back = await this.#library.undoDelete();
    if (this.#open.id === null && this.#deletedOpen !== undefined && back.includes(this.#deletedOpen)) {
      this.#show(this.#deletedOpen);
      await this.#open.read();
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
      await this.#questions.again(messageId);
    } else if (action === 'tryAnyway' && messageId !== null) {
      await this.#questions.againAnyway(messageId);
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
    const { messages, earlier } = this.#open.thread?.items(generation, nameOfModel, (id) => this.#answers.remarksOn(id)) ?? { messages: [], earlier: 0 };
    return {
      ...this.#library.state(this.#answers.conversationIds, this.#models.all),
      conversationId: this.#open.id,
      title: (this.#open.thread?.conversation ?? this.#library.list.get(this.#open.id ?? ''))?.name ?? '',
      reveal: this.#reveal,
      messages,
      earlier,
      loading: this.#isLoading || (this.#open.id !== null && this.#open.thread === undefined),
      answering: this.#answers.isAnswering(this.#open.id),
      hasSettings: this.#open.hasSettings,
      ...this.#composer.state(),
      model: this.#models.item(this.#modelId),
      notice: this.#notice,
    };
  }
}
