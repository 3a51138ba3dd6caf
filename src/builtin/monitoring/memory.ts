// Main memory: how much there is and how much a program could still get, within a container's limit.
// Sources: proc(5) for MemAvailable, the kernel's cgroup-v1 and cgroup-v2 documents for limits.
// Must not know: services, who asks.

import { readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { SystemInformation } from './systemInformation';

/** Bytes. */
export interface Memory {
  readonly total: number;
  /** What programs can still have: free memory and caches that give way. */
  readonly available: number;
}

export async function readMemory(system: SystemInformation): Promise<Memory> {
  switch (process.platform) {
    case 'linux':
      return readLinuxMemory('/');
    case 'win32':
      return { total: os.totalmem(), available: os.freemem() }; // counts caches as free already
    default:
      return (await system.memory()) ?? { total: os.totalmem(), available: os.freemem() };
  }
}

/** @param root where `proc` and `sys` are; `/` but in tests. */
export async function readLinuxMemory(root: string): Promise<Memory> {
  const meminfo = await readText(path.join(root, 'proc/meminfo'));
  const machine: Memory = {
    total: kibibytesOf(meminfo, 'MemTotal') ?? os.totalmem(),
    available: kibibytesOf(meminfo, 'MemAvailable') ?? os.freemem(),
  };
  let { total, available } = machine;
  for (const group of await limitingGroups(root)) {
    total = Math.min(total, group.limit);
    available = Math.min(available, Math.max(0, group.limit - group.used));
  }
  return { total, available };
}

interface GroupMemory {
  readonly limit: number;
  /** Without file caches that give way under pressure. */
  readonly used: number;
}

const versions = [
  { limit: 'memory.max', usage: 'memory.current', cache: 'inactive_file' },
  { limit: 'memory.limit_in_bytes', usage: 'memory.usage_in_bytes', cache: 'total_inactive_file' },
] as const;

/** This process' control group and those above it: each may limit it. */
async function limitingGroups(root: string): Promise<readonly GroupMemory[]> {
  const membership = await readText(path.join(root, 'proc/self/cgroup'));
  const folders = new Set<string>();
  for (const [, controllers, group] of membership.matchAll(/^\d+:([^:]*):(.*)$/gm)) {
    const mount = controllers === '' ? 'sys/fs/cgroup' : 'sys/fs/cgroup/memory';
    if (controllers !== '' && !controllers!.split(',').includes('memory')) {
      continue;
    }
    // Within a container the path may be the host's, of which only the mount itself is visible.
    for (let current = path.posix.normalize(`/${group!}`); ; current = path.posix.dirname(current)) {
      folders.add(path.join(root, mount, current));
      if (current === '/') {
        break;
      }
    }
  }
  const groups = await Promise.all([...folders].map(readGroup));
  return groups.filter((group) => group !== undefined);
}

async function readGroup(folder: string): Promise<GroupMemory | undefined> {
  for (const names of versions) {
    // "max", or without a number near 2^63 in version 1: not limited.
    const limit = Number.parseInt(await readText(path.join(folder, names.limit)), 10);
    if (limit > 0 && limit < 2 ** 53) {
      const [usage, stat] = await Promise.all([readText(path.join(folder, names.usage)), readText(path.join(folder, 'memory.stat'))]);
      const cache = Number(new RegExp(`^${names.cache} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0);
      return { limit, used: Math.max(0, (Number.parseInt(usage, 10) || 0) - cache) };
    }
  }
  return undefined;
}

function kibibytesOf(meminfo: string, name: string): number | undefined {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(meminfo);
  return found === null ? undefined : Number(found[1]) * 1024;
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return ''; // absent on this system: nothing to learn there
  }
}
