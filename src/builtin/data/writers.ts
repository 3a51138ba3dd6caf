// Tells whether the process that was writing a message still lives, so that an interrupted answer is not shown as
// being written for ever, and a living window's answer is never called interrupted.
// Must not know: messages, the store.

import { promises as fs } from 'node:fs';
import * as os from 'node:os';
import { randomUUID } from 'node:crypto';
import type { Writer } from './operations';

/** Where nothing can be found out about a writer, silence of this long counts as its death, ms. */
const unknownWriterPatience = 60 * 60 * 1000;

/** Sessions of this very process (a test, or a host that opened a store twice). */
const ownSessions = new Set<string>();

export async function createWriter(): Promise<Writer> {
  const session = randomUUID();
  ownSessions.add(session);
  return {
    session,
    pid: process.pid,
    start: (await readProcess(process.pid))?.start ?? '',
    boot: (await readText('/proc/sys/kernel/random/boot_id')) ?? '',
    space: await fs.readlink('/proc/self/ns/pid').catch(() => ''),
    host: os.hostname(),
  };
}

export function endWriter(writer: Writer): void {
  ownSessions.delete(writer.session);
}

/**
 * @param own any writer of this process
 * @param idleMs time since the writer's last sign of life
 */
export async function isWriterAlive(writer: Writer, own: Writer, idleMs: number): Promise<boolean> {
  if (ownSessions.has(writer.session)) {
    return true;
  }
  if (writer.host !== own.host) {
    return idleMs < unknownWriterPatience;
  }
  if (writer.boot !== own.boot) {
    return writer.boot === '' || own.boot === '' ? idleMs < unknownWriterPatience : false;
  }
  if (writer.space !== own.space) {
    return idleMs < unknownWriterPatience; // Another container: its pids say nothing here.
  }
  if (writer.pid === own.pid && writer.start === own.start) {
    return false; // This process, and not one of its sessions.
  }
  if (own.start !== '') {
    const found = await readProcess(writer.pid);
    return found !== undefined && found.start === writer.start && !found.ended;
  }
  return isPidInUse(writer.pid) && idleMs < unknownWriterPatience;
}

/** Fields 3 (state) and 22 (start time) of /proc/<pid>/stat, proc(5). The name in field 2 may hold anything. */
async function readProcess(pid: number): Promise<{ readonly start: string; readonly ended: boolean } | undefined> {
  const line = Number.isSafeInteger(pid) && pid > 0 ? await readText(`/proc/${pid}/stat`) : undefined;
  const fields = line?.slice(line.lastIndexOf(')') + 2).split(' ');
  return fields?.[19] === undefined ? undefined : { start: fields[19], ended: fields[0] === 'Z' || fields[0] === 'X' };
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return (await fs.readFile(file, 'utf8')).trim();
  } catch {
    return undefined;
  }
}

function isPidInUse(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
