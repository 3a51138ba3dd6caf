// <jan-history>: the conversations, to find, open, rename, pin, archive, tag, export and delete.
// Must not know: messages, what the host makes of a wish.

import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { ChatStrings, ConversationItem, HistoryFilter, HistoryItem, SearchHitItem, SearchItem } from '../src/protocol/chatProtocol';
import { dayGroupOf, fill, type DayGroup } from './format';
import { filterBar, isFiltered, noSearchFilter, scopeBar, type SearchFilter } from './historyFilters';
import { conversationMenu } from './historyMenu';
import { conversationRow, editRow, emptyList, hitRow, nameOf, noHits, type Editable } from './historyRows';
import { Selection, selectionBar } from './historySelection';
import { postToHost } from './host';
import { button, iconButton, textField } from './kit';
import { PopupMenu } from './popupMenu';
import { strings } from './strings';

const groupLabels: Readonly<Record<DayGroup | 'pinned', keyof ChatStrings>> = {
  pinned: 'pinned',
  today: 'today',
  yesterday: 'yesterday',
  lastWeek: 'lastWeek',
  older: 'older',
};

/** ms after the last key. */
const searchDelay = 150;
/** px from the end at which the next page is asked for. */
const nearEnd = 200;

interface Editing {
  readonly id: string;
  readonly what: Editable;
}

export class HistoryPanel extends LitElement {
  static override properties = {
    conversations: { attribute: false },
    hasMore: { attribute: false },
    currentId: { attribute: false },
    history: { attribute: false },
    found: { attribute: false },
    text: { state: true },
    searchFilter: { state: true },
    hasFilters: { state: true },
    editing: { state: true },
    activeKey: { state: true },
    selection: { state: true },
  };

  declare conversations: readonly ConversationItem[];
  declare hasMore: boolean;
  declare currentId: string | null;
  declare history: HistoryItem;
  declare found: SearchItem | null;
  declare private text: string;
  declare private searchFilter: SearchFilter;
  declare private hasFilters: boolean;
  declare private editing: Editing | null;
  /** The line that Tab leads to. */
  declare private activeKey: string | null;
  declare private selection: Selection | null;
  #revision = 0;
  #searchTimer: ReturnType<typeof setTimeout> | undefined;
  /** So many lines were there when more were asked for. */
  #askedAt = -1;

  constructor() {
    super();
    this.conversations = [];
    this.hasMore = false;
    this.currentId = null;
    this.found = null;
    this.text = '';
    this.searchFilter = noSearchFilter;
    this.hasFilters = false;
    this.editing = null;
    this.activeKey = null;
    this.selection = null;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.updateComplete.then(() => this.#element('.history-search')?.focus());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#searchTimer);
    if (this.#revision > 0) {
      this.#post('');
    }
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('conversations') && this.selection !== null) {
      this.selection = this.selection.within(this.conversations.map((one) => one.id));
    }
  }

  protected override render(): TemplateResult {
    const isSearching = this.text.trim() !== '';
    const { history } = this;
    return html`<div class="history menu-host" role="dialog" aria-label=${strings().history} @keydown=${(event: KeyboardEvent) => this.#onKey(event)}>
        <div class="history-top">
          ${textField({
            label: strings().searchHistory,
            placeholder: strings().searchHistory,
            className: 'history-search',
            value: this.text,
            onInput: (value) => this.#onInput(value),
          })}
          ${iconButton({
            icon: isFiltered(history.filter, this.searchFilter) ? 'filter-filled' : 'filter',
            label: strings().filters,
            isExpanded: this.hasFilters,
            onClick: () => (this.hasFilters = !this.hasFilters),
          })}
          ${iconButton({
            icon: 'checklist',
            label: strings().select,
            className: 'history-select',
            isPressed: this.selection !== null,
            isDisabled: isSearching,
            onClick: () => (this.selection = this.selection === null ? new Selection() : null),
          })}
        </div>
        ${scopeBar({ history, onFilter: (filter) => this.#setFilter(filter) })}
        ${this.hasFilters
          ? filterBar({
              history,
              search: this.searchFilter,
              onFilter: (filter) => this.#setFilter(filter),
              onSearch: (filter) => {
                this.searchFilter = filter;
                this.#search();
              },
            })
          : nothing}
        <div class="history-list" @scroll=${(event: Event) => this.#onScroll(event.currentTarget as HTMLElement, isSearching)}>
          ${isSearching ? this.#hits() : this.#list()}
        </div>
        ${this.selection === null || isSearching
          ? nothing
          : selectionBar({
              selection: this.selection,
              isArchive: history.filter.archived,
              onAll: () => (this.selection = Selection.of(this.conversations.map((one) => one.id))),
              onArchive: (ids) => this.#bulk(() => postToHost({ type: 'archiveConversations', ids, archived: !history.filter.archived })),
              onExport: (ids) => this.#bulk(() => postToHost({ type: 'exportConversations', ids })),
              onDelete: (ids) => this.#bulk(() => postToHost({ type: 'deleteConversations', ids })),
              onEnd: () => this.#endSelection(),
            })}
      </div>
      <div class="scrim" @click=${() => this.#close()}></div>`;
  }

  #list(): TemplateResult {
    if (this.conversations.length === 0) {
      return this.history.loading ? html`` : emptyList(this.history, (filter) => this.#setFilter(filter));
    }
    const now = Date.now();
    const groups = Map.groupBy(this.conversations, (one) => (one.pinned ? 'pinned' : dayGroupOf(one.updatedAt, now)));
    const active = this.conversations.some((one) => one.id === this.activeKey) ? this.activeKey : this.conversations[0]!.id;
    return html`${[...groups].map(
      ([group, conversations]) => html`<div class="history-group" id="group-${group}">${strings()[groupLabels[group]]}</div>
        <ul aria-labelledby="group-${group}">
          ${repeat(
            conversations,
            (one) => one.id,
            (one) => this.#row(one, one.id === active),
          )}
        </ul>`,
    )}
    ${this.hasMore ? this.#more(() => postToHost({ type: 'showMoreConversations' })) : nothing}`;
  }

  #hits(): TemplateResult {
    const { found } = this;
    if (found === null || found.revision !== this.#revision) {
      return html`<p class="history-empty" role="status">${strings().searching}</p>`;
    }
    if (found.hits.length === 0) {
      return noHits(this.history, (filter) => this.#setFilter(filter));
    }
    const keys = found.hits.map(keyOf);
    const active = keys.includes(this.activeKey ?? '') ? this.activeKey : keys[0];
    return html`<p class="history-group" role="status">${found.total === 1 ? strings().oneHit : fill(strings().hits, found.total)}</p>
      <ul aria-label=${strings().searchHistory}>
        ${repeat(
          found.hits,
          (_, index) => keys[index],
          (hit, index) => hitRow(hit, keys[index]!, keys[index] === active, () => this.#openHit(hit)),
        )}
      </ul>
      ${found.hasMore ? this.#more(() => postToHost({ type: 'showMoreHits' })) : nothing}`;
  }

  #more(ask: () => void): TemplateResult {
    return button({ label: strings().showMore, appearance: 'secondary', className: 'history-more', onClick: ask });
  }

  #row(conversation: ConversationItem, isActive: boolean): TemplateResult {
    const { id } = conversation;
    if (this.editing?.id === id) {
      return editRow(conversation, this.editing.what, {
        onKeyDown: (event, value) => this.#onEditKey(event, value),
        onBlur: () => this.#endEdit(undefined),
      });
    }
    return conversationRow({
      conversation,
      isCurrent: id === this.currentId,
      isActive,
      isSelected: this.selection?.has(id),
      onOpen: (event) => this.#onRow(event, id),
      onRename: () => this.#edit({ id, what: 'name' }),
      onDelete: () => this.#delete(id),
      onMenu: (event) => this.#openMenu(conversation, { x: event.clientX, y: event.clientY }),
    });
  }

  #onRow(event: MouseEvent, id: string): void {
    this.activeKey = id;
    if (this.selection !== null || event.ctrlKey || event.metaKey) {
      const ids = this.conversations.map((one) => one.id);
      this.selection = (this.selection ?? new Selection()).toggle(id, event.shiftKey ? ids : undefined);
    } else {
      postToHost({ type: 'openConversation', id });
      this.#close();
    }
  }

  #openHit({ conversationId, messageId }: SearchHitItem): void {
    postToHost({ type: 'openHit', conversationId, messageId });
    this.dispatchEvent(new CustomEvent('jan-close', { bubbles: true, detail: { keepsFocus: messageId !== null } }));
  }

  #openMenu(conversation: ConversationItem, at: { readonly x: number; readonly y: number }): void {
    const { id } = conversation;
    this.activeKey = id;
    const entries = conversationMenu(conversation, {
      onEdit: (what) => this.#edit({ id, what }),
      onArchive: () => this.#leaving(id, () => postToHost({ type: 'archiveConversations', ids: [id], archived: !conversation.archived })),
      onDelete: () => this.#delete(id),
    });
    PopupMenu.open(entries, nameOf(conversation.name), at, this.#line(id));
  }

  #delete(id: string): void {
    this.#leaving(id, () => postToHost({ type: 'deleteConversations', ids: [id] }));
  }

  /** The line goes away: the focus goes to the next one. */
  #leaving(id: string, act: () => void): void {
    const lines = this.#lines();
    const index = lines.findIndex((one) => one.dataset['id'] === id);
    const next = lines[index + 1] ?? lines[index - 1];
    act();
    this.activeKey = next?.dataset['id'] ?? null;
    (next ?? this.#element('.history-search'))?.focus();
  }

  #bulk(act: () => void): void {
    act();
    this.#endSelection();
  }

  #endSelection(): void {
    this.selection = null;
    this.#element('.history-select')?.focus();
  }

  #edit(editing: Editing): void {
    this.editing = editing;
    void this.updateComplete.then(() => {
      const field = this.#element('.rename');
      field?.focus();
      field?.shadowRoot?.querySelector('input')?.select();
    });
  }

  #onEditKey(event: KeyboardEvent, value: string): void {
    if (event.isComposing || event.keyCode === 229) {
      return;
    }
    if (event.key === 'Enter') {
      event.preventDefault();
      this.#endEdit(value);
    } else if (event.key === 'Escape') {
      event.stopPropagation();
      this.#endEdit(undefined);
    }
  }

  #endEdit(value: string | undefined): void {
    const { editing } = this;
    if (editing === null) {
      return;
    }
    this.editing = null;
    const { id } = editing;
    if (value !== undefined && editing.what === 'tags') {
      const tags = value.split(',').map((tag) => tag.trim().slice(0, 100)).filter((tag) => tag !== '');
      postToHost({ type: 'tagConversation', id, tags: [...new Set(tags)].slice(0, 50) });
    } else if (value !== undefined && value.trim() !== '') {
      postToHost({ type: 'renameConversation', id, name: value.trim().slice(0, 500) });
    }
    void this.updateComplete.then(() => this.#line(id)?.focus());
  }

  #onInput(value: string): void {
    this.text = value;
    this.selection = null;
    this.#revision += 1;
    clearTimeout(this.#searchTimer);
    this.#searchTimer = setTimeout(() => this.#post(this.text), searchDelay);
  }

  #search(): void {
    if (this.text.trim() !== '') {
      this.#revision += 1;
      clearTimeout(this.#searchTimer);
      this.#post(this.text);
    }
  }

  #post(text: string): void {
    postToHost({ type: 'search', revision: this.#revision, text: text.slice(0, 900), ...this.searchFilter });
  }

  #setFilter(filter: HistoryFilter): void {
    this.selection = null;
    postToHost({ type: 'filterHistory', filter });
  }

  #onScroll(list: HTMLElement, isSearching: boolean): void {
    const count = isSearching ? (this.found?.hits.length ?? 0) : this.conversations.length;
    const hasMore = isSearching ? this.found?.hasMore === true : this.hasMore;
    if (hasMore && this.#askedAt !== count && list.scrollHeight - list.scrollTop - list.clientHeight < nearEnd) {
      this.#askedAt = count;
      postToHost({ type: isSearching ? 'showMoreHits' : 'showMoreConversations' });
    }
  }

  #onKey(event: KeyboardEvent): void {
    if (event.isComposing || this.editing !== null) {
      return;
    }
    const lines = this.#lines();
    const target = event.target instanceof HTMLElement ? event.target : undefined;
    const line = target?.closest('.row, .hit')?.querySelector<HTMLElement>('.row-name, .hit-name');
    const index = line instanceof HTMLElement ? lines.indexOf(line) : -1;
    const conversation = this.conversations.find((one) => one.id === lines[index]?.dataset['id']);
    const isLine = index >= 0 && target === lines[index];
    const isField = target?.classList.contains('history-search') === true;
    const isMenuKey = event.key === 'ContextMenu' || (event.key === 'F10' && event.shiftKey);
    if (event.key === 'Escape') {
      event.stopPropagation();
      if (this.selection === null) {
        this.#close();
      } else {
        this.#endSelection();
      }
    } else if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && (index >= 0 || isField)) {
      event.preventDefault();
      this.#focusLine(lines, event.key === 'ArrowDown' ? index + 1 : index - 1);
    } else if ((event.key === 'Home' || event.key === 'End') && isLine) {
      event.preventDefault();
      this.#focusLine(lines, event.key === 'Home' ? 0 : lines.length - 1);
    } else if (isMenuKey && conversation !== undefined && this.selection === null) {
      event.preventDefault();
      const box = lines[index]!.getBoundingClientRect();
      this.#openMenu(conversation, { x: box.left + 24, y: box.bottom });
    } else if (event.key === 'F2' && conversation !== undefined && this.selection === null) {
      event.preventDefault();
      this.#edit({ id: conversation.id, what: 'name' });
    } else if (event.key === 'Delete' && isLine && conversation !== undefined) {
      event.preventDefault();
      const ids = this.selection?.ids ?? [];
      if (ids.length > 0) {
        this.#bulk(() => postToHost({ type: 'deleteConversations', ids }));
      } else {
        this.#delete(conversation.id);
      }
    } else if (event.key === 'a' && (event.ctrlKey || event.metaKey) && isLine && this.selection !== null) {
      event.preventDefault();
      this.selection = Selection.of(this.conversations.map((one) => one.id));
    }
  }

  #focusLine(lines: readonly HTMLElement[], index: number): void {
    const line = lines[Math.min(index, lines.length - 1)];
    if (index < 0 || line === undefined) {
      this.#element('.history-search')?.focus();
    } else {
      this.activeKey = line.dataset['id'] ?? line.dataset['key'] ?? null;
      line.focus();
    }
  }

  #close(): void {
    this.dispatchEvent(new CustomEvent('jan-close', { bubbles: true }));
  }

  #lines(): HTMLElement[] {
    return [...this.querySelectorAll<HTMLElement>('.row-name, .hit-name')];
  }

  #line(id: string): HTMLElement | null {
    return this.#lines().find((one) => one.dataset['id'] === id) ?? null;
  }

  #element(selector: string): HTMLElement | null {
    return this.querySelector<HTMLElement>(selector);
  }
}

function keyOf({ conversationId, messageId }: SearchHitItem): string {
  return `${conversationId} ${messageId ?? ''}`;
}

customElements.define('jan-history', HistoryPanel);
