// Tools, reasoning and probabilities in OpenAI's form, with the official client.

import assert from 'node:assert/strict';
import { thinkAndCall, openaiClient, gather } from './dialects';
import { createEchoCore, type Answer, type EchoCore } from './echoCore';

const messages = [{ role: 'user' as const, content: 'x' }];
const tools = ['get_time', 'get_weather'].map((name) => ({ type: 'function' as const, function: { name, parameters: { type: 'object' } } }));

describe('chat completions', () => {
  let echoCore: EchoCore;
  afterEach(() => echoCore.dispose());

  it('gives calls whole', async () => {
    echoCore = await createEchoCore({ answer: thinkAndCall });
    const { choices } = await openaiClient(echoCore).chat.completions.create({ model: 'test/echo', messages, tools, tool_choice: 'required' });
    assert.equal(choices[0]?.finish_reason, 'tool_calls');
    assert.equal(choices[0].message.content, 'One moment.');
    assert.equal((choices[0].message as { reasoning_content?: string }).reasoning_content, 'let me see');
    assert.deepEqual(choices[0].message.tool_calls, [
      { id: 'call_a', type: 'function', function: { name: 'get_time', arguments: '{"zone":"UTC"}' } },
      { id: 'call_b', type: 'function', function: { name: 'get_weather', arguments: '{}' } },
    ]);
    assert.deepEqual(echoCore.requests[0]?.tools?.map(({ name }) => name), ['get_time', 'get_weather']);
  });

  it('streams calls so that the client puts them together', async () => {
    echoCore = await createEchoCore({ answer: thinkAndCall });
    const final = await openaiClient(echoCore).chat.completions.stream({ model: 'test/echo', messages, tools }).finalChatCompletion();
    assert.equal(final.choices[0]?.finish_reason, 'tool_calls');
    assert.deepEqual(
      final.choices[0].message.tool_calls?.map((call) => call.type === 'function' && [call.id, call.function.name, call.function.arguments]),
      [
        ['call_a', 'get_time', '{"zone":"UTC"}'],
        ['call_b', 'get_weather', '{}'],
      ],
    );
  });

  it('content is null when there are calls only', async () => {
    echoCore = await createEchoCore({
      answer: async function* () {
        yield { toolCalls: [{ index: 0, id: 'c', name: 'get_time', arguments: '{}' }] };
        yield { finishReason: 'stop' };
      },
    });
    const { choices } = await openaiClient(echoCore).chat.completions.create({ model: 'test/echo', messages, tools });
    assert.deepEqual([choices[0]?.message.content, choices[0]?.finish_reason], [null, 'tool_calls']);
  });

  const withLogprobs: Answer = async function* () {
    for (const [token, text] of [[5, 'a'], [6, 'é']] as const) {
      yield { text, logprobs: [{ token, text, logprob: -0.5, top: [{ token, text, logprob: -0.5 }, { token: 9, text: 'z', logprob: -Infinity }] }] };
    }
    yield { finishReason: 'length' };
  };

  it('gives probabilities, whole and streamed', async () => {
    echoCore = await createEchoCore({ answer: withLogprobs });
    const request = { model: 'test/echo', messages, logprobs: true, top_logprobs: 2, max_tokens: 2 };
    const client = openaiClient(echoCore);
    const { choices } = await client.chat.completions.create(request);
    assert.equal(choices[0]?.finish_reason, 'length');
    assert.deepEqual(choices[0].logprobs?.content?.[1], {
      token: 'é',
      logprob: -0.5,
      bytes: [0xc3, 0xa9],
      top_logprobs: [
        { token: 'é', logprob: -0.5, bytes: [0xc3, 0xa9] },
        { token: 'z', logprob: -9999, bytes: [122] }, // JSON has no infinity
      ],
    });
    const chunks = await gather(await client.chat.completions.create({ ...request, stream: true }));
    assert.deepEqual(
      chunks.flatMap((chunk) => chunk.choices[0]?.logprobs?.content ?? []),
      choices[0].logprobs?.content,
    );
  });

  it('tells in a stream how far the prompt is read, and the times so far, where asked', async () => {
    const usage = { promptTokens: 9, completionTokens: 1 };
    echoCore = await createEchoCore({
      answer: async function* () {
        yield { promptProgress: { total: 9, cached: 3, processed: 3, ms: 0 } };
        yield { text: 'x', usage, timings: { firstTokenMs: 3, totalMs: 3 } };
        yield { finishReason: 'stop', usage, timings: { firstTokenMs: 3, totalMs: 4 } };
      },
    });
    const stream = await openaiClient(echoCore).chat.completions.create({ model: 'test/echo', messages, stream: true, ...{ return_progress: true, timings_per_token: true } });
    const chunks = (await gather(stream)) as unknown as { prompt_progress?: unknown; timings?: { predicted_n: number } }[];
    assert.deepEqual(chunks.flatMap(({ prompt_progress: told }) => told ?? []), [{ total: 9, cache: 3, processed: 3, time_ms: 0 }]);
    assert.deepEqual(chunks.flatMap(({ timings }) => timings?.predicted_n ?? []), [0, 1, 1]);
    assert.equal((await (await fetch(new URL('/metrics', echoCore.endpoint.url), { headers: { Authorization: `Bearer ${echoCore.endpoint.token}` } })).text()).match(/tokens_predicted_total (\d+)/)?.[1], '1', 'counted once');
    assert.equal(echoCore.requests[0]?.tellProgress, true);
  });

  it('says what did not fit', async () => {
    echoCore = await createEchoCore({
      answer: async function* () {
        yield { text: 'x', droppedMessages: 2 };
        yield { finishReason: 'stop' };
      },
    });
    for (const stream of [false, true]) {
      const { response } = await openaiClient(echoCore).chat.completions.create({ model: 'test/echo', messages, stream }).withResponse();
      assert.equal(response.headers.get('x-jan-dropped-messages'), '2');
    }
  });
});
