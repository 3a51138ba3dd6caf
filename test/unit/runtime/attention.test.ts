import assert from 'node:assert/strict';
import { chooseAttention } from '../../../src/runtime/attention';

describe('attention', () => {
  const onProcessor = { gpuLayers: 0, contextLength: 8192, headCount: 32 };

  it('is plain on a processor, in batches that keep what it needs small', () => {
    assert.deepEqual(chooseAttention({}, onProcessor), { flashAttention: false, batchSize: 128 });
    assert.deepEqual(chooseAttention({ flashAttention: 'auto' }, onProcessor), { flashAttention: false, batchSize: 128 });
    assert.equal(chooseAttention({}, { ...onProcessor, contextLength: 100 }).batchSize, 100);
  });

  it('is llama.cpp’s choice on a graphics card, for a long context, and where the file does not tell how many heads there are', () => {
    const automatic = { flashAttention: 'auto', batchSize: 512 };
    assert.deepEqual(chooseAttention({}, { ...onProcessor, gpuLayers: 1 }), automatic);
    assert.deepEqual(chooseAttention({}, { ...onProcessor, contextLength: 32_768 }), automatic);
    assert.deepEqual(chooseAttention({}, { ...onProcessor, headCount: undefined }), automatic);
  });

  it('is as it was asked for', () => {
    assert.deepEqual(chooseAttention({ flashAttention: true }, onProcessor), { flashAttention: true, batchSize: 512 });
    assert.deepEqual(chooseAttention({ flashAttention: true, batchSize: 64 }, onProcessor), { flashAttention: true, batchSize: 64 });
    assert.deepEqual(chooseAttention({ flashAttention: false }, { ...onProcessor, gpuLayers: 20 }), { flashAttention: false, batchSize: 512 });
    assert.deepEqual(chooseAttention({ batchSize: 256 }, onProcessor), { flashAttention: false, batchSize: 256 });
    assert.deepEqual(chooseAttention({ batchSize: 512 }, onProcessor), { flashAttention: 'auto', batchSize: 512 }, 'such a batch would need 512 MiB');
  });
});
