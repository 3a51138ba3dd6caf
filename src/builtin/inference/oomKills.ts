// How many processes the system has killed for want of memory since it started: tells such a SIGKILL from any other.
// Must not know: which process, what is done about it.

import { readFile } from 'node:fs/promises';

/** Linux 4.13 and later, its own limit and cgroups' counted alike (`oom_kill` in /proc/vmstat); elsewhere undefined. */
export async function countOomKills(file = '/proc/vmstat'): Promise<number | undefined> {
  if (process.platform !== 'linux') {
    return undefined;
  }
  const text = await readFile(file, 'utf8').catch(() => '');
  const count = /^oom_kill (\d+)$/m.exec(text)?.[1];
  return count === undefined ? undefined : Number(count);
}
