import assert from 'node:assert/strict';
import { Emitter } from '../../../../src/common/events';
import { toConfigureParams, type EngineSettings } from '../../../../src/builtin/inference/engineSettings';
import { testModelPath } from '../../../fixtures/gguf/testModels';
import { ask, createHarness, modelAt, type Harness } from './inferenceHarness';

const messages = [{ role: 'user' as const, content: 'Hello' }];
const secondsInMinutes = (seconds: number): number => seconds / 60;

describe('what stays in memory, by the real engine', function () {
  this.timeout(90_000);
  let harness: Harness;
  let settings: EngineSettings;
  const changed = new Emitter<void>();
  const set = (keepAlive: unknown, memoryBudget: unknown): void => {
    settings = { keepAlive, memoryBudget };
    changed.fire();
  };

  beforeEach(async () => {
    const path = await testModelPath('small');
    settings = { keepAlive: -1, memoryBudget: 0 };
    harness = await createHarness([modelAt('a', path), modelAt('b', path)], {
      starterModelId: 'a',
      engineSettings: { read: () => settings, onDidChange: changed.event },
    });
  });
  afterEach(() => harness.dispose());

  const loaded = async (): Promise<string[]> => (await harness.api.inference.getEngineState()).models.map(({ modelId }) => modelId).sort();
  const left = async (modelId: string): Promise<void> => {
    while ((await loaded()).includes(modelId)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const answer = (modelId: string, maxTokens = 5, onChunk?: () => void) => ask(harness.api, { modelId, messages, maxTokens, temperature: 0 }, undefined, onChunk);

  it('a model that is not used leaves by itself, is not said to be loaded, and comes back when asked', async () => {
    await answer('a');
    set(secondsInMinutes(0.2), 0);
    await left('a');
    assert.equal((await harness.api.inference.getInferenceModels()).find(({ id }) => id === 'a')!.loaded, false);
    assert.ok((await answer('a')).text.length > 0);
    await left('a');
  });

  it('a model in use stays, however long it takes', async () => {
    await answer('a');
    set(0, 0);
    await left('a');
    const { last } = await answer('a', 400);
    assert.equal(last.usage!.completionTokens, 400);
    await left('a');
  });

  it('several models are loaded at once; when the budget is too small for both, the idle one leaves', async () => {
    await answer('a');
    await answer('b');
    assert.deepEqual(await loaded(), ['a', 'b']);
    await harness.api.inference.stopModel('a');
    await harness.api.inference.stopModel('b');
    set(-1, 340);
    await answer('a');
    await answer('b');
    assert.deepEqual(await loaded(), ['b']);
  });

  it('two that are loaded at the same instant do not both take the room that there is for one', async () => {
    set(-1, 340);
    const outcomes = await Promise.allSettled(['a', 'b'].map((modelId) => harness.api.inference.initModel(modelId)));
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    assert.deepEqual(refused.map(({ reason }) => (reason as { code: string }).code), ['out-of-memory']);
    assert.equal((await loaded()).length, 1);
  });

  it('a load that was given up is no obstacle for the next one', async () => {
    const { inference } = harness.api;
    for (let round = 0; round < 3; round++) {
      const abort = new AbortController();
      await assert.rejects(inference.initModel('a', { signal: abort.signal, onProgress: () => abort.abort() }), { code: 'cancelled' });
      assert.equal((await inference.initModel('a')).status, 'ready');
      await inference.stopModel('a');
    }
  });

  it('a model in use never makes way: the other one is refused, and told why', async () => {
    set(-1, 340);
    let refused: Promise<void> | undefined;
    const { last } = await answer('a', 400, () => {
      refused ??= assert.rejects(answer('b'), (error: unknown) => {
        assert.ok(harness.api.isJanError(error, 'out-of-memory'), String(error));
        assert.match(error.message, /memory budget for models \(jan\.engine\.memoryBudget, 0\.3 GB\) leaves/);
        assert.match(error.message, /Models in use hold/);
        return true;
      });
    });
    await refused;
    assert.equal(last.usage!.completionTokens, 400);
    assert.ok((await answer('b')).text.length > 0, 'afterwards it fits');
  });
});

describe('the engine’s settings', () => {
  it('are minutes and megabytes; what makes no sense is as if it were not set', () => {
    assert.deepEqual(toConfigureParams({ keepAlive: 5, memoryBudget: 4096 }), { keepAliveMs: 300_000, memoryBudget: 4 * 1024 ** 3 });
    assert.deepEqual(toConfigureParams({ keepAlive: 0, memoryBudget: 0 }), { keepAliveMs: 0 });
    assert.deepEqual(toConfigureParams({ keepAlive: -1, memoryBudget: -5 }), { keepAliveMs: null });
    assert.deepEqual(toConfigureParams({ keepAlive: 'forever', memoryBudget: '1 GB' }), { keepAliveMs: 600_000 });
    assert.deepEqual(toConfigureParams({ keepAlive: NaN, memoryBudget: Infinity }), { keepAliveMs: 600_000 });
  });
});
