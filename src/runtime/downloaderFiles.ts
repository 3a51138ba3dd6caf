// The downloader's side of the disk: the folder of an unfinished download, its lock, room, and putting files in place.
// Must not know: the network, the host process.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, mkdir, open, readFile, realpath, rename, rm, statfs, writeFile } from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { JanError } from '../common/errors';
import { parseUnfinishedState, unfinishedFiles, unfinishedFolder, type UnfinishedState } from '../protocol/downloadProtocol';

/** A lock of another machine (shared home folder) cannot be asked whether its owner lives; this old, it does not. */
const foreignLockMs = 60_000;

interface LockContent {
  readonly pid: number;
  readonly host: string;
  /** Of the process, in the system's own count; tells a reused pid from the owner. Empty where it cannot be had. */
  readonly startedAt: string;
  readonly nonce: string;
}

export class UnfinishedDownload {
  readonly folder: string;
  readonly #lock: LockContent = { pid: process.pid, host: os.hostname(), startedAt: '', nonce: crypto.randomUUID() };

  constructor(
    readonly modelsDirectory: string,
    readonly id: string,
  ) {
    this.folder = path.join(modelsDirectory, unfinishedFolder, id);
  }

  file(name: string): string {
    return path.join(this.folder, name);
  }

  /** False when another living process has this download. */
  async acquire(): Promise<boolean> {
    await mkdir(this.modelsDirectory, { recursive: true });
    await ensureFolders(await realpath(this.modelsDirectory), [unfinishedFolder, this.id]);
    Object.assign(this.#lock, { startedAt: await processStart(process.pid) });
    const lock = this.file(unfinishedFiles.lock);
    for (let attempt = 0; attempt < 5; attempt++) {
      try {
        await writeFile(lock, JSON.stringify(this.#lock), { flag: 'wx', mode: 0o600 });
        return await this.holdsLock();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
          throw error;
        }
      }
      if (await isLockAlive(lock)) {
        return false;
      }
      // Two processes may find the same dead owner: whoever writes last has it, and the other sees so (holdsLock).
      await rm(lock, { force: true });
    }
    return false;
  }

  /** Asked again and again while downloading: a process that was taken for dead must stop writing. */
  async holdsLock(): Promise<boolean> {
    return (await readLock(this.file(unfinishedFiles.lock)))?.nonce === this.#lock.nonce;
  }

  async release(): Promise<void> {
    if (await this.holdsLock()) {
      await rm(this.file(unfinishedFiles.lock), { force: true });
    }
  }

  async readState(): Promise<UnfinishedState | undefined> {
    const text = await readFile(this.file(unfinishedFiles.state), 'utf8').catch(() => '');
    return parseUnfinishedState(text);
  }

  async writeState(state: UnfinishedState): Promise<void> {
    const temporary = this.file(`${unfinishedFiles.state}.${this.#lock.nonce}`);
    await writeFile(temporary, JSON.stringify(state), { mode: 0o600 });
    await rename(temporary, this.file(unfinishedFiles.state));
  }

  /** What another window asked for, once. */
  async takeStopRequest(): Promise<'keep' | 'discard' | undefined> {
    const request = this.file(unfinishedFiles.stopRequest);
    const text = await readFile(request, 'utf8').catch(() => undefined);
    if (text === undefined) {
      return undefined;
    }
    await rm(request, { force: true });
    return text.trim() === 'discard' ? 'discard' : 'keep';
  }

  /** Throws away what has arrived; keeps lock and folder. */
  async clear(names: readonly string[]): Promise<void> {
    for (const name of names) {
      await rm(this.file(name), { force: true });
      await rm(this.file(`${name}.ipull`), { force: true });
    }
    await rm(this.file(unfinishedFiles.state), { force: true });
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function readLock(file: string): Promise<LockContent | undefined> {
  try {
    const content = JSON.parse(await readFile(file, 'utf8')) as Partial<LockContent> | null;
    return typeof content?.pid === 'number' && typeof content.nonce === 'string' ? (content as LockContent) : undefined;
  } catch {
    return undefined;
  }
}

async function isLockAlive(file: string): Promise<boolean> {
  const content = await readLock(file);
  const age = Date.now() - ((await lstat(file).catch(() => undefined))?.mtimeMs ?? 0);
  if (content === undefined) {
    return age < 2_000; // being written just now, or torn
  }
  if (content.host !== os.hostname()) {
    return age < foreignLockMs;
  }
  try {
    process.kill(content.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const startedAt = await processStart(content.pid);
  return startedAt === '' || content.startedAt === '' || startedAt === content.startedAt;
}

/** Linux: field 22 of /proc/pid/stat (proc(5)); elsewhere unknown. */
async function processStart(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

/** @throws JanError `disk-full` unless `wanted` bytes fit and `spare` stay free. */
export async function checkRoom(folder: string, wanted: number, spare: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free < wanted + spare) {
    throw diskFull(wanted + spare, free);
  }
}

export function diskFull(neededBytes?: number, freeBytes?: number): JanError {
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
  const numbers =
    neededBytes === undefined || freeBytes === undefined ? '' : ` (${gigabytes(neededBytes)} needed, ${gigabytes(freeBytes)} free)`;
  return new JanError('disk-full', `The disk is full${numbers}. Free some space, then resume the download; what has arrived is kept.`, {
    details: { neededBytes, freeBytes },
  });
}

/** SHA-256 of a file, hex. `onBytes` is told of progress. */
export async function hashFile(file: string, signal: AbortSignal, onBytes: (bytes: number) => void): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024, signal })) {
    hash.update(chunk as Buffer);
    onBytes((chunk as Buffer).length);
  }
  return hash.digest('hex');
}

/** Makes folders one by one below `root`; a link among them is refused, so nothing is written elsewhere. */
export async function ensureFolders(root: string, segments: readonly string[]): Promise<string> {
  let folder = root;
  for (const segment of segments) {
    folder = path.join(folder, segment);
    await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') {
        throw error;
      }
    });
    const found = await lstat(folder);
    if (!found.isDirectory()) {
      throw new JanError('download-failed', `${folder} is a link or a file where a folder is needed. Remove it, then resume the download.`, {
        details: { path: folder },
      });
    }
  }
  return folder;
}

/**
 * Moves checked files to their names, the first one last, because its presence makes the model visible.
 * Order of steps as for any durable replacement: file on disk → rename → folder on disk.
 */
export async function install(moves: readonly { readonly from: string; readonly to: string }[]): Promise<void> {
  for (const { from, to } of [...moves].reverse()) {
    await syncFile(from, 'r+');
    const existing = await lstat(to).catch(() => undefined);
    if (existing !== undefined && !existing.isFile()) {
      throw new JanError('download-failed', `${to} is a link or a folder. Remove it, then resume the download.`, { details: { path: to } });
    }
    await renameWithPatience(from, to);
    if (process.platform !== 'win32') {
      await syncFile(path.dirname(to), 'r');
    }
  }
}

async function syncFile(file: string, flags: string): Promise<void> {
  const handle = await open(file, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Windows refuses while anyone (a virus scanner) has the file open. */
async function renameWithPatience(from: string, to: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await rename(from, to);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? '';
      if (attempt >= 10 || !['EPERM', 'EBUSY', 'EACCES'].includes(code) || process.platform !== 'win32') {
        throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 50 * attempt));
    }
  }
}
