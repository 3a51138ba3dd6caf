// Follows the journal: loads the newest snapshot, replays what comes after it in file order, and goes on from
// generation to generation. The only caller of View.apply.
// Must not know: who writes, what a window asks for.

import * as path from 'node:path';
import type { Logger } from '../../common/log';
import type { Frame } from './frame';
import { Journal, journalName, parseStoreName } from './journal';
import { loadBase, Stale, type Position } from './storeBase';
import { decodePayload, recordKind } from './operations';
import { snapshotName } from './snapshot';
import type { SqlJsStatic } from './sqlite';
import { storeDamaged } from './storeErrors';
import { errorCodeOf, type StoreFiles } from './storeFiles';
import type { Outcome } from './outcomes';
import type { View } from './view';

/** Where a store lies and what it works with. */
export interface StoreEnvironment {
  readonly directory: string;
  readonly files: StoreFiles;
  readonly sqlite: SqlJsStatic;
  readonly log: Logger;
}

/** Something unreadable that was passed over. Nothing readable is ever dropped with it. */
export interface Damage {
  /** `record`: bytes of no valid record · `content`: an intact record of a wrong shape · `snapshot`: a whole file. */
  readonly kind: 'record' | 'content' | 'snapshot';
  readonly file: string;
  /** Bytes of the file. */
  readonly start: number;
  readonly end: number;
}

export interface AppliedRecord {
  readonly id: string;
  readonly outcome: Outcome;
}

export interface FollowerListener {
  /** The view stands right behind this record; later ones of the same burst are not in it yet. */
  onRecord?(record: AppliedRecord, view: View): void;
  /** After the view holds these, in file order. `loading`: into a view that is not in use yet, so nothing changed. */
  onApplied(records: readonly AppliedRecord[], loading: boolean): void;
  onDamage(damage: Damage): void;
  /** The view was built anew, because what it stood on was replaced. */
  onReload(before: View, after: View): void;
}

/** How long applying may hold the event loop, ms. */
const sliceMs = 3;
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class Follower {
  #position: Position | undefined;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #locked: Promise<unknown> = Promise.resolve();
  #closed = false;
  /** Generations whose snapshots turned out not to be sound although their checksum is right. */
  readonly #quarantined = new Set<number>();

  constructor(
    private readonly environment: StoreEnvironment,
    private readonly listener: FollowerListener,
    private readonly access: 'append' | 'read',
    /** Stops at the start of this generation: for building its snapshot. */
    private readonly untilGeneration = Infinity,
  ) {}

  get view(): View {
    if (this.#position === undefined) {
      throw new Error('The store is not loaded.');
    }
    return this.#position.view;
  }

  /** Undefined while the store has no file yet. */
  get journal(): Journal | undefined {
    return this.#position?.journal;
  }

  /** Did a newer version of Jan write something that this one may not pass over? */
  get isNewer(): boolean {
    return this.#position?.newer ?? false;
  }

  get reachedEnd(): boolean {
    return this.#position?.done ?? false;
  }

  /** Bytes of journal to replay on opening, and of the snapshot before it. */
  get sizes(): { readonly journal: number; readonly snapshot: number } {
    const position = this.#position;
    const sealed = [...(position?.sealedBytes.values() ?? [])].reduce((sum, bytes) => sum + bytes, 0);
    return { journal: sealed + (position?.journal?.offset ?? 0), snapshot: position?.snapshotSize ?? 0 };
  }

  /** Takes note of snapshots that were written since this window loaded one, for {@link sizes}. */
  async noteSnapshots(): Promise<void> {
    const position = this.#position;
    const { directory, files } = this.environment;
    const generation = Math.max(
      ...(await files.list(directory))
        .map(parseStoreName)
        .map((entry) => (entry?.kind === 'snapshot' ? entry.generation : 0)),
    );
    if (position === undefined || ![...position.sealedBytes.keys()].some((sealed) => sealed < generation)) {
      return;
    }
    const file = await files.open(path.join(directory, snapshotName(generation)), 'read');
    position.snapshotSize = await file
      .stat()
      .then(({ size }) => size)
      .finally(() => file.close());
    for (const sealed of [...position.sealedBytes.keys()].filter((one) => one < generation)) {
      position.sealedBytes.delete(sealed);
    }
  }

  /**
   * Resolves when the view holds everything that was in the journal when this was called.
   * One pass runs at a time; callers that come during it share the next one.
   */
  refresh(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#pass().finally(() => (this.#running = undefined));
      return this.#running;
    }
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.refresh();
      });
    return this.#next;
  }

  /** Runs `task` while no record is applied, for reads of several steps. */
  async exclusively<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#locked.then(task);
    this.#locked = turn.catch(() => undefined);
    return turn;
  }

  /**
   * To be called when SQLite failed on the view. If it was loaded from a snapshot, that is not used any more, damage is
   * reported, and the view is loaded from what came before. False when there is nothing to set aside.
   * @throws what loading throws
   */
  async quarantine(): Promise<boolean> {
    const position = this.#position;
    if (position?.base === undefined) {
      return false;
    }
    if (!this.#quarantined.has(position.base)) {
      this.#setAside(position.base);
    }
    await this.#replace();
    return true;
  }

  #setAside(generation: number): void {
    this.#quarantined.add(generation);
    this.environment.log.warn(`store: ${snapshotName(generation)} is not sound; the generation before is read instead`);
    this.listener.onDamage({ kind: 'snapshot', file: snapshotName(generation), start: 0, end: 0 });
  }

  /** Opens the journal again for appending, after permission was missing. */
  async reopenForAppend(): Promise<void> {
    await this.#replace();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#running?.catch(() => undefined);
    await this.#locked;
    const position = this.#position;
    this.#position = undefined;
    position?.view.close();
    await position?.journal?.release();
  }

  async #pass(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      if (this.#closed) {
        throw new Error('The store is closed.');
      }
      try {
        if (this.#position?.journal === undefined) {
          await this.#replace();
        } else {
          await this.#catchUp(this.#position, false);
        }
        return;
      } catch (error) {
        // Another window may replace generations while this one reads them; each time it finds newer ones.
        if (!(error instanceof Stale) || attempt >= 5) {
          throw error instanceof Stale ? storeDamaged(this.environment.directory) : error;
        }
        this.environment.log.debug(`store: reading anew (${error.message})`);
        await this.#replace().catch((again: unknown) => {
          if (!(again instanceof Stale)) {
            throw again;
          }
        });
      }
    }
  }

  /** Loads from the files, then takes the place of what was there. */
  async #replace(): Promise<void> {
    const before = this.#position;
    const after = await this.#load();
    if (before !== undefined && before.journal === undefined && after.journal === undefined) {
      after.view.close();
      return;
    }
    await this.exclusively(async () => {
      this.#position = after;
      if (before !== undefined) {
        this.listener.onReload(before.view, after.view);
        before.view.close();
        await before.journal?.release();
      }
    });
  }

  async #load(): Promise<Position> {
    const { directory, files } = this.environment;
    let names: string[] = [];
    try {
      names = await files.list(directory);
    } catch (error) {
      if (errorCodeOf(error) !== 'ENOENT') {
        throw error;
      }
    }
    const found = names.map(parseStoreName).filter((entry) => entry !== undefined);
    const position = await loadBase(this.environment, found, {
      access: this.access,
      untilGeneration: this.untilGeneration,
      quarantined: this.#quarantined,
      onDamage: (damage) => this.listener.onDamage(damage),
    });
    if (position.journal !== undefined) {
      try {
        await this.#catchUp(position, true);
      } catch (error) {
        position.view.close();
        await position.journal.release();
        throw error;
      }
    }
    return position;
  }

  async #catchUp(position: Position, loading: boolean): Promise<void> {
    while (!position.done && position.journal !== undefined) {
      const journal = position.journal;
      const { lost } = await journal.measure();
      position.seal ??= await this.#readAll(position, journal, loading);
      if (position.seal === undefined) {
        if (lost) {
          throw new Stale(`${journalName(journal.generation)} was deleted or cut`);
        }
        return;
      }
      await this.#advance(position, journal, position.seal);
    }
  }

  /** Applies what the journal holds; stops behind its seal and returns that. */
  async #readAll(position: Position, journal: Journal, loading: boolean): Promise<Frame | undefined> {
    const file = journalName(journal.generation);
    for (;;) {
      const before = journal.offset;
      const { frames, damage, atEnd } = await journal.read();
      const sealAt = frames.findIndex((frame) => frame.kind === recordKind.seal && isSeal(frame, journal.generation));
      const counting = sealAt < 0 ? frames : frames.slice(0, sealAt + 1);
      const sealEnd = sealAt < 0 ? Infinity : before + frames[sealAt]!.end;
      for (const range of damage) {
        if (range.start < sealEnd) {
          this.listener.onDamage({ kind: 'record', file, ...range });
        }
      }
      if (counting.length > 0) {
        await this.exclusively(() => this.#apply(position, counting, file, before, loading));
      }
      if (sealAt >= 0) {
        return frames[sealAt];
      }
      if (atEnd) {
        return undefined;
      }
    }
  }

  async #apply(
    position: Position,
    frames: readonly Frame[],
    file: string,
    offset: number,
    loading: boolean,
  ): Promise<void> {
    for (let next = 0; next < frames.length; ) {
      const applied: AppliedRecord[] = [];
      const deadline = performance.now() + sliceMs;
      position.view.begin();
      try {
        do {
          const frame = frames[next++]!;
          const outcome = position.view.apply(frame);
          const record = { id: frame.id, outcome };
          applied.push(record);
          this.listener.onRecord?.(record, position.view);
          if (outcome.type === 'unknown' && !outcome.ignorable) {
            position.newer = true;
          } else if (outcome.type === 'invalid') {
            this.listener.onDamage({ kind: 'content', file, start: offset + frame.start, end: offset + frame.end });
          }
        } while (next < frames.length && performance.now() < deadline);
        position.view.commit();
      } catch (error) {
        // Not of the record's making (those are refused or invalid): SQLite gave up, so its state is not to be used.
        if (position.base !== undefined && !isOutOfMemory(error)) {
          this.#setAside(position.base);
        }
        throw new Stale(String(error));
      }
      this.listener.onApplied(applied, loading);
      if (next < frames.length) {
        await nextTurn();
      }
    }
  }

  async #advance(position: Position, journal: Journal, seal: Frame): Promise<void> {
    const { directory, files } = this.environment;
    const generation = journal.generation + 1;
    if (generation >= this.untilGeneration) {
      position.done = true;
      return;
    }
    let next: Journal;
    try {
      next = await Journal.open(files, directory, generation, this.access);
    } catch (error) {
      throw errorCodeOf(error) === 'ENOENT' ? new Stale(`${journalName(generation)} is gone`) : error;
    }
    // A window that slept through several generations must not go on in a file that is none of this line.
    const follows = await next.readSealId().catch(async (error: unknown) => {
      await next.release();
      throw error;
    });
    if (follows !== seal.id) {
      await next.release();
      throw new Stale(`${journalName(generation)} does not follow the seal`);
    }
    position.sealedBytes.set(journal.generation, journal.offset);
    next.follow(journal);
    position.journal = next;
    position.seal = undefined;
    await journal.release();
  }
}

/** What SQLite says then tells nothing about the snapshot. */
export function isOutOfMemory(error: unknown): boolean {
  return error instanceof RangeError || /out of memory/i.test(String(error));
}

function isSeal(frame: Frame, generation: number): boolean {
  return decodePayload('seal', frame.payload)?.generation === generation + 1;
}
