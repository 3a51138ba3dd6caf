import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { writeEncoderModel } from '../../../fixtures/gguf/encoderModels';
import { testModelPath } from '../../../fixtures/gguf/testModels';
import { ask, createHarness, modelAt, type Harness } from './inferenceHarness';

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, value, index) => sum + value * b[index]!, 0);

describe('embeddings and ranking, by the real engine', function () {
  this.timeout(90_000);
  let harness: Harness;
  let folder: string;

  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'jan-gguf-'));
    await writeEncoderModel(path.join(folder, 'vectors.gguf'), 'embeddings');
    await writeEncoderModel(path.join(folder, 'ranks.gguf'), 'rerank');
    harness = await createHarness(
      [modelAt('null', await testModelPath('null')), modelAt('vectors', path.join(folder, 'vectors.gguf')), modelAt('ranks', path.join(folder, 'ranks.gguf'))],
      { starterModelId: 'null' },
    );
  });
  after(async () => {
    await harness.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  it('knows what each model was made for', async () => {
    const models = await harness.api.inference.getInferenceModels();
    assert.deepEqual(models.map(({ id, capabilities }) => [id, capabilities]), [
      ['null', ['chat', 'completion']],
      ['vectors', ['embeddings']],
      ['ranks', ['rerank']],
    ]);
  });

  it('gives vectors of unit length, in the order of the texts, by the model made for it', async () => {
    const input = ['the cat purrs', 'rain falls in oslo', 'the cat purrs', 'a dog'];
    const { embeddings, modelId, usage } = await harness.api.inference.createEmbeddings({ input });
    assert.equal(modelId, 'vectors');
    assert.equal(embeddings.length, 4);
    for (const vector of embeddings) {
      assert.equal(vector.length, 64);
      assert.ok(Math.abs(dot(vector, vector) - 1) < 1e-5, `length² ${dot(vector, vector)}`);
    }
    assert.deepEqual(embeddings[0], embeddings[2]);
    assert.ok(dot(embeddings[0]!, embeddings[1]!) < 0.999);
    // Each text between its beginning and its end: [CLS] … [SEP].
    assert.equal(usage.promptTokens, 5 + 6 + 5 + 4);
    assert.deepEqual((await harness.api.inference.createEmbeddings({ input: [input[1]!] })).embeddings[0], embeddings[1], 'alone as among others');
  });

  it('ranks documents, best first, each by itself', async () => {
    const documents = ['rain falls', 'the dog barks', 'sun shines in oslo', 'it is a cat'];
    const all = await harness.api.inference.rerankDocuments({ query: 'weather in oslo', documents });
    assert.equal(all.modelId, 'ranks');
    assert.deepEqual(all.results.map(({ index }) => index).sort(), [0, 1, 2, 3]);
    assert.deepEqual(all.results.map(({ score }) => score), all.results.map(({ score }) => score).sort((a, b) => b - a));
    assert.ok(all.results.every(({ score }) => score > 0 && score < 1));
    assert.ok(new Set(all.results.map(({ score }) => score)).size > 1);
    const best = await harness.api.inference.rerankDocuments({ query: 'weather in oslo', documents, topN: 2 });
    assert.deepEqual(best.results, all.results.slice(0, 2));
  });

  it('says what is wrong: too long, empty, or a model made for something else', async () => {
    const { inference } = harness.api;
    await assert.rejects(inference.createEmbeddings({ input: ['fine', 'cat '.repeat(300)] }), (error: unknown) => {
      assert.ok(harness.api.isJanError(error, 'context-overflow'));
      assert.match(error.message, /^Text 2 .* 302 tokens.*128/);
      assert.deepEqual(error.details, { promptTokens: 302, contextLength: 128, index: 1 });
      return true;
    });
    await assert.rejects(inference.rerankDocuments({ query: 'cat', documents: ['dog '.repeat(300)] }), { code: 'context-overflow' });
    await assert.rejects(inference.createEmbeddings({ input: [''] }), { code: 'invalid-argument' });
    await assert.rejects(inference.createEmbeddings({ modelId: 'null', input: ['x'] }), { code: 'unsupported' });
    await assert.rejects(inference.createEmbeddings({ modelId: 'ranks', input: ['x'] }), { code: 'unsupported' });
    await assert.rejects(inference.rerankDocuments({ modelId: 'vectors', query: 'x', documents: ['y'] }), { code: 'unsupported' });
    await assert.rejects(ask(harness.api, { modelId: 'vectors', messages: [{ role: 'user', content: 'Hello' }] }), { code: 'unsupported' });
    await assert.rejects(inference.createEmbeddings({ input: ['x'] }, { signal: AbortSignal.abort() }), { code: 'cancelled' });
    assert.equal((await inference.createEmbeddings({ input: ['cat'] })).embeddings.length, 1);
  });

  it('is loaded and unloaded as others are', async () => {
    const running = await harness.api.inference.initModel('vectors');
    assert.equal(running.status, 'ready');
    assert.equal(running.contextLength, 128);
    await harness.api.inference.stopModel('vectors');
    assert.equal((await harness.api.inference.createEmbeddings({ input: ['sun'] })).embeddings.length, 1);
  });
});
