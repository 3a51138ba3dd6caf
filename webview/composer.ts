// <jan-composer>: the box for the next message, the model that will answer, and Send or Stop.
// Must not know: messages already sent, but for the last one's text.

import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import type { DraftItem, ModelItem } from '../src/protocol/chatProtocol';
import { fill } from './format';
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
    text: { state: true },
    isSending: { state: true },
  };

  declare conversationId: string | null;
  declare draft: DraftItem;
  declare model: ModelItem;
  declare isAnswering: boolean;
  /** What ↑ in the empty box brings back. */
  declare lastText: string;
  declare private text: string;
  /** Sent, and the host has not said anything since: a second Enter would send twice. */
  declare private isSending: boolean;
  #revision = -1;

  constructor() {
    super();
    this.text = '';
    this.lastText = '';
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
    if (text.trim() === '' || this.isAnswering || this.isSending) {
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
    const isEmpty = this.text.trim() === '';
    return html`<div class="composer">
      <textarea
        rows="1"
        placeholder=${strings().placeholder}
        aria-label=${strings().messageInput}
        .value=${this.text}
        @input=${(event: InputEvent) => this.#onInput(event)}
        @keydown=${(event: KeyboardEvent) => this.#onKey(event)}
      ></textarea>
      <div class="composer-bar">
        ${this.#picker()}
        <span class="spacer"></span>
        ${this.#place()}
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
              isDisabled: isEmpty || this.isSending,
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
    postToHost({ type: 'draft', conversationId: this.conversationId, text: this.text });
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
