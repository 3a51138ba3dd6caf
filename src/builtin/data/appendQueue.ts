// Brings records to the end of the journal: waiting ones together in one write and one fdatasync, each acknowledged
// after it is on the disk and was read back in its place of the journal.
// Must not know: what the records mean.

import { JanError } from '../../common/errors';
import { createUuidV7 } from '../../common/uuid';
import type { AppliedRecord, Follower } from './follower';
import { encodeFrame, ignorableFlag } from './frame';
import { createJournal, type Journal } from './journal';
import { encodePayload, payloadVersion, recordKind } from './operations';
import { toStoreError, writtenByNewerVersion } from './storeErrors';
import type { StoreFiles } from './storeFiles';
import type { Outcome } from './outcomes';
import type { View } from './view';

interface PendingRecord {
  readonly id: string;
  readonly bytes: Uint8Array;
  /** A seal or mend is for one file: it is not carried to the next one. */
  readonly bound: boolean;
  outcome: Outcome | undefined;
  /** Takes what the caller wants to know of the state right behind the record. */
  readonly onApplied: (view: View) => void;
  resolve(outcome: Outcome | undefined): void;
  reject(error: unknown): void;
}

/** Bytes of records that go into one write, when several wait. */
const groupSize = 1024 * 1024;

export class AppendQueue {
  readonly #waiting: PendingRecord[] = [];
  readonly #pending = new Map<string, PendingRecord>();
  #pumping: Promise<void> | undefined;
  #closed = false;

  constructor(
    private readonly files: StoreFiles,
    private readonly directory: string,
    private readonly follower: Follower,
  ) {}

  /** Nothing is waiting or being written. */
  get isIdle(): boolean {
    return this.#pumping === undefined;
  }

  /**
   * Appends one record. Resolves once it is durable, with what applying it did. A seal or mend that came too late
   * resolves with undefined.
   * @param onApplied called when the view stands right behind the record
   */
  append(
    kind: number,
    payload: object,
    options: { readonly id?: string; readonly onApplied?: (view: View) => void } = {},
  ): Promise<Outcome | undefined> {
    const id = options.id ?? createUuidV7();
    const bound = kind === recordKind.seal || kind === recordKind.mend;
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        throw closedError();
      }
      const flags = kind === recordKind.mend ? ignorableFlag : 0;
      const bytes = encodeFrame(id, kind, encodePayload(payload), flags, payloadVersion(kind, payload));
      const onApplied = options.onApplied ?? (() => undefined);
      this.#waiting.push({ id, bytes, bound, outcome: undefined, onApplied, resolve, reject });
      this.#pumping ??= this.#pump();
    });
  }

  /** Is this record one that we are writing? */
  isPending(id: string): boolean {
    return this.#pending.has(id);
  }

  /** Takes the outcome of a record, if it is one of ours. @param view that stands right behind it */
  takeApplied({ id, outcome }: AppliedRecord, view: View): void {
    const record = this.#pending.get(id);
    if (record !== undefined && record.outcome === undefined) {
      record.outcome = outcome;
      try {
        record.onApplied(view);
      } catch {
        // The caller finds nothing taken; the records behind this one must be applied all the same.
      }
    }
  }

  /** Refuses further records; resolves when those under way are settled. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#pumping;
  }

  async #pump(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group: PendingRecord[] = [];
      let size = 0;
      do {
        const record = this.#waiting.shift()!;
        size += record.bytes.length;
        group.push(record);
      } while (this.#waiting.length > 0 && size + this.#waiting[0]!.bytes.length <= groupSize);
      try {
        await this.#write(group);
      } catch (error) {
        const failure = toStoreError(error, 'write', this.directory);
        group.forEach((record) => this.#settle(record, () => record.reject(failure)));
      }
    }
    this.#pumping = undefined; // In the same turn as the look at the queue, so that no record is left waiting.
  }

  #settle(record: PendingRecord, settle: () => void): void {
    this.#pending.delete(record.id);
    settle();
  }

  async #write(group: PendingRecord[]): Promise<void> {
    const journal = await this.#openJournal();
    group.forEach((record) => this.#pending.set(record.id, record));
    let written: PendingRecord[];
    try {
      const bytes = group.map((record) => record.bytes);
      const taken = await journal.file.append(bytes.length === 1 ? bytes[0]! : Buffer.concat(bytes));
      written = wholeRecords(group, taken);
      if (written.length === 0 && taken > 0) {
        // Torn, as on a nearly full disk; what is there is passed over by every reader. The system says why now.
        await journal.file.append(group[0]!.bytes).then((again) => {
          if (again < group[0]!.bytes.length) {
            throw Object.assign(new Error('The record was written in part.'), { code: 'ENOSPC' });
          }
          written = group.slice(0, 1);
        });
      }
      // The view may show a record a moment before it is durable, as any other window's does; its writer is told after.
      const [synced, refreshed] = await Promise.allSettled([journal.file.sync(), this.follower.refresh()]);
      if (synced.status === 'rejected') {
        throw unsure(toStoreError(synced.reason, 'write', this.directory));
      }
      if (refreshed.status === 'rejected') {
        throw unsure(toStoreError(refreshed.reason, 'read', this.directory));
      }
    } finally {
      await journal.release();
    }
    const again = group.slice(written.length);
    for (const record of written) {
      if (record.outcome !== undefined || (record.bound && journal !== this.follower.journal)) {
        this.#settle(record, () => record.resolve(record.outcome));
      } else if (journal !== this.follower.journal) {
        // It came behind a seal, where it does not count: it belongs to the next generation.
        again.unshift(record);
      } else {
        this.#settle(record, () => record.reject(appendNotHonoured(this.directory)));
      }
    }
    this.#waiting.unshift(...again.sort((a, b) => group.indexOf(a) - group.indexOf(b)));
  }

  /** The journal to write to, made if the store is new. The caller releases it. */
  async #openJournal(): Promise<Journal> {
    if (this.follower.journal === undefined) {
      await this.files.makeDirectory(this.directory);
      await createJournal(this.files, this.directory, 1, '');
      await this.follower.refresh();
    }
    if (this.follower.journal?.writable === false) {
      await this.follower.reopenForAppend();
    }
    if (this.follower.isNewer) {
      throw writtenByNewerVersion(this.directory);
    }
    const journal = this.follower.journal;
    if (journal === undefined || !journal.writable) {
      throw Object.assign(new Error('The journal may not be written.'), { code: 'EACCES' });
    }
    journal.retain();
    try {
      await journal.secure(this.files, this.directory);
    } catch (error) {
      await journal.release();
      throw error;
    }
    return journal;
  }
}

function wholeRecords(group: readonly PendingRecord[], taken: number): PendingRecord[] {
  let end = 0;
  return group.filter((record) => (end += record.bytes.length) <= taken);
}

function closedError(): JanError {
  return new JanError('store-unavailable', 'Jan is shutting down in this window; the last change was not saved.');
}

/** The record is in the file, but whether it would survive a power failure is not known. */
function unsure(error: JanError): JanError {
  return new JanError(error.code, error.message, { cause: error, details: { ...error.details, outcome: 'unknown' } });
}

function appendNotHonoured(directory: string): JanError {
  return new JanError(
    'store-unavailable',
    `The drive of ${directory} does not keep what is appended to a file (some network drives do not), so the last change was not saved. Choose a folder on a local drive.`,
    { details: { directory, reason: 'append-not-honoured' } },
  );
}
