// One generation's journal file: made, opened, read from an offset on, appended to.
// Must not know: what the records mean, the view.

import * as path from 'node:path';
import { createUuidV7 } from '../../common/uuid';
import { encodeFrame, scanFrames, type Frame } from './frame';
import { decodePayload, encodePayload, recordKind } from './operations';
import { errorCodeOf, type StoreFile, type StoreFiles } from './storeFiles';

export interface JournalDamage {
  readonly start: number;
  readonly end: number;
}

export interface JournalChunk {
  readonly frames: readonly Frame[];
  /** In offsets of the file. */
  readonly damage: readonly JournalDamage[];
  /** Nothing further can be read now. */
  readonly atEnd: boolean;
}

const chunkSize = 256 * 1024;
/** Codes with which a file system refuses writing but may allow reading. */
const refusals = new Set(['EACCES', 'EPERM', 'EROFS']);

export function journalName(generation: number): string {
  return `journal-${generation}.log`;
}

/** The generation of a journal's or snapshot's file name; undefined for other files. */
export function parseStoreName(name: string): { kind: 'journal' | 'snapshot'; generation: number } | undefined {
  const match = /^(?:(journal)-(\d{1,9})\.log|(snapshot)-(\d{1,9})\.db)$/.exec(name);
  if (match === null) {
    return undefined;
  }
  return match[1] === 'journal'
    ? { kind: 'journal', generation: Number(match[2]) }
    : { kind: 'snapshot', generation: Number(match[4]) };
}

/** Makes a journal in one step, its first record included. False when there is one already. */
export async function createJournal(
  files: StoreFiles,
  directory: string,
  generation: number,
  sealId: string,
): Promise<boolean> {
  const target = path.join(directory, journalName(generation));
  const temporary = path.join(directory, `${journalName(generation)}.${createUuidV7()}.tmp`);
  const begin = encodeFrame(createUuidV7(), recordKind.begin, encodePayload({ generation, seal: sealId }));
  try {
    await files.writeNew(temporary, begin);
    await files.publish(temporary, target);
  } catch (error) {
    await files.remove(temporary).catch(() => undefined);
    if (errorCodeOf(error) === 'EEXIST') {
      return false;
    }
    throw error;
  }
  await files.syncDirectory(directory);
  return true;
}

export class Journal {
  #offset = 0;
  #size = 0;
  #wanted = 0;
  #users = 1;
  #before: Journal | undefined;
  #secured = false;

  private constructor(
    readonly generation: number,
    readonly file: StoreFile,
    readonly writable: boolean,
  ) {}

  /** Opens for appending, or for reading only where the file system refuses that. @throws ENOENT and other fs errors. */
  static async open(
    files: StoreFiles,
    directory: string,
    generation: number,
    access: 'append' | 'read',
  ): Promise<Journal> {
    const name = path.join(directory, journalName(generation));
    if (access === 'append') {
      try {
        return new Journal(generation, await files.open(name, 'append'), true);
      } catch (error) {
        if (!refusals.has(errorCodeOf(error))) {
          throw error;
        }
      }
    }
    return new Journal(generation, await files.open(name, 'read'), false);
  }

  /** Bytes that were read and dealt with. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes at the end that are no whole record: torn, or still being written. */
  get unfinished(): number {
    return this.#size - this.#offset;
  }

  /** Keeps the file open while a write is under way, whatever {@link release} the reader calls meanwhile. */
  retain(): void {
    this.#users += 1;
  }

  async release(): Promise<void> {
    this.#users -= 1;
    if (this.#users === 0) {
      // What counts was synced: a file that cannot be closed well changes nothing.
      await Promise.all([this.file.close().catch(() => undefined), this.#letGoOfBefore()]);
    }
  }

  /** Keeps the journal whose seal leads to this one, for {@link secure}. */
  follow(before: Journal): void {
    before.retain();
    this.#before = before;
  }

  /**
   * To be called before a record is appended. A record counts only if a power failure leaves the file its name and the
   * journal before it its seal; another window may have made both a moment ago, and not have synced them yet.
   */
  async secure(files: StoreFiles, directory: string): Promise<void> {
    if (this.#secured) {
      return;
    }
    if (this.#before?.writable === true) {
      await this.#before.file.sync();
    }
    await files.syncDirectory(directory);
    this.#secured = true;
    await this.#letGoOfBefore();
  }

  /** Looks at the file. `lost`: it shrank or was deleted, so what was read of it is not to be relied on. */
  async measure(): Promise<{ readonly lost: boolean }> {
    const { size, links } = await this.file.stat();
    const lost = size < this.#offset || links === 0;
    this.#size = Math.max(size, this.#offset);
    return { lost };
  }

  /** The next records up to the size that {@link measure} found. */
  async read(): Promise<JournalChunk> {
    const rest = this.#size - this.#offset;
    if (rest <= 0) {
      return { frames: [], damage: [], atEnd: true };
    }
    const buffer = Buffer.allocUnsafe(Math.min(rest, Math.max(chunkSize, this.#wanted)));
    const filled = await this.file.read(buffer, this.#offset);
    const reachedEnd = filled >= rest || filled < buffer.length;
    const base = this.#offset;
    const scan = scanFrames(buffer.subarray(0, filled), reachedEnd);
    this.#offset += scan.consumed;
    // Twice as much next time when a record did not fit, so that a long one is read in few steps.
    this.#wanted = scan.consumed > 0 ? 0 : Math.min(scan.wanted, 2 * buffer.length);
    return {
      frames: scan.frames,
      damage: scan.damage.map(({ start, end }) => ({ start: base + start, end: base + end })),
      atEnd: reachedEnd,
    };
  }

  async #letGoOfBefore(): Promise<void> {
    const before = this.#before;
    this.#before = undefined;
    await before?.release();
  }

  /** The id of the seal that this journal follows, by its first record; undefined when that is damaged. */
  async readSealId(): Promise<string | undefined> {
    const buffer = Buffer.alloc(4096);
    const filled = await this.file.read(buffer, 0);
    const first = scanFrames(buffer.subarray(0, filled), true).frames[0];
    return first?.start === 0 && first.kind === recordKind.begin
      ? decodePayload('begin', first.payload)?.seal
      : undefined;
  }
}
