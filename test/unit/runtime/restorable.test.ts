import assert from 'node:assert/strict';
import { restorablePrefix, type CutSequence } from '../../../src/runtime/restorable';

describe('what stays of a sequence that is cut', () => {
  /** @param checkpoints first and last position of each */
  const sequence = (checkpoints: readonly (readonly [number, number])[], cells = 99, needsCheckpoints = true): CutSequence =>
    ({ needsCheckpoints, nextTokenIndex: 100, stateCellsStartIndex: cells, _checkpoints: { _checkpoints: checkpoints.map(([minPos, maxPos]) => [undefined, { minPos, maxPos }]) } }) as CutSequence;

  it('is all before the cut where the model can go back to any token', () => {
    assert.deepEqual([0, 40, 100, 120].map((shared) => restorablePrefix(sequence([], 0, false), shared)), [0, 40, 100, 100]);
  });

  it('is what the last checkpoint before the cut knows, whatever later ones there are', () => {
    const recurrent = sequence([[19, 19], [49, 49], [79, 79]]);
    assert.deepEqual([10, 20, 49, 50, 60, 99, 100].map((shared) => restorablePrefix(recurrent, shared)), [0, 20, 20, 50, 50, 80, 100]);
    assert.equal(restorablePrefix(sequence([]), 60), 0);
  });

  it('is all before the cut that lies in a sliding window', () => {
    const sliding = sequence([[0, 19], [20, 49]], 60);
    assert.deepEqual([70, 61, 60, 30].map((shared) => restorablePrefix(sliding, shared)), [70, 61, 50, 20]);
  });
});
