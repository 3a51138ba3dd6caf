// The names of the parts of a model that is split over several files, as llama.cpp's gguf-split gives them.
// Must not know: the file system, where names come from.

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
