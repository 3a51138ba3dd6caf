// The few things the store asks of a file system, as a port: tests put one in its place that fails, tears or records.
// Must not know: what the files hold.

import * as fs from 'node:fs';
import * as path from 'node:path';
import { toDisposable, type Disposable } from '../../common/lifecycle';

export interface StoreFile {
  /** One write at the end of the file, in one system call. Resolves with the number of bytes that were taken. */
  append(bytes: Uint8Array): Promise<number>;
  /** Returns when what was appended is on the disk (fdatasync). */
  sync(): Promise<void>;
  /** Fills `target` from `position` on; resolves with the number of bytes read, less only at the end of the file. */
  read(target: Uint8Array, position: number): Promise<number>;
  /** `links`: 0 once the file's name was deleted. `modifiedAt`: Unix ms. */
  stat(): Promise<{ readonly size: number; readonly links: number; readonly modifiedAt: number }>;
  close(): Promise<void>;
}

export interface StoreFiles {
  /** With parents; only the owner may enter those that are made. */
  makeDirectory(directory: string): Promise<void>;
  list(directory: string): Promise<string[]>;
  /** Opens an existing file. */
  open(file: string, access: 'append' | 'read'): Promise<StoreFile>;
  /** Writes a new file and syncs it. */
  writeNew(file: string, bytes: Uint8Array): Promise<void>;
  /** Gives the file its final name. @throws EEXIST when the name is taken. */
  publish(from: string, to: string): Promise<void>;
  /** Gives the file its final name, whether or not the name is taken. */
  replace(from: string, to: string): Promise<void>;
  remove(file: string): Promise<void>;
  /** Makes the file count as just modified. */
  touch(file: string): Promise<void>;
  syncDirectory(directory: string): Promise<void>;
  /** Calls back with a file's name (null: unknown which) after something in the directory changed. */
  watch(directory: string, onChange: (name: string | null) => void, onError: (error: unknown) => void): Disposable;
}

class NodeStoreFile implements StoreFile {
  constructor(private readonly handle: fs.promises.FileHandle) {}

  async append(bytes: Uint8Array): Promise<number> {
    return (await this.handle.write(bytes, 0, bytes.length, null)).bytesWritten;
  }

  sync(): Promise<void> {
    return this.handle.datasync();
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    let filled = 0;
    while (filled < target.length) {
      const { bytesRead } = await this.handle.read(target, filled, target.length - filled, position + filled);
      if (bytesRead === 0) {
        break;
      }
      filled += bytesRead;
    }
    return filled;
  }

  async stat(): Promise<{ size: number; links: number; modifiedAt: number }> {
    const { size, nlink, mtimeMs } = await this.handle.stat();
    return { size, links: nlink, modifiedAt: mtimeMs };
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}

/** File systems without hard links (FAT, some network drives) say one of these. */
const noLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL']);

/** With one of these a file system says that it cannot sync folders at all (some network drives). */
const cannotSync = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

export const nodeStoreFiles: StoreFiles = {
  async makeDirectory(directory) {
    // One by one: Node's own recursion calls a read-only file system ENOENT.
    try {
      await fs.promises.mkdir(directory, { mode: 0o700 });
    } catch (error) {
      const parent = path.dirname(directory);
      if (errorCodeOf(error) === 'EEXIST' && (await fs.promises.stat(directory)).isDirectory()) {
        return;
      }
      if (errorCodeOf(error) !== 'ENOENT' || parent === directory) {
        throw error;
      }
      await this.makeDirectory(parent);
      return this.makeDirectory(directory);
    }
    // A power failure must not take the folder away with all that was saved in it.
    await this.syncDirectory(path.dirname(directory));
  },

  list(directory) {
    return fs.promises.readdir(directory);
  },

  async open(file, access) {
    const { O_APPEND, O_RDONLY, O_RDWR } = fs.constants;
    return new NodeStoreFile(await fs.promises.open(file, access === 'append' ? O_RDWR | O_APPEND : O_RDONLY));
  },

  async writeNew(file, bytes) {
    const handle = await fs.promises.open(file, 'wx', 0o600);
    try {
      // In parts, so that no single system call holds a thread of the pool for long.
      for (let position = 0; position < bytes.length; ) {
        const { bytesWritten } = await handle.write(bytes, position, Math.min(1 << 20, bytes.length - position));
        position += bytesWritten;
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
  },

  async publish(from, to) {
    try {
      await fs.promises.link(from, to);
      await fs.promises.unlink(from);
    } catch (error) {
      if (!noLinks.has((error as NodeJS.ErrnoException).code ?? '')) {
        throw error;
      }
      await fs.promises.copyFile(from, to, fs.constants.COPYFILE_EXCL);
      await fs.promises.unlink(from);
    }
  },

  async replace(from, to) {
    // Windows refuses while anyone holds the target open: try again for a second, never write in place.
    for (let attempt = 1; ; attempt++) {
      try {
        await fs.promises.rename(from, to);
        return;
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? '';
        if (process.platform !== 'win32' || attempt >= 10 || !['EPERM', 'EACCES', 'EBUSY'].includes(code)) {
          throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, 10 * attempt));
      }
    }
  },

  remove(file) {
    return fs.promises.unlink(file);
  },

  async touch(file) {
    const now = new Date();
    await fs.promises.utimes(file, now, now);
  },

  async syncDirectory(directory) {
    if (process.platform === 'win32') {
      return; // Windows cannot open a directory; NTFS journals names itself.
    }
    const handle = await fs.promises.open(directory, 'r');
    try {
      await handle.sync().catch((error: unknown) => {
        if (!cannotSync.has(errorCodeOf(error))) {
          throw error;
        }
      });
    } finally {
      await handle.close();
    }
  },

  watch(directory, onChange, onError) {
    const watcher = fs.watch(directory, { persistent: false });
    watcher.on('change', (_event, name) => onChange(name === null ? null : path.basename(String(name))));
    watcher.on('error', onError);
    return toDisposable(() => watcher.close());
  },
};

export function errorCodeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}
