import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import type { ModelLoadOptions } from '../../../../src/api/jan';
import { isJanError } from '../../../../src/common/errors';
import { testModelPath } from '../../../fixtures/gguf/testModels';
import { createHarness, modelAt, type Harness } from './inferenceHarness';

/** By the real engine. */
describe('memory of a model', function () {
  this.timeout(90_000);
  let harness: Harness;

  beforeEach(async () => {
    harness = await createHarness([modelAt('small', await testModelPath('small'))]);
  });

  afterEach(() => harness.dispose());

  it('is estimated before loading, close to what it takes', async () => {
    const { inference } = harness.api;
    const estimate = await inference.estimateModelMemory('small');
    assert.equal(estimate.modelId, 'small');
    assert.equal(estimate.weights, (await stat(await testModelPath('small'))).size);
    assert.equal(estimate.fit, 'fits');
    assert.equal(estimate.gpuLayers, 0);
    assert.equal(estimate.vram, undefined);
    assert.ok(estimate.ram.needed <= estimate.ram.free);
    assert.equal((await inference.getEngineState()).models.length, 0, 'nothing was loaded');
    const running = await inference.initModel('small');
    assert.equal(running.contextLength, estimate.contextLength);
    const ratio = running.memory! / (estimate.weights + estimate.context);
    assert.ok(ratio > 0.8 && ratio < 1.6, `${running.memory} bytes taken, ${estimate.weights + estimate.context} expected`);
  });

  it('counts attention as it is wished for, and a draft model', async () => {
    harness.models.push(modelAt('drafting', await testModelPath('null')));
    const { inference } = harness.api;
    const estimate = (options: ModelLoadOptions) => inference.estimateModelMemory('small', { contextLength: 4096, ...options });
    const [plain, flash, drafted] = [await estimate({ flashAttention: false, batchSize: 512 }), await estimate({ flashAttention: true }), await estimate({ draftModelId: 'drafting' })];
    assert.ok(plain.compute > flash.compute);
    assert.equal(drafted.weights, plain.weights + (await stat(await testModelPath('null'))).size);
    assert.ok(drafted.context > plain.context);
    const running = await inference.initModel('small', { contextLength: 4096, draftModelId: 'drafting' });
    const ratio = running.memory! / (drafted.weights + drafted.context);
    assert.ok(ratio > 0.8 && ratio < 1.6, `${running.memory} bytes taken, ${drafted.weights + drafted.context} expected`);
    await assert.rejects(estimate({ draftModelId: 'absent' }), { code: 'model-not-found' });
  });

  it('says what a load with other options takes, and loads with them', async () => {
    const { inference } = harness.api;
    const short = await inference.estimateModelMemory('small', { contextLength: 1024 });
    const long = await inference.estimateModelMemory('small', { contextLength: 4096 });
    assert.equal(long.context, 4 * short.context);
    const running = await inference.initModel('small', { contextLength: 1024, batchSize: 64, threads: 1, gpuLayers: 0, flashAttention: false });
    assert.equal(running.contextLength, 1024);
    assert.equal(running.gpuLayers, 0);
  });

  it('of a file that is no model is an error', async () => {
    harness.models.push(modelAt('none', nowhere));
    await assert.rejects(harness.api.inference.estimateModelMemory('none'), (error) => isJanError(error, 'model-file-missing'));
  });
});

const nowhere = '/nonexistent/model.gguf';
