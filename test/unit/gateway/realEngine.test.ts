// The endpoint before the real engine: the official clients, the starter model, and one with random weights, whose
// answers have a form only because a grammar holds them to it.

import assert from 'node:assert/strict';
import path from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { nullLogger } from '../../../src/common/log';
import { createGateway, type Gateway } from '../../../src/gateway/gateway';
import { testModelPath } from '../../fixtures/gguf/testModels';
import { createHarness, modelAt, type Harness } from '../builtin/inference/inferenceHarness';
import { gather } from './dialects';

const starter = path.resolve('media/starter-model/jan-guide.gguf');
const question = [{ role: 'user' as const, content: 'What is Jan?' }];

describe('endpoint and the real engine', function () {
  this.timeout(180_000);
  let harness: Harness;
  let gateway: Gateway;
  let openai: OpenAI;
  let anthropic: Anthropic;
  let ask: (route: string, body: unknown) => Promise<unknown>;

  before(async () => {
    harness = await createHarness([modelAt('starter', starter), modelAt('random', await testModelPath('null'))]);
    gateway = createGateway({ api: harness.api, log: nullLogger });
    const { url, token } = await gateway.start();
    openai = new OpenAI({ baseURL: url, apiKey: token, maxRetries: 0 });
    anthropic = new Anthropic({ baseURL: url.replace(/\/v1$/, ''), apiKey: token, maxRetries: 0 });
    ask = async (route, body) => {
      const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` };
      return (await fetch(new URL(route, url), { method: 'POST', headers, body: JSON.stringify(body) })).json();
    };
  });
  after(async () => {
    gateway.dispose();
    await harness.dispose();
  });

  it('says the same in every form', async () => {
    const sampling = { model: 'starter', temperature: 0 };
    const chat = await openai.chat.completions.create({ ...sampling, messages: question, max_tokens: 24 });
    const text = chat.choices[0]?.message.content ?? '';
    assert.match(text, /\w{3}/);
    const { usage } = chat;
    assert.ok(usage !== undefined && usage.completion_tokens > 0 && usage.completion_tokens <= 24 && usage.prompt_tokens > 0);
    const chunks = await gather(await openai.chat.completions.create({ ...sampling, messages: question, max_tokens: 24, stream: true, stream_options: { include_usage: true } }));
    assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''), text);
    assert.equal(chunks.at(-1)?.usage?.completion_tokens, usage.completion_tokens);
    const message = await anthropic.messages.create({ ...sampling, messages: question, max_tokens: 24 });
    assert.deepEqual(message.content, [{ type: 'text', text }]);
    assert.equal(message.stop_reason, chat.choices[0]?.finish_reason === 'length' ? 'max_tokens' : 'end_turn');
    assert.equal(await anthropic.messages.stream({ ...sampling, messages: question, max_tokens: 24 }).finalText(), text);
    const response = await openai.responses.create({ ...sampling, input: 'What is Jan?', max_output_tokens: 24 });
    assert.equal(response.output_text, text);
  });

  it('continues the prompt that a chat has, tokens or text, to the same answer', async () => {
    const { prompt } = (await ask('/apply-template', { model: 'starter', messages: question })) as { prompt: string };
    assert.match(prompt, /What is Jan\?/);
    const { tokens } = (await ask('/tokenize', { model: 'starter', content: prompt })) as { tokens: number[] };
    assert.equal(((await ask('/detokenize', { model: 'starter', tokens })) as { content: string }).content, prompt);
    const { input_tokens: counted } = await anthropic.messages.countTokens({ model: 'starter', messages: question });
    assert.equal(counted, tokens.length);
    const chat = await openai.chat.completions.create({ model: 'starter', temperature: 0, messages: question, max_tokens: 12 });
    assert.equal(chat.usage?.prompt_tokens, counted);
    const completion = await openai.completions.create({ model: 'starter', temperature: 0, prompt: tokens, max_tokens: 12 });
    assert.equal(completion.choices[0]?.text.trim(), chat.choices[0]?.message.content?.trim());
  });

  it('holds random weights to a JSON schema', async () => {
    const schema = { type: 'object', properties: { ok: { type: 'boolean' }, kind: { enum: ['a', 'b'] } }, required: ['ok', 'kind'], additionalProperties: false };
    const { choices } = await openai.chat.completions.create({
      model: 'random',
      messages: question,
      seed: 1,
      max_tokens: 200,
      response_format: { type: 'json_schema', json_schema: { name: 'x', schema, strict: true } },
    });
    const answer = JSON.parse(choices[0]?.message.content ?? '') as { ok: unknown; kind: unknown };
    assert.equal(typeof answer.ok, 'boolean');
    assert.ok(answer.kind === 'a' || answer.kind === 'b');
  });

  it('gives the probabilities that were asked for, and minds bias and seeds', async () => {
    const request = { model: 'random', messages: question, max_tokens: 4, seed: 7, logprobs: true, top_logprobs: 3 };
    const first = await openai.chat.completions.create(request);
    const content = first.choices[0]?.logprobs?.content ?? [];
    assert.ok(content.length > 0 && content.length <= 4);
    assert.ok(content.every(({ logprob, top_logprobs: top }) => logprob <= 0 && top.length === 3 && top[0]!.logprob >= top[2]!.logprob));
    const again = await openai.chat.completions.create(request);
    assert.equal(again.choices[0]?.message.content, first.choices[0]?.message.content);
    const { tokens } = (await ask('/tokenize', { model: 'random', content: 'a' })) as { tokens: number[] };
    const biased = await openai.completions.create({ model: 'random', prompt: 'x', max_tokens: 3, temperature: 0, logit_bias: { [tokens[0]!]: 100 } });
    assert.equal(biased.choices[0]?.text, 'aaa');
    assert.equal(biased.choices[0]?.finish_reason, 'length');
  });

  it('leaves the spaces before punctuation where the model put them', async () => {
    const text = "find . -name x ; cd .. ; if ! a , b ? it 's France ?";
    const { tokens } = (await ask('/tokenize', { model: 'starter', content: text })) as { tokens: number[] };
    assert.equal(((await ask('/detokenize', { model: 'starter', tokens })) as { content: string }).content, text);
    const mark = ((await ask('/tokenize', { model: 'starter', content: 'x ?' })) as { tokens: number[] }).tokens.at(-1)!;
    const biased = await openai.completions.create({ model: 'starter', prompt: 'x', max_tokens: 3, temperature: 0, logit_bias: { [mark]: 100 }, logprobs: 0 });
    const { tokens: pieces } = (await ask('/tokenize', { model: 'starter', content: '媽 ?', with_pieces: true })) as { tokens: { piece: string }[] };
    assert.equal(pieces.at(-1)?.piece, ' ?');
    assert.ok(pieces.every(({ piece }) => piece.length > 0));
    assert.equal(biased.choices[0]?.text, ' ? ? ?');
    assert.deepEqual(biased.choices[0]?.logprobs?.tokens, [' ?', ' ?', ' ?']);
  });

  it('gives several answers at once, whole and streamed, each with calls of its own', async () => {
    const body = { model: 'random', messages: question, max_tokens: 24, temperature: 1.5, seed: 7, n: 3, logprobs: true };
    const { choices, usage } = await openai.chat.completions.create(body);
    assert.deepEqual(choices.map(({ index }) => index), [0, 1, 2]);
    assert.ok(choices.every(({ message, logprobs }) => message.content && logprobs?.content && logprobs.content.length > 0));
    assert.ok(new Set(choices.map(({ message }) => message.content)).size > 1, 'seeds differ');
    const one = await openai.chat.completions.create({ ...body, n: 1 });
    assert.equal(usage?.prompt_tokens, one.usage?.prompt_tokens);
    const streamed = await openai.chat.completions.stream({ ...body, n: 3 }).finalChatCompletion();
    assert.ok(streamed.choices.length === 3 && streamed.choices.every(({ message, finish_reason }) => message.content && finish_reason));
    const tools = [{ type: 'function' as const, function: { name: 'look', parameters: { type: 'object', properties: { far: { type: 'boolean' } }, required: ['far'] } } }];
    const called = await openai.chat.completions.create({ model: 'random', messages: question, tools, tool_choice: 'required', parallel_tool_calls: false, n: 2, seed: 3 });
    for (const { finish_reason, message } of called.choices) {
      const [call] = message.tool_calls ?? [];
      assert.ok(finish_reason === 'tool_calls' && call?.type === 'function');
      assert.equal(typeof (JSON.parse(call.function.arguments) as { far: unknown }).far, 'boolean');
    }
  });

  it('stops at a stop string and says so in Anthropic’s form', async () => {
    const whole = await openai.chat.completions.create({ model: 'starter', temperature: 0, messages: question, max_tokens: 24 });
    const words = (whole.choices[0]?.message.content ?? '').split(' ');
    const stop = ` ${words[2] ?? ''}`;
    const sampling = { model: 'starter', temperature: 0 };
    const message = await anthropic.messages.create({ ...sampling, messages: question, max_tokens: 24, stop_sequences: [stop] });
    assert.deepEqual([message.stop_reason, message.stop_sequence], ['stop_sequence', stop]);
    assert.deepEqual(message.content, [{ type: 'text', text: words.slice(0, 2).join(' ') }]);
  });

  it('says in words what a chat model can’t do', async () => {
    await assert.rejects(openai.embeddings.create({ model: 'starter', input: 'x' }), (error) => error instanceof OpenAI.BadRequestError && /embedding/i.test(error.message));
    await assert.rejects(openai.chat.completions.create({ model: 'starter', messages: [{ role: 'user', content: 'word '.repeat(20_000) }] }), (error) => {
      return error instanceof OpenAI.BadRequestError && error.code === 'context_length_exceeded';
    });
  });
});
