// A worker thread for what strangers' text asks for. A job that takes too long, or too much memory, ends the thread;
// the next job gets a new one.
// Must not know: templates, grammars.

import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { JanError } from '../../common/errors';
import type { SandboxJob, SandboxMessage } from './sandboxJobs';

export interface SandboxLimits {
  /** Of one job, from the moment it is begun, ms. */
  readonly deadlineMs: number;
  /** The first job of a kind compiles what later ones use. */
  readonly firstDeadlineMs: number;
  /** MiB. */
  readonly memory: number;
}

/** What happened to a job that gave no text. `code` is of a JanError that the job itself threw. */
export class SandboxFailure extends Error {
  constructor(
    readonly reason: 'failed' | 'timeout' | 'memory',
    message: string,
  ) {
    super(message);
  }
}

interface Pending {
  readonly id: number;
  readonly job: SandboxJob;
  /** More time for a larger job, ms. */
  readonly extraMs: number;
  readonly resolve: (text: string) => void;
  readonly reject: (error: Error) => void;
}

/** How often a job's memory is looked at, ms. */
const lookMs = 20;
/**
 * Of its limit, what V8 lets a thread have. V8 ends the whole process when one allocation goes beyond, so the thread has to
 * be ended before.
 */
const headroom = 4;

const defaults: SandboxLimits = { deadlineMs: 250, firstDeadlineMs: 1500, memory: 256 };

export class Sandbox {
  readonly #limits: SandboxLimits;
  readonly #queue: Pending[] = [];
  #worker: Worker | undefined;
  #current: Pending | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking: NodeJS.Timeout | undefined;
  #isWarm = false;
  #next = 1;

  constructor(
    limits: Partial<SandboxLimits> = {},
    private readonly entry = fileURLToPath(new URL('./sandboxWorker.mjs', import.meta.url)),
  ) {
    this.#limits = { ...defaults, ...limits };
  }

  /** @throws JanError of the job, else SandboxFailure */
  run(job: SandboxJob, extraMs = 0): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ id: this.#next++, job, extraMs, resolve, reject });
      this.#begin();
    });
  }

  async dispose(): Promise<void> {
    clearTimeout(this.#timer);
    clearInterval(this.#looking);
    const pending = [...(this.#current === undefined ? [] : [this.#current]), ...this.#queue.splice(0)];
    this.#current = undefined;
    pending.forEach(({ reject }) => reject(new SandboxFailure('failed', 'The engine is ending.')));
    await this.#worker?.terminate();
  }

  #begin(): void {
    if (this.#current !== undefined || this.#queue.length === 0) {
      return;
    }
    this.#current = this.#queue.shift()!;
    this.#worker ??= this.#start();
    this.#worker.postMessage({ id: this.#current.id, job: this.#current.job });
  }

  #start(): Worker {
    const worker = new Worker(this.entry, { resourceLimits: { maxOldGenerationSizeMb: this.#limits.memory * headroom }, stderr: false });
    worker.unref();
    this.#isWarm = false;
    worker.on('message', (message: SandboxMessage) => {
      if (worker === this.#worker && message.id === this.#current?.id) {
        this.#heard(message);
      }
    });
    worker.on('error', (error: NodeJS.ErrnoException) => {
      if (worker === this.#worker) {
        this.#give(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? this.#tooLarge() : new SandboxFailure('failed', error.message));
      }
    });
    return worker;
  }

  #heard(message: SandboxMessage): void {
    const current = this.#current!;
    if ('begun' in message) {
      const limit = (this.#isWarm ? this.#limits.deadlineMs : this.#limits.firstDeadlineMs) + current.extraMs;
      this.#timer = setTimeout(() => this.#give(new SandboxFailure('timeout', `it did not end within ${Math.round(limit)} ms`)), limit);
      this.#watchMemory(this.#worker!, current);
      return;
    }
    clearTimeout(this.#timer);
    clearInterval(this.#looking);
    this.#isWarm = true;
    this.#current = undefined;
    if ('text' in message) {
      current.resolve(message.text);
    } else if (message.code !== undefined) {
      current.reject(new JanError(message.code, message.failed, { details: message.details }));
    } else {
      current.reject(new SandboxFailure('failed', message.failed));
    }
    this.#begin();
  }

  #watchMemory(worker: Worker, job: Pending): void {
    // Node 22.15 and earlier cannot say; there V8's own limit is the only one.
    if (typeof worker.getHeapStatistics !== 'function') {
      return;
    }
    clearInterval(this.#looking);
    const look = async (): Promise<void> => {
      const { used_heap_size: used } = await worker.getHeapStatistics();
      if (used > this.#limits.memory * 1024 ** 2 && worker === this.#worker && job === this.#current) {
        this.#give(this.#tooLarge());
      }
    };
    // A thread that has just ended has no statistics.
    this.#looking = setInterval(() => void look().catch(() => undefined), lookMs);
  }

  #tooLarge(): SandboxFailure {
    return new SandboxFailure('memory', `it needs more than ${this.#limits.memory} MiB`);
  }

  /** Gives up the job, and the thread with it. */
  #give(error: SandboxFailure): void {
    clearTimeout(this.#timer);
    clearInterval(this.#looking);
    const current = this.#current;
    void this.#worker?.terminate();
    this.#worker = undefined;
    this.#current = undefined;
    current?.reject(error);
    this.#begin();
  }
}
