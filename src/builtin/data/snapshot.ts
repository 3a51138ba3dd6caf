// Snapshot files: the whole state at the start of a generation, as a SQLite file with a checksum behind it.
// Must not know: the journal, who asks for a snapshot.

import * as path from 'node:path';
import { crc32 } from 'node:zlib';
import { createUuidV7 } from '../../common/uuid';
import { schemaVersion } from './schema';
import type { SqlJsStatic } from './sqlite';
import type { StoreFiles } from './storeFiles';
import { View } from './view';

/** `JANSNAP1`, generation (u32), CRC-32 of the SQLite bytes (u32), their number (u64); all little-endian. */
const trailerMagic = Buffer.from('JANSNAP1', 'latin1');
const trailerSize = 24;
/** Bytes handled before others get their turn. */
const sliceSize = 4 * 1024 * 1024;
/** SQLite's header: big-endian user_version. */
const userVersionOffset = 60;

export type SnapshotProblem = 'damaged' | 'newer';

export class SnapshotUnusable extends Error {
  constructor(
    readonly problem: SnapshotProblem,
    message: string,
  ) {
    super(message);
  }
}

export function snapshotName(generation: number): string {
  return `snapshot-${generation}.db`;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function checksum(bytes: Uint8Array): Promise<number> {
  let value = 0;
  for (let position = 0; position < bytes.length; position += sliceSize) {
    value = crc32(bytes.subarray(position, position + sliceSize), value);
    await nextTurn();
  }
  return value;
}

/** @throws SnapshotUnusable, or what the file system throws. */
export async function readSnapshot(
  files: StoreFiles,
  sqlite: SqlJsStatic,
  directory: string,
  generation: number,
): Promise<{ readonly view: View; readonly size: number }> {
  const file = await files.open(path.join(directory, snapshotName(generation)), 'read');
  let bytes: Buffer;
  try {
    const { size } = await file.stat();
    if (size < trailerSize + 100 || size > 2 ** 32) {
      throw new SnapshotUnusable('damaged', `It has ${size} bytes.`);
    }
    bytes = Buffer.allocUnsafe(size);
    const filled = await file.read(bytes, 0);
    if (filled < size) {
      throw new SnapshotUnusable('damaged', 'It ends early.');
    }
  } finally {
    await file.close();
  }
  const content = bytes.subarray(0, bytes.length - trailerSize);
  const trailer = bytes.subarray(content.length);
  if (
    !trailer.subarray(0, 8).equals(trailerMagic) ||
    trailer.readUInt32LE(8) !== generation ||
    trailer.readBigUInt64LE(16) !== BigInt(content.length) ||
    trailer.readUInt32LE(12) !== (await checksum(content))
  ) {
    throw new SnapshotUnusable('damaged', 'Its checksum is wrong.');
  }
  if (content.readUInt32BE(userVersionOffset) > schemaVersion) {
    throw new SnapshotUnusable('newer', 'A newer version of Jan wrote it.');
  }
  try {
    return { view: new View(sqlite, content), size: bytes.length };
  } catch (error) {
    throw new SnapshotUnusable('damaged', `SQLite cannot use it: ${String(error)}`);
  }
}

/** Writes the snapshot and proves it by reading it back; after that, older generations are no longer needed. */
export async function writeSnapshot(
  files: StoreFiles,
  sqlite: SqlJsStatic,
  directory: string,
  generation: number,
  view: View,
): Promise<number> {
  const content = view.export();
  const trailer = Buffer.alloc(trailerSize);
  trailerMagic.copy(trailer);
  trailer.writeUInt32LE(generation, 8);
  trailer.writeUInt32LE(await checksum(content), 12);
  trailer.writeBigUInt64LE(BigInt(content.length), 16);
  const target = path.join(directory, snapshotName(generation));
  const temporary = `${target}.${createUuidV7()}.tmp`;
  try {
    await files.writeNew(temporary, Buffer.concat([content, trailer]));
    await files.replace(temporary, target);
  } catch (error) {
    await files.remove(temporary).catch(() => undefined);
    throw error;
  }
  await files.syncDirectory(directory);
  try {
    const proof = await readSnapshot(files, sqlite, directory, generation);
    try {
      const problems = proof.view.integrityProblems();
      if (problems.length > 0) {
        throw new SnapshotUnusable('damaged', problems.slice(0, 3).join('; '));
      }
    } finally {
      proof.view.close();
    }
    return proof.size;
  } catch (error) {
    if (error instanceof SnapshotUnusable) {
      // The journals before it are all there still.
      await files.remove(target).catch(() => undefined);
    }
    throw error;
  }
}
