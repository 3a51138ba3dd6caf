// Names that come from outside, made safe: ids, repositories, files, quantisation.
// Must not know: the file system, the store, the network.

import { JanError } from '../../common/errors';
import { parseSplitName } from '../../common/gguf/splitName';
import { isSafeSegment } from '../../protocol/downloadProtocol';

/** Is this a repository as Hugging Face names them, `owner/name`? */
export function isRepository(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > 200) {
    return false;
  }
  const segments = value.split('/');
  return segments.length === 2 && segments.every(isSafeSegment);
}

/** Is this the path of a GGUF file within a repository, every segment of it safe? */
export function isModelFileName(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > 400 || !value.toLowerCase().endsWith('.gguf')) {
    return false;
  }
  const segments = value.split('/');
  return segments.length <= 8 && segments.every(isSafeSegment);
}

export function checkRepository(value: unknown): string {
  if (!isRepository(value)) {
    throw new JanError('invalid-argument', 'A repository is written owner/name, for example Qwen/Qwen2.5-0.5B-Instruct-GGUF.', {
      details: { repository: String(value).slice(0, 200) },
    });
  }
  return value;
}

export function checkModelFileName(value: unknown): string {
  if (!isModelFileName(value)) {
    throw new JanError(
      'invalid-argument',
      'The file name must end in .gguf and hold only letters, digits, ".", "_", "-" and "/".',
      { details: { fileName: String(value).slice(0, 400) } },
    );
  }
  return value;
}

/** The name without `.gguf` and without the part number. */
export function baseName(fileName: string): string {
  return parseSplitName(fileName)?.base ?? fileName.replace(/\.gguf$/i, '');
}

/** An id made from a file's name, not in `taken`: letters, digits, `.`, `_`, `-`. */
export function idFromFileName(fileName: string, taken: ReadonlySet<string>): string {
  const cleaned = baseName(fileName)
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
    .slice(0, 120);
  const base = cleaned === '' ? 'model' : cleaned;
  let id = base;
  for (let n = 2; taken.has(id); n++) {
    id = `${base}-${n}`;
  }
  return id;
}

/** e.g. `Q4_K_M` from a file's name. */
export function quantizationFromName(fileName: string): string | undefined {
  const match = /(?:^|[-._/])(?:UD-)?((?:I?Q[1-8](?:_[A-Z0-9]+)*|TQ[12]_0|MXFP4(?:_MOE)?|NVFP4|BF16|F16|F32|FP16))(?=[-._]|$)/i.exec(
    baseName(fileName),
  );
  return match?.[1]?.toUpperCase();
}
