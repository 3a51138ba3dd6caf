// Names that come from outside, made safe: ids, path segments, the parts of a split model, quantisation.
// Must not know: the file system, the store, the network.

import { JanError } from '../../common/errors';

const reservedOnWindows = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i;

/** May this be the name of one file or folder below the models folder, on every system? */
export function isSafeSegment(segment: string): boolean {
  return (
    /^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$/.test(segment) && !segment.endsWith('.') && !reservedOnWindows.test(segment)
  );
}

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

export interface SplitName {
  /** What stands before `-00001-of-00003.gguf`. */
  readonly base: string;
  /** 1…count. */
  readonly part: number;
  readonly count: number;
}

/** Reads `base-00001-of-00003.gguf`, the naming of llama.cpp's gguf-split. */
export function parseSplitName(fileName: string): SplitName | undefined {
  const match = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/i.exec(fileName);
  if (match === null) {
    return undefined;
  }
  const part = Number(match[2]);
  const count = Number(match[3]);
  return part >= 1 && part <= count ? { base: match[1]!, part, count } : undefined;
}

/** The names of all parts, first to last; a file that is whole is its only part. */
export function partNames(fileName: string): readonly string[] {
  const split = parseSplitName(fileName);
  if (split === undefined) {
    return [fileName];
  }
  const number = (value: number): string => String(value).padStart(5, '0');
  return Array.from({ length: split.count }, (_, i) => `${split.base}-${number(i + 1)}-of-${number(split.count)}.gguf`);
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
