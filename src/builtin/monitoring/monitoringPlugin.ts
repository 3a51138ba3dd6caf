// The built-in monitoring plugin: what this machine has and how busy it is, asked for, never polled.
// It measures only when called, so it costs nothing while no one looks, and never starts the engine to look at it.
// Must not know: VS Code, who shows the numbers, how the runtime is started.

import type { CurrentLoad, JanApi, ResourcesInfo } from '../../api/jan';
import { DisposableStore, type Disposable } from '../../common/lifecycle';
import type { Logger } from '../../common/log';
import { CpuMeter, cpuInfo } from './cpu';
import { readMemory } from './memory';
import { GpuList } from './gpus';
import { readProcess, shareOfProcessor, type ProcessSample } from './processSample';
import { SystemInformation } from './systemInformation';

export interface MonitoringOptions {
  readonly log: Logger;
  /** The runtime's process id, for when the engine's state does not name it. */
  readonly runtimePid?: () => number | undefined;
}

const version = '1.0.0';
/** Span of a measurement that has no earlier one to start from. */
const firstSpanMs = 100;
/** Callers closer together than this share one result: processor ticks are 10 ms. */
const shortestSpanMs = 50;
/** An older measurement is no start: an average over the time nobody looked is not the current load. */
const longestSpanMs = 30_000;
const engineStateTimeoutMs = 1000;
/** Looking for graphics takes seconds on some systems: who asks does not wait longer, and a later call has them. */
const gpusTimeoutMs = 3000;

export function registerMonitoringPlugin(api: JanApi, options: MonitoringOptions): Disposable {
  const owned = new DisposableStore();
  const plugin = owned.add(api.registerPlugin({ id: 'jan.monitoring', name: 'Monitoring', version }));
  const system = owned.add(new SystemInformation());
  const gpus = new GpuList(system, options.log);

  const runtimePid = async (): Promise<number | undefined> => {
    try {
      const state = await withTimeout(plugin.invoke('getEngineState'), engineStateTimeoutMs);
      return state?.status === 'running' ? (state.pid ?? options.runtimePid?.()) : undefined;
    } catch (error) {
      options.log.debug('Monitoring: the state of the engine is not known', error);
      return options.runtimePid?.();
    }
  };
  const runtimeProcess = async (): Promise<ProcessSample | undefined> => {
    const pid = await runtimePid();
    return pid === undefined ? undefined : readProcess(pid, system);
  };

  const getResourcesInfo = async (): Promise<ResourcesInfo> => {
    const [memory, gpuList, runtime] = await Promise.all([
      readMemory(system),
      withTimeout(gpus.get(), gpusTimeoutMs),
      runtimeProcess(),
    ]);
    const used = Math.max(0, memory.total - memory.available);
    return {
      memory: { ...memory, used },
      cpu: cpuInfo(),
      gpus: gpuList ?? [],
      ...(runtime && { runtime: { pid: runtime.pid, memory: runtime.memory } }),
    };
  };

  const load = new LoadMeter(runtimeProcess, async () => {
    const { total, available } = await readMemory(system);
    return total > 0 ? clampPercent(((total - available) / total) * 100) : 0;
  });
  owned.add(plugin.registerProvider('getResourcesInfo', getResourcesInfo));
  owned.add(plugin.registerProvider('getCurrentLoad', () => load.measure()));
  return owned;
}

/** Differences between one call and the next. Calls at the same time share one measurement. */
class LoadMeter {
  readonly #cpu = new CpuMeter();
  #previousProcess: ProcessSample | undefined;
  #previousAt = -Infinity;
  #latest: CurrentLoad | undefined;
  #running: Promise<CurrentLoad> | undefined;

  constructor(
    private readonly readRuntime: () => Promise<ProcessSample | undefined>,
    private readonly readMemoryPercent: () => Promise<number>,
  ) {}

  measure(): Promise<CurrentLoad> {
    if (this.#latest !== undefined && performance.now() - this.#previousAt < shortestSpanMs) {
      return Promise.resolve(this.#latest);
    }
    this.#running ??= this.#measure().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #measure(): Promise<CurrentLoad> {
    let runtime = await this.readRuntime();
    const isFresh = performance.now() - this.#previousAt <= longestSpanMs;
    const knowsRuntime = runtime === undefined || isSameProcess(runtime, this.#previousProcess);
    if (!isFresh || !knowsRuntime) {
      this.#cpu.restart();
      this.#previousAt = performance.now();
      this.#previousProcess = runtime;
      await new Promise((resolve) => setTimeout(resolve, firstSpanMs));
      runtime = await this.readRuntime();
    }
    const memory = await this.readMemoryPercent();
    const now = performance.now();
    const intervalMs = now - this.#previousAt;
    const previous = this.#previousProcess;
    const share =
      runtime !== undefined && previous !== undefined && isSameProcess(runtime, previous)
        ? clampPercent(shareOfProcessor(previous, runtime, cpuInfo().cores))
        : undefined;
    this.#latest = {
      cpu: clampPercent(this.#cpu.sincePrevious()),
      memory,
      ...(runtime && { runtimeMemory: runtime.memory }),
      ...(share !== undefined && { runtimeCpu: share }),
      intervalMs,
    };
    this.#previousAt = now;
    this.#previousProcess = runtime;
    return this.#latest;
  }
}

/** A process id may be used again: the time of its start tells two processes apart. */
function isSameProcess(one: ProcessSample, other: ProcessSample | undefined): boolean {
  return one.pid === other?.pid && one.startedAt === other.startedAt;
}

function clampPercent(value: number): number {
  return Number.isFinite(value) ? Math.min(100, Math.max(0, value)) : 0;
}

async function withTimeout<T>(promise: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, undefined);
  });
  return Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}
