// Finds out what exactly is to be fetched: commit, sizes and checksums, before the first byte.
// Source: the headers of Hugging Face's resolve endpoint (x-repo-commit, x-linked-etag, x-linked-size), as its own
// client `huggingface_hub` (file_download.py) reads them.
// Must not know: files on this machine, the host process.

import { JanError } from '../common/errors';
import { partNames } from '../common/gguf/splitName';
import type { DownloadJob } from '../protocol/downloadProtocol';
import { refusal, type GuardedFetch, type RemoteFile } from './downloaderFetch';

export interface PlannedFile extends RemoteFile {
  /** Hex; absent when nobody states one. */
  readonly sha256?: string;
}

export interface DownloadPlan {
  readonly files: readonly PlannedFile[];
  readonly totalBytes: number;
  /** Same text, same bytes: what has arrived may be continued. */
  readonly fingerprint: string;
}

const attemptTimeoutMs = 15_000;
const attemptPausesMs = [300, 1_000, 3_000];

export async function planDownload(job: DownloadJob, guard: GuardedFetch, signal: AbortSignal): Promise<DownloadPlan> {
  const hub = new URL(job.hubUrl);
  const files: PlannedFile[] = [];
  let commit = 'main';
  for (const [index, name] of namesOf(job).entries()) {
    const given = index === 0 ? job.sha256 : undefined;
    if (job.repository === undefined) {
      files.push(await planUrl(new URL(job.url!), given, guard, signal));
      continue;
    }
    const url = (revision: string): URL => new URL(`${job.repository}/resolve/${revision}/${name.split('/').map(encodeURIComponent).join('/')}`, hub);
    const head = await withAttempts((timeout) => guard.request(url(commit), { method: 'HEAD', signal: timeout, stopAtOtherHost: true }), signal);
    const { headers } = head.response;
    const location = headers.get('location');
    if (location !== null) {
      // Refused now, before anything is stored, rather than with the first byte.
      await guard.checkAddress(new URL(location, head.location));
    }
    const named = headers.get('x-repo-commit') ?? '';
    if (/^[0-9a-f]{40}$/.test(named)) {
      commit = named;
    }
    const pinned = url(commit).href;
    const size = Number(headers.get('x-linked-size') ?? (head.response.ok ? headers.get('content-length') : null) ?? Number.NaN);
    if (!Number.isSafeInteger(size) || size <= 0) {
      // A mirror that does not say: ask for the first byte, whose answer states the size.
      files.push(await planUrl(new URL(pinned), given, guard, signal));
      continue;
    }
    const linked = headers.get('x-linked-etag')?.replace(/^W\/|"/g, '');
    const stated = linked !== undefined && /^[0-9a-f]{64}$/.test(linked) ? linked : undefined;
    if (given !== undefined && stated !== undefined && given !== stated) {
      throw new JanError('checksum-mismatch', 'The file on the server is not the one that was asked for: its checksum differs. Choose the file anew.', {
        details: { expected: given, stated },
      });
    }
    files.push({ url: pinned, size, sha256: given ?? stated, rangeable: true });
  }
  const totalBytes = files.reduce((sum, file) => sum + file.size, 0);
  const fingerprint = JSON.stringify(files.map((file) => [file.url, file.size, file.sha256 ?? file.etag ?? null]));
  return { files, totalBytes, fingerprint };
}

/** A direct URL states size and version with its first byte. */
async function planUrl(url: URL, sha256: string | undefined, guard: GuardedFetch, signal: AbortSignal): Promise<PlannedFile> {
  const { response } = await withAttempts((timeout) => guard.request(url, { method: 'GET', range: 'bytes=0-0', signal: timeout }), signal);
  await response.body?.cancel();
  const range = /^bytes 0-0\/(\d+)$/.exec(response.headers.get('content-range') ?? '');
  const rangeable = response.status === 206 && range !== null;
  const size = Number(rangeable ? range[1] : (response.headers.get('content-length') ?? Number.NaN));
  if (!Number.isSafeInteger(size) || size <= 0) {
    throw new JanError('download-failed', `${url.host} does not say how large the file is, so Jan cannot check it. Choose another source.`);
  }
  return { url: url.href, size, sha256, etag: response.headers.get('etag') ?? undefined, rangeable };
}

async function withAttempts<T extends { readonly response: Response; readonly location: URL }>(
  request: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    let failure: JanError;
    let pause = attemptPausesMs[attempt];
    try {
      const answer = await request(AbortSignal.any([signal, AbortSignal.timeout(attemptTimeoutMs)]));
      const { status } = answer.response;
      if (status < 400) {
        return answer;
      }
      await answer.response.body?.cancel();
      failure = refusal(status, answer.location);
      if (failure.code !== 'network') {
        throw failure;
      }
      const seconds = Number(answer.response.headers.get('retry-after'));
      pause = pause === undefined ? undefined : Math.max(pause, Math.min(10_000, seconds * 1000 || 0));
    } catch (error) {
      if (signal.aborted || (error as { name?: unknown }).name === 'JanError') {
        throw error;
      }
      failure = new JanError('network', 'The server cannot be reached. Check your connection and your proxy settings, then resume the download.', {
        cause: error,
        details: { reason: String(((error as Error).cause as NodeJS.ErrnoException | undefined)?.code ?? (error as Error).message) },
      });
    }
    if (pause === undefined) {
      throw failure;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
    signal.throwIfAborted();
  }
}

function namesOf(job: DownloadJob): readonly string[] {
  return job.repository === undefined || job.fileName === undefined ? [job.url ?? ''] : partNames(job.fileName);
}
