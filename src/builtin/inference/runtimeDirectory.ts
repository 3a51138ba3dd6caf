// Where the windows of one user find their one engine: a private directory for its socket.
// Must not know: what is spoken over the socket.

import { createHash } from 'node:crypto';
import * as os from 'node:os';
import * as path from 'node:path';

/**
 * Short enough for a Unix socket (path + name < 104 bytes on every system) and one per storage folder, so that two
 * profiles of VS Code do not share conversations' engine by accident. Nothing is created here.
 */
export function runtimeDirectory(storage: string): string {
  const key = createHash('sha256').update(storage).digest('hex').slice(0, 12);
  const base = process.env['XDG_RUNTIME_DIR'] ?? os.tmpdir();
  const user = typeof process.getuid === 'function' ? String(process.getuid()) : os.userInfo().username;
  return path.join(base, `jan-${user}-${key}`);
}
