// The list of conversations as it is shown: filtered, in its order, as many pages as were asked for.
// Must not know: messages, the view, VS Code.

import type { Conversation, ConversationQuery, JanApi } from '../../api/jan';
import type { ConversationItem, HistoryFilter } from '../../protocol/chatProtocol';

const pageSize = 100;
/** Of one call. */
const mostAtOnce = 500;

export class ConversationList {
  #conversations: readonly Conversation[] = [];
  #hasMore = false;
  #isLoading = true;
  #filter: HistoryFilter;
  #items: { readonly key: string; readonly items: readonly ConversationItem[] } | undefined;
  /** All that the store has when it was asked last, and those met since. */
  readonly #tags = new Set<string>();
  /** Raised when something else is to be listed: a reading that began before is thrown away. */
  #version = 0;

  /** @param folder URI of this window's folder, if it has one */
  constructor(
    private readonly api: Pick<JanApi, 'data'>,
    private readonly folder: string | undefined,
    filter: HistoryFilter,
    private readonly onChange: () => void,
  ) {
    this.#filter = filter;
  }

  get filter(): HistoryFilter {
    return this.#filter;
  }

  get hasMore(): boolean {
    return this.#hasMore;
  }

  /** Nothing of this filter has been read yet. */
  get isLoading(): boolean {
    return this.#isLoading;
  }

  get tags(): readonly string[] {
    return [...this.#tags].sort((a, b) => a.localeCompare(b));
  }

  get(id: string): Conversation | undefined {
    return this.#conversations.find((one) => one.id === id);
  }

  /** The same objects as long as nothing has changed: the state is compared many times a second. */
  items(answering: readonly string[]): readonly ConversationItem[] {
    const key = answering.join(' ');
    if (this.#items?.key !== key) {
      this.#items = { key, items: this.#conversations.map((one) => this.#item(one, answering.includes(one.id))) };
    }
    return this.#items.items;
  }

  async setFilter(filter: HistoryFilter): Promise<void> {
    this.#filter = filter;
    this.#isLoading = true;
    this.#set([], false);
    await this.load();
  }

  /** Reads as many again as there are, at least a page. */
  async load(): Promise<void> {
    await Promise.all([this.#loadConversations(), this.#loadTags()]);
  }

  /** A store of a plugin need not know them: then they are those that are met. */
  async #loadTags(): Promise<void> {
    const tags = await this.api.data.getConversationTags().catch(() => []);
    tags.forEach(({ tag }) => this.#tags.add(tag));
    this.onChange();
  }

  async #loadConversations(): Promise<void> {
    const version = ++this.#version;
    const wanted = Math.max(pageSize, this.#conversations.length);
    let read: Conversation[] = [];
    for (let isMore = true; isMore && read.length < wanted; ) {
      const page = await this.#page(read.at(-1), Math.min(mostAtOnce, wanted - read.length));
      if (this.#version !== version) {
        return;
      }
      read = [...read, ...page.conversations];
      isMore = page.isFull;
      this.#hasMore = isMore;
    }
    this.#isLoading = false;
    this.#set(read, this.#hasMore);
  }

  async showMore(): Promise<void> {
    const version = this.#version;
    const page = await this.#page(this.#conversations.at(-1), pageSize);
    if (this.#version === version) {
      const known = new Set(this.#conversations.map((one) => one.id));
      this.#set([...this.#conversations, ...page.conversations.filter((one) => !known.has(one.id))], page.isFull);
    }
  }

  /** These were changed, made or deleted somewhere. */
  async refresh(ids: readonly string[]): Promise<void> {
    if (ids.length > mostAtOnce || this.#isLoading) {
      return this.load();
    }
    const version = this.#version;
    const changed = await this.api.data.getConversations({ ...this.#query(), ids, limit: mostAtOnce });
    if (this.#version === version) {
      const gone = new Set(ids);
      this.#place(this.#conversations.filter((one) => !gone.has(one.id)), changed);
    }
  }

  /** Puts a new or changed one in its place without asking for the list again. */
  put(conversation: Conversation): void {
    const others = this.#conversations.filter((one) => one.id !== conversation.id);
    this.#place(others, this.#isWanted(conversation) ? [conversation] : []);
  }

  remove(ids: readonly string[]): void {
    const gone = new Set(ids);
    this.#set(this.#conversations.filter((one) => !gone.has(one.id)), this.#hasMore);
  }

  #place(others: readonly Conversation[], added: readonly Conversation[]): void {
    // One that belongs behind the last one is read with its page.
    const last = this.#hasMore ? this.#conversations.at(-1) : undefined;
    const shown = last === undefined ? added : added.filter((one) => compare(one, last) <= 0);
    this.#set([...others, ...shown].sort(compare), this.#hasMore);
  }

  #set(conversations: readonly Conversation[], hasMore: boolean): void {
    this.#conversations = conversations;
    this.#hasMore = hasMore;
    this.#items = undefined;
    for (const { tags } of conversations) {
      tags?.forEach((tag) => this.#tags.add(tag));
    }
    this.onChange();
  }

  async #page(
    last: Conversation | undefined,
    limit: number,
  ): Promise<{ readonly conversations: readonly Conversation[]; readonly isFull: boolean }> {
    const after = last === undefined ? {} : { after: { updatedAt: last.updatedAt, id: last.id, pinned: last.pinned === true } };
    const conversations = await this.api.data.getConversations({ ...this.#query(), ...after, limit });
    return { conversations, isFull: conversations.length >= limit };
  }

  #query(): ConversationQuery {
    const { scope, archived, tag } = this.#filter;
    return {
      pinnedFirst: true,
      archived,
      ...(scope === 'folder' && this.folder !== undefined ? { workspace: this.folder } : {}),
      ...(tag === null ? {} : { tag }),
    };
  }

  #isWanted(conversation: Conversation): boolean {
    const { scope, archived, tag } = this.#filter;
    return (
      (conversation.archived === true) === archived &&
      (scope === 'all' || this.folder === undefined || conversation.workspace === this.folder) &&
      (tag === null || conversation.tags?.includes(tag) === true)
    );
  }

  #item({ id, name, updatedAt, pinned, archived, tags, workspace }: Conversation, answering: boolean): ConversationItem {
    return {
      id,
      name,
      updatedAt,
      answering,
      pinned: pinned === true,
      archived: archived === true,
      tags: tags ?? [],
      folder: workspace === undefined || workspace === this.folder ? null : folderName(workspace),
    };
  }
}

/** The order of the store: pinned ones first, then the newest change first. */
function compare(a: Conversation, b: Conversation): number {
  const pinned = Number(b.pinned === true) - Number(a.pinned === true);
  return pinned || b.updatedAt - a.updatedAt || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);
}

/** Last part of a folder's URI. */
function folderName(uri: string): string {
  const last = uri.replace(/\/+$/, '').split('/').at(-1) ?? uri;
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}
