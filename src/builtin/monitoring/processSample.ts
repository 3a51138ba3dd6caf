// One look at one process: processor time used so far and memory held.
// Sources: proc_pid_stat(5), proc_pid_status(5); `ps` on macOS. Must not know: whose process it is.

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { SystemInformation } from './systemInformation';

export interface ProcessSample {
  readonly pid: number;
  /** Tells this process from another that had the same id. */
  readonly startedAt: string;
  /** Processor time of all its threads since its start, ms; absent where only a share is offered. */
  readonly cpuMs?: number;
  /** Percent of all cores, where the system offers only that. */
  readonly cpuShare?: number;
  /** Resident bytes. */
  readonly memory: number;
  /** When this was seen, `performance.now()`. */
  readonly at: number;
}

/** Linux counts in ticks of 10 ms for programs, whatever the kernel does within (USER_HZ). */
const msPerTick = 10;

/** Undefined when there is no such process. */
export async function readProcess(pid: number, system: SystemInformation): Promise<ProcessSample | undefined> {
  try {
    switch (process.platform) {
      case 'linux':
        return await readLinuxProcess(pid);
      case 'darwin':
        return await readMacProcess(pid);
      default:
        return await system.process(pid);
    }
  } catch {
    return undefined; // it ended between two reads
  }
}

/** Percent of all cores between two looks. */
export function shareOfProcessor(before: ProcessSample, after: ProcessSample, cores: number): number {
  if (before.cpuMs === undefined || after.cpuMs === undefined || after.at <= before.at) {
    return after.cpuShare ?? 0;
  }
  return ((after.cpuMs - before.cpuMs) / ((after.at - before.at) * cores)) * 100;
}

async function readLinuxProcess(pid: number): Promise<ProcessSample | undefined> {
  const [stat, status] = await Promise.all([readFile(`/proc/${pid}/stat`, 'utf8'), readFile(`/proc/${pid}/status`, 'utf8')]);
  const at = performance.now();
  // The second field, the command in parentheses, may itself hold spaces and parentheses; fields count from 1.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): string => fields[number - 3] ?? '';
  const memory = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (field(3) === 'Z' || memory === undefined) {
    return undefined; // ended, and not yet collected by its parent
  }
  return {
    pid,
    startedAt: field(22),
    cpuMs: (Number(field(14)) + Number(field(15))) * msPerTick,
    memory: Number(memory) * 1024,
    at,
  };
}

async function readMacProcess(pid: number): Promise<ProcessSample | undefined> {
  const { stdout } = await promisify(execFile)('/bin/ps', ['-o', 'rss=,time=,lstart=', '-p', String(pid)], {
    timeout: 2000,
    env: { LC_ALL: 'C' },
  });
  return parsePs(pid, stdout, performance.now());
}

/** One line of `ps -o rss=,time=,lstart=`: KiB, `[[hours:]minutes:]seconds`, date. */
export function parsePs(pid: number, line: string, at: number): ProcessSample | undefined {
  const [, memory, time, startedAt] = /^\s*(\d+)\s+([\d:.]+)\s+(\S.*?)\s*$/.exec(line) ?? [];
  if (memory === undefined || time === undefined || startedAt === undefined) {
    return undefined;
  }
  const seconds = time.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
  return { pid, startedAt, cpuMs: Math.round(seconds * 1000), memory: Number(memory) * 1024, at };
}
