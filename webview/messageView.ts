// <jan-message>: one message with its state, its numbers and what can be done with it.
// Must not know: other messages, the host's reasons.

import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { maxTextLength, type ChatAction, type ChatStrings, type MessageItem, type ModelItem } from '../src/protocol/chatProtocol';
import { attachmentChips } from './attachments';
import { showDone } from './codeBlock';
import { fill, formatDuration, formatSpeed } from './format';
import { keepEdit, loadPageMemory, postToHost } from './host';
import { button, icon, iconButton, progressRing } from './kit';
import { strings } from './strings';
import './markdownView';

const actionLabels: Readonly<Record<ChatAction, keyof ChatStrings>> = {
  retry: 'actionRetry',
  tryAnyway: 'actionTryAnyway',
  pickModel: 'actionPickModel',
  downloadModel: 'actionDownloadModel',
  addModelFile: 'actionAddModelFile',
  newConversation: 'actionNewConversation',
  restartEngine: 'actionRestartEngine',
  showLog: 'actionShowLog',
};

/** The next steps of an error; the first one stands out. */
export function errorActions(actions: readonly ChatAction[], messageId: string | null): TemplateResult | typeof nothing {
  if (actions.length === 0) {
    return nothing;
  }
  return html`<div class="error-actions">
    ${actions.map((action, index) =>
      button({
        label: strings()[actionLabels[action]],
        appearance: index === 0 ? 'primary' : 'secondary',
        onClick: () => postToHost({ type: 'action', action, messageId }),
      }),
    )}
  </div>`;
}

export class MessageView extends LitElement {
  static override properties = {
    message: { attribute: false },
    model: { attribute: false },
    isLast: { attribute: false },
    isBusy: { attribute: false },
    isEditing: { state: true },
  };

  declare message: MessageItem;
  /** Only of the last message, which shows how loading goes. */
  declare model: ModelItem | null;
  declare isLast: boolean;
  /** An answer is being written in this conversation. */
  declare isBusy: boolean;
  declare private isEditing: boolean;
  /** What has become of the text while it is edited. */
  #edited: string | undefined;

  constructor() {
    super();
    this.model = null;
    this.isLast = false;
    this.isBusy = false;
    this.isEditing = false;
  }

  protected override firstUpdated(): void {
    const kept = loadPageMemory()?.edit;
    if (kept?.messageId === this.message.id) {
      this.#edited = kept.text;
      this.isEditing = true;
    }
  }

  /** Light DOM: the page's styles, icons and selection reach it. */
  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override render(): TemplateResult {
    return this.message.role === 'user' ? this.#user() : this.#assistant();
  }

  #user(): TemplateResult {
    const { message } = this;
    return html`<article class="message user" aria-label=${strings().you}>
      ${this.isEditing
        ? this.#editor()
        : html`<div class="bubble-row">
              ${this.#actions()}
              <div class="bubble">
                ${message.content === '' ? nothing : html`<jan-markdown .source=${message.content}></jan-markdown>`}
                ${attachmentChips(message.attachments, message.id)}
              </div>
            </div>
            ${this.#branches()}`}
    </article>`;
  }

  #assistant(): TemplateResult {
    const { message } = this;
    const isStreaming = message.status === 'streaming';
    const who = message.modelName === '' ? strings().assistant : message.modelName;
    return html`<article class="message assistant" aria-label=${who} aria-busy=${isStreaming}>
      <div class="message-header">${icon('sparkle')}<span class="who">${who}</span></div>
      ${message.reasoning === ''
        ? nothing
        : html`<details class="reasoning" ?open=${isStreaming && message.content === ''}>
            <summary>${strings().reasoning}</summary>
            <jan-markdown .streaming=${isStreaming} .source=${message.reasoning}></jan-markdown>
          </details>`}
      ${message.content === ''
        ? nothing
        : html`<jan-markdown .streaming=${isStreaming} .source=${message.content}></jan-markdown>`}
      ${this.#dropped()} ${this.#cut()} ${this.#status()} ${this.#error()} ${this.#footer()}
    </article>`;
  }

  /** Nothing is left out in silence. */
  #dropped(): TemplateResult | typeof nothing {
    const { dropped } = this.message;
    const text = dropped === 1 ? strings().droppedOne : fill(strings().dropped, dropped);
    return dropped === 0 ? nothing : html`<div class="note dropped">${icon('fold-up')}<span>${text}</span></div>`;
  }

  /** What ends without its end says so. */
  #cut(): TemplateResult | typeof nothing {
    const { cut, content } = this.message;
    const text = cut === 'context' ? strings().cutByContext : strings().cutByLength;
    return cut === null || content === '' ? nothing : html`<div class="note">${icon('ellipsis')}<span>${text}</span></div>`;
  }

  #status(): TemplateResult | typeof nothing {
    const { message, model } = this;
    switch (message.status) {
      case 'streaming': {
        if (message.elsewhere) {
          return html`<div class="note">${icon('multiple-windows')}<span>${strings().elsewhere}</span></div>`;
        }
        if (message.content !== '') {
          return nothing;
        }
        const text =
          model?.state === 'loading'
            ? model.progress === null
              ? strings().loadingModel
              : fill(strings().loadingModelPercent, Math.round(model.progress * 100))
            : strings().thinking;
        return html`<div class="note progress">${progressRing(text)}<span>${text}</span></div>`;
      }
      case 'stopped':
        return html`<div class="note">${icon('circle-slash')}<span>${strings().stopped}</span></div>`;
      case 'interrupted':
        return html`<div class="note">${icon('debug-disconnect')}<span>${strings().interrupted}</span></div>`;
      case 'complete':
        return message.content === '' ? html`<div class="note">${icon('info')}<span>${strings().emptyAnswer}</span></div>` : nothing;
      case 'failed':
        return nothing;
    }
  }

  #error(): TemplateResult | typeof nothing {
    const { error, id } = this.message;
    if (error === null) {
      return nothing;
    }
    return html`<div class="error" role="group" aria-label=${error.message} data-code=${error.code}>
      <div class="error-text">${icon('error')}<span>${error.message}</span></div>
      ${errorActions(error.actions, id)}
    </div>`;
  }

  #footer(): TemplateResult | typeof nothing {
    const { message } = this;
    if (message.content === '' && message.branch === null && message.status === 'streaming') {
      return nothing;
    }
    return html`<div class="footer ${this.isLast ? 'is-last' : ''}">
      ${this.#branches()} ${message.status === 'streaming' ? nothing : this.#actions()} ${this.#stats()}
    </div>`;
  }

  #actions(): TemplateResult {
    const { message } = this;
    const isMine = message.role === 'user';
    return html`<div class="actions">
      ${message.content === ''
        ? nothing
        : iconButton({
            icon: 'copy',
            label: strings().copy,
            onClick: (event) => {
              postToHost({ type: 'copy', text: message.content });
              showDone(event.currentTarget as Element, strings().copied);
            },
          })}
      ${isMine
        ? iconButton({ icon: 'edit', label: strings().edit, isDisabled: this.isBusy, onClick: () => this.#edit() })
        : nothing}
      ${!isMine || this.isLast
        ? iconButton({
            icon: 'refresh',
            label: strings().regenerate,
            isDisabled: this.isBusy,
            onClick: () => postToHost({ type: 'regenerate', messageId: message.id }),
          })
        : nothing}
      ${isMine || message.content === ''
        ? nothing
        : iconButton({
            icon: 'repo-forked',
            label: strings().fork,
            onClick: () => postToHost({ type: 'fork', messageId: message.id }),
          })}
    </div>`;
  }

  #branches(): TemplateResult | typeof nothing {
    const { branch } = this.message;
    if (branch === null) {
      return nothing;
    }
    const to = (messageId: string | null) => (): void => {
      if (messageId !== null) {
        postToHost({ type: 'switchBranch', messageId });
      }
    };
    const place = fill(strings().branchOf, branch.index, branch.count);
    return html`<div class="branches" role="group" aria-label=${place}>
      ${iconButton({
        icon: 'chevron-left',
        label: strings().previousBranch,
        isDisabled: this.isBusy || branch.previousId === null,
        onClick: to(branch.previousId),
      })}
      <span title=${place}>${branch.index}/${branch.count}</span>
      ${iconButton({
        icon: 'chevron-right',
        label: strings().nextBranch,
        isDisabled: this.isBusy || branch.nextId === null,
        onClick: to(branch.nextId),
      })}
    </div>`;
  }

  #stats(): TemplateResult | typeof nothing {
    const { stats } = this.message;
    if (stats?.tokensPerSecond === undefined) {
      return nothing;
    }
    const language = document.documentElement.lang;
    const speed = fill(strings().tokensPerSecond, `${stats.live ? '≈ ' : ''}${formatSpeed(stats.tokensPerSecond, language)}`);
    const more = [
      stats.tokens === undefined ? undefined : fill(strings().tokens, stats.tokens),
      stats.firstTokenMs === undefined ? undefined : fill(strings().firstToken, formatDuration(stats.firstTokenMs)),
      stats.totalMs === undefined ? undefined : formatDuration(stats.totalMs),
    ].filter((one) => one !== undefined);
    return html`<span class="stats" title=${more.join(' · ')}>${speed}</span>`;
  }

  #editor(): TemplateResult {
    return html`<div class="editor">
      <textarea
        class="edit-box"
        aria-label=${strings().edit}
        .value=${this.#edited ?? this.message.content}
        @input=${(event: InputEvent) => this.#keepEdit((event.target as HTMLTextAreaElement).value)}
        @keydown=${(event: KeyboardEvent) => this.#onEditKey(event)}
      ></textarea>
      <div class="editor-actions">
        ${button({ label: strings().cancel, appearance: 'secondary', onClick: () => this.#endEdit() })}
        ${button({ label: strings().sendEdited, isDisabled: this.isBusy, onClick: () => this.#sendEdit() })}
      </div>
    </div>`;
  }

  #edit(): void {
    this.isEditing = true;
    void this.updateComplete.then(() => {
      const box = this.querySelector('textarea');
      box?.focus();
      box?.setSelectionRange(box.value.length, box.value.length);
    });
  }

  #onEditKey(event: KeyboardEvent): void {
    if (event.isComposing || event.keyCode === 229) {
      return;
    }
    if (event.key === 'Escape') {
      event.stopPropagation();
      this.#endEdit();
    } else if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      this.#sendEdit();
    }
  }

  #sendEdit(): void {
    const text = this.querySelector('textarea')?.value ?? '';
    if (this.isBusy || text.length > maxTextLength) {
      return;
    }
    if (text.trim() !== '' && text !== this.message.content) {
      postToHost({ type: 'edit', messageId: this.message.id, text });
    }
    this.#endEdit();
  }

  /** A page that is hidden is drawn anew when it is shown again. */
  #keepEdit(text: string | undefined): void {
    this.#edited = text;
    keepEdit(text === undefined ? undefined : { messageId: this.message.id, text });
  }

  #endEdit(): void {
    this.#keepEdit(undefined);
    this.isEditing = false;
    void this.updateComplete.then(() => this.querySelector<HTMLElement>('.actions .codicon-edit')?.parentElement?.focus());
  }
}

customElements.define('jan-message', MessageView);
