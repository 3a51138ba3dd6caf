// How much memory this process may still take.
// Must not know: models, what it is wanted for.

import { readFileSync } from 'node:fs';
import os from 'node:os';
import process from 'node:process';

/** Bytes: what the machine has free, or a container's limit leaves when that is less. */
export function freeMemory(): number {
  return Math.min(os.freemem() - mappedBytes(), process.availableMemory());
}

/** Weights that are mapped from their file count as free on Linux, but models in use need them in memory. */
function mappedBytes(): number {
  if (process.platform !== 'linux') {
    return 0;
  }
  try {
    return Number(/^RssFile:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
