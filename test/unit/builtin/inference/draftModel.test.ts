import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { writeGguf } from '../../../fixtures/gguf/ggufWriter';
import { metadataOf, tensorsOf, testModelPath, testModels, writeTestModel } from '../../../fixtures/gguf/testModels';
import { createTestVocabulary } from '../../../fixtures/gguf/testVocabulary';
import { ask, createHarness, modelAt, type Harness } from './inferenceHarness';

const messages = [{ role: 'user' as const, content: 'Recite' }];

describe('a draft model, in the real engine', function () {
  this.timeout(90_000);
  let harness: Harness;
  let folder: string;

  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'jan-gguf-'));
    const reciter = path.join(folder, 'reciter.gguf');
    const small = path.join(folder, 'small.gguf');
    const stranger = path.join(folder, 'stranger.gguf');
    await writeTestModel(reciter, { ...testModels.small, recites: true });
    await writeTestModel(small, { ...testModels.null, recites: true });
    const vocabulary = createTestVocabulary();
    const renamed = vocabulary.tokens.map((token, index) => (index === vocabulary.tokens.length - 1 ? `${token}x` : token));
    const shape = testModels.null;
    await writeGguf(stranger, metadataOf(shape, { ...vocabulary, tokens: renamed }), tensorsOf(shape, vocabulary));
    harness = await createHarness([modelAt('reciter', reciter), modelAt('small', small), modelAt('random', await testModelPath('null')), modelAt('stranger', stranger)], {
      starterModelId: 'reciter',
    });
  });
  after(async () => {
    await harness.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  const answer = async (draftModelId?: string): Promise<string> =>
    (await ask(harness.api, { modelId: 'reciter', messages, maxTokens: 300, temperature: 0, ...(draftModelId === undefined ? {} : { load: { draftModelId } }) })).text;
  const memory = async (): Promise<number> => (await harness.api.inference.getEngineState()).models.find(({ modelId }) => modelId === 'reciter')!.memory!;

  it('leaves the answer as it is, whether it knows what comes or not, and its memory counts', async () => {
    const plain = await answer();
    const without = await memory();
    assert.equal(await answer('small'), plain);
    assert.ok((await memory()) > without);
    assert.equal(await answer('random'), plain);
    assert.equal(await answer('small'), plain);
  });

  it('must have the same vocabulary, and be there', async () => {
    await assert.rejects(answer('stranger'), (error: unknown) => {
      assert.ok(harness.api.isJanError(error, 'invalid-argument'), String(error));
      assert.match(error.message, /draft model stranger can’t draft for this model: its vocabulary differs.*smaller model of the same family/);
      return true;
    });
    await assert.rejects(answer('absent'), { code: 'model-not-found' });
    assert.ok((await answer()).length > 0, 'without one it works on');
  });
});
