// One download from start to end: plan, room, fetch (node-llama-cpp's downloader under our own fetch), check, install.
// Must not know: the host process (it is handed a way to tell), VS Code.

import { realpath, rmdir, stat } from 'node:fs/promises';
import * as path from 'node:path';
import { isJanError, JanError, toJanError } from '../common/errors';
import { partNames } from '../common/gguf/splitName';
import type { DownloadEventMessage, DownloadJob } from '../protocol/downloadProtocol';
import { GuardedFetch } from './downloaderFetch';
import { checkRoom, diskFull, ensureFolders, hashFile, install, UnfinishedDownload } from './downloaderFiles';
import { planDownload, type DownloadPlan } from './downloaderPlan';
import { checkDownloadedFile } from './modelFileCheck';

const progressMs = 200;
const housekeepingMs = 1_000;
/** Without getting further for so many times the patience, a download ends. */
const standstillFactor = 8;
const defaultSpareBytes = 256 * 1024 * 1024;
/** Restarts from zero: bytes of a changed file, a server without ranges, a resumed file with a wrong checksum. */
const restartLimit = 3;

export class DownloadJobRun {
  readonly #unfinished: UnfinishedDownload;
  readonly #aborted = new AbortController();
  #guard: GuardedFetch;
  #cancelLibrary: (() => Promise<void>) | undefined;
  #stop: { readonly keepPartial: boolean } | undefined;
  #received = 0;
  #plan: DownloadPlan | undefined;
  #resumed = false;
  /** How long nothing came, ms. Counted in rounds of housekeeping: while the machine sleeps no time passes. */
  readonly #quiet = new Standstill();
  /** How long the download got no further, ms. */
  readonly #stuck = new Standstill();

  constructor(
    private readonly job: DownloadJob,
    private readonly tell: (event: DownloadEventMessage) => void,
  ) {
    this.#unfinished = new UnfinishedDownload(job.modelsDirectory, job.id);
    this.#guard = this.#createGuard();
  }

  /** Never rejects: every end is told. */
  async run(): Promise<void> {
    let locked = false;
    try {
      locked = await this.#unfinished.acquire();
      if (!locked) {
        const state = await this.#unfinished.readState();
        this.tell({ type: 'busy', totalBytes: state?.totalBytes ?? 0, receivedBytes: state?.receivedBytes ?? 0 });
        return;
      }
      await this.#unfinished.takeStopRequest();
      await this.#runToEnd();
    } catch (error) {
      await this.#endEarly(error, locked);
    }
  }

  /** Ends the download soon; `run` then tells `stopped`. */
  stop(keepPartial: boolean): void {
    this.#stop ??= { keepPartial };
    this.fail(new JanError('cancelled', 'Stopped.'));
  }

  /** Ends the download with an error; the first one counts. */
  fail(error: JanError): void {
    this.#aborted.abort(error);
  }

  #createGuard(): GuardedFetch {
    const { job } = this;
    return new GuardedFetch({
      hub: new URL(job.hubUrl),
      token: job.token,
      stallMs: job.stallMs ?? 30_000,
      onFatal: (error) => this.#fatal?.(error),
    });
  }

  /** Ends the current attempt. */
  #fatal: ((error: JanError) => void) | undefined;

  async #runToEnd(): Promise<void> {
    let withoutRanges = false;
    for (let restarts = 0; ; restarts++) {
      try {
        return await this.#attempt(withoutRanges);
      } catch (error) {
        const again = isJanError(error) && error.details['restart'] === true && restarts < restartLimit;
        if (!again || this.#aborted.signal.aborted) {
          throw error;
        }
        withoutRanges ||= error.details['withoutRanges'] === true;
        await this.#unfinished.clear(this.#localNames());
        this.#guard = this.#createGuard();
      }
    }
  }

  async #attempt(withoutRanges: boolean): Promise<void> {
    const { job } = this;
    const { signal } = this.#aborted;
    const plan = await planDownload(job, this.#guard, signal);
    this.#plan = plan;
    const before = await this.#unfinished.readState();
    this.#resumed = before?.fingerprint === plan.fingerprint;
    if (!this.#resumed) {
      await this.#unfinished.clear(this.#localNames());
    }
    this.#received = this.#resumed ? before!.receivedBytes : 0;
    const spare = job.minimumFreeBytes ?? defaultSpareBytes;
    await checkRoom(this.#unfinished.folder, await this.#missingBytes(plan), spare);
    await this.#saveState();
    this.tell({ type: 'begun', totalBytes: plan.totalBytes, receivedBytes: this.#received, sha256: plan.files[0]!.sha256 });
    await this.#fetchAll(plan, withoutRanges);
    const sha256 = await this.#verify(plan);
    await this.#install(plan, sha256);
  }

  async #fetchAll(plan: DownloadPlan, withoutRanges: boolean): Promise<void> {
    const { job } = this;
    const guard = this.#guard;
    for (const file of plan.files) {
      if (withoutRanges) {
        file.rangeable = false;
      }
    }
    const [modelUri] = plan.files.map((file) => guard.expect(file));
    globalThis.fetch = guard.fetch;
    this.#quiet.begin(guard.bytesReceived);
    this.#stuck.begin(this.#received);
    const { createModelDownloader } = await import('node-llama-cpp');
    const speed = new SpeedMeter();
    let downloadedSize = (): number => this.#received;
    const timers: NodeJS.Timeout[] = [];
    try {
      await new Promise<void>((resolve, reject) => {
        const end = (error: unknown): void => reject(error instanceof Error ? error : new Error(String(error)));
        this.#fatal = end;
        this.#aborted.signal.addEventListener('abort', () => end(this.#aborted.signal.reason), { once: true });
        if (this.#aborted.signal.aborted) {
          end(this.#aborted.signal.reason);
          return;
        }
        timers.push(
          setInterval(() => {
            this.#received = Math.min(downloadedSize(), plan.totalBytes);
            this.tell({ type: 'progress', totalBytes: plan.totalBytes, receivedBytes: this.#received, speed: speed.measure(guard.bytesReceived) });
          }, progressMs),
          setInterval(() => void this.#housekeeping().catch(end), housekeepingMs),
        );
        const fetching = async (): Promise<void> => {
          const downloader = await createModelDownloader({
            modelUri: modelUri!,
            dirPath: this.#unfinished.folder,
            fileName: localName,
            deleteTempFileOnCancel: false,
            skipExisting: true,
            endpoints: { huggingFace: job.hubUrl },
          });
          downloadedSize = () => downloader.downloadedSize;
          this.#cancelLibrary = () => downloader.cancel();
          if (this.#aborted.signal.aborted) {
            return;
          }
          await downloader.download();
        };
        fetching().then(resolve, end);
      });
      this.#received = plan.totalBytes;
    } catch (error) {
      throw this.#aborted.signal.aborted ? error : asDownloadError(error, guard);
    } finally {
      timers.forEach((timer) => clearInterval(timer));
      this.#fatal = undefined;
      // In this order: a connection that ends before the library is closed looks to it like a part that has arrived.
      await this.#closeLibrary();
      guard.close();
    }
  }

  /** Waits until the library has let go of the files, but not for ever. */
  async #closeLibrary(): Promise<void> {
    const cancel = this.#cancelLibrary;
    this.#cancelLibrary = undefined;
    if (cancel !== undefined) {
      await Promise.race([cancel().catch(() => undefined), new Promise((resolve) => setTimeout(resolve, 500))]);
    }
  }

  async #housekeeping(): Promise<void> {
    if (!(await this.#unfinished.holdsLock())) {
      throw new JanError('download-failed', 'Another window took this download over.', { details: { takenOver: true } });
    }
    const request = await this.#unfinished.takeStopRequest();
    if (request !== undefined) {
      this.stop(request === 'keep');
      return;
    }
    await this.#saveState();
    await checkRoom(this.#unfinished.folder, 0, Math.min(this.job.minimumFreeBytes ?? defaultSpareBytes, 32 * 1024 * 1024));
    const patience = this.job.patienceMs ?? 120_000;
    const quietMs = this.#quiet.look(this.#guard.bytesReceived);
    // Bytes may come without getting anywhere: the library begins a chunk of 5 MiB anew after each break.
    const stuckMs = this.#stuck.look(this.#received);
    if (this.#cancelLibrary !== undefined && (stuckMs > patience * standstillFactor || quietMs > patience)) {
      throw asDownloadError(new Error(this.#guard.lastProblem ?? 'nothing arrived'), this.#guard);
    }
  }

  async #saveState(): Promise<void> {
    const { fingerprint, totalBytes } = this.#plan!;
    await this.#unfinished.writeState({ fingerprint, totalBytes, receivedBytes: this.#received });
  }

  async #verify(plan: DownloadPlan): Promise<string> {
    this.tell({ type: 'verifying', totalBytes: plan.totalBytes });
    let busy = Promise.resolve();
    const housekeeping = setInterval(() => {
      busy = this.#housekeeping().catch((error: unknown) => this.fail(toJanError(error)));
    }, housekeepingMs);
    try {
      const hashes: string[] = [];
      for (const [index, file] of plan.files.entries()) {
        const local = this.#unfinished.file(this.#localNames()[index]!);
        const { size } = await stat(local);
        const hash = await hashFile(local, this.#aborted.signal, () => undefined);
        hashes.push(hash);
        if (size !== file.size || (file.sha256 !== undefined && file.sha256 !== hash)) {
          // Bytes of an earlier run may have been torn when it was killed: fetched anew once, not blamed on the server.
          const restart = this.#resumed;
          await this.#unfinished.clear(this.#localNames());
          throw new JanError('checksum-mismatch', 'What arrived is not what the server promised: the checksum is wrong. It was thrown away. Start the download again; if it happens again, choose another file.', {
            details: { restart, expected: file.sha256, received: hash },
          });
        }
      }
      for (const [index, name] of this.#localNames().entries()) {
        await this.#checkModel(this.#unfinished.file(name), index);
      }
      return hashes[0]!;
    } finally {
      clearInterval(housekeeping);
      await busy;
    }
  }

  async #checkModel(file: string, part: number): Promise<void> {
    try {
      await checkDownloadedFile(file);
    } catch (error) {
      // Later parts of a split model are checked too, but are no whole language model.
      if (part > 0 && isJanError(error, 'model-invalid') && isPartRefusal(error)) {
        return;
      }
      await this.#unfinished.remove();
      throw error;
    }
  }

  async #install(plan: DownloadPlan, sha256: string): Promise<void> {
    const { target, modelsDirectory } = this.job;
    this.#aborted.signal.throwIfAborted();
    const folder = await ensureFolders(await realpath(modelsDirectory), target.slice(0, -1));
    const names = partNames(target.at(-1)!);
    const moves = this.#localNames().map((name, i) => ({ from: this.#unfinished.file(name), to: path.join(folder, names[i]!) }));
    await install(moves);
    await this.#unfinished.remove();
    this.tell({ type: 'done', paths: moves.map((move) => move.to), totalBytes: plan.totalBytes, sha256 });
  }

  async #endEarly(error: unknown, locked: boolean): Promise<void> {
    const stop = this.#stop;
    try {
      if (stop !== undefined && !stop.keepPartial) {
        await this.#unfinished.remove();
      } else if (locked && this.#plan !== undefined && (await this.#unfinished.holdsLock())) {
        const kept = await stat(this.#unfinished.folder).catch(() => undefined);
        if (kept !== undefined && !(isJanError(error, 'checksum-mismatch') || isJanError(error, 'model-invalid'))) {
          await this.#saveState();
        }
      }
    } catch {
      // the disk may be full or gone: nothing more to save
    }
    if (locked) {
      await this.#unfinished.release().catch(() => undefined);
      await rmdir(this.#unfinished.folder).catch(() => undefined); // stays when something is kept
    }
    if (stop !== undefined) {
      this.tell({ type: 'stopped', keptPartial: stop.keepPartial });
      return;
    }
    const { code, message, details } = asDownloadError(error, this.#guard);
    this.tell({ type: 'failed', error: { code, message, details } });
  }

  /** Bytes still to come, from what lies on the disk (a temporary file also holds the library's notes at its end). */
  async #missingBytes(plan: DownloadPlan): Promise<number> {
    let missing = 0;
    for (const [index, name] of this.#localNames().entries()) {
      const { size } = plan.files[index]!;
      const found = await stat(this.#unfinished.file(name)).catch(() => stat(this.#unfinished.file(`${name}.ipull`)).catch(() => undefined));
      // Blocks really in use: a temporary file is written out of order and has holes.
      missing += Math.max(0, size - Math.min(found?.size ?? 0, (found?.blocks ?? 0) * 512));
    }
    return missing;
  }

  #localNames(): readonly string[] {
    return localNames(this.#plan?.files.length ?? 1);
  }
}

/** Within the unfinished download's folder; the library adds the number of the part. */
const localName = 'model.gguf';

function localNames(parts: number): readonly string[] {
  return parts === 1 ? [localName] : partNames(`model-00001-of-${String(parts).padStart(5, '0')}.gguf`);
}

function isPartRefusal(error: JanError): boolean {
  return /it is part \d+ of \d+/.test(error.message);
}

/** In the user's words; the cause stays in the details. */
function asDownloadError(error: unknown, guard: GuardedFetch): JanError {
  if (isJanError(error)) {
    return error;
  }
  const code = String((error as NodeJS.ErrnoException | undefined)?.code ?? '');
  const reason = error instanceof Error ? error.message : String(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return diskFull();
  }
  if (['EACCES', 'EPERM', 'EROFS'].includes(code)) {
    return new JanError('download-failed', `Jan may not write to the models folder (${code}). Change its permissions, or the setting jan.models.directory.`, { cause: error, details: { reason } });
  }
  if (/^E[A-Z]+$/.test(code) && !/^(ECONN|ENET|EHOST|EPIPE|ETIMEDOUT|EAI)/.test(code)) {
    return new JanError('download-failed', `The download could not be written to the disk (${code}). Check the models folder, then resume.`, { cause: error, details: { reason } });
  }
  return new JanError('network', `The connection to the server broke: ${guard.lastProblem ?? reason}. What has arrived is kept: resume the download later.`, {
    cause: error,
    details: { reason },
  });
}

/** For how many rounds of housekeeping a count did not grow. */
class Standstill {
  #most = 0;
  #rounds = 0;

  begin(count: number): void {
    this.#most = count;
    this.#rounds = 0;
  }

  /** Once a round. @returns ms */
  look(count: number): number {
    this.#rounds = count > this.#most ? 0 : this.#rounds + 1;
    this.#most = Math.max(this.#most, count);
    return this.#rounds * housekeepingMs;
  }
}

/** Bytes per second over the last three seconds or so. */
class SpeedMeter {
  readonly #samples: { at: number; bytes: number }[] = [];

  measure(bytes: number): number {
    const now = performance.now();
    this.#samples.push({ at: now, bytes });
    while (this.#samples.length > 2 && now - this.#samples[0]!.at > 3_000) {
      this.#samples.shift();
    }
    const first = this.#samples[0]!;
    return now > first.at ? Math.round(((bytes - first.bytes) * 1000) / (now - first.at)) : 0;
  }
}
