// The processor: what it is, and how busy it was between two looks.
// Must not know: services, who asks.

import os from 'node:os';

export function cpuInfo(): { readonly model: string; readonly cores: number } {
  const cpus = os.cpus();
  return { model: cpus[0]?.model.trim() || 'Unknown processor', cores: Math.max(1, cpus.length) };
}

/** Busy share of all cores, from the operating system's own counters. */
export class CpuMeter {
  #previous = readCounters();

  restart(): void {
    this.#previous = readCounters();
  }

  /** Percent of all cores since the previous call (or `restart`). */
  sincePrevious(): number {
    const now = readCounters();
    const { busy, total } = this.#previous;
    this.#previous = now;
    return now.total > total ? ((now.busy - busy) / (now.total - total)) * 100 : 0;
  }
}

function readCounters(): { readonly busy: number; readonly total: number } {
  let busy = 0;
  let idle = 0;
  for (const { times } of os.cpus()) {
    busy += times.user + times.nice + times.sys + times.irq;
    idle += times.idle;
  }
  return { busy, total: busy + idle };
}
