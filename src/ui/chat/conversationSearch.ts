// What was searched for and what has been found of it, page by page. Only the newest search counts.
// Must not know: the list, the view, VS Code.

import type { JanApi, SearchHit, SearchQuery } from '../../api/jan';
import type { HistoryFilter, SearchHitItem, SearchItem, ToHost } from '../../protocol/chatProtocol';

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
    if (this.#request === request && this.#offset === offset && this.filter() === filter) {
      const next = offset + pageSize;
      this.#found = {
        revision: request.revision,
        hits: [...before, ...page.hits.map(hitItem)],
        total: page.total,
        hasMore: next < page.total && next <= lastOffset,
      };
      this.onChange();
    }
  }

  #query(request: SearchRequest, { scope, archived, tag }: HistoryFilter): SearchQuery {
    const { from, to } = timesOf(request, Date.now());
    return {
      text: asTyped(request.text),
      archived,
      limit: pageSize,
      ...(scope === 'folder' && this.folder !== undefined ? { workspace: this.folder } : {}),
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      ...(tag === null ? {} : { tag }),
      ...(request.modelId === null ? {} : { modelId: request.modelId }),
      ...(request.role === null ? {} : { role: request.role }),
    };
  }
}

/** The last word is still being typed: it may go on. */
export function asTyped(text: string): string {
  const isQuoting = (text.match(/"/g)?.length ?? 0) % 2 === 1;
  return !isQuoting && /[\p{L}\p{N}]$/u.test(text) ? `${text}*` : text;
}

/** Unix ms, both included; `undefined`: open. Days are those of this machine's calendar. */
function timesOf({ period, from, to }: SearchRequest, now: number): { readonly from: number | undefined; readonly to: number | undefined } {
  if (period === 'range') {
    return { from: from === null ? undefined : startOf(from), to: to === null ? undefined : startOf(to, 1) - 1 };
  }
  const midnight = new Date(now);
  midnight.setHours(0, 0, 0, 0);
  const days = { any: undefined, day: 0, week: 7, month: 30, year: 365 }[period];
  return { from: days === undefined ? undefined : midnight.getTime() - days * 86_400_000, to: undefined };
}

/** @param day `2026-01-31` @param later days */
function startOf(day: string, later = 0): number {
  const [year, month, date] = day.split('-').map(Number);
  return new Date(year!, month! - 1, date! + later).getTime();
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
