// Ends a generation of the journal and writes the snapshot with which the next one starts, while every window goes on.
// The snapshot is built from the sealed files alone, so whoever builds it builds the same, and it proves them readable.
// Must not know: which window asked, the API.

import * as path from 'node:path';
import { createUuidV7 } from '../../common/uuid';
import type { AppendQueue } from './appendQueue';
import { Follower, type StoreEnvironment } from './follower';
import { createJournal, Journal, parseStoreName } from './journal';
import { recordKind } from './operations';
import { writeSnapshot } from './snapshot';

/** Bytes of journal. */
export const compactionThreshold = 8 * 1024 * 1024;
/** A temporary file this old was left by a window that died, ms. */
const abandonedAfter = 60 * 60 * 1000;

export function isCompactionDue(follower: Follower, threshold: number): boolean {
  const { journal, snapshot } = follower.sizes;
  return journal > Math.max(threshold, snapshot) && !follower.isNewer && follower.journal?.writable === true;
}

/** Several windows may do this at once; the first seal in the file counts, and all know it by the same id. */
export async function compact(environment: StoreEnvironment, follower: Follower, queue: AppendQueue): Promise<void> {
  const { directory, files, log } = environment;
  const journal = follower.journal;
  if (journal === undefined || follower.isNewer) {
    return;
  }
  const started = performance.now();
  const generation = journal.generation + 1;
  // The next journal is there before the seal that sends everyone to it, and names that seal as the one it follows.
  let sealId: string | undefined = createUuidV7();
  if (!(await createJournal(files, directory, generation, sealId))) {
    const next = await Journal.open(files, directory, generation, 'read');
    sealId = await next.readSealId().finally(() => next.release());
    if (sealId === undefined || sealId === '') {
      log.warn(`store: journal ${generation} does not say what it follows; not compacting`);
      return;
    }
  }
  if (follower.journal === journal) {
    await queue.append(recordKind.seal, { generation }, { id: sealId });
  }
  if ((follower.journal?.generation ?? 0) < generation) {
    return;
  }
  const size = await buildSnapshot(environment, generation);
  await prune(environment, generation);
  log.info(`store: generation ${generation} after ${Math.round(performance.now() - started)} ms`, { size });
}

/** @returns the snapshot's size in bytes. */
export async function buildSnapshot(environment: StoreEnvironment, generation: number): Promise<number> {
  const { directory, files, log, sqlite } = environment;
  const ignore = (): void => undefined; // The window's own follower tells of changes and damage.
  const builder = new Follower(
    environment,
    { onApplied: ignore, onDamage: ignore, onReload: ignore },
    'read',
    generation,
  );
  try {
    await builder.refresh();
    if (!builder.reachedEnd || builder.isNewer) {
      throw new Error(`The journals do not lead to generation ${generation}.`);
    }
    return await writeSnapshot(files, sqlite, directory, generation, builder.view);
  } catch (error) {
    log.debug(`store: snapshot ${generation}: ${String(error)}`);
    throw error;
  } finally {
    await builder.close();
  }
}

/** Removes what is older than the generation before this one, which is kept in case this one's snapshot gets damaged. */
async function prune({ directory, files, log }: StoreEnvironment, generation: number): Promise<void> {
  for (const name of await files.list(directory)) {
    const entry = parseStoreName(name);
    const old = entry !== undefined && entry.generation < generation - 1;
    if (old || isAbandoned(name)) {
      await files.remove(path.join(directory, name)).catch((error: unknown) => log.debug(`store: ${String(error)}`));
    }
  }
}

/** A temporary file's name holds a UUIDv7, which begins with its time. */
function isAbandoned(name: string): boolean {
  const match = /^(?:journal|snapshot)-\d+\.(?:log|db)\.([0-9a-f]{8})-([0-9a-f]{4})-[0-9a-f-]+\.tmp$/.exec(name);
  return match !== null && Date.now() - parseInt(match[1]! + match[2]!, 16) > abandonedAfter;
}
