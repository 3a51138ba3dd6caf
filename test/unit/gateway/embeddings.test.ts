// Embeddings with the official client, and rerank.

import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { openaiClient, post } from './dialects';
import { createEchoCore, type EchoCore } from './echoCore';

describe('embeddings and rerank', () => {
  let echoCore: EchoCore;
  beforeEach(async () => {
    echoCore = await createEchoCore();
  });
  afterEach(() => echoCore.dispose());

  it('gives vectors in both encodings', async () => {
    const client = openaiClient(echoCore);
    // Without a word about it, this client asks for base64 and decodes it.
    for (const more of [{}, { encoding_format: 'float' as const }]) {
      const { data, model, usage } = await client.embeddings.create({ model: 'test/echo', input: ['abc', 'x'], ...more });
      assert.deepEqual(data.map(({ index, embedding }) => [index, embedding]), [[0, [3, 0.5]], [1, [1, 0.5]]]);
      assert.deepEqual([model, usage], ['test/echo', { prompt_tokens: 2, total_tokens: 2 }]);
    }
    const raw = await client.embeddings.create({ model: 'test/echo', input: 'abc', encoding_format: 'base64' });
    assert.equal(raw.data[0]?.embedding, Buffer.from(new Float32Array([3, 0.5]).buffer).toString('base64'));
  });

  it('refuses tokens and other lengths by name', async () => {
    const client = openaiClient(echoCore);
    const refusedAs = (param: string) => (error: unknown): boolean => error instanceof OpenAI.BadRequestError && error.param === param;
    await assert.rejects(client.embeddings.create({ model: 'test/echo', input: [[1, 2]] }), refusedAs('input'));
    await assert.rejects(client.embeddings.create({ model: 'test/echo', input: 'x', dimensions: 5 }), refusedAs('dimensions'));
    await assert.rejects(client.embeddings.create({ model: 'test/echo', input: [] }), refusedAs('input'));
  });

  it('ranks documents', async () => {
    for (const path of ['/v1/rerank', '/rerank']) {
      const response = await post(echoCore, path, { query: 'q', documents: ['long text', { text: 'a' }, 'abc'], top_n: 2, return_documents: true });
      const { results, usage } = (await response.json()) as { results: unknown[]; usage: unknown };
      assert.deepEqual(results, [
        { index: 1, relevance_score: 1, document: { text: 'a' } },
        { index: 2, relevance_score: 1 / 3, document: { text: 'abc' } },
      ]);
      assert.deepEqual(usage, { prompt_tokens: 7, total_tokens: 7 });
    }
    for (const [field, value] of [['documents', []], ['documents', [5]], ['query', 5], ['top_n', 0]] as const) {
      const response = await post(echoCore, '/rerank', { query: 'q', documents: ['a'], [field]: value });
      const { error } = (await response.json()) as { error: { param: string } };
      assert.deepEqual([response.status, error.param.split('[', 1)[0]], [400, field]);
    }
  });
});
