// The opened store: the view of the shared journal, brought up to date before each read, and the way to change it.
// Must not know: which operations there are, whether their input is valid.

import { isJanError, JanError } from '../../common/errors';
import type { Disposable } from '../../common/lifecycle';
import type { Logger } from '../../common/log';
import { AppendQueue } from './appendQueue';
import { coalesceChanges, compareConversations, type OriginatedChange, type StoreEvent } from './changeEvents';
import { Compactor } from './compaction';
import { describeDamage } from './damageWords';
import { Follower, isOutOfMemory, type AppliedRecord, type Damage, type StoreEnvironment } from './follower';
import { Interruptions } from './interruptions';
import { recordKind, type OperationName, type Payload } from './operations';
import { notFound } from './outcomes';
import { buildSnapshot, buildSnapshotInWorker } from './snapshotBuilder';
import { loadSqlite } from './sqlite';
import { toStoreError } from './storeErrors';
import { errorCodeOf, nodeStoreFiles, type StoreFiles } from './storeFiles';
import type { View } from './view';

export interface DataStoreOptions {
  /** Shared by all windows; made when missing. */
  readonly directory: string;
  readonly log: Logger;
  readonly onEvent: (event: StoreEvent) => void;
  /** Unix ms. Default: the system's clock. */
  readonly now?: () => number;
  readonly wasmPath?: string;
  /** Of the bundled snapshotWorker.ts. Without it snapshots are built on this thread. */
  readonly snapshotWorkerPath?: string;
  readonly files?: StoreFiles;
  /** Journal bytes from which on compaction is due, if the snapshot is not larger. Default 8 MiB. */
  readonly compactAt?: number;
}

/** From a notice of the file system to the look at the journal, ms. Other windows' changes are shown this much later. */
const noticeDelayMs = 5;

export class StoreCore {
  /** What could not be read, since this window opened the store. */
  readonly damage: Damage[] = [];
  readonly now: () => number;
  readonly files: StoreFiles;
  #opening: Promise<void> | undefined;
  #environment: StoreEnvironment | undefined;
  #follower: Follower | undefined;
  #queue: AppendQueue | undefined;
  #interruptions: Interruptions | undefined;
  #watcher: Disposable | undefined;
  #compactor: Compactor | undefined;
  #noticed: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param beforeCompaction may append records, which the snapshot then holds */
  constructor(
    readonly options: DataStoreOptions,
    private readonly beforeCompaction: () => Promise<void>,
  ) {
    this.now = options.now ?? Date.now;
    this.files = options.files ?? nodeStoreFiles;
  }

  /** After a {@link read}. */
  get environment(): StoreEnvironment {
    return this.#environment!;
  }

  /** After a {@link read}. */
  get follower(): Follower {
    return this.#follower!;
  }

  /** After a {@link read}. */
  get interruptions(): Interruptions {
    return this.#interruptions!;
  }

  /** Resolves when no compaction is under way. */
  async settled(): Promise<void> {
    await this.#compactor?.settled();
  }

  /** Seals this generation and writes the next one's snapshot now. */
  async compact(): Promise<void> {
    await this.read(() => undefined);
    await this.#compactor?.start('now');
  }

  /** Finishes what was begun, then lets go of files and memory. Later calls are refused. */
  async close(): Promise<void> {
    if (this.#closed) {
      return;
    }
    this.#closed = true;
    this.#watcher?.dispose();
    await this.#opening?.catch(() => undefined);
    this.#watcher?.dispose();
    await this.#queue?.close();
    await this.#compactor?.settled();
    await this.#interruptions?.close();
    await this.#follower?.close();
  }

  /**
   * Opens the store at the first call, and brings the view up to date.
   * @param query runs at once then: a view must not be kept, for another may take its place.
   */
  async read<T>(query: (view: View) => T): Promise<T> {
    if (this.#closed) {
      throw new JanError('store-unavailable', 'Jan is shutting down in this window. Reload it to go on.');
    }
    try {
      this.#opening ??= this.#open();
      await this.#opening;
      await this.#follower!.refresh();
    } catch (error) {
      if (this.#follower === undefined) {
        this.#opening = undefined; // The next call tries again.
      }
      throw toStoreError(error, 'read', this.options.directory);
    }
    try {
      return query(this.#follower!.view);
    } catch (error) {
      await this.#setAside(error);
    }
    return query(this.#follower!.view);
  }

  /** As {@link read}, for what takes several steps: the view does not change, and stays the same, until it ends. */
  async readSteps<T>(query: (view: View) => Promise<T>): Promise<T> {
    await this.read(() => undefined);
    const follower = this.#follower!;
    try {
      return await follower.exclusively(() => query(follower.view));
    } catch (error) {
      await this.#setAside(error);
    }
    return follower.exclusively(() => query(follower.view));
  }

  /** Returns when SQLite's failure was the fault of a snapshot that is not used any more; else throws it, typed. */
  async #setAside(error: unknown): Promise<void> {
    const isSqlite = !isJanError(error) && errorCodeOf(error) === '' && !isOutOfMemory(error);
    try {
      if (isSqlite && (await this.#follower!.quarantine())) {
        return;
      }
    } catch (again) {
      throw toStoreError(again, 'read', this.options.directory);
    }
    throw toStoreError(error, 'read', this.options.directory);
  }

  async #open(): Promise<void> {
    const { directory, log } = this.options;
    const started = performance.now();
    const sqlite = await loadSqlite(this.options.wasmPath).catch((error: unknown) => {
      throw new JanError(
        'store-unavailable',
        'SQLite, which holds your conversations, could not be loaded. Install the extension again.',
        { cause: error },
      );
    });
    // Before reading, so that no change goes unseen in between. A folder that cannot be made may still be readable.
    await this.files.makeDirectory(directory).catch((error: unknown) => log.debug(`store: ${String(error)}`));
    this.#watch();
    const environment: StoreEnvironment = { directory, files: this.files, sqlite, log };
    this.#environment = environment;
    const follower = new Follower(
      environment,
      {
        onRecord: (record, view) => void this.#queue?.takeApplied(record, view),
        onApplied: (records, loading) => this.#onApplied(records, loading),
        onDamage: (damage) => this.#onDamage(damage),
        onReload: (before, after) => this.#onReload(before, after),
      },
      'append',
    );
    try {
      await follower.refresh();
    } catch (error) {
      await follower.close();
      this.#watcher?.dispose();
      throw error;
    }
    this.#follower = follower;
    this.#queue = new AppendQueue(this.files, directory, follower);
    this.#interruptions = new Interruptions(follower, this.#queue, this.now, log);
    const { snapshotWorkerPath, wasmPath } = this.options;
    const build = (generation: number): Promise<number> =>
      snapshotWorkerPath === undefined
        ? buildSnapshot(environment, generation)
        : buildSnapshotInWorker(snapshotWorkerPath, { directory, generation, wasmPath });
    this.#compactor = new Compactor(environment, follower, this.#queue, build, this.beforeCompaction, this.options.compactAt);
    log.info(`store: open after ${Math.round(performance.now() - started)} ms`, follower.sizes);
    await this.#mendTail(follower, this.#queue);
    this.#interruptions.end().catch((error: unknown) => log.warn(`store: ${String(error)}`));
  }

  /** A record behind a torn one makes every reader certain that the torn one is finished. */
  async #mendTail(follower: Follower, queue: AppendQueue): Promise<void> {
    const journal = follower.journal;
    const unfinished = journal?.unfinished ?? 0;
    if (journal === undefined || unfinished === 0) {
      return;
    }
    await queue.append(recordKind.mend, { offset: journal.offset, length: unfinished }).catch(() => {
      this.#onDamage({
        kind: 'record',
        file: `journal-${journal.generation}.log`,
        start: journal.offset,
        end: journal.offset + unfinished,
      });
    });
  }

  #watch(): void {
    const { directory, log } = this.options;
    this.#watcher?.dispose();
    try {
      this.#watcher = this.files.watch(
        directory,
        (name) => {
          if (name === null || name.endsWith('.log')) {
            this.#refreshSoon();
          }
        },
        (error) => log.warn(`store: changes of other windows are seen on the next call only: ${String(error)}`),
      );
    } catch (error) {
      log.warn(`store: changes of other windows are seen on the next call only: ${String(error)}`);
    }
  }

  /** A burst of notices, of which our own writes make most, is answered with one look. */
  #refreshSoon(): void {
    if (this.#noticed !== undefined) {
      return;
    }
    this.#noticed = setTimeout(() => {
      this.#noticed = undefined;
      if (!this.#closed) {
        this.#follower?.refresh().catch((error: unknown) => this.options.log.warn(`store: ${String(error)}`));
      }
    }, noticeDelayMs);
  }

  /** Refuses early, without a record, what the view knows not to be there. */
  async demand(what: keyof typeof notFound, id: string): Promise<void> {
    // What the view has may be written to without a look at the file: applying decides.
    if (!this.#knows(what, id) && !(await this.read((view) => view.queries.has(what, id)))) {
      missing(what, id);
    }
  }

  #knows(what: keyof typeof notFound, id: string): boolean {
    try {
      return !this.#closed && this.#follower?.view.queries.has(what, id) === true;
    } catch {
      return false; // Reading it, which comes next, deals with that.
    }
  }

  async change<N extends OperationName, T>(
    name: N,
    payload: Payload<N>,
    result: (view: View) => T | undefined,
  ): Promise<T> {
    if (this.#queue === undefined || this.#closed) {
      await this.read(() => undefined);
    }
    let value: T | undefined;
    const outcome = await this.#queue!
      .append(recordKind[name], payload, { onApplied: (view) => (value = result(view)) })
      .catch((error: unknown) => {
        throw error instanceof RangeError
          ? new JanError('invalid-argument', 'This message is too long to be saved. Shorten it.', { cause: error })
          : error;
      });
    if (outcome?.type === 'refused') {
      throw new JanError(outcome.code, outcome.message, { details: { id: outcome.id } });
    }
    if (value === undefined) {
      throw new JanError('internal', 'The change was saved but could not be read back. Reload the window.', {
        details: { operation: name, outcome: outcome?.type },
      });
    }
    this.#compactor?.startWhenDue();
    return value;
  }

  #onApplied(records: readonly AppliedRecord[], loading: boolean): void {
    const changes: OriginatedChange[] = [];
    for (const record of records) {
      const origin = this.#queue?.isPending(record.id) === true ? 'local' : 'remote';
      if (record.outcome.type === 'applied') {
        changes.push(...record.outcome.changes.map((change) => ({ change, origin }) as const));
      } else if (record.outcome.type === 'unknown') {
        this.options.log.warn(`store: record ${record.id} is of a newer version of Jan; it was kept, not applied`);
      }
    }
    if (!loading) {
      this.#emit(changes);
    }
  }

  #onReload(before: View, after: View): void {
    this.#watch();
    const [old, now] = [before.queries.conversationStates(), after.queries.conversationStates()];
    this.#emit(compareConversations(old, now));
  }

  #emit(changes: readonly OriginatedChange[]): void {
    this.#tell(coalesceChanges(changes));
  }

  #tell(events: readonly StoreEvent[]): void {
    for (const event of events) {
      try {
        this.options.onEvent(event);
      } catch (error) {
        this.options.log.error(`store: a listener failed: ${String(error)}`);
      }
    }
  }

  #onDamage(damage: Damage): void {
    const same = (known: Damage): boolean =>
      known.file === damage.file && known.start === damage.start && known.end === damage.end;
    if (this.damage.some(same)) {
      return; // Read anew.
    }
    this.damage.push(damage);
    this.options.log.warn(`store: passed over damage in ${damage.file}`, damage);
    this.#tell([{ topic: 'damage', event: describeDamage(damage) }]);
  }
}

export function missing(what: keyof typeof notFound, id: string): never {
  throw new JanError(notFound[what].code, notFound[what].message, { details: { id } });
}
