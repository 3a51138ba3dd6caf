// Asks Hugging Face (or a mirror) which GGUF models there are and which files they have. Reads only.
// Source: huggingface.co/docs/hub/api; fields as the official client `@huggingface/hub` requests them.
// Must not know: the store, downloading, this machine's memory.

import * as v from 'valibot';
import type { ModelSearchPage, ModelSearchQuery } from '../../api/jan';
import { isJanError, JanError } from '../../common/errors';
import { parseSplitName } from '../../common/gguf/splitName';
import { parseHubUrl } from './hubUrl';
import { checkRepository, isModelFileName, isRepository } from './modelNames';

const timeoutMs = 15_000;
const answerLimitBytes = 16 * 1024 * 1024;
const redirectLimit = 5;
/** Of 1,000 files each. */
const treePageLimit = 10;

export interface HubClientOptions {
  readonly hubUrl: () => string;
  readonly hubToken: () => Promise<string | undefined>;
  /** Replaced in tests only. Default 15 s. */
  readonly timeoutMs?: number;
}

/** A GGUF model of a repository: one file, or the parts of one model. */
export interface HubFile {
  /** The (first) file's path within the repository. */
  readonly fileName: string;
  /** Bytes of all parts. */
  readonly size: number;
  /** Of the first file. */
  readonly sha256?: string;
  readonly parts: number;
}

const count = v.pipe(v.number(), v.minValue(0));

const searchAnswer = v.array(
  v.object({
    id: v.string(),
    downloads: v.optional(count, 0),
    likes: v.optional(count, 0),
    lastModified: v.optional(v.string()),
    gated: v.optional(v.union([v.boolean(), v.string()]), false),
    private: v.optional(v.boolean()),
    tags: v.optional(v.array(v.string()), []),
  }),
);

const treeAnswer = v.array(
  v.object({
    type: v.string(),
    path: v.string(),
    size: v.optional(count, 0),
    lfs: v.optional(v.object({ oid: v.string(), size: count })),
  }),
);

export class HubClient {
  constructor(private readonly options: HubClientOptions) {}

  async search(query: ModelSearchQuery): Promise<ModelSearchPage> {
    const { text, limit = 20, cursor } = query ?? ({} as Partial<ModelSearchQuery>);
    if (typeof text !== 'string' || text.length > 200) {
      throw new JanError('invalid-argument', 'Give a text to search for, at most 200 characters.');
    }
    if (!Number.isInteger(limit) || limit < 1 || limit > 100) {
      throw new JanError('invalid-argument', 'A page holds 1 to 100 results.', { details: { limit } });
    }
    if (cursor !== undefined && (typeof cursor !== 'string' || cursor === '' || cursor.length > 4096)) {
      throw new JanError('invalid-argument', 'This cursor is not one of a search.');
    }
    const url = new URL('api/models', parseHubUrl(this.options.hubUrl()));
    const parameters: readonly (readonly [string, string])[] = [
      ['search', text.trim()],
      ['filter', 'gguf'],
      ['sort', 'downloads'],
      ['direction', '-1'],
      ['limit', String(limit)],
      ...['downloads', 'likes', 'lastModified', 'gated', 'tags'].map((field) => ['expand', field] as const),
      ...(cursor === undefined ? [] : [['cursor', cursor] as const]),
    ];
    for (const [name, value] of parameters) {
      url.searchParams.append(name, value);
    }
    const { body, next } = await this.#get(url, searchAnswer, 'search');
    const models = body
      .filter(({ id }) => isRepository(id))
      .map((model) => {
        const [author, name] = model.id.split('/') as [string, string];
        const updatedAt = Date.parse(model.lastModified ?? '');
        return {
          repository: model.id,
          author,
          name,
          downloads: model.downloads,
          likes: model.likes,
          updatedAt: Number.isNaN(updatedAt) ? undefined : updatedAt,
          gated: model.gated !== false && model.gated !== 'false',
          tags: model.tags.slice(0, 100),
        };
      });
    const nextCursor = next?.searchParams.get('cursor') ?? undefined;
    return { models, cursor: nextCursor };
  }

  /** GGUF language models of a repository, smallest first; vision parts and importance matrices left out. */
  async files(repository: string): Promise<readonly HubFile[]> {
    checkRepository(repository);
    let url: URL | undefined = new URL(`api/models/${repository}/tree/main?recursive=true`, parseHubUrl(this.options.hubUrl()));
    const entries: v.InferOutput<typeof treeAnswer> = [];
    for (let page = 0; url !== undefined && page < treePageLimit; page++) {
      const answer: { readonly body: v.InferOutput<typeof treeAnswer>; readonly next: URL | undefined } = await this.#get(url, treeAnswer, repository);
      entries.push(...answer.body);
      url = answer.next;
    }
    const groups = new Map<string, { first?: HubFile; size: number; found: number; wanted: number }>();
    for (const { type, path, size, lfs } of entries) {
      if (type !== 'file' || !isModelFileName(path) || /(^|[/._-])(mmproj|imatrix)([/._-]|$)/i.test(path)) {
        continue;
      }
      const split = parseSplitName(path);
      const key = split === undefined ? path : `${split.base}|${split.count}`;
      const group = groups.get(key) ?? { size: 0, found: 0, wanted: split?.count ?? 1 };
      group.size += lfs?.size ?? size;
      group.found++;
      if (split === undefined || split.part === 1) {
        const sha256 = /^[0-9a-f]{64}$/.test(lfs?.oid ?? '') ? lfs?.oid : undefined;
        group.first = { fileName: path, size: 0, sha256, parts: group.wanted };
      }
      groups.set(key, group);
    }
    return [...groups.values()]
      .filter((group) => group.first !== undefined && group.found === group.wanted)
      .map((group) => ({ ...group.first!, size: group.size }))
      .sort((a, b) => a.size - b.size);
  }

  async #get<T extends v.GenericSchema>(url: URL, schema: T, what: string): Promise<{ body: v.InferOutput<T>; next: URL | undefined }> {
    const signal = AbortSignal.timeout(this.options.timeoutMs ?? timeoutMs);
    try {
      const response = await this.#follow(url, signal);
      if (!response.ok) {
        await response.body?.cancel();
        throw statusError(response, url, what);
      }
      const parsed = v.safeParse(schema, JSON.parse(await readText(response)));
      if (!parsed.success) {
        throw new JanError('network', `${url.host} gave an answer that Jan does not understand. Check the setting jan.hub.url.`, {
          details: { reason: v.summarize(parsed.issues).slice(0, 500) },
        });
      }
      return { body: parsed.output, next: nextLink(response.headers.get('link'), url) };
    } catch (error) {
      throw networkError(error, url);
    }
  }

  /** Follows redirects (a renamed repository) within the same origin only: the token goes nowhere else. */
  async #follow(start: URL, signal: AbortSignal): Promise<Response> {
    const token = await this.options.hubToken();
    const headers = { accept: 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
    let url = start;
    for (let hop = 0; hop <= redirectLimit; hop++) {
      const response = await fetch(url, { headers, signal, redirect: 'manual' });
      const location = response.headers.get('location');
      if (response.status < 300 || response.status >= 400 || location === null) {
        return response;
      }
      await response.body?.cancel();
      url = new URL(location, url);
      if (url.origin !== start.origin) {
        throw new JanError('network', `${start.host} sent Jan to another server, ${url.host}, which it does not follow. Check the setting jan.hub.url.`);
      }
    }
    throw new JanError('network', `${start.host} redirects in circles. Try again later.`);
  }
}

/** RFC 8288: the link whose rel is `next`, if it leads to the same host. */
function nextLink(header: string | null, current: URL): URL | undefined {
  const match = /<([^<>]+)>\s*;[^,]*\brel="?next"?/i.exec(header ?? '');
  if (match === null) {
    return undefined;
  }
  try {
    const next = new URL(match[1]!, current);
    return next.origin === current.origin && next.pathname === current.pathname ? next : undefined;
  } catch {
    return undefined;
  }
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += (chunk as Uint8Array).byteLength;
    if (bytes > answerLimitBytes) {
      throw new JanError('network', 'The server’s answer is longer than any real one. Check the setting jan.hub.url.');
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function statusError(response: Response, url: URL, what: string): JanError {
  const { status } = response;
  const details = { status, host: url.host };
  if (status === 404 || status === 401 || status === 403) {
    // Hugging Face answers 401 for a repository that does not exist, too.
    return new JanError(
      'model-not-found',
      status === 404
        ? `${url.host} has no repository named ${what}.`
        : `${what} does not exist on ${url.host}, or needs its licence accepted there and an access token in Jan (Jan: Set Hugging Face Token).`,
      { details },
    );
  }
  if (status === 429) {
    const seconds = Number(response.headers.get('retry-after'));
    const when = Number.isFinite(seconds) && seconds > 0 ? `in ${Math.ceil(seconds)} seconds` : 'in a few minutes';
    return new JanError('network', `${url.host} asks for a pause: too many requests. Try again ${when}.`, { details });
  }
  return new JanError('network', `${url.host} has a problem (HTTP ${status}). Try again later.`, { details });
}

function networkError(error: unknown, url: URL): JanError {
  if (isJanError(error)) {
    return error;
  }
  const name = error instanceof Error ? error.name : '';
  if (name === 'TimeoutError' || name === 'AbortError') {
    return new JanError('timeout', `${url.host} did not answer in time. Check your connection, or try again later.`, { cause: error });
  }
  if (error instanceof SyntaxError) {
    return new JanError('network', `${url.host} gave an answer that is no JSON. Check the setting jan.hub.url.`, { cause: error });
  }
  const cause = error instanceof Error ? (error.cause as NodeJS.ErrnoException | undefined) : undefined;
  return new JanError('network', `${url.host} cannot be reached. Check your connection and your proxy settings.`, {
    cause: error,
    details: { reason: cause?.code ?? String(error) },
  });
}
