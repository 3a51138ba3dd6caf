// The library `systeminformation`, in a thread of its own: loading it takes up to 100 ms, which the extension host
// must not stand still for. The thread starts with the first question and ends when none came for a while.
// Must not know: what the answers are for.

import { Worker } from 'node:worker_threads';
import type { Disposable } from '../../common/lifecycle';
import type { GraphicsController } from './gpus';
import type { Memory } from './memory';
import type { ProcessSample } from './processSample';

/** Each answers with an object, so that nothing but plain data crosses between the threads. */
const workerSource = `
const { parentPort, workerData } = require('node:worker_threads');
const si = require(workerData);
const questions = {
  graphics: async () => (await si.graphics()).controllers,
  mem: () => si.mem(),
  processes: async () => (await si.processes()).list,
};
parentPort.on('message', async ({ id, name }) => {
  try {
    parentPort.postMessage({ id, answer: JSON.parse(JSON.stringify(await questions[name]())) });
  } catch (error) {
    parentPort.postMessage({ id, failure: String(error) });
  }
});
`;

type Question = 'graphics' | 'mem' | 'processes';

const idleMs = 30_000;
const timeoutMs = 10_000;

interface Pending {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

export class SystemInformation implements Disposable {
  #worker: Worker | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #lastId = 0;
  #isDisposed = false;
  readonly #pending = new Map<number, Pending>();

  async graphics(): Promise<readonly GraphicsController[]> {
    const controllers = await this.#ask('graphics');
    const isController = (one: unknown): one is GraphicsController => typeof one === 'object' && one !== null;
    return Array.isArray(controllers) ? (controllers as unknown[]).filter(isController) : [];
  }

  /** Undefined when the system does not say. */
  async memory(): Promise<Memory | undefined> {
    const { total, available } = (await this.#ask('mem').catch(() => ({}))) as { total?: unknown; available?: unknown };
    return typeof total === 'number' && typeof available === 'number' && total > 0 ? { total, available } : undefined;
  }

  /** Undefined when there is no such process. */
  async process(pid: number): Promise<ProcessSample | undefined> {
    const list = (await this.#ask('processes')) as readonly { pid?: unknown; cpu?: unknown; memRss?: unknown; started?: unknown }[];
    const found = list.find((entry) => entry.pid === pid);
    if (typeof found?.memRss !== 'number') {
      return undefined;
    }
    return {
      pid,
      startedAt: String(found.started),
      cpuShare: typeof found.cpu === 'number' ? found.cpu : undefined,
      memory: found.memRss * 1024,
      at: performance.now(),
    };
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#stop(new Error('Monitoring has ended.'));
  }

  /** Rejects when the answer takes over 10 s. */
  #ask(name: Question): Promise<unknown> {
    if (this.#isDisposed) {
      return Promise.reject(new Error('Monitoring has ended.'));
    }
    clearTimeout(this.#idleTimer);
    const worker = (this.#worker ??= this.#start());
    const id = (this.#lastId += 1);
    return new Promise<unknown>((resolve, reject) => {
      const timer = setTimeout(() => this.#stop(new Error(`The system did not answer "${name}" within ${timeoutMs} ms.`)), timeoutMs);
      const settle = (finish: () => void): void => {
        clearTimeout(timer);
        this.#pending.delete(id);
        if (this.#pending.size === 0) {
          this.#idleTimer = setTimeout(() => this.#stop(new Error('idle')), idleMs).unref();
        }
        finish();
      };
      this.#pending.set(id, { resolve: (answer) => settle(() => resolve(answer)), reject: (error) => settle(() => reject(error)) });
      worker.postMessage({ id, name });
    });
  }

  #start(): Worker {
    const worker = new Worker(workerSource, {
      eval: true,
      workerData: require.resolve('systeminformation'),
      execArgv: [],
      env: { ...process.env, NODE_OPTIONS: undefined },
    });
    worker.unref();
    worker.on('message', ({ id, answer, failure }: { id: number; answer?: unknown; failure?: string }) => {
      const pending = this.#pending.get(id);
      if (failure === undefined) {
        pending?.resolve(answer);
      } else {
        pending?.reject(new Error(failure));
      }
    });
    worker.on('error', (error) => {
      if (this.#worker === worker) {
        this.#stop(error instanceof Error ? error : new Error(String(error)));
      }
    });
    return worker;
  }

  #stop(reason: Error): void {
    clearTimeout(this.#idleTimer);
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
    for (const pending of [...this.#pending.values()]) {
      pending.reject(reason);
    }
    clearTimeout(this.#idleTimer);
  }
}
