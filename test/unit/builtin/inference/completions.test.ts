import assert from 'node:assert/strict';
import type { ChatChunk, CompletionRequest } from '../../../../src/api/jan';
import { testModelPath } from '../../../fixtures/gguf/testModels';
import { createTestVocabulary } from '../../../fixtures/gguf/testVocabulary';
import { ask, createHarness, modelAt, type Harness } from './inferenceHarness';

const vocabulary = createTestVocabulary();

describe('completions and tokens, by the real engine', function () {
  this.timeout(90_000);
  let harness: Harness;

  before(async () => {
    harness = await createHarness([modelAt('null', await testModelPath('null'))], { starterModelId: 'null' });
  });
  after(() => harness.dispose());

  async function complete(request: CompletionRequest): Promise<{ text: string; chunks: ChatChunk[]; last: ChatChunk }> {
    const chunks: ChatChunk[] = [];
    for await (const chunk of await harness.api.inference.createCompletion(request)) {
      chunks.push(chunk);
    }
    return { text: chunks.map(({ text }) => text ?? '').join(''), chunks, last: chunks.at(-1)! };
  }

  it('goes on with a text, without a template, the same for its tokens', async () => {
    const whole = await complete({ prompt: 'once upon a time', maxTokens: 30, temperature: 0 });
    assert.equal(whole.chunks[0]!.modelId, 'null');
    assert.equal(whole.last.finishReason, 'length');
    assert.equal(whole.last.usage!.completionTokens, 30);
    const prompt = await harness.api.inference.tokenize({ text: 'once upon a time' });
    assert.equal(whole.last.usage!.promptTokens, prompt.length, 'the prompt is the text alone');
    assert.equal((await complete({ prompt, maxTokens: 30, temperature: 0 })).text, whole.text);
  });

  it('says which stop string ended it, and stops exactly there', async () => {
    const { text } = await complete({ prompt: 'once', maxTokens: 80, temperature: 0 });
    const stop = text.slice(30, 34);
    const stopped = await complete({ prompt: 'once', maxTokens: 80, temperature: 0, stop: ['never said', stop] });
    assert.equal(stopped.text, text.slice(0, text.indexOf(stop)));
    assert.equal(stopped.last.finishReason, 'stop');
    assert.equal(stopped.last.stopString, stop);
  });

  it('draws the same with the same seed, negative and large ones included', async () => {
    const drawn = async (seed: number): Promise<string> => (await complete({ prompt: 'x', maxTokens: 30, temperature: 1.5, seed })).text;
    for (const seed of [1, -1, 2 ** 40]) {
      assert.equal(await drawn(seed), await drawn(seed), `${seed}`);
    }
    assert.notEqual(await drawn(1), await drawn(2));
  });

  it('obeys every sampling parameter', async () => {
    const base = { prompt: 'once upon', maxTokens: 60, seed: 5 } as const;
    const greedy = (await complete({ ...base, temperature: 0 })).text;
    const free = (await complete({ ...base, temperature: 2, topP: 1, topK: 0, minP: 0 })).text;
    assert.notEqual(free, greedy);
    // Each of these alone leaves only the likeliest token.
    assert.equal((await complete({ ...base, temperature: 2, topP: 1, topK: 1, minP: 0 })).text, greedy);
    assert.equal((await complete({ ...base, temperature: 2, topP: 1e-6, topK: 0, minP: 0 })).text, greedy);
    assert.equal((await complete({ ...base, temperature: 2, topP: 1, topK: 0, minP: 1 })).text, greedy);
    for (const penalty of [{ repeatPenalty: 3 }, { frequencyPenalty: 2 }, { presencePenalty: 2 }]) {
      const text = (await complete({ ...base, maxTokens: 200, temperature: 0, ...penalty })).text;
      assert.notEqual(text, (await complete({ ...base, maxTokens: 200, temperature: 0 })).text, JSON.stringify(penalty));
    }
  });

  it('gives the probabilities of each token before sampling, with the likeliest others', async () => {
    const greedy = await complete({ prompt: 'once upon', maxTokens: 8, temperature: 0, logprobs: 3 });
    assert.equal(greedy.text, (await complete({ prompt: 'once upon', maxTokens: 8, temperature: 0 })).text);
    const logprobs = greedy.chunks.flatMap((chunk) => chunk.logprobs ?? []);
    assert.equal(logprobs.length, 8);
    assert.equal(logprobs.map(({ text }) => text).join(''), greedy.text);
    for (const { token, logprob, top } of logprobs) {
      assert.equal(top.length, 3);
      assert.equal(top[0]!.token, token, 'greedy takes the likeliest');
      assert.deepEqual(top.map((one) => one.logprob), top.map((one) => one.logprob).sort((a, b) => b - a));
      assert.ok(logprob < 0 && logprob > -7, `${logprob} of about 1000 tokens that are much alike`);
    }
    // Drawn ones have the same probabilities: the temperature is no part of them.
    const drawn = async () => (await complete({ prompt: 'once upon', maxTokens: 8, temperature: 2, seed: 3, logprobs: 0 })).chunks.flatMap((chunk) => chunk.logprobs ?? []);
    const first = await drawn();
    assert.deepEqual(await drawn(), first, 'seeds hold');
    assert.notDeepEqual(first.map(({ token }) => token), logprobs.map(({ token }) => token));
    assert.deepEqual(first[0]!.top, []);
    const { text } = await complete({ prompt: 'once upon', maxTokens: 2, temperature: 0, logprobs: 1, repeatPenalty: 1.5 });
    assert.equal(text, greedy.text.slice(0, text.length));
  });

  it('gives the probabilities that a draw has, where those are asked for', async () => {
    const after = { prompt: 'once upon', maxTokens: 5, logprobs: 20, logprobsAfterSampling: true, seed: 3 };
    const told = (await complete({ ...after, temperature: 1, topK: 4, topP: 1, minP: 0 })).chunks.flatMap(({ logprobs }) => logprobs ?? []);
    assert.equal(told.length, 5);
    for (const { token, top } of told) {
      assert.equal(top.length, 4);
      assert.ok(top.some((one) => one.token === token));
      assert.ok(Math.abs(top.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0) - 1) < 1e-6);
    }
    const greedy = (await complete({ ...after, temperature: 0 })).chunks.flatMap(({ logprobs }) => logprobs ?? []);
    assert.ok(greedy.every(({ logprob, top }) => logprob === 0 && top.length === 1));
    await assert.rejects(complete({ ...after, repeatPenalty: 1.5 }), { code: 'unsupported', message: /repeat penalty/ });
    await assert.rejects(complete({ ...after, responseFormat: { type: 'json' } }), { code: 'unsupported' });
  });

  it('goes on past the end where asked, to the context’s end, and says how far it is', async () => {
    const favoured = { prompt: 'once', temperature: 0, logitBias: { [vocabulary.endOfTurn]: 100 } };
    assert.equal((await complete(favoured)).last.finishReason, 'stop');
    for (const logprobs of [undefined, 1]) {
      const { chunks, last } = await complete({ ...favoured, maxTokens: 30, ignoreEnd: true, logprobs });
      assert.deepEqual([last.finishReason, last.usage!.completionTokens, last.contextFull], ['length', 30, undefined]);
      const endTokens = chunks.flatMap((chunk) => chunk.endTokens ?? []);
      assert.ok(endTokens.includes(vocabulary.endOfTurn) && endTokens.includes(vocabulary.endOfText), `${endTokens.join()}`);
    }
    await assert.rejects(complete({ ...favoured, ignoreEnd: true, responseFormat: { type: 'json' } }), { code: 'invalid-argument', message: /ignoreEnd/ });
    const { chunks } = await complete({ prompt: 'why '.repeat(300), maxTokens: 3, temperature: 0, tellProgress: true });
    const progress = chunks.flatMap(({ promptProgress }) => promptProgress ?? []);
    assert.deepEqual([progress[0]!.processed, progress[0]!.ms, progress.at(-1)!.processed], [progress[0]!.cached, 0, progress[0]!.total]);
    assert.ok(progress.length > 2);
  });

  it('forbids and favours tokens, the end token too, whether or not probabilities are asked for', async () => {
    for (const logprobs of [undefined, 1]) {
      const base = { prompt: 'once upon', maxTokens: 10, temperature: 0, ...(logprobs === undefined ? {} : { logprobs }) };
      const [first] = await harness.api.inference.tokenize({ text: (await complete({ ...base, maxTokens: 1 })).text });
      const without = await complete({ ...base, maxTokens: 1, logitBias: { [first!]: -100 } });
      assert.notDeepEqual(await harness.api.inference.tokenize({ text: without.text }), [first]);
      const favoured = await complete({ ...base, logitBias: { [vocabulary.tokens.indexOf('q')]: 100 } });
      assert.equal(favoured.text, 'q'.repeat(10));
      const ended = await complete({ ...base, logitBias: { [vocabulary.endOfTurn]: 100 } });
      assert.equal(ended.last.finishReason, 'stop');
      assert.equal(ended.text, '');
      const kept = await complete({ ...base, logitBias: { [vocabulary.endOfTurn]: -100, [vocabulary.endOfText]: -100 } });
      assert.equal(kept.last.finishReason, 'length');
      await assert.rejects(complete({ ...base, logitBias: { 99999: 1 } }), { code: 'invalid-argument', message: /99999/ });
    }
  });

  it('says with numbers that a text is too long, and completes nothing into nothing', async () => {
    await assert.rejects(complete({ prompt: 'why '.repeat(20_000) }), (error: unknown) => {
      assert.ok(harness.api.isJanError(error, 'context-overflow'));
      assert.ok((error.details.promptTokens as number) > 8192);
      assert.equal(error.details.contextLength, 8192);
      assert.match(error.message, /\d{5} tokens.*8192/);
      return true;
    });
    assert.equal((await complete({ prompt: '', maxTokens: 3, temperature: 0 })).last.usage!.completionTokens, 3);
    await assert.rejects(complete({ prompt: 'a', suffix: 'b' }), { code: 'unsupported' });
  });

  it('turns text into tokens and back, special tokens only when asked for', async () => {
    const { inference } = harness.api;
    const text = 'hello there, Grüße 你好 🎉\n';
    const tokens = await inference.tokenize({ text });
    assert.equal(await inference.detokenize({ tokens }), text);
    assert.deepEqual(await inference.tokenize({ text: '<|im_end|>', special: true }), [vocabulary.endOfTurn]);
    assert.ok((await inference.tokenize({ text: '<|im_end|>' })).length > 4);
    assert.equal(await inference.detokenize({ tokens: [vocabulary.endOfTurn] }), '<|im_end|>');
    assert.deepEqual(await inference.tokenize({ text: '' }), []);
  });

  it('refuses numbers that are no tokens, before native code', async () => {
    const { inference } = harness.api;
    const { pid } = await inference.getEngineState();
    const outside = [1, vocabulary.tokens.length];
    await assert.rejects(inference.detokenize({ tokens: outside }), { code: 'invalid-argument', message: /1024/ });
    await assert.rejects(complete({ prompt: outside }), { code: 'invalid-argument' });
    await assert.rejects(inference.detokenize({ tokens: [-1] }), { code: 'invalid-argument' });
    assert.equal((await inference.getEngineState()).pid, pid);
  });

  it('counts the tokens of a conversation as its answer does, and shows its prompt', async () => {
    const messages = [
      { role: 'system' as const, content: 'Be brief.' },
      { role: 'user' as const, content: 'What is this?' },
    ];
    const counted = await harness.api.inference.countTokens({ messages });
    const { last } = await ask(harness.api, { messages, maxTokens: 1 });
    assert.deepEqual(counted, { modelId: 'null', tokens: last.usage!.promptTokens, contextLength: 8192 });
    const prompt = await harness.api.inference.applyChatTemplate({ messages });
    assert.equal(prompt, '<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhat is this?<|im_end|>\n<|im_start|>assistant\n');
  });

  it('answers the next question after one that was too long', async () => {
    const tooLong = { role: 'user' as const, content: 'why '.repeat(6000) };
    await assert.rejects(ask(harness.api, { messages: [tooLong], maxTokens: 5 }), { code: 'context-overflow' });
    const { chunks, last } = await ask(harness.api, { messages: [tooLong, { role: 'user', content: 'Hello' }], maxTokens: 5 });
    assert.equal(chunks[0]!.droppedMessages, 1);
    assert.ok(last.usage!.promptTokens < 50, `${last.usage!.promptTokens}`);
  });

  it('says with the first chunk how many messages were left out', async () => {
    const turn = (index: number) => [
      { role: 'user' as const, content: `Question ${index}: ${'why '.repeat(150)}` },
      { role: 'assistant' as const, content: `Answer ${index}` },
    ];
    const messages = [...Array.from({ length: 40 }, (_, index) => turn(index)).flat(), { role: 'user' as const, content: 'Hello' }];
    const { chunks } = await ask(harness.api, { messages, maxTokens: 5 });
    assert.ok(chunks[0]!.droppedMessages! > 10, `${chunks[0]!.droppedMessages}`);
    assert.ok(chunks.slice(1).every(({ droppedMessages }) => droppedMessages === undefined));
    const short = await ask(harness.api, { messages: messages.slice(-1), maxTokens: 5 });
    assert.equal(short.chunks[0]!.droppedMessages, undefined);
  });
});
