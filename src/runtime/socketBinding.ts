// Listening on a local socket so that of any number of processes that try at the same instant exactly one wins.
// Must not know: what is said over the socket, llama.cpp.

import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import path from 'node:path';

/** How long the owner of a guard may take before another process may try in its place, ms. */
const guardTimeoutMs = 2000;

export interface Binding {
  /** Removes the socket's name, if it is still ours. */
  release(): Promise<void>;
}

/**
 * Makes `server` listen at `address`.
 *
 * Unix: the server listens under a private name first, then that name is hard-linked to `address`: link(2) fails
 * when the name exists, and what appears there already listens. A name left by a dead process is probed, then
 * removed by the one process that creates the guard file named after that very socket (device, inode, time of
 * birth), so a fresh socket is never removed in place of a stale one.
 *
 * Windows: the name of a pipe is atomic by itself and vanishes with its owner.
 *
 * @returns undefined when another live process listens there.
 */
export async function bindExclusively(server: Server, address: string): Promise<Binding | undefined> {
  if (process.platform === 'win32') {
    const listening = await listen(server, address);
    return listening ? { release: async () => undefined } : undefined;
  }
  await fs.mkdir(path.dirname(address), { recursive: true, mode: 0o700 });
  await fs.chmod(path.dirname(address), 0o700);
  const own = `${address.slice(0, -path.extname(address).length)}.${process.pid}-${randomBytes(3).toString('hex')}`;
  await listen(server, own);
  await fs.chmod(own, 0o600);
  try {
    for (;;) {
      if (await link(own, address)) {
        const identity = await identityOf(address);
        return {
          release: async () => {
            if (identity !== undefined && (await identityOf(address)) === identity) {
              await fs.rm(address, { force: true });
            }
          },
        };
      }
      const existing = await identityOf(address);
      if (existing === undefined) {
        continue;
      }
      if (await isAlive(address)) {
        server.close();
        return undefined;
      }
      await removeStale(address, existing);
    }
  } finally {
    await fs.rm(own, { force: true });
  }
}

function listen(server: Server, address: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') {
        resolve(false);
      } else {
        reject(error);
      }
    };
    server.once('error', onError);
    server.listen(address, () => {
      server.off('error', onError);
      resolve(true);
    });
  });
}

async function link(from: string, to: string): Promise<boolean> {
  try {
    await fs.link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      return false;
    }
    throw error;
  }
}

async function identityOf(file: string): Promise<string | undefined> {
  try {
    const stats = await fs.lstat(file, { bigint: true });
    return `${stats.dev}-${stats.ino}-${stats.mtimeNs}`;
  } catch {
    return undefined;
  }
}

/** Does someone accept connections there? */
export function isAlive(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(address);
    const done = (alive: boolean): void => {
      probe.destroy();
      resolve(alive);
    };
    probe.once('connect', () => done(true));
    // EAGAIN: the backlog of a live listener is full.
    probe.once('error', (error: NodeJS.ErrnoException) => done(error.code === 'EAGAIN'));
  });
}

/** Resolves once the stale socket is gone, whoever removed it. */
async function removeStale(address: string, identity: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const guard = `${address}.stale-${identity}-${attempt}`;
    try {
      await (await fs.open(guard, 'wx', 0o600)).close();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw error;
      }
      if (await vanishes(address, identity, guard)) {
        return;
      }
      continue;
    }
    if ((await identityOf(address)) === identity) {
      await fs.rm(address, { force: true });
    }
    // The guard outlives its use for a while: whoever still holds the old identity must find it taken.
    setTimeout(() => void fs.rm(guard, { force: true }), 10 * guardTimeoutMs).unref();
    return;
  }
}

/** Waits for the guard's owner to remove the stale socket; false when the owner seems to have died. */
async function vanishes(address: string, identity: string, guard: string): Promise<boolean> {
  const created = (await fs.stat(guard).catch(() => undefined))?.mtimeMs ?? Date.now();
  while (Date.now() - created < guardTimeoutMs) {
    if ((await identityOf(address)) !== identity) {
      return true;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return (await identityOf(address)) !== identity;
}
