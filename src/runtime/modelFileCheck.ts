// A look at a model file before native code sees it: is it there, is it a whole GGUF, is it a language model, and
// one that will not end the process?
// Must not know: llama.cpp.

import { open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isJanError, JanError } from '../common/errors';
import { checkHasNoEmptyTensor, checkIsLanguageModel } from '../common/gguf/describeModel';
import { invalidGguf } from '../common/gguf/byteCursor';
import { checkCanRun, checkLayout, ModelFacts } from '../common/gguf/checkModel';
import { createHandleReader } from '../common/gguf/handleReader';
import { readGgufHeader, type GgufHeader } from '../common/gguf/readGgufHeader';
import { parseSplitName, partNames } from '../common/gguf/splitName';

export interface CheckedModelFile {
  /** Bytes, of all parts. */
  readonly size: number;
  /** Of the first part. */
  readonly header: GgufHeader;
}

/**
 * Is this a language model that llama.cpp can load and run? Of a split one, all parts are looked at as the one model that
 * they are.
 * @throws JanError `model-file-missing`, `model-invalid`; its `path` is that of the part to blame
 */
export async function checkModelFile(path: string): Promise<CheckedModelFile> {
  const first = await inspect(path, (header, facts) => {
    checkIsLanguageModel(header);
    const named = parseSplitName(basename(path));
    if (header.split !== undefined && (named?.count !== header.split.count || named.part !== 1)) {
      throw invalidGguf(`it is the first of ${header.split.count} parts, and its name does not say where the others are`);
    }
    checkLayout(header, facts);
    if (header.split === undefined) {
      checkCanRun(header, facts);
    }
  });
  const { header, facts } = first;
  if (header.split === undefined) {
    return { size: first.size, header };
  }
  let { size } = first;
  const partOf = new Map([...facts.tensors.keys()].map((name) => [name, path]));
  // llama.cpp reads the other parts as well.
  const [, ...others] = partNames(basename(path));
  for (const [index, name] of others.entries()) {
    const file = join(dirname(path), name);
    const part = await inspect(file, (ofPart, itsFacts) => {
      checkIsPart(ofPart, index + 1, others.length + 1);
      checkLayout(ofPart, itsFacts);
      facts.addPart(itsFacts);
    });
    size += part.size;
    for (const tensor of part.facts.tensors.keys()) {
      partOf.set(tensor, file);
    }
  }
  try {
    checkCanRun(header, facts);
  } catch (error) {
    throw withPath(error, (isJanError(error) ? partOf.get(String(error.details['tensor'])) : undefined) ?? path);
  }
  return { size, header };
}

function checkIsPart(header: GgufHeader, index: number, count: number): void {
  checkHasNoEmptyTensor(header);
  if (header.split?.index !== index || header.split.count !== count) {
    throw invalidGguf(`it is not part ${index + 1} of ${count}, as its name says`);
  }
}

/**
 * The same for a file that was just downloaded, and may be a part of a model: whether it runs shows when it is loaded.
 * @throws JanError `model-file-missing`, `model-invalid`
 */
export async function checkDownloadedFile(path: string): Promise<CheckedModelFile> {
  const { size, header } = await inspect(path, checkIsLanguageModel);
  return { size, header };
}

async function inspect(path: string, check: (header: GgufHeader, facts: ModelFacts) => void): Promise<CheckedModelFile & { readonly facts: ModelFacts }> {
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
    const facts = new ModelFacts();
    const header = await readGgufHeader(createHandleReader(file, stats.size), facts);
    check(header, facts);
    return { size: stats.size, header, facts };
  } catch (error) {
    if (isJanError(error)) {
      throw withPath(error, path);
    }
    throw new JanError('model-file-missing', `The model's file ${path} cannot be read. Check the disk, or download the model again.`, {
      details: { path },
      cause: error,
    });
  } finally {
    await file.close();
  }
}

function withPath(error: unknown, path: string): unknown {
  return isJanError(error) ? new JanError(error.code, error.message, { details: { ...error.details, path }, cause: error }) : error;
}
