import assert from 'node:assert/strict';
import { janErrorCodes } from '../../../src/common/errors';
import { commandIds } from '../../../src/ui/ids';
import { untranslated } from '../../../src/ui/localise';
import { nextStepsFor } from '../../../src/ui/nextSteps';

describe('nextStepsFor', () => {
  it('has a step for every error but a cancellation', () => {
    const without = janErrorCodes.filter((code) => nextStepsFor(code, false, untranslated).length === 0);
    assert.deepEqual(without, ['cancelled']);
  });

  it('offers at most three, and only what exists', () => {
    const known = new Set<string>([...Object.values(commandIds), 'retry', 'tryAnyway']);
    for (const code of janErrorCodes) {
      const steps = nextStepsFor(code, true, untranslated);
      assert.ok(steps.length <= 3, code);
      assert.ok(steps.every(({ action }) => known.has(action)), code);
      assert.equal(new Set(steps.map(({ title }) => title)).size, steps.length, code);
    }
  });

  it('offers to try again only where that can be done', () => {
    assert.ok(nextStepsFor('network', true, untranslated).some(({ action }) => action === 'retry'));
    assert.ok(janErrorCodes.every((code) => nextStepsFor(code, false, untranslated).every(({ action }) => action !== 'retry')));
  });
});
