// Strangers' text is worked on in a process of its own, one job after another. A job that takes too long, or too much
// memory, ends that process and nothing else; the next job gets a new one. So does one after a long time without any.
// Must not know: templates, grammars, how the process is made.

import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { JanError } from '../../common/errors';
import { nullLogger, type Logger } from '../../common/log';
import type { Frame } from './frames';
import type { JobFailure, SandboxJob } from './sandboxJobs';
import { allMeasures, SandboxProcess, type SandboxEnd } from './sandboxProcess';

export interface SandboxLimits {
  /** Of one job, from the moment it is begun, ms. */
  readonly deadlineMs: number;
  /** The first job of a process compiles what later ones use. */
  readonly firstDeadlineMs: number;
  /** Until a job is begun: for the process to start, ms. */
  readonly startMs: number;
  /** MiB. */
  readonly memory: number;
  /** The process ends after this long without a job, ms. */
  readonly idleMs: number;
}

/** What happened to a job that gave no text, through its own fault. */
export class SandboxFailure extends Error {
  constructor(
    readonly reason: 'failed' | 'timeout' | 'memory',
    message: string,
  ) {
    super(message);
  }
}

interface Pending {
  readonly job: string;
  /** More time for a larger job, ms. */
  readonly extraMs: number;
  readonly resolve: (text: string) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A start is paid by the whole engine: the system copies the tables of its memory for it, 10 ms and more a gigabyte, in
 * which no answer gets on. The process that waits has 10 MB of its own.
 */
const idleMs = 10 * 60_000;
const defaults: SandboxLimits = { deadlineMs: 250, firstDeadlineMs: 1500, startMs: 20_000, memory: 256, idleMs };

export class Sandbox {
  readonly #limits: SandboxLimits;
  readonly #queue: Pending[] = [];
  #measures = allMeasures;
  #process: SandboxProcess | undefined;
  #current: Pending | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isReady = false;
  #isWarm = false;
  #hasBegun = false;

  constructor(
    limits: Partial<SandboxLimits> = {},
    private readonly entry = fileURLToPath(new URL('./sandbox.mjs', import.meta.url)),
    private readonly log: Logger = nullLogger,
  ) {
    this.#limits = { ...defaults, ...limits };
  }

  /** Of its process, while there is one. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts the process now, so that the first job need not wait for it. */
  prepare(): void {
    if (this.#process === undefined) {
      this.#start();
      this.#endWhenIdle();
    }
  }

  /** @throws JanError of the job, `internal` when the process ends for a reason of its own, else SandboxFailure */
  run(job: SandboxJob, extraMs = 0): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ job: JSON.stringify(job), extraMs, resolve, reject });
      this.#begin();
    });
  }

  async dispose(): Promise<void> {
    const pending = [...(this.#current === undefined ? [] : [this.#current]), ...this.#queue.splice(0)];
    pending.forEach(({ reject }) => reject(new SandboxFailure('failed', 'The engine is ending.')));
    await this.#drop();
  }

  #begin(): void {
    if (this.#current !== undefined || this.#queue.length === 0) {
      return;
    }
    this.#current = this.#queue.shift()!;
    this.#hasBegun = false;
    this.#limit(this.#limits.startMs, () => new JanError('internal', `The process for chat templates did not start within ${this.#limits.startMs / 1000} s. Try again.`));
    if (this.#process === undefined) {
      this.#start();
    } else if (this.#isReady) {
      this.#process.send({ kind: 'job', body: this.#current.job });
    }
  }

  #start(): void {
    const { memory } = this.#limits;
    this.#isReady = false;
    this.#isWarm = false;
    try {
      this.#process = new SandboxProcess(
        { entry: realpathSync(this.entry), memory, measures: this.#measures },
        { onFrame: (frame) => this.#heard(frame), onEnd: (end) => this.#ended(end) },
      );
    } catch (error) {
      this.#ended({ kind: 'other', words: error instanceof Error ? error.message : String(error) });
    }
  }

  #heard({ kind, body }: Frame): void {
    const current = this.#current;
    if (kind === 'ready') {
      this.#isReady = true;
      this.log.info(`Templates and grammars run in process ${this.pid}, ${body === '1' ? 'which may not use files' : 'unconfined: Node has no permission model here'}`);
      if (current !== undefined) {
        this.#process!.send({ kind: 'job', body: current.job });
      }
    } else if (current === undefined) {
      // Nothing was asked.
    } else if (kind === 'begun' && !this.#hasBegun) {
      this.#hasBegun = true;
      const limit = (this.#isWarm ? this.#limits.deadlineMs : this.#limits.firstDeadlineMs) + current.extraMs;
      this.#limit(limit, () => new SandboxFailure('timeout', `it did not end within ${Math.round(limit)} ms`));
    } else {
      const answer = kind === 'text' ? body : errorOf(JSON.parse(body) as JobFailure);
      this.#isWarm = true;
      this.#current = undefined;
      this.#endWhenIdle();
      if (typeof answer === 'string') {
        current.resolve(answer);
      } else {
        current.reject(answer);
      }
      this.#begin();
    }
  }

  #ended(end: SandboxEnd): void {
    this.#process = undefined;
    if (end.kind === 'unsupported') {
      this.#measures = end.measures;
      this.log.info(`The process for templates can’t have all that confines it here: ${JSON.stringify(end.measures)}`);
      this.#start();
    } else if (end.kind === 'memory') {
      this.#giveUp(new SandboxFailure('memory', `it needs more than ${this.#limits.memory} MiB`));
    } else {
      this.log.warn(`The process for templates is gone: ${end.words}`);
      this.#giveUp(new JanError('internal', `The process for chat templates failed: ${end.words}. Try again.`));
    }
  }

  /** Gives up the job, and the process with it. */
  #giveUp(error: Error): void {
    const current = this.#current;
    void this.#drop();
    current?.reject(error);
    this.#begin();
  }

  #drop(): Promise<void> | undefined {
    clearTimeout(this.#timer);
    const gone = this.#process?.kill();
    this.#process = undefined;
    this.#current = undefined;
    return gone;
  }

  #limit(ms: number, error: () => Error): void {
    const late = this.#current;
    clearTimeout(this.#timer);
    // If this thread was held up itself, the answer may have come: it is read first.
    this.#timer = setTimeout(() => setImmediate(() => late === this.#current && this.#giveUp(error())), ms);
  }

  #endWhenIdle(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#drop(), this.#limits.idleMs).unref();
  }
}

function errorOf({ failed, code, details = {} }: JobFailure): Error {
  return code === 'invalid-argument' ? new JanError(code, failed, { details }) : new SandboxFailure('failed', failed);
}
