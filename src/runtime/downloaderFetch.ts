// The `fetch` that the download library is given: what may be reached, with which header, and whether the bytes that
// come are those that were asked for. The library (ipull, through node-llama-cpp) would send the token on to the
// storage host, mix bytes of two versions of a file, take a whole file for a part of it, and wait for ever.
// Must not know: files, the host process.

import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { startAwakeTimer, type AwakeTimer } from '../common/awakeTimer';
import { JanError } from '../common/errors';
import { isAllowedUrl, isLoopbackHost } from '../protocol/downloadProtocol';

const redirectLimit = 5;

export interface GuardOptions {
  readonly hub: URL;
  readonly token?: string;
  /** No byte for so long breaks a response, ms. */
  readonly stallMs: number;
  /** Told of something that no retry can mend: ends the download. */
  readonly onFatal: (error: JanError) => void;
}

export interface RemoteFile {
  /** What is asked for, on the hub: redirects to the storage host are followed anew when they expire. */
  readonly url: string;
  readonly size: number;
  /** Of the storage host's first answer; another one means another file. */
  etag?: string;
  /** False once the server was seen to ignore ranges: then everything is read from the start. */
  rangeable: boolean;
}

let attempts = 0;

/**
 * One per attempt. The library's retries outlive its closing; they carry the attempt's mark in the URL's fragment,
 * so that those of an earlier attempt are recognised and end.
 */
export class GuardedFetch {
  readonly #mark = `#attempt-${++attempts}`;
  readonly #closed = new AbortController();
  readonly #files = new Map<string, RemoteFile>();
  readonly #described = new Set<string>();
  readonly #streamed = new Set<string>();
  readonly #locations = new Map<string, URL>();
  /** Bytes received by this process. */
  bytesReceived = 0;
  /** Why the latest attempt failed, in words. */
  lastProblem: string | undefined;

  constructor(private readonly options: GuardOptions) {}

  /** Announces a file; what comes back is the URL to give to the library. */
  expect(file: RemoteFile): string {
    const { href } = new URL(file.url);
    this.#files.set(href, file);
    return href + this.#mark;
  }

  /** Ends what is under way and everything that still comes. */
  close(): void {
    this.#closed.abort(new DOMException('This attempt is over.', 'AbortError'));
  }

  /** For `globalThis.fetch`: only URLs that `expect` gave. */
  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const marked = new URL(input instanceof Request ? input.url : input);
    if (marked.hash !== this.#mark || this.#closed.signal.aborted) {
      throw new DOMException('This attempt is over.', 'AbortError');
    }
    marked.hash = '';
    const url = marked.href;
    const file = this.#files.get(url);
    if (file === undefined) {
      throw this.#fatal(new JanError('internal', 'The downloader was about to fetch something that nobody asked for.', { details: { host: new URL(url).host } }));
    }
    const range = new Headers(init?.headers).get('range') ?? undefined;
    if (range === undefined && !this.#described.has(url)) {
      this.#described.add(url);
      return describe(file, url + this.#mark);
    }
    if (range === undefined && this.#streamed.has(url)) {
      // A whole-file stream that broke would be continued at the wrong place by the library.
      throw this.#fatal(new JanError('network', 'The connection broke, and this server cannot continue a download. Start it again.', { details: { restart: true } }));
    }
    try {
      const signal = AbortSignal.any([this.#closed.signal, ...(init?.signal ? [init.signal] : [])]);
      return range === undefined ? await this.#whole(file, signal) : await this.#part(file, range, signal);
    } catch (error) {
      this.lastProblem = error instanceof Error ? error.message : String(error);
      throw error;
    }
  };

  /** One request with redirects followed by hand. `location` is where the answer came from. */
  async request(start: URL, init: { method: 'GET' | 'HEAD'; range?: string; signal?: AbortSignal; stopAtOtherHost?: boolean }): Promise<{ response: Response; location: URL }> {
    let url = start;
    for (let hop = 0; hop <= redirectLimit; hop++) {
      await this.checkAddress(url);
      const headers: Record<string, string> = { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'jan-vscode' };
      if (init.range !== undefined) {
        headers['range'] = init.range;
      }
      if (this.options.token !== undefined && url.origin === this.options.hub.origin) {
        headers['authorization'] = `Bearer ${this.options.token}`;
      }
      const response = await this.#answer(url, { method: init.method, headers, redirect: 'manual' }, init.signal);
      const location = response.headers.get('location');
      if (response.status < 300 || response.status >= 400 || location === null) {
        return { response, location: url };
      }
      const next = new URL(location, url);
      if (init.stopAtOtherHost === true && next.origin !== url.origin) {
        return { response, location: url };
      }
      await response.body?.cancel();
      url = next;
    }
    throw this.#fatal(new JanError('download-failed', `${start.host} redirects in circles. Try again later.`));
  }

  /** As `fetch`, but does not wait for the first line of the answer longer than for a byte of a body. */
  async #answer(url: URL, init: RequestInit, signal: AbortSignal | undefined): Promise<Response> {
    const silence = new AbortController();
    const silent = startAwakeTimer(this.options.stallMs, () => silence.abort(new Error('the server did not answer')));
    try {
      return await globalFetch(url, { ...init, signal: AbortSignal.any([silence.signal, ...(signal === undefined ? [] : [signal])]) });
    } finally {
      silent.dispose();
    }
  }

  /** @throws JanError when nothing may be fetched from there; that ends the download. */
  async checkAddress(url: URL): Promise<void> {
    const { hub } = this.options;
    const local = isLoopbackHost(hub.hostname);
    if (!isAllowedUrl(url, hub)) {
      throw this.#fatal(new JanError('download-failed', `The download leads to ${url.protocol}//${url.host}, which is not a secure address. Nothing was fetched from there.`));
    }
    // The hub is the user's own choice and may be a mirror in their network; what it points to may not be.
    if (url.host === hub.host || (local && isLoopbackHost(url.hostname))) {
      return;
    }
    for (const address of await addressesOf(url.hostname)) {
      if (isPrivateAddress(address)) {
        throw this.#fatal(new JanError('download-failed', `The download leads to ${url.host}, an address inside your own network. Nothing was fetched from there.`));
      }
    }
  }

  async #open(file: RemoteFile, range: string | undefined, signal: AbortSignal): Promise<Response> {
    const known = this.#locations.get(file.url);
    if (known !== undefined) {
      const { response } = await this.request(known, { method: 'GET', range, signal });
      if (response.status !== 401 && response.status !== 403 && response.status !== 404 && response.status !== 410) {
        return response;
      }
      // A signed address of the storage host expires; the hub gives a new one.
      await response.body?.cancel();
      this.#locations.delete(file.url);
    }
    const { response, location } = await this.request(new URL(file.url), { method: 'GET', range, signal });
    if (response.ok) {
      this.#locations.set(file.url, location);
    }
    return response;
  }

  async #part(file: RemoteFile, range: string, signal: AbortSignal): Promise<Response> {
    const wanted = /^bytes=(\d+)-(\d+)$/.exec(range);
    const [start, end] = [Number(wanted?.[1]), Number(wanted?.[2])];
    const response = await this.#open(file, range, signal);
    if (response.status === 416) {
      throw this.#fatal(changed(file, 'it has another size now'));
    }
    if (response.status === 200) {
      await response.body?.cancel();
      file.rangeable = false;
      throw this.#fatal(new JanError('network', 'This server cannot continue a download.', { details: { restart: true, withoutRanges: true } }));
    }
    if (response.status !== 206) {
      return this.#refused(response, file);
    }
    const got = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
    if (got !== null && got[3] !== '*' && Number(got[3]) !== file.size) {
      throw this.#fatal(changed(file, 'it has another size now'));
    }
    if (got === null || Number(got[1]) !== start || Number(got[2]) !== end) {
      await response.body?.cancel();
      throw new Error('the server sent another part of the file than was asked for');
    }
    this.#checkEtag(response, file);
    return this.#measured(response, end - start + 1, signal);
  }

  async #whole(file: RemoteFile, signal: AbortSignal): Promise<Response> {
    const response = await this.#open(file, undefined, signal);
    if (response.status !== 200) {
      return this.#refused(response, file);
    }
    const length = Number(response.headers.get('content-length') ?? Number.NaN);
    if (!Number.isNaN(length) && length !== file.size) {
      throw this.#fatal(changed(file, 'it has another size now'));
    }
    this.#checkEtag(response, file);
    this.#streamed.add(file.url);
    return this.#measured(response, file.size, signal);
  }

  #checkEtag(response: Response, file: RemoteFile): void {
    const etag = response.headers.get('etag') ?? undefined;
    if (file.etag === undefined) {
      file.etag = etag;
    } else if (etag !== undefined && !etag.startsWith('W/') && !file.etag.startsWith('W/') && etag !== file.etag) {
      throw this.#fatal(changed(file, 'its version changed'));
    }
  }

  /** Statuses that pass (429, 5xx) go to the library, which waits and tries again; others end the download. */
  #refused(response: Response, file: RemoteFile): Response {
    this.lastProblem = `HTTP ${response.status}`;
    if (response.status !== 429 && response.status < 500) {
      throw this.#fatal(refusal(response.status, new URL(file.url)));
    }
    return response;
  }

  /**
   * Passes the body on; breaks it when it is shorter or longer than agreed, or stands still. An abort breaks it within
   * the same call, as it does fetch's own bodies: the library takes one more piece read after its own abort for the end
   * of a part that another connection is still fetching, and leaves that part unwritten.
   */
  #measured(response: Response, expected: number, signal: AbortSignal): Response {
    const { stallMs } = this.options;
    const reader = response.body!.getReader();
    let received = 0;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const abort = (): void => controller.error(signal.reason);
        signal.addEventListener('abort', abort, { once: true });
        if (signal.aborted) {
          abort();
        }
      },
      pull: async (controller) => {
        let silent: AwakeTimer | undefined;
        const stalled = new Promise<never>((_, reject) => {
          silent = startAwakeTimer(stallMs, () => reject(new Error('the server stopped sending')));
        });
        try {
          const { done, value } = await Promise.race([reader.read(), stalled]);
          if (done) {
            if (received !== expected) {
              throw new Error('the connection ended too early');
            }
            controller.close();
            return;
          }
          received += value.byteLength;
          if (received > expected) {
            throw new Error('the server sent more than was asked for');
          }
          this.bytesReceived += value.byteLength;
          controller.enqueue(value);
        } catch (error) {
          if (!signal.aborted) {
            this.lastProblem = error instanceof Error ? error.message : String(error);
          }
          void reader.cancel().catch(() => undefined);
          controller.error(error);
        } finally {
          silent?.dispose();
        }
      },
      cancel: (reason) => reader.cancel(reason),
    });
    return new Response(body, { status: response.status, headers: response.headers });
  }

  #fatal(error: JanError): JanError {
    this.options.onFatal(error);
    return error;
  }
}

/** Taken before anyone replaces it. */
const globalFetch = globalThis.fetch;

/** What the library's first, unranged request is for; answered without the network, from what is already known. */
function describe(file: RemoteFile, url: string): Response {
  const headers = new Headers({ 'content-length': String(file.size) });
  if (file.rangeable) {
    headers.set('accept-ranges', 'bytes');
  }
  const response = new Response(null, { status: 200, headers });
  Object.defineProperty(response, 'url', { value: url });
  return response;
}

function changed(file: RemoteFile, how: string): JanError {
  return new JanError('download-failed', `The file changed on the server while it was downloaded: ${how}. Start the download again.`, {
    details: { restart: true, host: new URL(file.url).host },
  });
}

/** In the user's words, for the statuses that no retry mends. */
export function refusal(status: number, url: URL): JanError {
  const details = { status, host: url.host };
  if (status === 401 || status === 403) {
    return new JanError('download-failed', `${url.host} refuses this file: accept the model's licence there and give Jan an access token (Jan: Set Hugging Face Token), or check that the repository exists.`, { details });
  }
  if (status === 404 || status === 410) {
    return new JanError('download-failed', `${url.host} does not have this file (any more). Choose another file of the model.`, { details });
  }
  if (status === 429) {
    return new JanError('network', `${url.host} asks for a pause: too many requests. Try again in a few minutes.`, { details });
  }
  return new JanError('network', `${url.host} has a problem (HTTP ${status}). Try again later.`, { details });
}

async function addressesOf(hostname: string): Promise<readonly string[]> {
  const bare = hostname.replace(/^\[|\]$/g, '');
  if (isIP(bare) !== 0) {
    return [bare];
  }
  try {
    return (await lookup(bare, { all: true })).map(({ address }) => address);
  } catch {
    return []; // behind a proxy names may only be known to it; without one the request itself will fail
  }
}

/** Loopback, private, link-local, shared and unspecified ranges (RFC 6890), also when written as IPv6. */
export function isPrivateAddress(address: string): boolean {
  const lower = address.toLowerCase();
  const mapped = /^::(?:ffff:)?(\d+\.\d+\.\d+\.\d+)$/.exec(lower)?.[1];
  const v4 = mapped ?? (isIP(lower) === 4 ? lower : undefined);
  if (v4 !== undefined) {
    const [a, b] = v4.split('.').map(Number) as [number, number, number, number];
    return a === 0 || a === 10 || a === 127 || a >= 224 || (a === 100 && b >= 64 && b < 128) || (a === 169 && b === 254) || (a === 172 && b >= 16 && b < 32) || (a === 192 && (b === 168 || b === 0)) || (a === 198 && (b === 18 || b === 19));
  }
  return lower === '::' || lower === '::1' || /^(f[cd]|fe[89ab]|ff|64:ff9b:|::ffff:)/.test(lower);
}
