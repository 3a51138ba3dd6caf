// Where following the journal starts: the newest snapshot that can be used, or an empty view before the first journal.
// Must not know: what comes behind it, who follows.

import type { Damage, StoreEnvironment } from './follower';
import type { Frame } from './frame';
import { createJournal, Journal, journalName } from './journal';
import { readSnapshot, snapshotName, SnapshotUnusable } from './snapshot';
import { storeDamaged } from './storeErrors';
import { errorCodeOf } from './storeFiles';
import { View } from './view';

/** How far the journals were followed. */
export interface Position {
  readonly view: View;
  /** The generation of the snapshot that the view was loaded from; undefined: from journals alone. */
  readonly base: number | undefined;
  journal: Journal | undefined;
  snapshotSize: number;
  /** Bytes of the sealed journals since the snapshot, by generation. */
  readonly sealedBytes: Map<number, number>;
  newer: boolean;
  /** The journal was read up to this, its end; nothing behind it counts, also when going on fails at first. */
  seal: Frame | undefined;
  /** `untilGeneration` was reached. */
  done: boolean;
}

/** The files under a position were replaced by newer generations, or deleted. */
export class Stale extends Error {}

export interface BaseOptions {
  readonly access: 'append' | 'read';
  /** Only generations before this one are looked at. */
  readonly untilGeneration: number;
  /** Generations whose snapshots are not to be used. */
  readonly quarantined: ReadonlySet<number>;
  onDamage(damage: Damage): void;
}

/** @param found what is in the store's folder */
export async function loadBase(
  environment: StoreEnvironment,
  found: readonly { readonly kind: 'journal' | 'snapshot'; readonly generation: number }[],
  options: BaseOptions,
): Promise<Position> {
  const { directory, sqlite, log } = environment;
  const generations = (kind: string): number[] =>
    found
      .filter((entry) => entry.kind === kind && entry.generation < options.untilGeneration)
      .map((entry) => entry.generation)
      .sort((a, b) => b - a);
  const journals = generations('journal');
  const empty = { snapshotSize: 0, sealedBytes: new Map<number, number>(), newer: false, seal: undefined, done: false };
  let newer = false;
  for (const generation of generations('snapshot').filter((one) => !options.quarantined.has(one))) {
    try {
      const { view, size, hasUnknown } = await loadSnapshot(environment, generation);
      const journal = await openJournal(environment, generation, journals, options.access).catch((error: unknown) => {
        view.close();
        throw error;
      });
      return { ...empty, view, base: generation, journal, snapshotSize: size, newer: newer || hasUnknown };
    } catch (error) {
      if (errorCodeOf(error) === 'ENOENT') {
        throw new Stale(`generation ${generation} is gone`);
      }
      if (!(error instanceof SnapshotUnusable)) {
        throw error;
      }
      log.warn(`store: ${snapshotName(generation)} cannot be used: ${error.message}`);
      newer ||= error.problem === 'newer';
      if (error.problem === 'damaged') {
        options.onDamage({ kind: 'snapshot', file: snapshotName(generation), start: 0, end: 0 });
      }
    }
  }
  if (journals.length > 0 && !journals.includes(1)) {
    throw storeDamaged(directory);
  }
  const journal = journals.includes(1) ? await openJournal(environment, 1, journals, options.access) : undefined;
  return { ...empty, view: new View(sqlite), base: undefined, journal, newer };
}

async function loadSnapshot(
  { files, sqlite, directory }: StoreEnvironment,
  generation: number,
): Promise<{ readonly view: View; readonly size: number; readonly hasUnknown: boolean }> {
  const { view, size } = await readSnapshot(files, sqlite, directory, generation);
  try {
    return { view, size, hasUnknown: view.queries.hasUnknownRecords() };
  } catch (error) {
    view.close();
    throw new SnapshotUnusable('damaged', `SQLite cannot read it: ${String(error)}`);
  }
}

async function openJournal(
  { directory, files }: StoreEnvironment,
  generation: number,
  known: readonly number[],
  access: 'append' | 'read',
): Promise<Journal> {
  if (!known.includes(generation) && access === 'append') {
    // Its snapshot is there, so it was; someone deleted it.
    await createJournal(files, directory, generation, '');
  }
  try {
    return await Journal.open(files, directory, generation, access);
  } catch (error) {
    throw errorCodeOf(error) === 'ENOENT' ? new Stale(`${journalName(generation)} is gone`) : error;
  }
}
