// <jan-composer>: the box for the next message, the model that will answer, and Send or Stop.
// Must not know: messages already sent, but for the last one's text.

import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { maxTextLength, type AttachmentItem, type DraftItem, type ModelItem, type TokenCountItem } from '../src/protocol/chatProtocol';
import { attachFrom, attachmentChips } from './attachments';
import { fill, formatCount } from './format';
import { postToHost } from './host';
import { icon, iconButton, progressRing } from './kit';
import { strings } from './strings';

export class Composer extends LitElement {
  static override properties = {
    conversationId: { attribute: false },
    draft: { attribute: false },
    model: { attribute: false },
    isAnswering: { attribute: false },
    lastText: { attribute: false },
    attachments: { attribute: false },
    tokens: { attribute: false },
    text: { state: true },
    isSending: { state: true },
  };

  declare conversationId: string | null;
  declare draft: DraftItem;
  declare model: ModelItem;
  declare isAnswering: boolean;
  /** What ↑ in the empty box brings back. */
  declare lastText: string;
  declare attachments: readonly AttachmentItem[];
  declare tokens: TokenCountItem | null;
  declare private text: string;
  /** Sent, and the host has not said anything since: a second Enter would send twice. */
  declare private isSending: boolean;
  #revision = -1;

  constructor() {
    super();
    this.text = '';
    this.lastText = '';
    this.attachments = [];
    this.tokens = null;
    this.isSending = false;
    this.isAnswering = false;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  /** Also when the box is not drawn yet. */
  override focus(): void {
    void this.updateComplete.then(() => this.querySelector('textarea')?.focus());
  }

  /** The host has spoken. */
  settle(): void {
    this.isSending = false;
  }

  /** Sends a text that was not typed. */
  submit(text: string): void {
    if ((text.trim() === '' && this.attachments.length === 0) || text.length > maxTextLength || this.isAnswering || this.isSending) {
      return;
    }
    this.isSending = true;
    this.text = '';
    postToHost({ type: 'send', conversationId: this.conversationId, text });
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('draft') && this.draft.revision !== this.#revision) {
      this.#revision = this.draft.revision;
      this.text = this.draft.text;
    }
  }

  protected override render(): TemplateResult {
    const isEmpty = this.text.trim() === '' && this.attachments.length === 0;
    return html`<div class="composer">
      ${attachmentChips(this.attachments, null, (index) => this.#remove(index))}
      <textarea
        rows="1"
        placeholder=${strings().placeholder}
        aria-label=${strings().messageInput}
        .value=${this.text}
        @input=${(event: InputEvent) => this.#onInput(event)}
        @keydown=${(event: KeyboardEvent) => this.#onKey(event)}
        @paste=${(event: ClipboardEvent) => this.#onPaste(event)}
      ></textarea>
      <div class="composer-bar">
        ${iconButton({
          icon: 'attach',
          label: strings().attach,
          onClick: () => postToHost({ type: 'attach', conversationId: this.conversationId }),
        })}
        ${this.#picker()}
        <span class="spacer"></span>
        ${this.#length()} ${this.#place()}
        ${this.isAnswering
          ? iconButton({
              icon: 'debug-stop',
              label: strings().stop,
              className: 'send stop',
              onClick: () => postToHost({ type: 'stop' }),
            })
          : iconButton({
              icon: 'send',
              label: strings().send,
              className: 'send',
              isDisabled: isEmpty || this.text.length > maxTextLength || this.isSending,
              onClick: () => this.submit(this.text),
            })}
      </div>
    </div>`;
  }

  #picker(): TemplateResult {
    const { model } = this;
    const place = model.remote ? strings().remote : strings().local;
    const name = model.state === 'none' ? strings().noModel : model.name === '' ? strings().pickModel : model.name;
    const loading =
      model.progress === null
        ? strings().loadingModel
        : fill(strings().loadingModelPercent, Math.round(model.progress * 100));
    const hints = [name, model.starter ? strings().starter : '', model.id === null ? '' : place].filter(Boolean);
    return html`<button
      type="button"
      class="picker"
      title=${[...hints, strings().pickModel].join('\n')}
      aria-label="${strings().pickModel}: ${hints.join('. ')}"
      @click=${() => postToHost({ type: 'pickModel' })}
    >
      ${model.state === 'loading' ? progressRing(loading) : icon('chip')}
      <span class="picker-name">${name}</span>
      ${model.starter ? html`<span class="picker-tag">${strings().starterTag}</span>` : nothing}
      ${model.state === 'loading' && model.progress !== null
        ? html`<span class="picker-progress">${Math.round(model.progress * 100)} %</span>`
        : nothing}
      ${icon('chevron-down')}
    </button>`;
  }

  /** How much of the model's context this would fill; said by the model itself. */
  #length(): TemplateResult | typeof nothing {
    const language = document.documentElement.lang;
    const locale = language === '' ? undefined : language;
    const number = (value: number): string => new Intl.NumberFormat(locale).format(value);
    if (this.text.length > maxTextLength) {
      return tokenCount(fill(strings().textTooLong, number(maxTextLength)), `> ${formatCount(maxTextLength, language)}`, undefined, 'warning');
    }
    if (this.tokens === null) {
      return nothing;
    }
    const { count, limit, newest } = this.tokens;
    if (limit === null) {
      return tokenCount(fill(strings().tokenCount, number(count)), formatCount(count, language));
    }
    const isTooLong = newest !== null && newest > limit;
    const shown = isTooLong ? newest : count;
    const percent = new Intl.NumberFormat(locale, { style: 'percent' });
    const share = shown > limit ? `> ${percent.format(1)}` : percent.format(shown / limit);
    const wide = `${formatCount(shown, language)} / ${formatCount(limit, language)}`;
    if (isTooLong) {
      return tokenCount(fill(strings().tokenCountTooLong, number(newest), number(limit)), wide, share, 'warning');
    }
    const words = fill(strings().tokenCountOf, number(count), number(limit));
    return count > limit ? tokenCount(`${words} ${strings().tokenCountOver}`, wide, share, 'history') : tokenCount(words, wide, share);
  }

  /** Does what is written leave this machine? Always in sight. */
  #place(): TemplateResult | typeof nothing {
    const { id, remote } = this.model;
    if (id === null || this.model.state === 'unknown') {
      return nothing;
    }
    return html`<span class="place ${remote ? 'is-remote' : ''}" title=${remote ? strings().remote : strings().local}>
      ${icon(remote ? 'cloud' : 'lock')}<span>${remote ? strings().remoteTag : strings().localTag}</span>
    </span>`;
  }

  #onInput(event: InputEvent): void {
    this.text = (event.target as HTMLTextAreaElement).value;
    if (this.text.length > maxTextLength) {
      return;
    }
    postToHost({ type: 'draft', conversationId: this.conversationId, text: this.text });
  }

  /** Also what was dropped beside the box. */
  attach(data: DataTransfer): void {
    void attachFrom(data, this.conversationId);
  }

  /** The focus goes to the next chip, or back to the box. */
  #remove(index: number): void {
    postToHost({ type: 'removeAttachment', conversationId: this.conversationId, index });
    const buttons = [...this.querySelectorAll<HTMLElement>('.chip .icon-button')];
    const next = buttons[index + 1] ?? buttons[index - 1] ?? this.querySelector('textarea');
    next?.focus();
  }

  /** Text that is copied from an office program comes with a picture of itself: the text is meant. */
  #onPaste(event: ClipboardEvent): void {
    const data = event.clipboardData;
    if (data !== null && data.files.length > 0 && data.getData('text/plain') === '') {
      event.preventDefault();
      this.attach(data);
    }
  }

  #onKey(event: KeyboardEvent): void {
    // While an input method composes, its keys are its own (229: Chromium's code for them).
    if (event.isComposing || event.keyCode === 229) {
      return;
    }
    if (event.key === 'Enter' && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      this.submit(this.text);
    } else if (event.key === 'ArrowUp' && this.text === '' && this.lastText !== '') {
      event.preventDefault();
      this.text = this.lastText;
      postToHost({ type: 'draft', conversationId: this.conversationId, text: this.text });
    }
  }
}

customElements.define('jan-composer', Composer);

/** @param mark `warning`: it can't be sent like this */
function tokenCount(hint: string, wide: string, narrow = wide, mark?: 'warning' | 'history'): TemplateResult {
  return html`<span class="token-count ${mark === 'warning' ? 'is-over' : ''}" role="img" title=${hint} aria-label=${hint}>
    ${mark === undefined ? nothing : icon(mark)}<span class="is-wide">${wide}</span><span class="is-narrow">${narrow}</span>
  </span>`;
}
