// Builds a generation's snapshot from the sealed files before it: in a worker thread, or here where there is none.
// Must not know: the window's own view, who asked.

import { Worker } from 'node:worker_threads';
import { fromErrorWire } from '../../common/errors';
import { Follower, type StoreEnvironment } from './follower';
import { writeSnapshot } from './snapshot';
import { errorCodeOf } from './storeFiles';

/** A worker that says nothing for this long is given up, ms. */
const workerPatience = 10 * 60 * 1000;

/** How long indexing may hold the thread, ms: also where there is no worker. */
const indexSliceMs = 4;
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Whoever builds it builds the same, and building proves the sealed files readable.
 * @returns the snapshot's size in bytes
 */
export async function buildSnapshot(environment: StoreEnvironment, generation: number): Promise<number> {
  const { directory, files, sqlite } = environment;
  const ignore = (): void => undefined; // The window's own follower tells of changes and damage.
  const listener = { onApplied: ignore, onDamage: ignore, onReload: ignore };
  const builder = new Follower(environment, listener, 'read', generation);
  try {
    await builder.refresh();
    for (;;) {
      try {
        if (!builder.reachedEnd || builder.isNewer) {
          throw new Error(`The journals do not lead to generation ${generation}.`);
        }
        while (builder.view.searchIndex.indexSome(indexSliceMs)) {
          await nextTurn();
        }
        builder.view.scrub();
        return await writeSnapshot(files, sqlite, directory, generation, builder.view);
      } catch (error) {
        // What it was built on may be at fault: then it is built on what came before that.
        if (errorCodeOf(error) !== '' || !(await builder.quarantine())) {
          throw error;
        }
      }
    }
  } finally {
    await builder.close();
  }
}

/** As {@link buildSnapshot}, off the event loop. @param workerPath of the bundled snapshotWorker.ts */
export function buildSnapshotInWorker(
  workerPath: string,
  task: { readonly directory: string; readonly generation: number; readonly wasmPath?: string },
): Promise<number> {
  return new Promise<number>((resolve, reject) => {
    const worker = new Worker(workerPath, { workerData: task });
    const patience = setTimeout(() => reject(new Error('The snapshot took too long.')), workerPatience).unref();
    worker.on('message', (answer: { size?: unknown; error?: unknown }) => {
      if (typeof answer.size === 'number') {
        resolve(answer.size);
      } else {
        reject(fromErrorWire(answer.error));
      }
    });
    worker.on('error', reject);
    worker.on('exit', () => {
      clearTimeout(patience);
      reject(new Error('The worker ended without a snapshot.'));
    });
  });
}
