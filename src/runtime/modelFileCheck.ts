// A look at a model file before native code sees it: is it there, is it a whole GGUF, is it a language model?
// Must not know: llama.cpp.

import { open } from 'node:fs/promises';
import { isJanError, JanError } from '../common/errors';
import { checkIsLanguageModel } from '../common/gguf/describeModel';
import { createHandleReader } from '../common/gguf/handleReader';
import { readGgufHeader, type GgufHeader } from '../common/gguf/readGgufHeader';

export interface CheckedModelFile {
  /** Bytes. */
  readonly size: number;
  readonly header: GgufHeader;
}

/** @throws JanError `model-file-missing`, `model-invalid` */
export async function checkModelFile(path: string): Promise<CheckedModelFile> {
  let file;
  try {
    file = await open(path, 'r');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'is not there any more' : 'cannot be read';
    throw new JanError('model-file-missing', `The model's file ${path} ${reason}. Download the model again, or add its file anew.`, {
      details: { path },
      cause: error,
    });
  }
  try {
    const stats = await file.stat();
    if (!stats.isFile()) {
      throw new JanError('model-invalid', `${path} is no file. Choose the model's GGUF file.`, { details: { path } });
    }
    const header = await readGgufHeader(createHandleReader(file, stats.size));
    checkIsLanguageModel(header);
    return { size: stats.size, header };
  } catch (error) {
    if (isJanError(error)) {
      throw new JanError(error.code, error.message, { details: { ...error.details, path }, cause: error });
    }
    throw new JanError('model-file-missing', `The model's file ${path} cannot be read. Check the disk, or download the model again.`, {
      details: { path },
      cause: error,
    });
  } finally {
    await file.close();
  }
}
