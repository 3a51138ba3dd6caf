// Says whether a model fits this machine's memory, in three words.
// Must not know: models' files, the network.

import * as os from 'node:os';
import type { PluginHandle } from '../../api/jan';

export type Fit = 'fits' | 'tight' | 'too-large';

export interface Memory {
  /** Bytes. */
  readonly total: number;
  readonly available: number;
}

/**
 * `fits` in what is free now with a tenth to spare · `tight`: would fit once other programs are closed (up to 85% of
 * all memory) · `too-large` otherwise.
 */
export function fitOf(memoryNeeded: number, memory: Memory): Fit {
  if (memoryNeeded <= memory.available * 0.9) {
    return 'fits';
  }
  return memoryNeeded <= memory.total * 0.85 ? 'tight' : 'too-large';
}

/** From the monitoring service; where there is none, from the operating system's own count. */
export async function currentMemory(plugin: Pick<PluginHandle, 'invoke'>): Promise<Memory> {
  try {
    return (await plugin.invoke('getResourcesInfo')).memory;
  } catch {
    return { total: os.totalmem(), available: os.freemem() };
  }
}
