import assert from 'node:assert/strict';
import type { Llama, LlamaModel } from 'node-llama-cpp';
import { JanError } from '../../../src/common/errors';
import { nullLogger } from '../../../src/common/log';
import { loadAndPrepare, loadWeights } from '../../../src/runtime/loadWeights';

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

describe('what is made of the weights', () => {
  const options = { path: '/m.gguf', signal: new AbortController().signal, onProgress: () => undefined, log: nullLogger };
  const disposed: number[] = [];
  const library = (gpu: Llama['gpu']): Pick<Llama, 'gpu' | 'loadModel'> => ({
    gpu,
    loadModel: async ({ gpuLayers }) => {
      const layers = gpuLayers === 0 || gpu === false ? 0 : 33;
      return { gpuLayers: layers, dispose: async () => void disposed.push(layers) } as unknown as LlamaModel;
    },
  });
  const onlyOnProcessor = async (model: LlamaModel): Promise<string> => {
    if (model.gpuLayers > 0) {
      throw new Error('Failed to create context: VRAM is full.');
    }
    return 'made';
  };

  beforeEach(() => disposed.splice(0));

  it('is made on the processor when the graphics card has no memory left for it, and that is said', async () => {
    const { prepared, notes } = await loadAndPrepare(library('vulkan'), options, onlyOnProcessor);
    assert.equal(prepared, 'made');
    assert.match(notes[0]!, /graphics card could not be used \(Failed to create context: VRAM is full\).*processor/);
    assert.deepEqual(disposed, [33], 'the card’s weights are gone');
  });

  it('is not tried again where it makes no difference, and leaves nothing behind', async () => {
    const fails = async (): Promise<never> => {
      throw new Error('No.');
    };
    await assert.rejects(loadAndPrepare(library(false), options, fails), /No/);
    assert.deepEqual(disposed.splice(0), [0]);
    await assert.rejects(loadAndPrepare(library('cuda'), options, fails), /No/);
    assert.deepEqual(disposed.splice(0), [33, 0]);
    const named = async (): Promise<never> => {
      throw new JanError('invalid-argument', 'The adapter is wrong.');
    };
    await assert.rejects(loadAndPrepare(library('cuda'), options, named), /adapter/);
    assert.deepEqual(disposed, [33]);
  });
});
