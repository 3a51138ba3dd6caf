// Lets several processes change a file one after the other: whoever creates the file beside it may, and removes it.
// Must not know: what is in the file that is changed.

import { open, rm, stat } from 'node:fs/promises';

/** An owner that takes longer than this has ended in the middle of it, ms. */
const abandonedMs = 2000;
const lookMs = 10;
const giveUpMs = 10_000;

/**
 * For changes that take milliseconds. Where an owner has died and several wait, two may take its place at once: no more than
 * without a lock.
 * @throws the file system's error
 */
export async function withFileLock<R>(file: string, run: () => Promise<R>): Promise<R> {
  await take(file);
  try {
    return await run();
  } finally {
    await rm(file, { force: true });
  }
}

async function take(file: string): Promise<void> {
  const began = performance.now();
  let owner: string | undefined;
  let since = began;
  for (;;) {
    try {
      await (await open(file, 'wx', 0o600)).close();
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Windows says EPERM of one that is just being removed.
      const isTaken = code === 'EEXIST' || (code === 'EPERM' && process.platform === 'win32');
      if (!isTaken || performance.now() - began > giveUpMs) {
        throw error;
      }
    }
    const found = await stat(file, { bigint: true }).catch(() => undefined);
    const next = found && `${found.ino}-${found.mtimeNs}`;
    if (next !== owner) {
      owner = next;
      since = performance.now();
    } else if (performance.now() - since > abandonedMs) {
      await rm(file, { force: true });
    }
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}
