// How much of what a sequence knows stays when it is cut: everything before the cut, or, for models that cannot go back to
// any token (recurrent, sliding window), what was known at a checkpoint before it.
// Must not know: slots, requests.

import type { LlamaContextSequence } from 'node-llama-cpp';

/** Part of LlamaContextSequence. */
export type CutSequence = Pick<LlamaContextSequence, 'needsCheckpoints' | 'nextTokenIndex' | 'stateCellsStartIndex'>;

interface Checkpoint {
  /** Tokens of the first and last position that it holds. */
  readonly minPos: number;
  readonly maxPos: number;
}

/** @param shared tokens from the beginning that are wanted @returns how many of them need not be read again, ≤ `shared` */
export function restorablePrefix(sequence: CutSequence, shared: number): number {
  if (!sequence.needsCheckpoints || shared >= sequence.nextTokenIndex || shared > Math.max(0, sequence.stateCellsStartIndex)) {
    return Math.min(shared, sequence.nextTokenIndex);
  }
  // Later ones are of no use, and node-llama-cpp's own question sees no further than the newest that does not serve.
  const usable = checkpointsOf(sequence).filter(({ minPos, maxPos }) => minPos < shared && maxPos < shared);
  return Math.max(0, ...usable.map(({ maxPos }) => maxPos + 1));
}

/** node-llama-cpp has no question for them. Oldest first. */
function checkpointsOf(sequence: CutSequence): readonly Checkpoint[] {
  const { _checkpoints: own } = sequence as unknown as { readonly _checkpoints?: { readonly _checkpoints?: readonly (readonly [string | undefined, Checkpoint])[] } };
  return (own?._checkpoints ?? []).map(([, checkpoint]) => checkpoint);
}
