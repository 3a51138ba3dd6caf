// Ends this process when the one that started it is gone, also in the middle of an endless loop: a thread waits for the
// end of a pipe that the other one holds open. Only for systems that can't do it themselves: it takes 12 MB.
// Must not know: jobs.

import { Worker } from 'node:worker_threads';

/** Where the pipe is: the fourth of the child's `stdio`. */
const lifelineFd = 3;
const patienceMs = 5000;

const waitForEnd = `
const { workerData } = require('node:worker_threads');
Atomics.store(workerData, 0, 1);
Atomics.notify(workerData, 0);
try {
  require('node:fs').readSync(${lifelineFd}, Buffer.alloc(1));
} catch {
  // Closed as well.
}
process.kill(process.pid, 'SIGKILL');`;

/** Returns when the thread watches. @throws Error when it does not come to that */
export function endWithEngine(): void {
  const watching = new Int32Array(new SharedArrayBuffer(4));
  const options = { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 };
  new Worker(waitForEnd, { eval: true, workerData: watching, resourceLimits: options }).unref();
  if (Atomics.wait(watching, 0, 0, patienceMs) === 'timed-out') {
    throw new Error('The thread that watches the engine did not start.');
  }
}
