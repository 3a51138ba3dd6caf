// How many threads llama.cpp may use now: all cores but one, and fewer while other programs keep cores busy. Its threads
// wait for each other after every layer, so one that has to share its core holds up all of them (a token took up to fifty
// times as long). Looked at while tokens are made, at most once a second: no timer, nothing while idle.
// Must not know: llama.cpp, models.

import os from 'node:os';
import process from 'node:process';

/** Sums since some start, ms. */
export interface LoadSample {
  readonly at: number;
  /** All cores' busy time. */
  readonly busy: number;
  /** This process' part of it. */
  readonly own: number;
}

const sampleMs = 1000;
/** Others must leave cores free this many samples in a row before they are used again. */
const quietSamples = 3;
/** Of a core that is nearly free, what others may take of it. */
const tolerance = 0.3;

export class ThreadPace {
  #last: LoadSample | undefined;
  #threads: number;
  #quiet = 0;

  constructor(
    private readonly cores: number,
    private readonly sample: () => LoadSample = () => sampleNow(),
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#threads = this.most;
  }

  /** On a machine that does nothing else: one core is the editor's. */
  get most(): number {
    return Math.max(1, this.cores - 1);
  }

  /** To be asked before each step. */
  get threads(): number {
    if (this.most > 1 && (this.#last === undefined || this.now() - this.#last.at >= sampleMs)) {
      this.#look();
    }
    return this.#threads;
  }

  #look(): void {
    const last = this.#last;
    const next = this.sample();
    this.#last = next;
    // Older figures tell of the time when nothing was made.
    if (last === undefined || next.at - last.at > 3 * sampleMs || next.at <= last.at) {
      return;
    }
    const others = Math.max(0, (next.busy - last.busy - (next.own - last.own)) / (next.at - last.at));
    // The core that is left free is the first that others take.
    const wanted = Math.min(this.most, Math.max(1, Math.floor(this.cores - Math.max(1, others) + tolerance)));
    this.#quiet = wanted > this.#threads ? this.#quiet + 1 : 0;
    if (wanted < this.#threads || this.#quiet >= quietSamples) {
      this.#threads = wanted;
      this.#quiet = 0;
    }
  }
}

/** Of the cores that this process may use; where those are a part of the machine's, others are taken to use all alike. */
export function sampleNow(available = os.availableParallelism()): LoadSample {
  const cores = os.cpus();
  const all = cores.reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
  const { user, system } = process.cpuUsage();
  const own = (user + system) / 1000;
  return { at: performance.now(), busy: own + Math.max(0, all - own) * Math.min(1, available / cores.length), own };
}
