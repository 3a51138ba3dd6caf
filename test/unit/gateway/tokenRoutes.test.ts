import assert from 'node:assert/strict';
import { post } from './dialects';
import { createEchoCore, type EchoCore } from './echoCore';

describe('tokens, templates and metrics', () => {
  let echoCore: EchoCore;
  beforeEach(async () => {
    echoCore = await createEchoCore();
  });
  afterEach(() => echoCore.dispose());

  const ask = async (path: string, body: unknown): Promise<unknown> => (await post(echoCore, path, body)).json();

  it('turns text into tokens and back, and a chat into a prompt', async () => {
    assert.deepEqual(await ask('/tokenize', { content: 'Hi', add_special: true }), { tokens: [1, 72, 105] });
    assert.deepEqual(await ask('/tokenize', { content: '' }), { tokens: [] });
    assert.deepEqual(await ask('/tokenize', { content: 'aba', with_pieces: true }), { tokens: ['a', 'b', 'a'].map((piece) => ({ id: piece.charCodeAt(0), piece })) });
    assert.deepEqual(await ask('/detokenize', { tokens: [72, 105] }), { content: 'Hi' });
    assert.deepEqual(await ask('/apply-template', { messages: [{ role: 'user', content: 'x' }] }), { prompt: '<user>x' });
  });

  it('refuses by name', async () => {
    const cases: [string, unknown, string][] = [
      ['/tokenize', {}, 'content'],
      ['/tokenize', { content: 'x', with_pieces: 1 }, 'with_pieces'],
      ['/detokenize', { tokens: [-1] }, 'tokens[0]'],
      ['/detokenize', { tokens: 'x' }, 'tokens'],
      ['/apply-template', { messages: [] }, 'messages'],
    ];
    for (const [path, body, param] of cases) {
      const { error } = (await ask(path, body)) as { error: { param: string } };
      assert.equal(error.param, param);
    }
  });

  it('counts what it did, in numbers only', async () => {
    await post(echoCore, '/v1/chat/completions', { messages: [{ role: 'user', content: 'a b' }] });
    await post(echoCore, '/v1/chat/completions', {});
    const response = await fetch(new URL('/metrics', echoCore.endpoint.url), { headers: { Authorization: `Bearer ${echoCore.endpoint.token}` } });
    assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    const expected = [
      'llamacpp:prompt_tokens_total 2',
      'llamacpp:tokens_predicted_total 2',
      'llamacpp:prompt_tokens_cached_total 1',
      'llamacpp:requests_processing 0',
      'jan_http_responses_total{status="200"} 1',
      'jan_http_responses_total{status="400"} 1',
    ];
    for (const line of expected) {
      assert.ok(text.split('\n').includes(line), `${line} in ${text}`);
    }
    // Every line is a comment or a sample, as the form has it.
    assert.ok(text.trimEnd().split('\n').every((line) => /^(# (HELP|TYPE) [a-z_:]+ .+|[a-z_:]+(\{status="\d+"\})? \d+)$/.test(line)), text);
  });
});
