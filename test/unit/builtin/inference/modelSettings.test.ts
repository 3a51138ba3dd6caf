import assert from 'node:assert/strict';
import { withModelLoadOptions, withModelSettings } from '../../../../src/builtin/inference/modelSettings';

describe('the settings of a model, applied', () => {
  it('complete a request, which wins', () => {
    const set = { temperature: 0.1, maxTokens: 5, load: { contextLength: 100, threads: 2 } };
    assert.deepEqual(withModelSettings({ temperature: 1, topK: undefined, load: { threads: 1 } }, set), {
      temperature: 1,
      maxTokens: 5,
      load: { contextLength: 100, threads: 1 },
    });
    assert.deepEqual(withModelLoadOptions({ contextLength: 7 }, set), { contextLength: 7, threads: 2 });
    assert.deepEqual(withModelLoadOptions(undefined, set), { contextLength: 100, threads: 2 });
  });

  it('leave out what is not valid, each by itself', () => {
    const set = { temperature: 9, topP: 0.5, unknown: 1, load: { contextLength: -1, threads: 3, evil: '../' }, systemPrompt: 'x' };
    assert.deepEqual(withModelSettings({}, set), { topP: 0.5, load: { threads: 3 } });
    for (const nothing of [undefined, null, 'text', 5, [1]]) {
      assert.deepEqual(withModelSettings({}, nothing), {});
    }
  });
});
