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
const compactionThreshold = 8 * 1024 * 1024;
/** A temporary file this old was left by a window that died, ms. */
const abandonedAfter = 60 * 60 * 1000;

/** Compacts one window's store: when it is due, one at a time, and not again at once after a failure. */
export class Compactor {
  #running: Promise<void> | undefined;
  #threshold: number;

  /**
   * @param buildSnapshot writes the snapshot of a generation whose predecessor is sealed; resolves with its bytes
   * @param prepare may append records before the generation is sealed
   * @param compactAt bytes of journal from which on compaction is due, if the snapshot is not larger
   */
  constructor(
    private readonly environment: StoreEnvironment,
    private readonly follower: Follower,
    private readonly queue: AppendQueue,
    private readonly buildSnapshot: (generation: number) => Promise<number>,
    private readonly prepare: () => Promise<void>,
    private readonly compactAt: number = compactionThreshold,
  ) {
    this.#threshold = compactAt;
  }

  startWhenDue(): void {
    if (this.#isDue()) {
      void this.start('when due');
    }
  }

  /** Resolves when it ended, well or not: a failure is logged, and the journal serves as before. */
  start(when: 'now' | 'when due'): Promise<void> {
    this.#running ??= this.#run(when)
      .then(() => (this.#threshold = this.compactAt))
      .catch((error: unknown) => {
        // Each attempt seals a generation; the next one waits for as much journal again.
        this.#threshold = this.follower.sizes.journal + this.compactAt;
        this.environment.log.warn(`store: compaction failed, to be tried again later: ${String(error)}`);
      })
      .then(() => (this.#running = undefined));
    return this.#running;
  }

  async settled(): Promise<void> {
    await this.#running;
  }

  #isDue(): boolean {
    const { journal, snapshot } = this.follower.sizes;
    return journal > Math.max(this.#threshold, snapshot) && this.follower.journal?.writable === true;
  }

  async #run(when: 'now' | 'when due'): Promise<void> {
    // Another window may have written a snapshot in the meantime.
    await this.follower.noteSnapshots();
    if (when === 'now' || this.#isDue()) {
      await this.prepare();
      await compact(this.environment, this.follower, this.queue, this.buildSnapshot);
      await this.follower.noteSnapshots();
    }
  }
}

/** Several windows may do this at once; the first seal in the file counts, and all know it by the same id. */
async function compact(
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
