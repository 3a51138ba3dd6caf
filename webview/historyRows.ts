// One line of the list of conversations, and one hit of a search, as templates.
// Must not know: the list, what a click does.

import { html, nothing, type TemplateResult } from 'lit';
import type { ConversationItem, HistoryFilter, HistoryItem, SearchHitItem } from '../src/protocol/chatProtocol';
import { fill, formatDay } from './format';
import { button, icon, iconButton, progressRing, textField } from './kit';
import { markedText } from './snippet';
import { strings } from './strings';

/** What of a conversation is edited in its line. */
export type Editable = 'name' | 'tags';

export interface RowOptions {
  readonly conversation: ConversationItem;
  readonly isCurrent: boolean;
  /** Reached by Tab; the others by the arrows. */
  readonly isActive: boolean;
  /** `undefined`: nothing is being selected. */
  readonly isSelected: boolean | undefined;
  readonly onOpen: (event: MouseEvent) => void;
  readonly onRename: () => void;
  readonly onDelete: () => void;
  readonly onMenu: (event: MouseEvent) => void;
}

export function conversationRow(options: RowOptions): TemplateResult {
  const { conversation, isCurrent, isActive, isSelected } = options;
  const name = nameOf(conversation.name);
  const isSelecting = isSelected !== undefined;
  const hints = [
    conversation.pinned ? strings().pinned : '',
    conversation.tags.length > 0 ? fill(strings().tagged, conversation.tags.join(', ')) : '',
    conversation.folder ?? '',
  ].filter(Boolean);
  return html`<li
    class="row ${isCurrent ? 'is-current' : ''} ${isSelected === true ? 'is-selected' : ''}"
    @contextmenu=${(event: MouseEvent) => {
      event.preventDefault();
      options.onMenu(event);
    }}
  >
    <button
      type="button"
      class="row-name"
      data-id=${conversation.id}
      tabindex=${isActive ? 0 : -1}
      role=${isSelecting ? 'checkbox' : nothing}
      aria-checked=${isSelecting ? String(isSelected) : nothing}
      aria-current=${isCurrent && !isSelecting ? 'true' : nothing}
      aria-haspopup=${isSelecting ? nothing : 'menu'}
      aria-label=${[name, ...hints].join(', ')}
      title=${[name, ...hints].join('\n')}
      @click=${options.onOpen}
    >
      ${isSelecting
        ? html`<span class="check" aria-hidden="true">${isSelected ? icon('check') : nothing}</span>`
        : conversation.answering
          ? progressRing(strings().answering)
          : icon(conversation.pinned ? 'pinned' : conversation.archived ? 'archive' : 'comment')}
      <span class="row-text">${name}</span>
      ${conversation.tags.slice(0, 3).map((tag) => html`<span class="tag">${tag}</span>`)}
      ${conversation.folder === null ? nothing : html`<span class="row-folder">${conversation.folder}</span>`}
    </button>
    ${isSelecting
      ? nothing
      : html`<span class="row-actions">
          ${iconButton({ icon: 'edit', label: strings().rename, onClick: options.onRename })}
          ${iconButton({ icon: 'trash', label: strings().delete, onClick: options.onDelete })}
          ${iconButton({ icon: 'ellipsis', label: strings().moreActions, onClick: (event) => options.onMenu(event as MouseEvent) })}
        </span>`}
  </li>`;
}

export function hitRow(hit: SearchHitItem, key: string, isActive: boolean, onOpen: () => void): TemplateResult {
  const name = nameOf(hit.conversationName);
  const who = hit.role === null ? strings().inName : hit.role === 'user' ? strings().you : strings().assistant;
  const day = formatDay(hit.createdAt, document.documentElement.lang);
  return html`<li class="hit">
    <button type="button" class="hit-name" data-key=${key} tabindex=${isActive ? 0 : -1} title=${name} @click=${onOpen}>
      <span class="hit-head">
        ${icon(hit.role === null ? 'comment' : hit.role === 'user' ? 'account' : 'sparkle')}
        <span class="row-text">${name}</span>
        <span class="hit-when">${day}</span>
      </span>
      <span class="hit-text"><span class="hit-who">${who}: </span>${markedText(hit.snippet, hit.highlights)}</span>
    </button>
  </li>`;
}

export function nameOf(name: string): string {
  return name === '' ? strings().newConversation : name;
}

export function editRow(
  { name, tags }: ConversationItem,
  what: Editable,
  on: { readonly onKeyDown: (event: KeyboardEvent, value: string) => void; readonly onBlur: () => void },
): TemplateResult {
  return html`<li class="row">
    ${textField({
      label: what === 'name' ? strings().renameHint : strings().tagsHint,
      placeholder: what === 'name' ? undefined : strings().tagsHint,
      value: what === 'name' ? name : tags.join(', '),
      className: 'rename',
      ...on,
    })}
  </li>`;
}

/** Why the list is empty, and the way out. */
export function emptyList({ filter, hasFolder }: HistoryItem, onFilter: (filter: HistoryFilter) => void): TemplateResult {
  const isFolder = hasFolder && filter.scope === 'folder';
  const text =
    filter.tag !== null
      ? strings().noTagged
      : filter.archived
        ? strings().noArchived
        : isFolder
          ? strings().noFolderConversations
          : strings().noConversations;
  return html`<p class="history-empty">${text}</p>
    ${isFolder || filter.tag !== null ? showAll(filter, onFilter) : nothing}`;
}

/** Nothing was found. */
export function noHits({ filter, hasFolder }: HistoryItem, onFilter: (filter: HistoryFilter) => void): TemplateResult {
  const isLimited = (hasFolder && filter.scope === 'folder') || filter.tag !== null;
  return html`<p class="history-empty" role="status">${strings().noMatches}</p>
    ${isLimited ? showAll(filter, onFilter) : nothing}`;
}

function showAll(filter: HistoryFilter, onFilter: (filter: HistoryFilter) => void): TemplateResult {
  return button({
    label: strings().showAll,
    appearance: 'secondary',
    className: 'history-more',
    onClick: () => onFilter({ ...filter, scope: 'all', tag: null }),
  });
}
