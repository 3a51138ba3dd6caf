// The files of a .zip, as ChatGPT and Claude hand out their exports, read without unpacking it to disk.
// Must not know: the formats' content.

import * as path from 'node:path';
import * as yauzl from 'yauzl';
import { JanError } from '../../../common/errors';
import type { ImportFile } from './exchangeTypes';

const mostEntries = 500_000;

/**
 * What of a .zip an import could read, in the order of their paths.
 * @throws JanError `invalid-argument` for an archive that is damaged, encrypted or holds no such file; `cancelled`
 */
export async function filesOfArchive(file: string, isWanted: (name: string) => boolean, signal?: AbortSignal): Promise<ImportFile[]> {
  const entries = await readEntries(file, isWanted, signal);
  if (entries.length === 0) {
    throw refusal(file, 'there is no .json or .jsonl file in it. Choose the archive as it was sent to you');
  }
  if (entries.some((entry) => entry.isEncrypted())) {
    throw refusal(file, 'it is encrypted. Unpack it, then import the folder');
  }
  const archive = path.basename(file);
  return entries
    .sort((a, b) => (a.fileName < b.fileName ? -1 : 1))
    .map((entry) => ({ name: `${archive}/${entry.fileName}`, size: entry.uncompressedSize, open: () => readEntry(file, entry) }));
}

async function readEntries(file: string, isWanted: (name: string) => boolean, signal?: AbortSignal): Promise<yauzl.Entry[]> {
  const zip = await open(file);
  try {
    const wanted: yauzl.Entry[] = [];
    let count = 0;
    for await (const entry of zip.eachEntry()) {
      if (signal?.aborted === true) {
        throw new JanError('cancelled', 'Cancelled.');
      }
      if (++count > mostEntries) {
        throw refusal(file, 'it holds too many files for an export');
      }
      if (isWanted(entry.fileName)) {
        wanted.push(entry);
      }
    }
    return wanted;
  } catch (error) {
    throw toArchiveError(file, error);
  } finally {
    zip.close();
  }
}

/** The sizes that the archive names are kept: a stream that would be longer or shorter fails. */
async function* readEntry(file: string, entry: yauzl.Entry): AsyncGenerator<Uint8Array> {
  const zip = await open(file);
  try {
    for await (const piece of await zip.openReadStreamPromise(entry)) {
      yield piece as Uint8Array;
    }
  } catch (error) {
    throw toArchiveError(file, error);
  } finally {
    zip.close();
  }
}

async function open(file: string): Promise<yauzl.ZipFile> {
  try {
    return await yauzl.openPromise(file, { lazyEntries: true, autoClose: false });
  } catch (error) {
    throw toArchiveError(file, error);
  }
}

/** What the file system says passes through; all else is the archive's fault. */
function toArchiveError(file: string, error: unknown): unknown {
  const isOther = error instanceof JanError || (error as NodeJS.ErrnoException).syscall !== undefined;
  return isOther ? error : refusal(file, `it is damaged (${error instanceof Error ? error.message : String(error)}). Download it again`);
}

function refusal(file: string, reason: string): JanError {
  return new JanError('invalid-argument', `“${path.basename(file)}” can’t be imported: ${reason}.`, { details: { file, reason: 'zip' } });
}
