// What the system itself offers to confine the engine: found out once, by trying it. Linux only; what is not there, or
// is forbidden here, is done without.
// Must not know: what the engine does, when it is started.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Logger } from '../../common/log';

interface Measure {
  /** For people who read the log. */
  readonly name: string;
  /** A program that does something to itself and becomes what follows: its process id stays the same. */
  readonly command: readonly string[];
  /** A program with the privileges of its owner (setuid) has them no more. */
  readonly stopsSetuid: boolean;
}

/** All of util-linux, which every usual distribution has. Containers and AppArmor often forbid the first. */
const measures: readonly Measure[] = [
  // A network of its own, which is empty. The engine's socket is a file, and works across.
  { name: 'no network', command: ['unshare', '--map-current-user', '--net', '--'], stopsSetuid: true },
  { name: 'no new privileges', command: ['setpriv', '--no-new-privs', '--'], stopsSetuid: true },
  // A dump of its memory holds conversations.
  { name: 'no core dumps', command: ['prlimit', '--core=0', '--'], stopsSetuid: false },
];

const probeMs = 3000;
let usable: Promise<readonly Measure[]> | undefined;

/**
 * What to put before a command so that it runs confined; `[]` where nothing works. Never rejects.
 * @param exists is a file there?
 */
export async function findConfinement(log: Logger, exists: (file: string) => boolean = existsSync): Promise<readonly string[]> {
  const all = await (usable ??= findUsable());
  const chosen = all.filter(({ stopsSetuid }) => !stopsSetuid || !needsSetuid(exists));
  log.info(`The engine is confined: ${chosen.map(({ name }) => name).join(', ') || 'nothing for it is offered here'}`);
  return chosen.flatMap(({ command }) => command);
}

/** NVIDIA's libraries make their device files by a setuid program when they are first used after a start of the machine. */
function needsSetuid(exists: (file: string) => boolean): boolean {
  return exists('/usr/bin/nvidia-modprobe') && !exists('/dev/nvidia-uvm');
}

async function findUsable(): Promise<readonly Measure[]> {
  if (process.platform !== 'linux') {
    return [];
  }
  const works = await Promise.all(measures.map(({ command }) => succeeds(command)));
  const each = measures.filter((_, index) => works[index]);
  return (await succeeds(each.flatMap(({ command }) => command))) ? each : [];
}

function succeeds(command: readonly string[]): Promise<boolean> {
  const [program = 'true', ...args] = command;
  return new Promise((resolve) => {
    execFile(program, [...args, ...(command.length > 0 ? ['true'] : [])], { timeout: probeMs }, (error) => resolve(error === null));
  });
}
