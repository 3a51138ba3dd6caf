// What was searched for and what has been found of it, page by page. Only the newest search counts.
// Must not know: the list, the view, VS Code.

import type { JanApi, SearchHit, SearchQuery } from '../../api/jan';
import type { HistoryFilter, SearchHitItem, SearchItem, SearchPeriod, ToHost } from '../../protocol/chatProtocol';

export type SearchRequest = Omit<Extract<ToHost, { type: 'search' }>, 'type'>;

const pageSize = 50;
/** The store's last offset. */
const lastOffset = 500;

export class ConversationSearch {
  #request: SearchRequest | undefined;
  #found: SearchItem | null = null;
  #offset = 0;

  /** @param folder URI of this window's folder, if it has one */
  constructor(
    private readonly api: Pick<JanApi, 'data'>,
    private readonly folder: string | undefined,
    private readonly filter: () => HistoryFilter,
    private readonly onChange: () => void,
  ) {}

  get found(): SearchItem | null {
    return this.#found;
  }

  async search(request: SearchRequest): Promise<void> {
    if (request.text.trim() === '') {
      this.#request = undefined;
      this.#found = null;
      this.onChange();
      return;
    }
    this.#request = request;
    this.#offset = 0;
    await this.#read(request, []);
  }

  /** The filter of the list, or what is found, has changed. */
  async again(): Promise<void> {
    if (this.#request !== undefined) {
      this.#offset = 0;
      await this.#read(this.#request, []);
    }
  }

  async showMore(): Promise<void> {
    if (this.#request !== undefined && this.#found?.hasMore === true) {
      this.#offset += pageSize;
      await this.#read(this.#request, this.#found.hits);
    }
  }

  async #read(request: SearchRequest, before: readonly SearchHitItem[]): Promise<void> {
    const filter = this.filter();
    const offset = this.#offset;
    const page = await this.api.data.searchMessages({ ...this.#query(request, filter), offset });
    const hits = await this.#tagged(page.hits, filter.tag);
    if (this.#request === request && this.#offset === offset && this.filter() === filter) {
      const next = offset + pageSize;
      this.#found = {
        revision: request.revision,
        hits: [...before, ...hits.map(hitItem)],
        total: page.total,
        hasMore: next < page.total && next <= lastOffset,
      };
      this.onChange();
    }
  }

  #query(request: SearchRequest, { scope, archived }: HistoryFilter): SearchQuery {
    const from = beginOf(request.period, Date.now());
    return {
      text: asTyped(request.text),
      archived,
      limit: pageSize,
      ...(scope === 'folder' && this.folder !== undefined ? { workspace: this.folder } : {}),
      ...(from === undefined ? {} : { from }),
      ...(request.modelId === null ? {} : { modelId: request.modelId }),
      ...(request.role === null ? {} : { role: request.role }),
    };
  }

  /** The store searches without regard to tags. */
  async #tagged(hits: readonly SearchHit[], tag: string | null): Promise<readonly SearchHit[]> {
    if (tag === null || hits.length === 0) {
      return hits;
    }
    const ids = [...new Set(hits.map((hit) => hit.conversationId))];
    const tagged = new Set((await this.api.data.getConversations({ ids, tag, limit: ids.length })).map((one) => one.id));
    return hits.filter((hit) => tagged.has(hit.conversationId));
  }
}

/** The last word is still being typed: it may go on. */
export function asTyped(text: string): string {
  const isQuoting = (text.match(/"/g)?.length ?? 0) % 2 === 1;
  return !isQuoting && /[\p{L}\p{N}]$/u.test(text) ? `${text}*` : text;
}

/** `undefined`: from the beginning. */
function beginOf(period: SearchPeriod, now: number): number | undefined {
  const midnight = new Date(now);
  midnight.setHours(0, 0, 0, 0);
  const days = { any: undefined, day: 0, week: 7, month: 30, year: 365 }[period];
  return days === undefined ? undefined : midnight.getTime() - days * 86_400_000;
}

function hitItem(hit: SearchHit): SearchHitItem {
  return {
    conversationId: hit.conversationId,
    conversationName: hit.conversationName,
    messageId: hit.messageId ?? null,
    role: hit.role ?? null,
    createdAt: hit.createdAt,
    snippet: hit.snippet,
    highlights: hit.highlights,
  };
}
