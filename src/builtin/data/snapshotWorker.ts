// A worker thread that writes one snapshot, so that SQLite's export does not hold the extension host's event loop.
// Must not know: which window asked.

import { parentPort, workerData } from 'node:worker_threads';
import * as v from 'valibot';
import { toErrorWire } from '../../common/errors';
import { nullLogger } from '../../common/log';
import { buildSnapshot } from './snapshotBuilder';
import { loadSqlite } from './sqlite';
import { nodeStoreFiles } from './storeFiles';

const task = v.parse(
  v.object({ directory: v.string(), generation: v.number(), wasmPath: v.optional(v.string()) }),
  workerData,
);

loadSqlite(task.wasmPath)
  .then((sqlite) =>
    buildSnapshot({ directory: task.directory, files: nodeStoreFiles, sqlite, log: nullLogger }, task.generation),
  )
  .then(
    (size) => parentPort?.postMessage({ size }),
    (error: unknown) => parentPort?.postMessage({ error: toErrorWire(error) }),
  );
