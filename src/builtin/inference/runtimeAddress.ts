// Where the windows of one user find the llama.cpp process: a socket in a private folder, or a named pipe.
// Must not know: who listens, what is said.

import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { JanError } from '../../common/errors';
import { runtimeProtocolVersion } from '../../protocol/runtimeProtocol';

/** A socket's path may have 103 bytes (macOS; Linux: 107), and the runtime needs a few for its private names. */
const longestSocketPath = 90;

/**
 * The address for this user and protocol version; its folder exists afterwards and is open to this user alone.
 * @throws JanError `engine-unavailable` when the folder cannot be made private.
 */
export async function prepareRuntimeAddress(directory: string): Promise<string> {
  const hash = createHash('sha256').update(directory).digest('hex').slice(0, 16);
  const name = `runtime-v${runtimeProtocolVersion}`;
  if (process.platform === 'win32') {
    return `\\\\.\\pipe\\jan-${os.userInfo().username.replace(/[^A-Za-z0-9]/g, '')}-${hash}-${name}`;
  }
  const wanted = path.join(directory, `${name}.sock`);
  const address = Buffer.byteLength(wanted) <= longestSocketPath ? wanted : path.join(os.tmpdir(), `jan-${hash}`, `${name}.sock`);
  await makePrivate(path.dirname(address));
  return address;
}

/** Where it shows that an engine has come or gone: something whose name begins with `name` changes in `folder`. */
export interface RuntimeSign {
  readonly folder: string;
  readonly name: string;
}

/** For an address that was prepared. A pipe (Windows) lies in no folder: there a file tells of it, see `leaveRuntimeSign`. */
export async function runtimeSign(directory: string, address: string, platform = process.platform): Promise<RuntimeSign> {
  if (platform !== 'win32') {
    return { folder: path.dirname(address), name: path.basename(address) };
  }
  await fs.mkdir(directory, { recursive: true });
  return { folder: directory, name: `runtime-v${runtimeProtocolVersion}.started` };
}

/** To be called when an engine has been found at the address, so that the windows that watch look there. Never rejects. */
export async function leaveRuntimeSign(directory: string, address: string, platform = process.platform): Promise<void> {
  if (platform === 'win32') {
    const { folder, name } = await runtimeSign(directory, address, platform);
    await fs.writeFile(path.join(folder, name), '').catch(() => undefined);
  }
}

/**
 * Takes the name away from whoever listens there without ever answering, so that another process can have it. Nothing
 * is killed: the stuck one ends by itself when it goes on. A pipe's name (Windows) can't be taken.
 */
export async function abandonRuntimeAddress(address: string): Promise<void> {
  if (process.platform !== 'win32') {
    await fs.rm(address, { force: true });
  }
}

async function makePrivate(folder: string): Promise<void> {
  try {
    await fs.mkdir(folder, { recursive: true, mode: 0o700 });
    const stats = await fs.lstat(folder);
    if (!stats.isDirectory() || stats.uid !== process.getuid?.()) {
      throw new Error('it belongs to someone else');
    }
    if ((stats.mode & 0o077) !== 0) {
      await fs.chmod(folder, 0o700);
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new JanError('engine-unavailable', `The engine needs the folder ${folder} for itself, and cannot have it: ${reason}. Remove it, then try again.`, {
      details: { folder },
      cause: error,
    });
  }
}
