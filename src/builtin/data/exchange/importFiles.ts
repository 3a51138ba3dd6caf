// Finds the files of an import below what the user picked, and opens them as bytes.
// Must not know: the formats' content.

import { createReadStream } from 'node:fs';
import { open, opendir, stat } from 'node:fs/promises';
import * as path from 'node:path';
import { JanError } from '../../../common/errors';
import type { ImportFile } from './exchangeTypes';
import { toFileError } from './fileErrors';

/** Folders below the picked one: threads/<id>/messages.jsonl is one, a whole home folder is a mistake. */
const deepest = 6;
const mostEntries = 500_000;
const mostFiles = 200_000;
const isReadable = /\.(json|jsonl|ndjson)$/i;

/**
 * Of folders and .zip archives: every .json and .jsonl in them, in the order of their paths. Links are not followed.
 * @throws JanError `invalid-argument`, `cancelled`
 */
export async function findImportFiles(paths: readonly string[], signal?: AbortSignal): Promise<ImportFile[]> {
  const files: ImportFile[] = [];
  for (const picked of paths) {
    if (!path.isAbsolute(picked)) {
      throw new JanError('invalid-argument', `“${picked}” is not an absolute path. Correct it and call again.`, {
        details: { argument: 'paths' },
      });
    }
    try {
      const found = await stat(picked);
      if (found.isDirectory()) {
        await walk(picked, path.basename(picked), files, { entries: 0, signal }, 0);
      } else {
        files.push(...((await isZip(picked)) ? await zipFiles(picked, signal) : [fileOf(picked, path.basename(picked), found.size)]));
      }
    } catch (error) {
      throw toFileError(error, picked, 'read');
    }
  }
  if (files.length === 0) {
    throw new JanError('invalid-argument', 'There is no .json or .jsonl file in this folder. Choose the folder that the export was unpacked to.', {
      details: { argument: 'paths' },
    });
  }
  return files;
}

async function walk(
  folder: string,
  name: string,
  files: ImportFile[],
  work: { entries: number; readonly signal?: AbortSignal },
  depth: number,
): Promise<void> {
  const folders: string[] = [];
  const here: string[] = [];
  for await (const entry of await opendir(folder)) {
    if (work.signal?.aborted) {
      throw new JanError('cancelled', 'Cancelled.');
    }
    if (++work.entries > mostEntries || files.length + here.length > mostFiles) {
      throw new JanError('invalid-argument', `“${folder}” holds too many files for an export. Choose the folder with the conversations themselves.`);
    }
    if (entry.isDirectory() && entry.name !== 'node_modules' && entry.name !== '.git') {
      folders.push(entry.name);
    } else if (entry.isFile() && isReadable.test(entry.name)) {
      here.push(entry.name);
    }
  }
  for (const file of here.sort()) {
    const full = path.join(folder, file);
    files.push(fileOf(full, `${name}/${file}`, (await stat(full)).size));
  }
  for (const inner of depth < deepest ? folders.sort() : []) {
    await walk(path.join(folder, inner), `${name}/${inner}`, files, work, depth + 1);
  }
}

function fileOf(file: string, name: string, size: number): ImportFile {
  return { name, size, open: () => createReadStream(file, { highWaterMark: 64 * 1024 }) };
}

/** The archive reader is code that few imports need. */
async function zipFiles(file: string, signal?: AbortSignal): Promise<ImportFile[]> {
  const { filesOfArchive } = await import('./archiveFiles');
  return filesOfArchive(file, (name) => isReadable.test(name) && !name.startsWith('__MACOSX/'), signal);
}

/** ChatGPT and Claude send their exports as one. @throws JanError `invalid-argument` for other archives */
async function isZip(file: string): Promise<boolean> {
  const opened = await open(file, 'r');
  try {
    const head = Buffer.alloc(4);
    await opened.read(head, 0, 4, 0);
    if (head.readUInt16BE(0) === 0x1f8b) {
      throw new JanError('invalid-argument', `“${path.basename(file)}” is a compressed archive. Unpack it first, then import the folder.`, {
        details: { file, reason: 'gzip' },
      });
    }
    return head.readUInt32BE(0) === 0x504b0304 || head.readUInt32BE(0) === 0x504b0506;
  } finally {
    await opened.close();
  }
}
