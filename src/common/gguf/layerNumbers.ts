// What a model's header says for each of its layers: one number for all of them, or a list with one for each.
// Must not know: what the numbers mean, Node.

import type { GgufHeader } from './readGgufHeader';

/** LLAMA_MAX_LAYERS */
export const layerLimit = 512;

/**
 * The numbers of a key of the model's own architecture, layer by layer; yes and no are 1 and 0.
 * @param key e.g. `attention.head_count_kv`
 * @returns undefined where the header says nothing, something else, or not for each layer
 */
export function layerNumbers({ metadata, architecture, blockCount = 0 }: GgufHeader, key: string): readonly number[] | undefined {
  const said = metadata.get(`${architecture}.${key}`);
  if (blockCount > layerLimit) {
    return undefined;
  }
  if (typeof said === 'number') {
    return Array.from({ length: blockCount }, () => said);
  }
  if (typeof said !== 'object' || !('elementType' in said) || said.values === undefined || said.values.length < blockCount) {
    return undefined;
  }
  const numbers = said.values.slice(0, blockCount).map(Number);
  return numbers.every(Number.isSafeInteger) ? numbers : undefined;
}
