// What the store's rows share: a folder that is removed again, and the store as the extension runs it.
// Must not know: single rows.

import { access, mkdtemp, rm } from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { createThreadedStore } from '../src/builtin/data/threadedStore';
import type { StoreEvent } from '../src/builtin/data/changeEvents';
import { nullLogger } from '../src/common/log';
import { BenchSkipped } from './benchRow';

export async function inFolder<T>(name: string, task: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(os.tmpdir(), `jan-bench-${name}-`));
  try {
    return await task(folder);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

export async function openThreaded(
  directory: string,
  onEvent: (event: StoreEvent) => void = () => undefined,
): Promise<ReturnType<typeof createThreadedStore>> {
  const [storeWorkerPath, snapshotWorkerPath] = ['storeWorker', 'snapshotWorker'].map((name) => path.resolve('dist', `${name}.mjs`));
  await Promise.all(
    [storeWorkerPath!, snapshotWorkerPath!].map((file) =>
      access(file).catch(() => {
        throw new BenchSkipped(`${path.basename(file)} is not built.`);
      }),
    ),
  );
  return createThreadedStore({
    directory,
    storeWorkerPath: storeWorkerPath!,
    snapshotWorkerPath,
    log: nullLogger,
    onEvent,
    isObserved: () => true,
  });
}

/** Milliseconds that `task` took. */
export async function timed(task: () => unknown): Promise<number> {
  const started = performance.now();
  await task();
  return performance.now() - started;
}
