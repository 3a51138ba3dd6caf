import assert from 'node:assert/strict';
import { BatchCost } from '../../../src/runtime/batchCost';

describe('cost of a step', () => {
  it('is unknown before the first one, then assumed to grow little until it is measured', () => {
    const cost = new BatchCost();
    assert.equal(cost.of(4), undefined);
    cost.note(1, 10);
    assert.equal(cost.of(1), 10);
    assert.ok(cost.of(16)! < 16, `${cost.of(16)}`);
  });

  it('is as measured, and between two measured sizes in between', () => {
    const cost = new BatchCost();
    cost.note(1, 8);
    cost.note(2, 33);
    cost.note(16, 72);
    assert.equal(cost.of(2), 33);
    assert.ok(cost.of(8)! > 33 && cost.of(8)! < 72);
    assert.ok(cost.of(40)! > 72);
  });

  it('follows the fastest steps, for slow ones are others’ doing, but not for ever', () => {
    const cost = new BatchCost();
    cost.note(1, 10);
    cost.note(1, 200);
    assert.ok(cost.of(1)! < 20);
    for (let step = 0; step < 200; step++) {
      cost.note(1, 30);
    }
    assert.ok(cost.of(1)! > 29);
  });
});
