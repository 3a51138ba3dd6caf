// Attachments' bytes: one file each below the store's folder, named by the SHA-256 of what it holds, never changed.
// Must not know: messages, the journal.

import { createHash } from 'node:crypto';
import * as path from 'node:path';
import type { Attachment } from '../../api/jan';
import { JanError } from '../../common/errors';
import { createUuidV7 } from '../../common/uuid';
import { toStoreError } from './storeErrors';
import { errorCodeOf, type StoreFiles } from './storeFiles';

export const attachmentsFolder = 'blobs';
/** Bytes. */
export const maxAttachmentSize = 64 * 1024 * 1024;
/** What no message uses is kept this long: it may be about to be used, ms. */
const unusedFor = 24 * 60 * 60 * 1000;
/** Bytes hashed before others get their turn. */
const sliceSize = 1024 * 1024;
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export type AttachmentState = 'sound' | 'missing' | 'changed';

export class AttachmentFiles {
  readonly #folder: string;

  constructor(
    private readonly files: StoreFiles,
    private readonly directory: string,
  ) {
    this.#folder = path.join(directory, attachmentsFolder);
  }

  /** @param how `anew`: also when a file of that name and size is there, which may be damaged */
  async store(bytes: Uint8Array, how?: 'anew'): Promise<Pick<Attachment, 'id' | 'size'>> {
    const id = await hashOf(bytes);
    const own = bytes.buffer instanceof ArrayBuffer ? bytes : new Uint8Array(bytes);
    const target = path.join(this.#folder, id);
    try {
      if (how !== 'anew' && (await this.#size(id)) === bytes.length) {
        await this.files.touch(target); // So that it does not count as long unused.
      } else {
        await this.files.makeDirectory(this.#folder);
        const temporary = `${target}.${createUuidV7()}.tmp`;
        try {
          await this.files.writeNew(temporary, own);
          await this.files.replace(temporary, target);
        } catch (error) {
          await this.files.remove(temporary).catch(() => undefined);
          throw error;
        }
        await this.files.syncDirectory(this.#folder);
      }
    } catch (error) {
      throw toStoreError(error, 'write', this.directory);
    }
    return { id, size: bytes.length };
  }

  /** @throws JanError `attachment-not-found`, `store-damaged`, … */
  async read(id: string): Promise<Uint8Array> {
    const bytes = await this.#load(id);
    if (bytes === undefined) {
      throw attachmentMissing(id);
    }
    if ((await hashOf(bytes)) !== id) {
      throw new JanError(
        'store-damaged',
        `The attachment ${id.slice(0, 12)}… was changed or damaged on disk. Attach the file again, or restore it from a backup.`,
        { details: { id } },
      );
    }
    return bytes;
  }

  /** @throws JanError `attachment-not-found` for the first one whose bytes are not here. */
  async demand(attachments: readonly Attachment[]): Promise<void> {
    for (const { id, size } of attachments) {
      if ((await this.#size(id).catch((error: unknown) => fail(error, this.directory))) !== size) {
        throw attachmentMissing(id);
      }
    }
  }

  async check(id: string): Promise<AttachmentState> {
    const bytes = await this.#load(id);
    return bytes === undefined ? 'missing' : (await hashOf(bytes)) === id ? 'sound' : 'changed';
  }

  /** Removes what is not in `used`, and what dead windows left half-written, unless it is young. */
  async sweep(used: ReadonlyMap<string, unknown>): Promise<void> {
    const names = await this.files.list(this.#folder).catch(() => []);
    for (const name of names) {
      const ours = /^[0-9a-f]{64}(\.[0-9a-f-]+\.tmp)?$/.test(name);
      const file = path.join(this.#folder, name);
      if (ours && !used.has(name) && (await this.#modifiedAt(file)) < Date.now() - unusedFor) {
        await this.files.remove(file).catch(() => undefined);
      }
    }
  }

  async #load(id: string): Promise<Uint8Array | undefined> {
    try {
      const file = await this.files.open(path.join(this.#folder, id), 'read');
      try {
        const { size } = await file.stat();
        if (size > maxAttachmentSize) {
          return new Uint8Array();
        }
        const bytes = new Uint8Array(size);
        return bytes.subarray(0, await file.read(bytes, 0));
      } finally {
        await file.close();
      }
    } catch (error) {
      return errorCodeOf(error) === 'ENOENT' ? undefined : fail(error, this.directory);
    }
  }

  async #size(id: string): Promise<number | undefined> {
    return (await this.#stat(path.join(this.#folder, id)))?.size;
  }

  async #modifiedAt(file: string): Promise<number> {
    return (await this.#stat(file).catch(() => undefined))?.modifiedAt ?? Infinity;
  }

  async #stat(file: string): Promise<{ readonly size: number; readonly modifiedAt: number } | undefined> {
    try {
      const opened = await this.files.open(file, 'read');
      return await opened.stat().finally(() => opened.close());
    } catch (error) {
      if (errorCodeOf(error) === 'ENOENT') {
        return undefined;
      }
      throw error;
    }
  }
}

/** In steps, so that a large file does not hold the event loop. */
async function hashOf(bytes: Uint8Array): Promise<string> {
  const hash = createHash('sha256');
  for (let position = 0; position < bytes.length; position += sliceSize) {
    hash.update(bytes.subarray(position, position + sliceSize));
    await nextTurn();
  }
  return hash.digest('hex');
}

function fail(error: unknown, directory: string): never {
  throw toStoreError(error, 'read', directory);
}

function attachmentMissing(id: string): JanError {
  return new JanError('attachment-not-found', 'The attached file is not in the store any more. Attach it again.', {
    details: { id },
  });
}
