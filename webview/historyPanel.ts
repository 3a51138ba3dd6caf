// <jan-history>: the conversations, to open, rename and delete.
// Must not know: messages.

import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { ChatStrings, ConversationItem } from '../src/protocol/chatProtocol';
import { dayGroupOf, type DayGroup } from './format';
import { postToHost } from './host';
import { button, icon, iconButton, progressRing, textField } from './kit';
import { strings } from './strings';

const groupLabels: Readonly<Record<DayGroup, keyof ChatStrings>> = {
  today: 'today',
  yesterday: 'yesterday',
  lastWeek: 'lastWeek',
  older: 'older',
};

export class HistoryPanel extends LitElement {
  static override properties = {
    conversations: { attribute: false },
    hasMore: { attribute: false },
    currentId: { attribute: false },
    filter: { state: true },
    renamingId: { state: true },
  };

  declare conversations: readonly ConversationItem[];
  declare hasMore: boolean;
  declare currentId: string | null;
  declare private filter: string;
  declare private renamingId: string | null;

  constructor() {
    super();
    this.conversations = [];
    this.hasMore = false;
    this.currentId = null;
    this.filter = '';
    this.renamingId = null;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.updateComplete.then(() => this.#focusable('.history-search')?.focus());
  }

  protected override render(): TemplateResult {
    const wanted = this.filter.trim().toLocaleLowerCase();
    const shown = this.conversations.filter((one) => nameOf(one).toLocaleLowerCase().includes(wanted));
    return html`<div
        class="history"
        role="dialog"
        aria-label=${strings().history}
        @keydown=${(event: KeyboardEvent) => this.#onKey(event)}
      >
        ${textField({
          label: strings().searchHistory,
          placeholder: strings().searchHistory,
          className: 'history-search',
          value: this.filter,
          onInput: (value) => (this.filter = value),
        })}
        <div class="history-list">
          ${shown.length === 0
            ? html`<p class="history-empty">${wanted === '' ? strings().noConversations : strings().noMatches}</p>`
            : this.#groups(shown)}
          ${this.hasMore
            ? button({
                label: strings().showMore,
                appearance: 'secondary',
                className: 'history-more',
                onClick: () => postToHost({ type: 'showMoreConversations' }),
              })
            : nothing}
        </div>
      </div>
      <div class="scrim" @click=${() => this.#close()}></div>`;
  }

  #groups(shown: readonly ConversationItem[]): TemplateResult[] {
    const now = Date.now();
    const groups = Map.groupBy(shown, (one) => dayGroupOf(one.updatedAt, now));
    return [...groups].map(
      ([group, conversations]) => html`<div class="history-group" id="group-${group}">${strings()[groupLabels[group]]}</div>
        <ul aria-labelledby="group-${group}">
          ${repeat(
            conversations,
            (one) => one.id,
            (one) => this.#row(one),
          )}
        </ul>`,
    );
  }

  #row(conversation: ConversationItem): TemplateResult {
    const { id } = conversation;
    if (this.renamingId === id) {
      return html`<li class="row">
        ${textField({
          label: strings().renameHint,
          value: conversation.name,
          className: 'rename',
          onKeyDown: (event, value) => this.#onRenameKey(event, id, value),
          onBlur: () => this.#endRename(id, undefined),
        })}
      </li>`;
    }
    const isCurrent = id === this.currentId;
    return html`<li class="row ${isCurrent ? 'is-current' : ''}">
      <button
        type="button"
        class="row-name"
        data-id=${id}
        aria-current=${isCurrent ? 'true' : nothing}
        title=${nameOf(conversation)}
        @click=${() => this.#open(id)}
      >
        ${conversation.answering ? progressRing(strings().answering) : icon('comment')}
        <span>${nameOf(conversation)}</span>
      </button>
      <span class="row-actions">
        ${iconButton({ icon: 'edit', label: strings().rename, onClick: () => this.#startRename(id) })}
        ${iconButton({ icon: 'trash', label: strings().delete, onClick: () => this.#delete(id) })}
      </span>
    </li>`;
  }

  #open(id: string): void {
    postToHost({ type: 'openConversation', id });
    this.#close();
  }

  #delete(id: string): void {
    const buttons = this.#rows();
    const index = buttons.findIndex((one) => one.dataset['id'] === id);
    const next = buttons[index + 1] ?? buttons[index - 1];
    postToHost({ type: 'deleteConversation', id });
    (next ?? this.#focusable('.history-search'))?.focus();
  }

  #startRename(id: string): void {
    this.renamingId = id;
    void this.updateComplete.then(() => {
      const field = this.#focusable('.rename');
      field?.focus();
      field?.shadowRoot?.querySelector('input')?.select();
    });
  }

  #onRenameKey(event: KeyboardEvent, id: string, value: string): void {
    if (event.isComposing || event.keyCode === 229) {
      return;
    }
    if (event.key === 'Enter') {
      event.preventDefault();
      this.#endRename(id, value);
    } else if (event.key === 'Escape') {
      event.stopPropagation();
      this.#endRename(id, undefined);
    }
  }

  #endRename(id: string, name: string | undefined): void {
    if (this.renamingId !== id) {
      return;
    }
    this.renamingId = null;
    if (name !== undefined && name.trim() !== '') {
      postToHost({ type: 'renameConversation', id, name: name.trim().slice(0, 500) });
    }
    void this.updateComplete.then(() => this.#rows().find((one) => one.dataset['id'] === id)?.focus());
  }

  #onKey(event: KeyboardEvent): void {
    if (event.isComposing) {
      return;
    }
    const rows = this.#rows();
    const row = event.target instanceof HTMLElement && event.target.closest<HTMLElement>('.row')?.querySelector<HTMLElement>('.row-name');
    const index = row instanceof HTMLElement ? rows.indexOf(row) : -1;
    const id = rows[index]?.dataset['id'];
    const isRow = event.target === rows[index];
    if (event.key === 'Escape') {
      event.stopPropagation();
      this.#close();
    } else if (event.key === 'ArrowDown' && this.renamingId === null) {
      event.preventDefault();
      rows[Math.min(rows.length - 1, index + 1)]?.focus();
    } else if (event.key === 'ArrowUp' && this.renamingId === null) {
      event.preventDefault();
      (index <= 0 ? this.#focusable('.history-search') : rows[index - 1])?.focus();
    } else if (event.key === 'F2' && id !== undefined) {
      event.preventDefault();
      this.#startRename(id);
    } else if (event.key === 'Delete' && id !== undefined && isRow) {
      event.preventDefault();
      this.#delete(id);
    }
  }

  #close(): void {
    this.dispatchEvent(new CustomEvent('jan-close', { bubbles: true }));
  }

  #rows(): HTMLElement[] {
    return [...this.querySelectorAll<HTMLElement>('.row-name')];
  }

  #focusable(selector: string): HTMLElement | null {
    return this.querySelector<HTMLElement>(selector);
  }
}

function nameOf(conversation: ConversationItem): string {
  return conversation.name === '' ? strings().newConversation : conversation.name;
}

customElements.define('jan-history', HistoryPanel);
