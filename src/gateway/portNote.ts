// Which window serves a fixed port: a note beside Jan's other files, read when the port is found taken. It holds no
// secret, and is believed only as far as words for the user go.
// Must not know: sockets, VS Code.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface PortNote {
  /** Absolute path of the file that all windows share. */
  readonly path: string;
  /** How a user tells this window from others: the name of its workspace. */
  readonly window: string;
}

export async function writePortNote({ path, window }: PortNote, port: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(path, JSON.stringify({ port, pid: process.pid, window }), { mode: 0o600 });
}

/** The window that serves the port, as far as is known: undefined when its process is gone, or the note is of another port. */
export async function servingWindow({ path }: PortNote, port: number): Promise<{ readonly window: string; readonly pid: number } | undefined> {
  try {
    const note = JSON.parse(await readFile(path, 'utf8')) as { readonly port?: unknown; readonly pid?: unknown; readonly window?: unknown };
    if (note.port !== port || typeof note.pid !== 'number' || !Number.isSafeInteger(note.pid) || note.pid <= 0 || typeof note.window !== 'string') {
      return undefined;
    }
    process.kill(note.pid, 0); // throws when there is no such process
    return { window: note.window.slice(0, 200), pid: note.pid };
  } catch {
    return undefined;
  }
}
