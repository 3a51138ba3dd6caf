// How much memory this process may still take.
// Must not know: models, what it is wanted for.

import os from 'node:os';
import process from 'node:process';

/** Bytes: what the machine has free, or a container's limit leaves when that is less. */
export function freeMemory(): number {
  return Math.min(os.freemem(), process.availableMemory());
}
