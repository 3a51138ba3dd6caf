// Plain completions with the official client.

import assert from 'node:assert/strict';
import type OpenAI from 'openai';
import { gather, openaiClient, post } from './dialects';
import { createEchoCore, type EchoCore } from './echoCore';

describe('completions', () => {
  let echoCore: EchoCore;
  let client: OpenAI;
  beforeEach(async () => {
    echoCore = await createEchoCore();
    client = openaiClient(echoCore);
  });
  afterEach(() => echoCore.dispose());

  it('continues a text, tokens, and several', async () => {
    const one = await client.completions.create({ model: 'test/echo', prompt: 'a b', stop: ['!'], max_tokens: 5 });
    assert.deepEqual([one.object, one.choices[0]?.text, one.choices[0]?.finish_reason], ['text_completion', 'a b', 'stop']);
    assert.deepEqual([echoCore.requests[0]?.stop, echoCore.requests[0]?.maxTokens], [['!'], 5]);
    assert.equal((await client.completions.create({ model: 'test/echo', prompt: [72, 105] })).choices[0]?.text, 'Hi');
    const several = await client.completions.create({ model: 'test/echo', prompt: ['a', 'b c'] });
    assert.deepEqual(several.choices.map(({ index, text }) => [index, text]), [[0, 'a'], [1, 'b c']]);
    assert.deepEqual([several.usage?.prompt_tokens, several.usage?.completion_tokens], [6, 3]);
  });

  it('streams, choices by their index, usage last', async () => {
    const stream = await client.completions.create({ model: 'test/echo', prompt: ['a b', 'c'], stream: true, stream_options: { include_usage: true } });
    const chunks = await gather(stream);
    const textOf = (index: number): string => chunks.flatMap(({ choices }) => choices.filter((choice) => choice.index === index).map(({ text }) => text)).join('');
    assert.deepEqual([textOf(0), textOf(1)], ['a b', 'c']);
    assert.equal(chunks.flatMap(({ choices }) => choices).filter((choice) => choice.finish_reason === 'stop').length, 2);
    assert.equal(chunks.at(-1)?.usage?.completion_tokens, 3);
  });

  for (const [field, value] of [['echo', true], ['n', 9], ['best_of', 3], ['logprobs', 21], ['prompt', []], ['prompt', { a: 1 }], ['prompt', [-1]], ['messages', []], ['max_tokens', 0]] as const) {
    it(`refuses ${field}: ${JSON.stringify(value)} by name`, async () => {
      const response = await post(echoCore, '/v1/completions', { prompt: 'x', [field]: value });
      const { error } = (await response.json()) as { error: { param: string; message: string } };
      assert.deepEqual([response.status, error.param], [400, field]);
      assert.match(error.message, new RegExp(`"${field}"`));
    });
  }
});
