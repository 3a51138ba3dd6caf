import assert from 'node:assert/strict';
import type { Llama, LlamaModel } from 'node-llama-cpp';
import { nullLogger } from '../../../src/common/log';
import { loadWeights } from '../../../src/runtime/loadWeights';

/** The library with a graphics card that fails, which machines for tests don't have. */
function libraryWhoseCardFails(gpu: Llama['gpu'], asked: unknown[]): Pick<Llama, 'gpu' | 'loadModel'> {
  return {
    gpu,
    loadModel: async ({ gpuLayers }) => {
      asked.push(gpuLayers);
      if (gpuLayers !== 0) {
        throw new Error('CUDA error: out of memory.');
      }
      return { gpuLayers: 0 } as LlamaModel;
    },
  };
}

describe('loading weights', () => {
  const options = { path: '/m.gguf', signal: new AbortController().signal, onProgress: () => undefined, log: nullLogger };

  it('falls back to the processor when the graphics card fails, and says so', async () => {
    const asked: unknown[] = [];
    const { model, notes } = await loadWeights(libraryWhoseCardFails('cuda', asked), { ...options, gpuLayers: 20 });
    assert.deepEqual(asked, [20, 0]);
    assert.equal(model.gpuLayers, 0);
    assert.match(notes[0]!, /graphics card could not be used \(CUDA error: out of memory\).*processor/);
  });

  it('does not try again where there is no card, or when it was cancelled', async () => {
    const asked: unknown[] = [];
    await assert.rejects(loadWeights(libraryWhoseCardFails(false, asked), options), /CUDA/);
    const abort = new AbortController();
    abort.abort();
    await assert.rejects(loadWeights(libraryWhoseCardFails('cuda', asked), { ...options, signal: abort.signal }), /CUDA/);
    assert.deepEqual(asked, [undefined, undefined]);
  });
});
