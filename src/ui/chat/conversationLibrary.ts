// Everything about conversations but what is said in them: listed, searched, pinned, archived, tagged, deleted, had back.
// Must not know: messages, the view, VS Code.

import type { Conversation, ConversationChange, JanApi } from '../../api/jan';
import { isJanError } from '../../common/errors';
import type { Disposable } from '../../common/lifecycle';
import type { ChatState, HistoryFilter, ToHost } from '../../protocol/chatProtocol';
import { ConversationList } from './conversationList';
import { ConversationSearch } from './conversationSearch';
import type { ChatMemory } from './composer/drafts';

export interface ConversationLibraryOptions {
  readonly api: Pick<JanApi, 'data'>;
  readonly memory: ChatMemory;
  /** URI of this window's folder, if it has one. */
  readonly folder: string | undefined;
  /** How long the offer to take a deletion back stands, ms. The store itself keeps what was deleted for longer. */
  readonly undoMs: number;
  readonly onChange: () => void;
  /** A conversation was changed by this window. */
  readonly onUpdate: (conversation: Conversation) => void;
}

type LibraryMessage = Extract<
  ToHost,
  {
    type:
      | 'renameConversation'
      | 'pinConversation'
      | 'archiveConversations'
      | 'tagConversation'
      | 'showMoreConversations'
      | 'filterHistory'
      | 'search'
      | 'showMoreHits';
  }
>;

const scopeKey = 'jan.chat.historyScope';
/** Of one call. */
const mostDeleted = 1000;

export class ConversationLibrary implements Disposable {
  readonly list: ConversationList;
  readonly #search: ConversationSearch;
  #deleted: { readonly ids: readonly string[]; readonly name: string } | undefined;
  #undoTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: ConversationLibraryOptions) {
    const { api, memory, folder, onChange } = options;
    const scope = folder === undefined || memory.get(scopeKey) === 'all' ? 'all' : 'folder';
    this.list = new ConversationList(api, folder, { scope, archived: false, tag: null }, onChange);
    this.#search = new ConversationSearch(api, folder, () => this.list.filter, onChange);
  }

  state(
    answering: readonly string[],
    models: ChatState['history']['models'],
  ): Pick<ChatState, 'conversations' | 'hasMoreConversations' | 'history' | 'search' | 'undo'> {
    const { list } = this;
    return {
      conversations: list.items(answering),
      hasMoreConversations: list.hasMore,
      history: { filter: list.filter, hasFolder: this.options.folder !== undefined, tags: list.tags, models, loading: list.isLoading },
      search: this.#search.found,
      undo: this.#deleted === undefined ? null : { count: this.#deleted.ids.length, name: this.#deleted.name },
    };
  }

  async handle(message: LibraryMessage): Promise<void> {
    switch (message.type) {
      case 'renameConversation': {
        const name = message.name.trim();
        return name === '' ? undefined : this.#update({ id: message.id, name });
      }
      case 'pinConversation':
        return this.#update({ id: message.id, pinned: message.pinned });
      case 'archiveConversations':
        for (const id of message.ids) {
          await this.#update({ id, archived: message.archived });
        }
        return this.#search.again();
      case 'tagConversation':
        return this.#update({ id: message.id, tags: message.tags });
      case 'showMoreConversations':
        return this.list.showMore();
      case 'filterHistory':
        return this.#setFilter(message.filter);
      case 'search':
        return this.#search.search(message);
      case 'showMoreHits':
        return this.#search.showMore();
    }
  }

  /** Out of sight and deleted at once; until something else is deleted or the time is over, a click brings it back. */
  async delete(ids: readonly string[]): Promise<void> {
    const name = this.list.get(ids[0] ?? '')?.name ?? '';
    const deleted: string[] = [];
    this.list.remove(ids);
    try {
      for (let from = 0; from < ids.length; from += mostDeleted) {
        deleted.push(...(await this.options.api.data.deleteConversations(ids.slice(from, from + mostDeleted))));
      }
    } finally {
      if (deleted.length > 0) {
        this.#offerUndo({ ids: deleted, name });
      }
      if (deleted.length < ids.length) {
        await this.list.load();
      }
    }
    await this.#search.again();
  }

  /** @returns the ids that are back */
  async undoDelete(): Promise<readonly string[]> {
    const ids = this.#deleted?.ids ?? [];
    this.#offerUndo(undefined);
    for (const id of ids) {
      await this.options.api.data.restoreConversation(id);
    }
    if (ids.length > 0) {
      await this.list.refresh(ids);
      await this.#search.again();
    }
    return ids;
  }

  dispose(): void {
    clearTimeout(this.#undoTimer);
  }

  async #update(change: ConversationChange): Promise<void> {
    try {
      const conversation = await this.options.api.data.updateConversation(change);
      this.list.put(conversation);
      this.options.onUpdate(conversation);
    } catch (error) {
      // Another window was quicker: it is gone, and there is nothing left to change.
      if (!isJanError(error, 'conversation-not-found')) {
        throw error;
      }
      this.list.remove([change.id]);
    }
  }

  async #setFilter(filter: HistoryFilter): Promise<void> {
    const scope = this.options.folder === undefined ? 'all' : filter.scope;
    this.options.memory.update(scopeKey, scope).then(undefined, () => undefined);
    await Promise.all([this.list.setFilter({ ...filter, scope }), this.#search.again()]);
  }

  #offerUndo(deleted: { readonly ids: readonly string[]; readonly name: string } | undefined): void {
    clearTimeout(this.#undoTimer);
    this.#deleted = deleted;
    if (deleted !== undefined) {
      this.#undoTimer = setTimeout(() => this.#offerUndo(undefined), this.options.undoMs);
    }
    this.options.onChange();
  }
}
