// llama-server's own form of a completion, and its other names of routes.

import assert from 'node:assert/strict';
import type { ChatChunk } from '../../../src/api/jan';
import { post } from './dialects';
import { createEchoCore, type EchoCore } from './echoCore';

type Native = Readonly<Record<string, unknown>>;

describe('native completions', () => {
  let echoCore: EchoCore;
  afterEach(() => echoCore.dispose());

  const ask = async (body: unknown, path = '/completion'): Promise<Native> => (await (await post(echoCore, path, body)).json()) as Native;
  const stream = async (body: object): Promise<Native[]> => {
    const text = await (await post(echoCore, '/completion', { ...body, stream: true })).text();
    return text.split('\n\n').filter((line) => line.startsWith('data: ')).map((line) => JSON.parse(line.slice(6)) as Native);
  };

  it('continues a text, with what became of it', async () => {
    echoCore = await createEchoCore();
    for (const path of ['/completion', '/completions']) {
      const answer = await ask({ prompt: 'a b', n_predict: 5, seed: -1, stop: ['!'], cache_prompt: true, id_slot: 0 }, path);
      const { content, stop, stop_type, stopping_word, truncated, has_new_line, prompt, tokens, tokens_predicted, tokens_evaluated, model } = answer;
      assert.deepEqual([content, stop, stop_type, stopping_word, truncated, has_new_line, prompt, tokens], ['a b', true, 'eos', '', false, false, 'a b', []]);
      assert.deepEqual([tokens_predicted, tokens_evaluated, model], [2, 3, 'test/echo']);
      assert.deepEqual(echoCore.requests.at(-1)?.seed, undefined);
    }
    assert.deepEqual([echoCore.requests[0]?.stop, echoCore.requests[0]?.maxTokens], [['!'], 5]);
  });

  it('takes tokens, texts among tokens, and lists of prompts', async () => {
    echoCore = await createEchoCore();
    assert.equal((await ask({ prompt: [72, 105] })).content, 'Hi');
    assert.equal((await ask({ prompt: [72, 'i ', 97, 'b'] })).content, 'Hi ab');
    assert.equal((await ask({ prompt: [72, 'i '] })).prompt, 'Hi ');
    assert.equal((await ask({ prompt: { prompt_string: 'x' } })).content, 'x');
    const several = (await ask({ prompt: ['a', [98], { prompt_string: 'c' }] })) as unknown as readonly Native[];
    assert.deepEqual(several.map(({ index, content }) => [index, content]), [[0, 'a'], [1, 'b'], [2, 'c']]);
  });

  it('takes bias by token and by text, in both forms', async () => {
    echoCore = await createEchoCore();
    await ask({ prompt: 'x', logit_bias: [[72, 1.5], ['ab', false]] });
    await ask({ prompt: 'x', logit_bias: { 72: 1.5, ab: -100 } });
    const { generation_settings: settings } = await ask({ prompt: 'x', logit_bias: [[72, 1.5]] });
    assert.deepEqual((settings as Native).logit_bias, [{ token: 72, bias: 1.5 }]);
    for (const { logitBias } of echoCore.requests.slice(0, 2)) {
      assert.deepEqual(logitBias, { 72: 1.5, 97: -100, 98: -100 });
    }
  });

  it('tells probabilities, tokens, the stop that was met, and times', async () => {
    const logprobs = ['a', ' b'].map((text, index) => ({ token: 10 + index, text, logprob: -0.5, top: [{ token: 10 + index, text, logprob: -0.5 }] }));
    const answer = async function* (): AsyncGenerator<ChatChunk> {
      yield { text: 'a b', logprobs, modelId: 'test/echo' };
      yield { finishReason: 'stop', stopString: '!', usage: { promptTokens: 5, completionTokens: 2, cachedTokens: 1 }, timings: { firstTokenMs: 8, totalMs: 18, tokensPerSecond: 100 } };
    };
    echoCore = await createEchoCore({ answer });
    const whole = await ask({ prompt: 'x', n_probs: 1, return_tokens: true });
    assert.equal(echoCore.requests[0]?.logprobs, 1);
    assert.deepEqual(whole.tokens, [10, 11]);
    assert.deepEqual((whole.completion_probabilities as unknown[])[1], { id: 11, token: ' b', bytes: [32, 98], logprob: -0.5, top_logprobs: [{ id: 11, token: ' b', bytes: [32, 98], logprob: -0.5 }] });
    assert.deepEqual([whole.stop_type, whole.stopping_word], ['word', '!']);
    assert.deepEqual(whole.timings, {
      cache_n: 1, prompt_n: 4, prompt_ms: 8, prompt_per_token_ms: 2, prompt_per_second: 500,
      predicted_n: 2, predicted_ms: 10, predicted_per_token_ms: 10, predicted_per_second: 100,
    });
    const cut = await ask({ prompt: 'x', n_predict: 9 });
    assert.equal(cut.truncated, false);
    const events = await stream({ prompt: 'x', n_probs: 1 });
    assert.deepEqual(events.map(({ content, stop }) => [content, stop]), [['a', false], [' b', false], ['', true]]);
    assert.ok(events.slice(0, 2).every((event) => (event.completion_probabilities as unknown[]).length === 1));
    assert.equal(events[2]!.completion_probabilities, undefined);
  });

  it('fills the gap between two texts', async () => {
    echoCore = await createEchoCore();
    const gap = { input_prefix: 'f(', input_suffix: ')', n_predict: 4, n_indent: 0, t_max_predict_ms: 500, samplers: ['top_k'] };
    assert.equal((await ask(gap, '/infill')).content, 'f(_)');
    assert.equal((await ask({ ...gap, prompt: 'a', input_extra: [{ filename: 'x.h', text: 'int x;' }, { text: 'y' }] }, '/infill')).content, 'x.h\nint x;\n\nsnippet\ny\n\nf(a_)');
    const wrong: [string, unknown][] = [['input_extra', [{ filename: 'x' }]], ['input_extra', [{ filename: 5, text: 'x' }]], ['prompt', [5]], ['input_suffix', undefined]];
    for (const [field, value] of wrong) {
      const response = await post(echoCore, '/infill', { ...gap, [field]: value });
      const { error } = (await response.json()) as { error: { param: string } };
      assert.deepEqual([response.status, error.param.split('[')[0]], [400, field]);
    }
  });

  it('goes on past the model’s end, and names the tokens that it may not say', async () => {
    echoCore = await createEchoCore({
      answer: async function* () {
        yield { endTokens: [2, 7] };
        yield { text: 'x' };
        yield { finishReason: 'length', contextFull: true, usage: { promptTokens: 3, completionTokens: 1 } };
      },
    });
    const body = { prompt: 'x', ignore_eos: true, logit_bias: [[72, 1.5]] };
    for (const answer of [await ask(body), (await stream(body)).at(-1)!]) {
      const { logit_bias: bias } = answer.generation_settings as Native;
      assert.deepEqual(bias, [{ token: 72, bias: 1.5 }, { token: 2, bias: null }, { token: 7, bias: null }]);
      assert.deepEqual([answer.truncated, answer.stop_type], [true, 'limit']);
    }
    assert.equal(echoCore.requests[0]?.ignoreEnd, true);
  });

  it('tells how far the prompt is read, and the times so far', async () => {
    echoCore = await createEchoCore({
      answer: async function* ({ tellProgress }) {
        assert.equal(tellProgress, true);
        yield { promptProgress: { total: 9, cached: 4, processed: 4, ms: 0 } };
        yield { promptProgress: { total: 9, cached: 4, processed: 9, ms: 2.4 } };
        const usage = { promptTokens: 9, completionTokens: 1, cachedTokens: 4 };
        yield { text: 'x', usage, timings: { firstTokenMs: 3, totalMs: 3 } };
        yield { finishReason: 'stop', usage, timings: { firstTokenMs: 3, totalMs: 4 } };
      },
    });
    const [begun, read, said, last] = await stream({ prompt: 'x', return_progress: true, timings_per_token: true });
    assert.deepEqual(begun?.prompt_progress, { total: 9, cache: 4, processed: 4, time_ms: 0 });
    assert.deepEqual([(begun?.timings as Native).prompt_n, (begun?.timings as Native).prompt_ms], [0, 0]);
    assert.deepEqual(read?.prompt_progress, { total: 9, cache: 4, processed: 9, time_ms: 2 });
    assert.deepEqual([(read?.timings as Native).prompt_n, (read?.timings as Native).prompt_ms], [5, 2.4]);
    assert.deepEqual([said?.content, said?.prompt_progress, (said?.timings as Native).predicted_n], ['x', undefined, 1]);
    assert.equal(last?.stop, true);
    const plain = await stream({ prompt: 'x', return_progress: true });
    assert.deepEqual(plain.map(({ prompt_progress, timings }) => [prompt_progress !== undefined, timings !== undefined]), [[true, false], [true, false], [false, false], [false, true]]);
  });

  it('gives probabilities after sampling as such', async () => {
    echoCore = await createEchoCore({
      answer: async function* ({ logprobs, logprobsAfterSampling }) {
        assert.deepEqual([logprobs, logprobsAfterSampling], [2, true]);
        yield { text: 'x', logprobs: [{ token: 5, text: 'x', logprob: Math.log(0.75), top: [{ token: 5, text: 'x', logprob: Math.log(0.75) }] }] };
        yield { finishReason: 'length' };
      },
    });
    const { completion_probabilities: told } = await ask({ prompt: 'x', n_probs: 2, post_sampling_probs: true });
    assert.deepEqual(told, [{ id: 5, token: 'x', bytes: [120], prob: 0.75, top_probs: [{ id: 5, token: 'x', bytes: [120], prob: 0.75 }] }]);
  });

  it('gives only the fields that were asked for', async () => {
    echoCore = await createEchoCore();
    const answer = await ask({ prompt: 'a b', n_predict: 7, response_fields: ['content', 'generation_settings/n_predict', '__proto__/x', 'nothing'] });
    assert.deepEqual(answer, { content: 'a b', 'generation_settings/n_predict': 7 });
  });

  it('refuses what it would ignore, by name', async () => {
    echoCore = await createEchoCore();
    const cases: [string, unknown][] = [
      ['ignore_eos', 1], ['post_sampling_probs', 'x'], ['return_progress', 'x'], ['n', 2], ['mirostat', 2], ['lora', [{ id: 0, scale: 1 }]], ['n_predict', 0], ['n_predict', 1.5],
      ['logit_bias', [[1]]], ['logit_bias', 'x'], ['prompt', 5], ['prompt', []], ['prompt', [-1]], ['prompt', { prompt_string: 'x', multimodal_data: ['x'] }],
      ['response_fields', 'x'], ['n_probs', 21], ['seed', -2],
    ];
    for (const [field, value] of cases) {
      const response = await post(echoCore, '/completion', { prompt: 'x', [field]: value });
      const { error } = (await response.json()) as { error: { param: string } };
      assert.deepEqual([response.status, error.param], [400, field], JSON.stringify(value));
    }
    assert.deepEqual(echoCore.requests, []);
  });

  it('answers under llama-server’s other names', async () => {
    echoCore = await createEchoCore();
    const messages = [{ role: 'user', content: 'a b' }];
    const chat = (await ask({ messages }, '/chat/completions')) as { choices: { message: { content: string } }[] };
    assert.equal(chat.choices[0]?.message.content, 'a b');
    assert.equal((await ask({ messages }, '/v1/chat/completions/input_tokens')).input_tokens, '<user>a b'.length);
    assert.equal((await ask({ input: 'a' }, '/responses')).object, 'response');
    for (const path of ['/v1/reranking', '/reranking', '/rerank']) {
      assert.deepEqual(await ask({ query: 'q', texts: ['ab', 'a'], return_text: true, top_n: 1 }, path), [{ index: 1, score: 1, text: 'a' }]);
    }
    assert.equal((await post(echoCore, '/rerank', { query: 'q', texts: ['a'], documents: ['a'] })).status, 400);
  });
});
