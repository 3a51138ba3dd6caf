// The folder outside the repository that keeps what is slow to fetch: VS Code's server, profiles, samples.
// It survives `git clean` and fresh clones. It must not know what is installed into it.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const heartbeatMs = 2_000;
const staleAfterMs = 20_000;

/** Where everything is kept. `JAN_DEV_CACHE` overrides the platform's own place for caches. */
export function cacheRoot() {
  if (process.env.JAN_DEV_CACHE) {
    return path.resolve(process.env.JAN_DEV_CACHE);
  }
  if (process.platform === 'win32') {
    return path.join(process.env.LOCALAPPDATA ?? path.join(os.homedir(), 'AppData', 'Local'), 'jan-vscode-dev');
  }
  return path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'jan-vscode-dev');
}

/**
 * Installs something once per version and answers with its folder. The folder counts as installed only when its
 * stamp, written last, names the version: an interrupted install is thrown away and done again. A second process
 * asking for the same thing meanwhile waits for the first.
 *
 * @param {{ name: string, version: string, install: (folder: string) => Promise<void>, log?: (line: string) => void }}
 *   request `name` and `version` become the folder's name; `install` fills an empty folder.
 * @returns {Promise<string>} absolute path of the folder
 */
export async function installOnce({ name, version, install, log = () => {} }) {
  const root = cacheRoot();
  const folder = path.join(root, `${name}-${version}`);
  if (isReady(folder, version)) {
    return folder;
  }
  fs.mkdirSync(root, { recursive: true });
  return withLock(path.join(root, `${name}.lock`), log, async () => {
    if (isReady(folder, version)) {
      return folder;
    }
    fs.rmSync(folder, { recursive: true, force: true });
    fs.mkdirSync(folder, { recursive: true });
    await install(folder);
    const stamp = stampOf(folder);
    fs.writeFileSync(`${stamp}.tmp`, version);
    fs.renameSync(`${stamp}.tmp`, stamp);
    return folder;
  });
}

/**
 * Runs `work` while no other process on this machine does so under the same lock file. The lock of a process that
 * died is taken over.
 *
 * @template T
 * @param {string} lockFile
 * @param {(line: string) => void} log told once when there is somebody to wait for
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(lockFile, log, work) {
  const mine = `${process.pid} ${os.hostname()} ${Math.random().toString(36).slice(2)}`;
  let told = false;
  while (!tryLock(lockFile, mine)) {
    if (!told) {
      log('Another run is doing the same; waiting for it.');
      told = true;
    }
    await delay(250);
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    fs.utimes(lockFile, now, now, () => {});
  }, heartbeatMs);
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    if (readText(lockFile) === mine) {
      fs.rmSync(lockFile, { force: true });
    }
  }
}

function tryLock(lockFile, mine) {
  // The content must be there the moment the name is: written aside first, then linked into place.
  const aside = `${lockFile}.${process.pid}`;
  fs.writeFileSync(aside, mine);
  try {
    fs.linkSync(aside, lockFile);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') {
      throw error;
    }
    removeIfStale(lockFile);
    return false;
  } finally {
    fs.rmSync(aside, { force: true });
  }
}

function removeIfStale(lockFile) {
  const seen = readText(lockFile);
  if (seen === undefined || !isStale(lockFile, seen)) {
    return;
  }
  // Moving is atomic, so of several waiters one wins; if it moved a fresh lock by accident, it puts it back.
  const aside = `${lockFile}.stale.${process.pid}`;
  try {
    fs.renameSync(lockFile, aside);
    if (readText(aside) !== seen) {
      fs.linkSync(aside, lockFile);
    }
  } catch {
    // Somebody else was faster; the next attempt sees what they left.
  } finally {
    fs.rmSync(aside, { force: true });
  }
}

function isStale(lockFile, content) {
  const [pid, host] = content.split(' ');
  if (host === os.hostname() && !isAlive(Number(pid))) {
    return true;
  }
  try {
    return Date.now() - fs.statSync(lockFile).mtimeMs > staleAfterMs;
  } catch {
    return false;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function isReady(folder, version) {
  return readText(stampOf(folder)) === version;
}

function stampOf(folder) {
  return path.join(folder, '.ready');
}

function readText(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
