// What slots had to forget: states of conversations, kept in memory within a budget, so that a conversation that comes
// back is copied in instead of read again. Measured with a 200 MB model on two busy cores: 1,000 tokens (61 MB) come back in
// 32 to 92 ms; reading them again took 29 s.
//
// node-llama-cpp can give a state only to a file. It is one in memory (/dev/shm) where there is such a folder, else in
// the folder for temporary files. Only this user may enter its folder. On Linux a file loses its name as soon as it is
// written, so that nothing is left whatever kills the process; elsewhere the next process removes what a killed one left.
// Must not know: slots, requests, which model a state belongs to.

import fs from 'node:fs';
import { mkdtemp, open, readdir, rm, statfs, type FileHandle } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import type { LlamaContextSequence, Token } from 'node-llama-cpp';
import type { Logger } from '../common/log';
import { freeMemory } from './freeMemory';

/** Part of LlamaContextSequence. */
export type StatefulSequence = Pick<LlamaContextSequence, 'contextTokens' | 'needsCheckpoints' | 'clearHistory' | 'saveStateToFile' | 'loadStateFromFile'>;

export interface KeptState {
  readonly tokens: readonly Token[];
}

interface Entry extends KeptState {
  readonly owner: object;
  readonly bytes: number;
  readonly path: string;
  readonly file: FileHandle | undefined;
  lastUsed: number;
  /** Who copies it now. */
  readers: number;
}

export interface StateCacheOptions {
  readonly log: Logger;
  /** Bytes; default: a quarter of the memory that is free when the first state is kept, at most 8 GiB. */
  readonly budget?: number;
  /** Where its folder is made. */
  readonly parent?: string;
}

const folderPrefix = 'jan-states-';
const largestBudget = 8 * 1024 ** 3;
/** Fewer tokens than this are read again sooner than they are kept and copied. */
export const worthKeeping = 128;
/** Memory that is left to others, bytes. */
const margin = 512 * 1024 ** 2;

export class StateCache {
  readonly #entries = new Set<Entry>();
  readonly #log: Logger;
  #budget: number | undefined;
  #folder: Promise<string> | undefined;
  #folderPath: string | undefined;
  /** Of a saved state, by owner: how large the next one will be, per token. */
  readonly #bytesPerToken = new WeakMap<object, number>();
  #uses = 0;
  #disposed = false;
  readonly #removeAtExit = (): void => {
    if (this.#folderPath !== undefined) {
      fs.rmSync(this.#folderPath, { recursive: true, force: true });
    }
  };

  constructor(private readonly options: StateCacheOptions) {
    this.#log = options.log;
    this.#budget = options.budget;
  }

  /** Bytes kept now. */
  get size(): number {
    return [...this.#entries].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /**
   * Keeps what the sequence knows. States of the same owner that hold next to nothing else are dropped, and the ones
   * unused for longest while there is no room. Never rejects: what cannot be kept is read again, that is all.
   * @returns the state, or undefined when it could not be kept
   */
  async keep(owner: object, sequence: StatefulSequence): Promise<KeptState | undefined> {
    const tokens = sequence.contextTokens;
    const known = [...this.#entries].find((entry) => entry.owner === owner && entry.tokens.length >= tokens.length && shared(entry.tokens, tokens) === tokens.length);
    if (known !== undefined || tokens.length === 0 || this.#disposed) {
      return known;
    }
    let target: string | undefined;
    try {
      const folder = await this.#open();
      // Before the file is written: its memory is taken again at once, which costs less than memory that has to be found.
      for (const other of [...this.#entries]) {
        if (other.owner === owner && other.tokens.length - shared(other.tokens, tokens) < (sequence.needsCheckpoints ? 1 : worthKeeping)) {
          await this.#drop(other);
        }
      }
      if (!(await this.#makeRoom(folder, tokens.length * (this.#bytesPerToken.get(owner) ?? 0)))) {
        return undefined;
      }
      target = path.join(folder, `${++this.#uses}`);
      const { fileSize: bytes } = await sequence.saveStateToFile(target);
      this.#bytesPerToken.set(owner, bytes / tokens.length);
      const file = process.platform === 'linux' ? await open(target, 'r') : undefined;
      const entry: Entry = {
        owner,
        tokens,
        bytes,
        file,
        path: file === undefined ? target : `/proc/self/fd/${file.fd}`,
        lastUsed: ++this.#uses,
        readers: 0,
      };
      if (file !== undefined) {
        await rm(target);
      }
      this.#entries.add(entry);
      // The first of an owner was written without knowing how large it would become.
      await this.#makeRoom(folder, 0);
      return this.#entries.has(entry) ? entry : undefined;
    } catch (error) {
      this.#log.warn(`A conversation's state could not be kept: ${error instanceof Error ? error.message : String(error)}`);
      if (target !== undefined) {
        await rm(target, { force: true }).catch(() => undefined);
      }
      return undefined;
    }
  }

  /**
   * The state that begins with most of these tokens, and with how many of them.
   * @param whole a state is of use only as a whole (recurrent models cannot go back)
   */
  find(owner: object, tokens: readonly Token[], whole: boolean): { readonly state: KeptState; readonly sharedPrefix: number } | undefined {
    let best: { state: Entry; sharedPrefix: number } | undefined;
    for (const state of this.#entries) {
      const sharedPrefix = state.owner === owner ? shared(state.tokens, tokens) : 0;
      const useful = !whole || (sharedPrefix === state.tokens.length && sharedPrefix < tokens.length);
      if (useful && sharedPrefix > (best?.sharedPrefix ?? 0)) {
        best = { state, sharedPrefix };
      }
    }
    if (best !== undefined) {
      // It is about to be used: what is kept before that should not take its place.
      best.state.lastUsed = ++this.#uses;
    }
    return best;
  }

  /**
   * Copies a kept state into the sequence, in place of what it held.
   * @returns false when it was dropped before, or that failed: then the sequence is empty
   */
  async restore(state: KeptState, sequence: StatefulSequence): Promise<boolean> {
    const entry = state as Entry;
    if (!this.#entries.has(entry)) {
      return false;
    }
    entry.lastUsed = ++this.#uses;
    entry.readers++;
    try {
      // node-llama-cpp forgets neither what native code holds when that fails, nor the points to go back to of what was
      // there before: the next answer would go on from another conversation.
      await sequence.clearHistory();
      await sequence.loadStateFromFile(entry.path, { acceptRisk: true });
      return true;
    } catch (error) {
      this.#log.warn(`A conversation's state could not be restored: ${error instanceof Error ? error.message : String(error)}`);
      this.#entries.delete(entry);
      return false;
    } finally {
      entry.readers--;
      await this.#discard(entry);
    }
  }

  /** Of a model that is unloaded. */
  async forget(owner: object): Promise<void> {
    for (const entry of [...this.#entries]) {
      if (entry.owner === owner) {
        await this.#drop(entry);
      }
    }
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    for (const entry of [...this.#entries]) {
      await this.#drop(entry);
    }
    process.off('exit', this.#removeAtExit);
    this.#removeAtExit();
  }

  async #makeRoom(folder: string, needed: number): Promise<boolean> {
    const budget = (this.#budget ??= Math.min(largestBudget, freeMemory() / 4));
    const fits = async (): Promise<boolean> => {
      const { bavail, bsize } = await statfs(folder);
      return this.size + needed <= budget && needed + margin <= Math.min(freeMemory(), bavail * bsize + margin / 2);
    };
    while (!(await fits())) {
      const [oldest] = [...this.#entries].sort((a, b) => a.lastUsed - b.lastUsed);
      if (oldest === undefined) {
        return false;
      }
      await this.#drop(oldest);
    }
    return true;
  }

  async #drop(entry: Entry): Promise<void> {
    this.#entries.delete(entry);
    await this.#discard(entry);
  }

  /** What is being copied stays until that is done. */
  async #discard(entry: Entry): Promise<void> {
    if (this.#entries.has(entry) || entry.readers > 0) {
      return;
    }
    await (entry.file === undefined ? rm(entry.path, { force: true }) : entry.file.close()).catch(() => undefined);
  }

  async #open(): Promise<string> {
    this.#folder ??= (async () => {
      const parent = this.options.parent ?? (await memoryFolder());
      await removeLeftovers(parent);
      const folder = await mkdtemp(path.join(parent, `${folderPrefix}${process.pid}-`));
      this.#folderPath = folder;
      process.once('exit', this.#removeAtExit);
      return folder;
    })();
    this.#folder.catch(() => (this.#folder = undefined));
    return this.#folder;
  }
}

/** How many of the first tokens are the same. */
function shared(a: readonly Token[], b: readonly Token[]): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    if (a[index] !== b[index]) {
      return index;
    }
  }
  return length;
}

/** Linux' folder in memory, when it has room worth the name (containers often give it 64 MB). */
async function memoryFolder(): Promise<string> {
  const folder = '/dev/shm';
  const room = process.platform === 'linux' ? await statfs(folder).catch(() => undefined) : undefined;
  return room !== undefined && room.bavail * room.bsize >= 1024 ** 3 ? folder : os.tmpdir();
}

/** Folders of processes that were killed. */
async function removeLeftovers(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = name.startsWith(folderPrefix) ? Number(name.slice(folderPrefix.length).split('-')[0]) : NaN;
    if (Number.isInteger(pid) && pid > 0 && !isAlive(pid)) {
      await rm(path.join(parent, name), { recursive: true, force: true }).catch(() => undefined);
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
