import assert from 'node:assert/strict';
import type { MemoryEstimate } from '../../../src/api/jan';
import { untranslated } from '../../../src/ui/localise';
import { estimateRows, estimateSentence } from '../../../src/ui/memoryEstimateText';

const estimate: MemoryEstimate = {
  modelId: 'qwen',
  contextLength: 8192,
  gpuLayers: 0,
  weights: 4.9e9,
  context: 1e9,
  compute: 2e8,
  ram: { needed: 6.1e9, free: 12e9 },
  fit: 'fits',
};

describe('what a model would take of memory', () => {
  it('is told with its parts and what is free', () => {
    assert.deepEqual(estimateRows(estimate, untranslated), [
      ['Memory to load it', '6.1 GB (weights 4.9 GB · context of 8k tokens 1 GB · working memory 200 MB)'],
      ['Free memory', '12 GB'],
    ]);
    assert.equal(
      estimateSentence(estimate, untranslated),
      'It needs 6.1 GB (weights 4.9 GB · context of 8k tokens 1 GB · working memory 200 MB) of the 12 GB that are free.',
    );
  });

  it('says how it fits, what goes to the graphics card, and what would fit instead', () => {
    const rows = estimateRows(
      { ...estimate, fit: 'too-large', gpuLayers: 20, vram: { needed: 3e9, free: 4e9 }, advice: 'It would fit with a context of 2048 tokens.' },
      untranslated,
    );
    assert.match(rows[0]![1], /too large$/);
    assert.deepEqual(rows.slice(2), [
      ['Graphics card', '3 GB of 4 GB free, 20 layers'],
      ['Advice', 'It would fit with a context of 2048 tokens.'],
    ]);
    assert.match(estimateSentence({ ...estimate, fit: 'tight' }, untranslated), /tight/);
  });
});
