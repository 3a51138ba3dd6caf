// Every message between the extension host and the downloader process, both directions, with checks of what arrives.
// Carried by Node's IPC channel; the process lives for one download and ends with it or with the host.
// Must not know: how downloads are made, services, VS Code.

import * as v from 'valibot';
import { janErrorCodes, type JanErrorWire } from '../common/errors';

/** What to fetch and where to put it. The token travels here and nowhere else: not in arguments, not in the environment. */
export interface DownloadJob {
  /** Names the folder of the unfinished download: the same for the same file, in every window. */
  readonly id: string;
  readonly hubUrl: string;
  /** `owner/name` and file of the hub … */
  readonly repository?: string;
  readonly fileName?: string;
  /** … or a direct URL. */
  readonly url?: string;
  /** Expected checksum of the (first) file, hex. Default: what the server states. */
  readonly sha256?: string;
  readonly token?: string;
  readonly modelsDirectory: string;
  /** Folders below `modelsDirectory`, then the file's name. Every segment was checked; the child checks again. */
  readonly target: readonly string[];
  /** Bytes that must stay free on the disk. Default 256 MiB. */
  readonly minimumFreeBytes?: number;
  /** No byte for so long is a broken connection, ms. Default 30,000. */
  readonly stallMs?: number;
  /** Gives up after so long without a byte, attempts included, ms. Default 120,000. */
  readonly patienceMs?: number;
}

export type DownloadRequestMessage =
  | { readonly type: 'start'; readonly job: DownloadJob }
  /** Ends the download; the answer is `stopped`. */
  | { readonly type: 'stop'; readonly keepPartial: boolean };

export type DownloadEventMessage =
  /** Ready for `start`. */
  | { readonly type: 'ready' }
  /** The server answered, there is room, the lock is ours: bytes begin to flow. */
  | { readonly type: 'begun'; readonly totalBytes: number; readonly receivedBytes: number; readonly sha256?: string }
  /** 4 to 10 times a second while bytes flow. `speed` in bytes per second. */
  | { readonly type: 'progress'; readonly totalBytes: number; readonly receivedBytes: number; readonly speed: number }
  | { readonly type: 'verifying'; readonly totalBytes: number }
  /** The files are in place, checked, in order of parts. */
  | { readonly type: 'done'; readonly paths: readonly string[]; readonly totalBytes: number; readonly sha256: string }
  /** What arrived is kept unless the error says otherwise. */
  | { readonly type: 'failed'; readonly error: JanErrorWire }
  | { readonly type: 'stopped'; readonly keptPartial: boolean }
  /** Another process has this download. */
  | { readonly type: 'busy'; readonly totalBytes: number; readonly receivedBytes: number };

const reservedOnWindows = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i;

/** May this be the name of one file or folder below the models folder, on every system? */
export function isSafeSegment(segment: string): boolean {
  return (
    /^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$/.test(segment) && !segment.endsWith('.') && !reservedOnWindows.test(segment)
  );
}

/** Does this name (as `URL.hostname` gives it) mean this very machine? */
export function isLoopbackHost(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}

/** May files be fetched from this URL? https everywhere; http only from this very machine, when the hub is there too. */
export function isAllowedUrl(url: URL, hub: URL): boolean {
  if (url.username !== '' || url.password !== '') {
    return false;
  }
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname) && isLoopbackHost(hub.hostname));
}

const bytes = v.pipe(v.number(), v.integer(), v.minValue(0));
const shortText = v.pipe(v.string(), v.maxLength(8192));

const downloadJob = v.object({
  id: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
  hubUrl: shortText,
  repository: v.optional(shortText),
  fileName: v.optional(shortText),
  url: v.optional(shortText),
  sha256: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))),
  token: v.optional(shortText),
  modelsDirectory: shortText,
  target: v.pipe(
    v.array(v.pipe(v.string(), v.check(isSafeSegment))),
    v.minLength(1),
    v.maxLength(12),
    v.check((segments) => /\.gguf$/i.test(segments.at(-1) ?? '')),
  ),
  minimumFreeBytes: v.optional(bytes),
  stallMs: v.optional(v.pipe(v.number(), v.minValue(1))),
  patienceMs: v.optional(v.pipe(v.number(), v.minValue(1))),
});

const requestMessage = v.variant('type', [
  v.object({ type: v.literal('start'), job: downloadJob }),
  v.object({ type: v.literal('stop'), keepPartial: v.boolean() }),
]);

const eventMessage = v.variant('type', [
  v.object({ type: v.literal('ready') }),
  v.object({ type: v.literal('begun'), totalBytes: bytes, receivedBytes: bytes, sha256: v.optional(v.string()) }),
  v.object({ type: v.literal('progress'), totalBytes: bytes, receivedBytes: bytes, speed: v.pipe(v.number(), v.minValue(0)) }),
  v.object({ type: v.literal('verifying'), totalBytes: bytes }),
  v.object({ type: v.literal('done'), paths: v.pipe(v.array(v.string()), v.minLength(1)), totalBytes: bytes, sha256: v.string() }),
  v.object({
    type: v.literal('failed'),
    error: v.object({
      code: v.picklist(janErrorCodes),
      message: v.string(),
      details: v.optional(v.record(v.string(), v.unknown())),
    }),
  }),
  v.object({ type: v.literal('stopped'), keptPartial: v.boolean() }),
  v.object({ type: v.literal('busy'), totalBytes: bytes, receivedBytes: bytes }),
]);

/** Undefined for anything that is not a message of this protocol. */
export function parseDownloadRequest(message: unknown): DownloadRequestMessage | undefined {
  const parsed = v.safeParse(requestMessage, message);
  return parsed.success ? parsed.output : undefined;
}

export function parseDownloadEvent(message: unknown): DownloadEventMessage | undefined {
  const parsed = v.safeParse(eventMessage, message);
  return parsed.success ? parsed.output : undefined;
}

/** Folder below the models folder that holds unfinished downloads, one folder each, named by id. */
export const unfinishedFolder = '.downloads';

/** Written by the downloader beside what has arrived; read by every window. */
export interface UnfinishedState {
  readonly totalBytes: number;
  readonly receivedBytes: number;
  /** What the bytes belong to: the server's commit, checksums and sizes. A difference discards them. */
  readonly fingerprint: string;
}

const unfinishedState = v.object({ totalBytes: bytes, receivedBytes: bytes, fingerprint: v.string() });

export function parseUnfinishedState(text: string): UnfinishedState | undefined {
  try {
    const parsed = v.safeParse(unfinishedState, JSON.parse(text));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** Names within an unfinished download's folder. */
export const unfinishedFiles = { state: 'state.json', lock: 'lock', stopRequest: 'stop' } as const;
