// Looks at GGUF files on this machine: are they there, are they whole, what do they say about themselves.
// Must not know: the store, the network, where models come from.

import { open, stat } from 'node:fs/promises';
import * as path from 'node:path';
import { invalidGguf } from '../../common/gguf/byteCursor';
import { checkIsLanguageModel } from '../../common/gguf/describeModel';
import { createHandleReader } from '../../common/gguf/handleReader';
import { readGgufHeader, type GgufHeader } from '../../common/gguf/readGgufHeader';
import { parseSplitName, partNames } from '../../common/gguf/splitName';
import { JanError } from '../../common/errors';

export interface ModelFileInfo {
  /** The (first) file. */
  readonly path: string;
  /** All files, first to last. */
  readonly parts: readonly string[];
  /** Bytes of all files together. */
  readonly size: number;
  readonly header: GgufHeader;
  /** Weights of all parts together. */
  readonly parameters: number;
}

interface FileState {
  readonly size: number;
  readonly mtimeMs: number;
}

/** Headers kept, so that a list of models opens no file twice. */
const cacheEntries = 256;

/** Reads model files; remembers headers by path, size and time of change. */
export class ModelFiles {
  readonly #headers = new Map<string, FileState & { readonly header: GgufHeader }>();

  /** Bytes of all parts when all of them are here, else undefined. Opens nothing. */
  async sizeOnDisk(file: string): Promise<number | undefined> {
    let size = 0;
    for (const part of partPaths(file)) {
      const state = await fileState(part);
      if (state === undefined) {
        return undefined;
      }
      size += state.size;
    }
    return size;
  }

  /**
   * Checks a model file and all its parts. A later part stands for the whole model.
   * @throws JanError `model-file-missing`, `model-invalid`
   */
  async inspect(file: string): Promise<ModelFileInfo> {
    const parts = partPaths(file);
    let size = 0;
    let parameters = 0;
    let first: GgufHeader | undefined;
    for (const [index, part] of parts.entries()) {
      const { state, header } = await this.#header(part);
      const claimed = header.split;
      if (parts.length > 1 ? claimed?.count !== parts.length || claimed.index !== index : claimed !== undefined && claimed.index > 0) {
        throw invalidGguf(`${path.basename(part)} does not belong to the other parts`);
      }
      if (first === undefined) {
        checkIsLanguageModel(header);
        if (parts.length === 1 && claimed !== undefined) {
          throw invalidGguf(`it is the first of ${claimed.count} parts, and its name does not say where the others are`);
        }
      }
      first ??= header;
      size += state.size;
      parameters += header.parameters;
    }
    return { path: parts[0]!, parts, size, header: first!, parameters };
  }

  async #header(file: string): Promise<{ readonly state: FileState; readonly header: GgufHeader }> {
    const state = await fileState(file);
    if (state === undefined) {
      throw new JanError('model-file-missing', `The file ${file} is not there. Check the path, or connect the drive it is on.`, {
        details: { path: file },
      });
    }
    const cached = this.#headers.get(file);
    if (cached !== undefined && cached.size === state.size && cached.mtimeMs === state.mtimeMs) {
      return { state, header: cached.header };
    }
    const header = await readHeaderOf(file);
    this.#headers.delete(file);
    this.#headers.set(file, { ...state, header });
    for (const oldest of this.#headers.keys()) {
      if (this.#headers.size <= cacheEntries) {
        break;
      }
      this.#headers.delete(oldest);
    }
    return { state, header };
  }
}

export function partPaths(file: string): readonly string[] {
  if (parseSplitName(path.basename(file)) === undefined) {
    return [file];
  }
  return partNames(path.basename(file)).map((name) => path.join(path.dirname(file), name));
}

/** Undefined when there is nothing; links are followed (Hugging Face's own cache is made of them). */
async function fileState(file: string): Promise<FileState | undefined> {
  try {
    const found = await stat(file);
    if (!found.isFile()) {
      throw invalidGguf('it is not a regular file', { path: file });
    }
    return { size: found.size, mtimeMs: found.mtimeMs };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENAMETOOLONG') {
      return undefined;
    }
    throw unreadable(error, file);
  }
}

async function readHeaderOf(file: string): Promise<GgufHeader> {
  try {
    const handle = await open(file, 'r');
    try {
      return await readGgufHeader(createHandleReader(handle, (await handle.stat()).size));
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw unreadable(error, file);
  }
}

function unreadable(error: unknown, file: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'EACCES' || code === 'EPERM') {
    return new JanError('model-file-missing', `VS Code may not read ${file}. Change the file's permissions, or choose another file.`, {
      details: { path: file, reason: code },
      cause: error,
    });
  }
  if (error instanceof Error && typeof code === 'string' && error.name !== 'JanError') {
    return new JanError('model-file-missing', `The file ${file} could not be read (${code}).`, {
      details: { path: file, reason: code },
      cause: error,
    });
  }
  return error;
}
