// Writes exported texts to disk: a file appears in one step when it is whole, a folder is taken back when it is not.
// Must not know: the formats, the store.

import { mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import * as path from 'node:path';
import { JanError } from '../../../common/errors';
import { createUuidV7 } from '../../../common/uuid';
import { toFileError } from './fileErrors';

/** UTF-16 units gathered before they are encoded and written: a piece of work of well under a millisecond. */
const chunkLength = 64 * 1024;

/** @returns bytes. @throws JanError `invalid-argument`, `disk-full`, and what `pieces` throws; then nothing is left */
export async function writeTextFile(target: string, pieces: AsyncIterable<string>): Promise<number> {
  const temporary = `${target}.${createUuidV7()}.tmp`;
  let bytes = 0;
  try {
    const file = await open(temporary, 'wx');
    try {
      let chunk = '';
      const write = async (): Promise<void> => {
        const encoded = Buffer.from(chunk, 'utf8');
        chunk = '';
        bytes += encoded.length;
        await file.writeFile(encoded);
      };
      for await (const piece of pieces) {
        chunk += piece;
        // Half a character at the end waits for its other half.
        if (chunk.length >= chunkLength && !/[\ud800-\udbff]$/.test(chunk)) {
          await write();
        }
      }
      await write();
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
    return bytes;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw toFileError(error, target, 'write');
  }
}

/** A new folder of exported files. */
export class ExportFolder {
  readonly #written: string[] = [];
  #created: string | undefined;

  constructor(private readonly folder: string) {}

  /** @throws JanError `invalid-argument` when something is in it already, or it can't be made */
  async prepare(): Promise<void> {
    try {
      this.#created = await mkdir(this.folder, { recursive: true });
      if ((await readdir(this.folder)).length > 0) {
        throw new JanError('invalid-argument', `“${this.folder}” is not empty. Choose a new folder and export again.`, {
          details: { file: this.folder },
        });
      }
    } catch (error) {
      throw toFileError(error, this.folder, 'write');
    }
  }

  async write(name: string, pieces: AsyncIterable<string>): Promise<number> {
    const file = path.join(this.folder, name);
    const bytes = await writeTextFile(file, pieces);
    this.#written.push(file);
    return bytes;
  }

  /** Removes what was written, and the folder when it was made for it. */
  async takeBack(): Promise<void> {
    for (const file of this.#written) {
      await rm(file, { force: true }).catch(() => undefined);
    }
    if (this.#created !== undefined) {
      await rmdir(this.folder).catch(() => undefined);
    }
  }
}
