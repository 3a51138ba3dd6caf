// Where the windows of one user find their one engine: a private directory for its socket.
// Must not know: what is spoken over the socket.

import { createHash } from 'node:crypto';
import { accessSync, constants, statSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

/**
 * Short enough for a Unix socket (path + name < 104 bytes on every system) and one per storage folder, so that two
 * profiles of VS Code do not share conversations' engine by accident. Nothing is created here.
 */
export function runtimeDirectory(storage: string): string {
  const key = createHash('sha256').update(storage).digest('hex').slice(0, 12);
  const session = process.env['XDG_RUNTIME_DIR'];
  const base = session !== undefined && isOurs(session) ? session : os.tmpdir();
  const user = typeof process.getuid === 'function' ? String(process.getuid()) : os.userInfo().username;
  return path.join(base, `jan-${user}-${key}`);
}

/**
 * As the XDG specification wants it. In containers, after `sudo`, and when the session has ended under a server that goes on,
 * the variable names a folder that is not there or another user's: the engine could never start in it. Every window asks the
 * disk, and none creates it, so that all come to the same answer.
 */
function isOurs(folder: string): boolean {
  try {
    const found = statSync(folder);
    accessSync(folder, constants.W_OK | constants.X_OK);
    return path.isAbsolute(folder) && found.isDirectory() && found.uid === process.getuid?.();
  } catch {
    return false;
  }
}
