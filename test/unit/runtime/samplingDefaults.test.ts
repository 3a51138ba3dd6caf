import assert from 'node:assert/strict';
import { defaultSampling, resolveSampling } from '../../../src/runtime/samplingDefaults';

describe('sampling defaults', () => {
  it('are the product\'s when a model recommends nothing', () => {
    for (const metadata of [undefined, {}, { general: null }, { general: { sampling: 'hot' } }]) {
      assert.equal(defaultSampling(metadata).temperature, 0.7);
      assert.equal(defaultSampling(metadata).topK, 40);
    }
  });

  it('follow the model\'s recommendation, within range only', () => {
    const metadata = { general: { sampling: { temp: 0, top_k: 20, top_p: 7, min_p: 'x', penalty_repeat: 1.1 } } };
    assert.deepEqual(defaultSampling(metadata), {
      temperature: 0, topK: 20, topP: 0.95, minP: 0.05, repeatPenalty: 1.1, frequencyPenalty: 0, presencePenalty: 0,
    });
  });

  it('give way to what the caller states', () => {
    const resolved = resolveSampling({ temperature: 1, topP: undefined, seed: 3 }, defaultSampling(undefined));
    assert.equal(resolved.temperature, 1);
    assert.equal(resolved.topP, 0.95);
    assert.equal(resolved.seed, 3);
  });
});
