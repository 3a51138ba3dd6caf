// Ends a generation of the journal and writes the snapshot with which the next one starts, while every window goes on.
// The snapshot is built from the sealed files alone, so whoever builds it builds the same, and it proves them readable.
// Must not know: which window asked, the API.

import * as path from 'node:path';
import { createUuidV7 } from '../../common/uuid';
import type { AppendQueue } from './appendQueue';
import type { Follower, StoreEnvironment } from './follower';
import { createJournal, Journal, parseStoreName } from './journal';
import { recordKind } from './operations';

/** Bytes of journal. */
export const compactionThreshold = 8 * 1024 * 1024;
/** A temporary file this old was left by a window that died, ms. */
const abandonedAfter = 60 * 60 * 1000;

export function isCompactionDue(follower: Follower, threshold: number): boolean {
  const { journal, snapshot } = follower.sizes;
  return journal > Math.max(threshold, snapshot) && !follower.isNewer && follower.journal?.writable === true;
}

/**
 * Several windows may do this at once; the first seal in the file counts, and all know it by the same id.
 * @param buildSnapshot writes the snapshot of a generation whose predecessor is sealed; resolves with its bytes
 */
export async function compact(
  environment: StoreEnvironment,
  follower: Follower,
  queue: AppendQueue,
  buildSnapshot: (generation: number) => Promise<number>,
): Promise<void> {
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
  const size = await buildSnapshot(generation);
  await prune(environment, generation);
  log.info(`store: generation ${generation} after ${Math.round(performance.now() - started)} ms`, { size });
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
