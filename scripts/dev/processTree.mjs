// Starts programs so that nothing of them is left when this process ends, however it ends.
// It must not know what the programs are.

import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Set for everything under one guardian, so that a process which changed its group and lost its parent is still found. */
export const familyVariable = 'JAN_PROCESS_FAMILY';

const guardian = path.join(path.dirname(fileURLToPath(import.meta.url)), 'guardian.mjs');

/**
 * Starts a program under a small guardian process. The guardian holds the other end of a pipe from us: when the pipe
 * closes (we called `stop`, exited, crashed or were killed) it ends the program and all its descendants.
 *
 * @param {string} command absolute path of the program
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {{
 *   process: import('node:child_process').ChildProcess, pid: Promise<number>,
 *   exited: Promise<{ code: number | null, signal: string | null }>, stop: () => Promise<void>,
 *   processes: () => ProcessEntry[]
 * }} `pid` is the program's own; `process` is the guardian's, whose stdout and stderr are the program's;
 *   `exited` settles when the guardian has gone, that is after all descendants;
 *   `processes` lists what lives of the program, orphans included (not on Windows)
 */
export function spawnGuarded(command, args, { cwd, env = process.env } = {}) {
  const family = `${process.pid}-${randomUUID()}`;
  const child = spawn(process.execPath, [guardian, command, ...args], {
    cwd,
    env: { ...env, [familyVariable]: family },
    detached: process.platform !== 'win32',
    windowsHide: true,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => {});
  const exited = new Promise((resolve) => {
    child.on('error', () => resolve({ code: 127, signal: null }));
    child.on('exit', (code, signal) => {
      if (signal) {
        endFamily(child.pid, family);
      }
      resolve({ code, signal });
    });
  });
  const pid = new Promise((resolve, reject) => {
    let text = '';
    child.stdio[3].setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
      if (text.includes('\n')) {
        resolve(Number(text));
      }
    });
    void exited.then(() => reject(new Error(`${command} could not be started.`)));
  });
  pid.catch(() => {});
  return {
    process: child,
    pid,
    exited,
    processes: () => familyOf(child.pid, family),
    stop: async () => {
      child.stdin.end();
      await exited;
    },
  };
}

/**
 * @typedef {{ pid: number, ppid: number, group: number, command: string[] }} ProcessEntry
 */

/**
 * All live descendants of a process, itself not included, children before grandchildren.
 *
 * @param {number} pid
 * @returns {ProcessEntry[]}
 */
export function descendantsOf(pid) {
  const all = listProcesses();
  const found = [];
  let parents = new Set([pid]);
  while (parents.size > 0) {
    const children = all.filter((entry) => parents.has(entry.ppid));
    found.push(...children);
    parents = new Set(children.map((entry) => entry.pid));
  }
  return found;
}

/**
 * Everything started by a guardian that still lives: its descendants, its process group, and on Linux whatever
 * carries the family's name in its environment although its parent has gone.
 *
 * @param {number} guardianPid
 * @param {string | undefined} family value of {@link familyVariable}
 * @returns {ProcessEntry[]} the guardian itself not included
 */
export function familyOf(guardianPid, family) {
  const descendants = new Set(descendantsOf(guardianPid).map((entry) => entry.pid));
  return listProcesses().filter(
    (entry) =>
      entry.pid !== guardianPid &&
      (descendants.has(entry.pid) || entry.group === guardianPid || (family && carries(entry.pid, family))),
  );
}

/** Does the guardian's work when the guardian itself was killed. */
function endFamily(guardianPid, family) {
  for (const { pid } of familyOf(guardianPid, family)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Already gone.
    }
  }
}

/** All live processes; Windows answers with none (callers there use `taskkill /T`). Zombies are left out. */
export function listProcesses() {
  if (process.platform === 'linux') {
    return fs
      .readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => readProc(Number(name)));
  }
  if (process.platform === 'win32') {
    return [];
  }
  const columns = ['-axo', 'pid=,ppid=,pgid=,stat=,command='];
  const answer = spawnSync('ps', columns, { encoding: 'utf8', maxBuffer: 16 * 2 ** 20 });
  return (answer.stdout ?? '').split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line);
    if (!match || match[4].startsWith('Z')) {
      return [];
    }
    const [, pid, ppid, group, , command] = match;
    return [{ pid: Number(pid), ppid: Number(ppid), group: Number(group), command: command.split(' ') }];
  });
}

function readProc(pid) {
  try {
    // Field 2 is the program's name in parentheses and may hold anything, so count from the last one.
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, ppid, group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z') {
      return [];
    }
    const command = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean);
    return [{ pid, ppid: Number(ppid), group: Number(group), command }];
  } catch {
    return [];
  }
}

function carries(pid, family) {
  try {
    return fs.readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`${familyVariable}=${family}\0`);
  } catch {
    return false;
  }
}
