// Several answers to one request, with the official client.

import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { JanError } from '../../../src/common/errors';
import { gather, openaiClient, post } from './dialects';
import { createEchoCore, echo, Gate, type Answer, type EchoCore } from './echoCore';

const messages = [{ role: 'user' as const, content: 'a b' }];
const request = { model: 'test/echo', messages };
const tools = [{ type: 'function' as const, function: { name: 'get_time', parameters: { type: 'object' } } }];

/** Each answer names its seed. */
const seeded: Answer = async function* ({ seed = 0 }) {
  yield { text: `${seed}`, logprobs: [{ token: seed, text: `${seed}`, logprob: -seed, top: [] }] };
  if (seed === 6) {
    yield { toolCalls: [{ index: 0, id: 'call', name: 'get_time', arguments: '{}' }] };
  }
  yield { finishReason: seed === 7 ? 'length' : 'stop', usage: { promptTokens: 10, completionTokens: seed, cachedTokens: seed - 5 } };
};

describe('several answers to one request', () => {
  let echoCore: EchoCore;
  afterEach(() => echoCore.dispose());

  it('are choices of their own, each with another seed, and the prompt counts once', async () => {
    echoCore = await createEchoCore({ answer: seeded });
    const { choices, usage } = await openaiClient(echoCore).chat.completions.create({ ...request, n: 3, seed: 5, logprobs: true, tools });
    assert.deepEqual(
      choices.map(({ index, message, finish_reason, logprobs }) => [index, message.content, finish_reason, logprobs?.content?.[0]?.logprob, message.tool_calls?.length]),
      [[0, '5', 'stop', -5, undefined], [1, '6', 'tool_calls', -6, 1], [2, '7', 'length', -7, undefined]],
    );
    assert.deepEqual(usage, { prompt_tokens: 10, completion_tokens: 18, total_tokens: 28, prompt_tokens_details: { cached_tokens: 0 } });
  });

  it('stream side by side, each to its end, and the client puts them together', async () => {
    const gate = new Gate();
    const said: string[] = [];
    echoCore = await createEchoCore({
      answer: async function* ({ seed = 0 }) {
        yield { text: `${seed}` };
        if (seed === 1) {
          await gate.opened;
        } else {
          gate.open();
        }
        yield { text: '!' };
        yield { finishReason: 'stop', usage: { promptTokens: 1, completionTokens: 2 } };
      },
    });
    const client = openaiClient(echoCore);
    const stream = client.chat.completions.stream({ ...request, n: 2, seed: 1, stream_options: { include_usage: true } });
    stream.on('chunk', ({ choices }) => choices.forEach(({ index, delta }) => delta.content && said.push(`${index}${delta.content}`)));
    const { choices, usage } = await stream.finalChatCompletion();
    assert.deepEqual(choices.map(({ message, finish_reason }) => [message.content, finish_reason]), [['1!', 'stop'], ['2!', 'stop']]);
    assert.deepEqual([usage?.prompt_tokens, usage?.completion_tokens], [1, 4]);
    assert.deepEqual(said.slice(0, 2), ['01', '12'], 'the second began while the first was not at its end');
  });

  it('begin when the first has begun, so that its prompt is read once', async () => {
    const [reading, gate] = [new Gate(), new Gate()];
    const begun: number[] = [];
    echoCore = await createEchoCore({
      answer: async function* ({ seed = 0 }) {
        begun.push(seed);
        yield { promptProgress: { total: 9, cached: 0, processed: 0, ms: 0 } };
        reading.open();
        await gate.opened;
        yield { text: 'x' };
        yield { finishReason: 'stop' };
      },
    });
    const answered = openaiClient(echoCore).chat.completions.create({ ...request, n: 3, seed: 1 });
    await reading.opened;
    assert.deepEqual(begun, [1]);
    gate.open();
    await answered;
    assert.deepEqual(begun, [1, 2, 3]);
  });

  it('of plain texts follow each other by prompt', async () => {
    echoCore = await createEchoCore();
    const client = openaiClient(echoCore);
    const body = { model: 'test/echo', prompt: ['a b', 'c'], n: 2 };
    const expected = [[0, 'a b'], [1, 'a b'], [2, 'c'], [3, 'c']];
    const { choices, usage } = await client.completions.create(body);
    assert.deepEqual(choices.map(({ index, text }) => [index, text]), expected);
    assert.deepEqual([usage?.prompt_tokens, usage?.completion_tokens], [6, 6]);
    const chunks = await gather(await client.completions.create({ ...body, stream: true, stream_options: { include_usage: true } }));
    const all = chunks.flatMap((chunk) => chunk.choices);
    assert.deepEqual(expected.map(([index]) => [index, all.filter((choice) => choice.index === index).map(({ text }) => text).join('')]), expected);
    assert.equal(all.filter(({ finish_reason }) => finish_reason === 'stop').length, 4);
    assert.deepEqual([chunks.at(-1)?.usage?.prompt_tokens, chunks.at(-1)?.usage?.completion_tokens], [6, 6]);
  });

  it('end together, when the client goes and when one fails', async () => {
    const signals: AbortSignal[] = [];
    const endless: Answer = async function* ({ seed = 0 }, signal) {
      signals.push(signal!);
      yield { text: 'x' };
      if (seed === 12) {
        throw new JanError('out-of-memory', 'No room for it.');
      }
      await new Promise((resolve) => signal!.addEventListener('abort', resolve));
      yield { finishReason: 'cancelled' };
    };
    echoCore = await createEchoCore({ answer: endless });
    const client = openaiClient(echoCore);
    const stream = await client.chat.completions.create({ ...request, n: 3, seed: 1, stream: true });
    for await (const { choices } of stream) {
      if (choices.some(({ index, delta }) => index === 2 && delta.content === 'x')) {
        break;
      }
    }
    await Promise.all(signals.map((signal) => (signal.aborted ? undefined : new Promise((resolve) => signal.addEventListener('abort', resolve)))).filter((end) => end !== undefined));
    assert.equal(signals.length, 3);
    await assert.rejects(client.chat.completions.create({ ...request, n: 3, seed: 11 }), (error) => error instanceof OpenAI.APIError && /No room/.test(error.message));
    assert.ok(signals.slice(3).every(({ aborted }) => aborted));
  });

  it('are one request to the queue, and at most eight', async () => {
    echoCore = await createEchoCore({ answer: echo, limits: { maxActive: 1, maxWaiting: 0 } });
    assert.equal((await openaiClient(echoCore).chat.completions.create({ ...request, n: 8 })).choices.length, 8);
    for (const path of ['/v1/chat/completions', '/v1/completions']) {
      for (const n of [0, 9, 1.5, '2']) {
        const response = await post(echoCore, path, { messages: path.includes('chat') ? messages : undefined, prompt: path.includes('chat') ? undefined : 'x', n });
        const { error } = (await response.json()) as { error: { param: string; message: string } };
        assert.deepEqual([response.status, error.param], [400, 'n']);
        assert.match(error.message, /from 1 to 8/);
      }
    }
  });
});
