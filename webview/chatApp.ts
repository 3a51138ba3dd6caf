// <jan-chat>: the whole page, drawn from the host's state.
// Must not know: why the state is as it is.

import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { ChatState, ToWebview } from '../src/protocol/chatProtocol';
import { announcementFor } from './announcements';
import { watchFileDrops } from './attachments';
import { ChatStateCopy } from './chatState';
import { Composer } from './composer';
import { fill } from './format';
import './historyPanel';
import { loadPageMemory, onHostMessage, postToHost, savePageMemory } from './host';
import { button, icon, iconButton } from './kit';
import { errorActions, type MessageView } from './messageView';
import { showFound } from './showFound';
import { StickyScroll } from './stickyScroll';
import { hasStrings, setStrings, strings } from './strings';

const drawnAtOnce = 24;
/** So long an announcement waits for the drawing. */
const framesToDraw = 120;

export class ChatApp extends LitElement {
  static override properties = {
    state: { state: true },
    isHistoryOpen: { state: true },
    announcement: { state: true },
    isAtEnd: { state: true },
    drawnCount: { state: true },
    isDropping: { state: true },
  };

  declare private state: ChatState | undefined;
  declare private isHistoryOpen: boolean;
  declare private announcement: string;
  declare private isAtEnd: boolean;
  /** So many of the last messages are on the page; the others follow when there is time. */
  declare private drawnCount: number;
  /** Files are being dragged over the page. */
  declare private isDropping: boolean;
  readonly #copy = new ChatStateCopy();
  #scroll: StickyScroll | undefined;
  #isScrollRestored = false;
  #isDrawingMore = false;
  #lastPointer = -Infinity;
  /** The last wish of the host to see a message that was fulfilled. */
  #revealed = 0;

  constructor() {
    super();
    this.isHistoryOpen = false;
    this.announcement = '';
    this.isAtEnd = true;
    this.drawnCount = drawnAtOnce;
    this.isDropping = false;
    watchFileDrops({
      onOver: (isOver) => (this.isDropping = isOver),
      onDrop: (data) => this.#composer()?.attach(data),
    });
    onHostMessage((message) => this.#receive(message));
    document.addEventListener('jan-announce', (event) => this.#announce((event as CustomEvent<string>).detail));
    document.addEventListener('keydown', (event) => this.#onKey(event));
    document.addEventListener('pointerdown', () => (this.#lastPointer = performance.now()));
    window.addEventListener('focus', () => this.#onWindowFocus());
    window.addEventListener('pagehide', () => this.#remember());
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override firstUpdated(): void {
    postToHost({ type: 'ready' });
  }

  protected override render(): TemplateResult {
    const { state } = this;
    if (state === undefined || !hasStrings()) {
      return html``;
    }
    return html`${this.#header(state)}
      <main>
        <div class="body">
          ${state.messages.length === 0 ? this.#welcome(state) : this.#messages(state)}
          ${this.isHistoryOpen
            ? html`<jan-history
                .conversations=${state.conversations}
                .hasMore=${state.hasMoreConversations}
                .currentId=${state.conversationId}
                .history=${state.history}
                .found=${state.search}
                @jan-close=${(event: CustomEvent<{ keepsFocus: boolean } | null>) => this.#closeHistory(event.detail?.keepsFocus !== true)}
              ></jan-history>`
            : nothing}
        </div>
        ${this.#notices(state)}
        <jan-composer
          .conversationId=${state.conversationId}
          .draft=${state.draft}
          .attachments=${state.attachments}
          .tokens=${state.tokens}
          .model=${state.model}
          .isAnswering=${state.answering}
          .lastText=${state.messages.findLast((message) => message.role === 'user')?.content ?? ''}
        ></jan-composer>
      </main>
 ${this.isDropping ? html`<div class="drop-hint">${icon('attach')}<span>${strings().dropHint}</span></div>` : nothing}
      <div class="announcer" role="status">${this.announcement}</div>`;
  }

  #header(state: ChatState): TemplateResult {
    const name = state.title === '' ? strings().newConversation : state.title;
    return html`<header class="header">
      ${iconButton({
        icon: this.isHistoryOpen ? 'close' : 'history',
        label: this.isHistoryOpen ? strings().closeHistory : strings().history,
        className: 'history-button',
        isExpanded: this.isHistoryOpen,
        onClick: () => (this.isHistoryOpen ? this.#closeHistory() : (this.isHistoryOpen = true)),
      })}
      <h2 class="title" title=${name}>${name}</h2>
      ${iconButton({
        icon: state.hasSettings ? 'settings-gear' : 'settings',
        label: strings().settings,
        className: state.hasSettings ? 'settings-button is-set' : 'settings-button',
        isDisabled: state.conversationId === null,
        onClick: () => postToHost({ type: 'editSettings' }),
      })}
      ${iconButton({
        icon: 'add',
        label: strings().newConversation,
        className: 'new-button',
        onClick: () => {
          this.isHistoryOpen = false;
          postToHost({ type: 'newConversation' });
        },
      })}
    </header>`;
  }

  #welcome(state: ChatState): TemplateResult {
    if (state.loading) {
      return html`<div class="welcome"></div>`;
    }
    const { model } = state;
    const questions = [
      strings().suggestionWhat,
      strings().suggestionDownload,
      strings().suggestionPrivacy,
      strings().suggestionStop,
    ];
    return html`<div class="welcome">
      <div class="welcome-icon">${icon('comment-discussion')}</div>
      <h1>${strings().welcomeTitle}</h1>
      ${model.starter ? html`<p>${strings().welcomeStarter}</p>` : nothing}
      ${model.state === 'none'
        ? html`<p>${strings().welcomeNoModel}</p>
            ${errorActions(['downloadModel', 'addModelFile'], null)}`
        : nothing}
      ${model.starter || model.state === 'unknown'
        ? html`<div class="suggestions" role="group" aria-label=${strings().suggestions}>
            ${questions.map(
              (question) =>
                html`<button type="button" class="suggestion" @click=${() => this.#composer()?.submit(question)}>
                  ${question}
                </button>`,
            )}
          </div>`
        : nothing}
      <p class="welcome-place">
        ${icon(model.remote ? 'cloud' : 'lock')}<span>${model.remote ? strings().remote : strings().welcomeText}</span>
      </p>
    </div>`;
  }

  #messages(state: ChatState): TemplateResult {
    const last = state.messages.at(-1);
    return html`<div class="scroller" tabindex="-1">
        <div class="messages" role="log" aria-live="off" aria-label=${strings().conversation}>
          ${state.earlier > 0 && this.drawnCount >= state.messages.length
            ? html`<div class="earlier">
                ${button({
                  label: fill(strings().showEarlier, state.earlier),
                  appearance: 'secondary',
                  onClick: () => this.#showEarlier(),
                })}
              </div>`
            : nothing}
          ${repeat(
            state.messages.slice(-this.drawnCount),
            (message) => message.id,
            (message) =>
              html`<jan-message
                .message=${message}
                .isLast=${message === last}
                .isBusy=${state.answering}
                .model=${message === last ? state.model : null}
              ></jan-message>`,
          )}
        </div>
      </div>
      ${this.isAtEnd
        ? nothing
        : html`<button type="button" class="jump" @click=${() => this.#scroll?.toEnd()}>
            ${icon('arrow-down')}<span>${strings().jumpToLatest}</span>
          </button>`}`;
  }

  #notices(state: ChatState): TemplateResult {
    const { notice, undo } = state;
    return html`${notice === null
      ? nothing
      : html`<div class="notice" role="alert" data-code=${notice.code}>
          <div class="error-text">
            ${icon('warning')}<span>${notice.message}</span>
            ${iconButton({ icon: 'close', label: strings().dismiss, onClick: () => postToHost({ type: 'dismissNotice' }) })}
          </div>
          ${errorActions(notice.actions, null)}
        </div>`}
    ${undo === null
      ? nothing
      : html`<div class="toast" role="status">
          <span>
            ${undo.count > 1
              ? fill(strings().deletedMany, undo.count)
              : fill(strings().deleted, undo.name === '' ? strings().newConversation : undo.name)}
          </span>
          <button type="button" class="link" @click=${() => postToHost({ type: 'undoDelete' })}>
            ${strings().undo}
          </button>
        </div>`}`;
  }

  #receive(message: ToWebview): void {
    switch (message.type) {
      case 'state':
        if (message.strings !== undefined) {
          setStrings(message.strings);
        }
        this.#copy.setState(message);
        break;
      case 'delta':
        switch (this.#copy.applyDelta(message)) {
          case 'gap':
            postToHost({ type: 'resync' });
            return;
          case 'waiting':
            return;
          case 'applied':
            break;
        }
        break;
      case 'focusInput':
        void this.updateComplete.then(() => this.#composer()?.focus());
        return;
      case 'showHistory':
        this.isHistoryOpen = true;
        return;
    }
    this.#composer()?.settle();
    const before = this.state;
    this.state = this.#copy.state;
    if (this.state !== undefined && hasStrings()) {
      const announcement = announcementFor(before, this.state, strings(), document.documentElement.lang);
      if (announcement !== undefined) {
        void this.updateComplete.then(() => this.#announceWhenDrawn(announcement, framesToDraw));
      }
    }
  }

  protected override willUpdate(changed: PropertyValues): void {
    const before = changed.get('state') as ChatState | undefined;
    if (before !== undefined && before.conversationId !== this.state?.conversationId && before.conversationId !== null) {
      this.#isScrollRestored = true;
      this.drawnCount = drawnAtOnce;
    }
  }

  protected override updated(changed: PropertyValues): void {
    this.#watchScroller();
    if (changed.has('state')) {
      this.#followState(changed.get('state') as ChatState | undefined);
    }
    this.#reveal();
    if (this.drawnCount < (this.state?.messages.length ?? 0)) {
      this.#drawMoreWhenIdle();
    } else {
      this.#restoreScroll();
    }
  }

  /** Brings the message that a search has found into sight, once. */
  #reveal(): void {
    const { state } = this;
    const wanted = state?.reveal ?? null;
    if (state === undefined || wanted === null || wanted.revision === this.#revealed) {
      return;
    }
    const index = state.messages.findIndex((message) => message.id === wanted.messageId);
    const hasToDraw = index < 0 ? 0 : state.messages.length - index;
    if (hasToDraw > this.drawnCount) {
      this.drawnCount = hasToDraw + drawnAtOnce;
      return;
    }
    const view = [...this.querySelectorAll<MessageView>('jan-message')].find((one) => one.message.id === wanted.messageId);
    if (view === undefined || this.#scroll === undefined) {
      return;
    }
    this.#revealed = wanted.revision;
    this.#isScrollRestored = true;
    showFound(view, this.#scroll, this.querySelector('.scroller')!);
    this.#announce(strings().found);
  }

  #drawMoreWhenIdle(): void {
    if (!this.#isDrawingMore) {
      this.#isDrawingMore = true;
      requestIdleCallback(
        () => {
          this.#isDrawingMore = false;
          this.drawnCount += drawnAtOnce / 2;
        },
        { timeout: 200 },
      );
    }
  }

  #followState(before: ChatState | undefined): void {
    const last = this.state?.messages.at(-1);
    if (this.state?.conversationId !== before?.conversationId) {
      this.#scroll?.toEnd();
    } else if (last?.id !== before?.messages.at(-1)?.id && (last?.role === 'user' || this.state?.answering === true)) {
      // What one sends oneself is what one wants to see.
      this.#scroll?.toEnd();
    }
  }

  /** The list comes and goes with the welcome page. */
  #watchScroller(): void {
    const scroller = this.querySelector<HTMLElement>('.scroller');
    const content = this.querySelector<HTMLElement>('.messages');
    if (scroller === null || content === null) {
      this.#scroll?.dispose();
      this.#scroll = undefined;
      this.isAtEnd = true;
    } else if (this.#scroll === undefined) {
      this.#scroll = new StickyScroll(scroller, content, () => (this.isAtEnd = this.#scroll?.isAtEnd ?? true));
      scroller.addEventListener('scrollend', () => this.#remember());
    }
  }

  /** A page that is drawn again after it was hidden is where the reader left it. */
  #restoreScroll(): void {
    if (this.#isScrollRestored || this.#scroll === undefined) {
      return;
    }
    this.#isScrollRestored = true;
    const memory = loadPageMemory();
    const scroller = this.querySelector('.scroller');
    if (scroller !== null && memory?.fromEnd !== undefined && memory.conversationId === this.state?.conversationId) {
      this.#scroll.to(scroller.scrollHeight - memory.fromEnd);
    }
  }

  #remember(): void {
    const scroller = this.querySelector('.scroller');
    const conversationId = this.state?.conversationId ?? null;
    const isElsewhere = scroller !== null && this.#scroll?.isAtEnd === false;
    savePageMemory({ conversationId, ...(isElsewhere ? { fromEnd: scroller.scrollHeight - scroller.scrollTop } : {}) });
  }

  #showEarlier(): void {
    const scroller = this.querySelector('.scroller');
    if (scroller !== null) {
      this.#scroll?.to(Math.max(1, scroller.scrollTop));
    }
    postToHost({ type: 'showEarlier' });
  }

  #onKey(event: KeyboardEvent): void {
    if (event.key === 'Escape' && !event.isComposing && event.keyCode !== 229 && this.state?.answering === true) {
      event.preventDefault();
      postToHost({ type: 'stop' });
    }
  }

  /** The view was given the focus as a whole (a shortcut, F6): one wants to write. A click chose its own place. */
  #onWindowFocus(): void {
    setTimeout(() => {
      const isByPointer = performance.now() - this.#lastPointer < 500;
      if (!isByPointer && document.hasFocus() && document.activeElement === document.body && !this.isHistoryOpen) {
        this.#composer()?.focus();
      }
    });
  }

  #closeHistory(hasFocusBack = true): void {
    this.isHistoryOpen = false;
    if (!hasFocusBack) {
      return;
    }
    void this.updateComplete.then(() => this.querySelector<HTMLElement>('.history-button')?.focus());
  }

  /** What is said to be complete can be read. */
  #announceWhenDrawn(text: string, framesLeft: number): void {
    const isDrawn = this.querySelector('jan-message:last-of-type jan-markdown[aria-busy="true"]') === null;
    if (isDrawn || framesLeft === 0) {
      this.#announce(text);
    } else {
      requestAnimationFrame(() => this.#announceWhenDrawn(text, framesLeft - 1));
    }
  }

  #announce(text: string): void {
    // The same words twice are read twice only when they were gone in between.
    this.announcement = '';
    void this.updateComplete.then(() => (this.announcement = text));
  }

  #composer(): Composer | null {
    const found = this.querySelector('jan-composer');
    return found instanceof Composer ? found : null;
  }
}

customElements.define('jan-chat', ChatApp);
