// OpenAI's Responses API with its official client.

import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { JanError } from '../../../src/common/errors';
import { failing, gather, openaiClient, post, thinkAndCall } from './dialects';
import { createEchoCore, type EchoCore } from './echoCore';

describe('responses', () => {
  let echoCore: EchoCore;
  let client: OpenAI;
  const open = async (...options: Parameters<typeof createEchoCore>): Promise<void> => {
    echoCore = await createEchoCore(...options);
    client = openaiClient(echoCore);
  };
  afterEach(() => echoCore.dispose());

  it('answers whole', async () => {
    await open();
    const schema = { type: 'object' };
    const response = await client.responses.create({
      model: 'test/echo',
      input: 'hello world',
      instructions: 'be brief',
      max_output_tokens: 9,
      text: { format: { type: 'json_schema', name: 'x', schema } },
      metadata: { a: 'b' },
    });
    assert.deepEqual([response.object, response.status, response.model, response.output_text], ['response', 'completed', 'test/echo', 'hello world']);
    assert.deepEqual(response.usage, {
      input_tokens: 3,
      input_tokens_details: { cached_tokens: 1 },
      output_tokens: 2,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 5,
    });
    assert.deepEqual(response.metadata, { a: 'b' });
    const [request] = echoCore.requests;
    assert.deepEqual(request?.messages, [
      { role: 'system', content: 'be brief' },
      { role: 'user', content: 'hello world' },
    ]);
    assert.deepEqual([request.responseFormat, request.maxTokens], [{ type: 'json-schema', schema }, 9]);
  });

  it('streams events in order, numbered without a gap, that add up to the whole', async () => {
    await open({ answer: thinkAndCall });
    const tools = [{ type: 'function' as const, name: 'get_time', parameters: {}, strict: false }];
    const events = await gather(await client.responses.create({ model: 'test/echo', input: 'x', tools, stream: true }));
    assert.deepEqual(events.map(({ sequence_number: number }) => number), events.map((_, index) => index));
    assert.deepEqual(
      events.map(({ type }) => type.replace('response.', '')),
      [
        'created',
        'in_progress',
        ...['output_item.added', 'content_part.added', 'reasoning_text.delta', 'reasoning_text.delta', 'reasoning_text.done', 'content_part.done', 'output_item.done'],
        ...['output_item.added', 'content_part.added', 'output_text.delta', 'output_text.done', 'content_part.done', 'output_item.done'],
        ...['output_item.added', 'function_call_arguments.delta', 'function_call_arguments.delta', 'function_call_arguments.done', 'output_item.done'],
        ...['output_item.added', 'function_call_arguments.delta', 'function_call_arguments.done', 'output_item.done'],
        'completed',
      ],
    );
    const last = events.at(-1);
    assert.ok(last?.type === 'response.completed');
    const whole = await client.responses.create({ model: 'test/echo', input: 'x', tools });
    const bare = (response: OpenAI.Responses.Response): unknown => response.output.map((item) => ({ ...item, id: '' }));
    assert.deepEqual(bare(last.response), bare(whole));
    assert.deepEqual(
      whole.output.map((item) => (item.type === 'function_call' ? [item.call_id, item.name, item.arguments, item.status] : item.type)),
      ['reasoning', 'message', ['call_a', 'get_time', '{"zone":"UTC"}', 'completed'], ['call_b', 'get_weather', '{}', 'completed']],
    );
  });

  it('works with the client’s own gatherer', async () => {
    await open();
    const final = await client.responses.stream({ model: 'test/echo', input: 'a b c' }).finalResponse();
    assert.equal(final.output_text, 'a b c');
  });

  it('says that an answer was cut', async () => {
    await open({
      answer: async function* () {
        yield { text: 'half' };
        yield { finishReason: 'length' };
      },
    });
    const response = await client.responses.create({ model: 'test/echo', input: 'x' });
    assert.deepEqual([response.status, response.incomplete_details?.reason], ['incomplete', 'max_output_tokens']);
    const events = await gather(await client.responses.create({ model: 'test/echo', input: 'x', stream: true }));
    assert.equal(events.at(-1)?.type, 'response.incomplete');
  });

  it('is created before it fails, also when only comments were sent', async () => {
    await open({
      answer: async function* () {
        yield* [];
        await new Promise((resolve) => setTimeout(resolve, 100));
        throw new JanError('engine-crashed', 'It fell over.');
      },
      limits: { silenceMs: 20 },
    });
    const text = await (await post(echoCore, '/v1/responses', { model: 'test/echo', input: 'x', stream: true })).text();
    assert.match(text, /^: still working/);
    const events = [...text.matchAll(/^event: (.+)\ndata: (.+)$/gm)].map(([, name, data]) => [name, (JSON.parse(data!) as { sequence_number: number }).sequence_number]);
    assert.deepEqual(events, [['response.created', 0], ['response.in_progress', 1], ['response.failed', 2], ['error', 3]]);
  });

  it('takes all of the client’s fields that change nothing here', async () => {
    await open();
    const fields = { prompt_cache_options: { mode: 'implicit' as const }, image: { context_compression: 'auto' as const }, access_programs: { cyber: 'standard' as const }, reasoning: { effort: 'max' as const } };
    await client.responses.create({ model: 'test/echo', input: 'x', ...fields });
    assert.deepEqual(echoCore.requests[0]?.templateVariables, { enable_thinking: true, reasoning_effort: 'max' });
    await assert.rejects(client.responses.create({ model: 'test/echo', input: 'x', moderation: { model: 'omni-moderation-latest' } }), /"moderation" is not supported/);
  });

  it('reads a conversation of items', async () => {
    await open();
    await client.responses.create({
      model: 'test/echo',
      instructions: 'i',
      input: [
        { role: 'developer', content: 'd' },
        { role: 'user', content: [{ type: 'input_text', text: 'time?' }] },
        { type: 'reasoning', id: 'r', summary: [{ type: 'summary_text', text: 'hm' }] },
        { type: 'message', id: 'm', status: 'completed', role: 'assistant', content: [{ type: 'output_text', text: 'I look.', annotations: [] }] },
        { type: 'function_call', call_id: 'c1', name: 'get_time', arguments: '{}' },
        { type: 'function_call', call_id: 'c2', name: 'functions.get_time', arguments: '{"a":' },
        { type: 'function_call_output', call_id: 'c1', output: 'noon' },
        { type: 'function_call_output', call_id: 'c2', output: [{ type: 'input_text', text: 'night' }] },
      ],
    });
    assert.deepEqual(echoCore.requests[0]?.messages, [
      { role: 'system', content: 'i' },
      { role: 'system', content: 'd' },
      { role: 'user', content: 'time?' },
      {
        role: 'assistant',
        content: 'I look.',
        reasoning: 'hm',
        toolCalls: [
          { id: 'c1', name: 'get_time', arguments: '{}' },
          { id: 'c2', name: 'functions.get_time', arguments: '{"raw":"{\\"a\\":"}' },
        ],
      },
      { role: 'tool', toolCallId: 'c1', content: 'noon' },
      { role: 'tool', toolCallId: 'c2', content: 'night' },
    ]);
  });

  it('tells how far the prompt is read and the times so far, where asked', async () => {
    const usage = { promptTokens: 9, completionTokens: 1 };
    await open({
      answer: async function* () {
        yield { promptProgress: { total: 9, cached: 0, processed: 9, ms: 2 } };
        yield { text: 'x', usage, timings: { firstTokenMs: 3, totalMs: 3 } };
        yield { finishReason: 'stop', usage, timings: { firstTokenMs: 3, totalMs: 4 } };
      },
    });
    const body = { model: 'test/echo', input: 'x', stream: true as const, return_progress: true, timings_per_token: true };
    const events: Record<string, unknown>[] = [];
    for await (const event of await client.responses.create(body)) {
      events.push(event as unknown as Record<string, unknown>);
    }
    assert.deepEqual(events.filter((event) => event['prompt_progress'] !== undefined).map(({ type }) => type), ['response.in_progress']);
    assert.deepEqual(events.filter((event) => event['timings'] !== undefined).map(({ type }) => type), ['response.in_progress', 'response.output_text.delta', 'response.completed']);
  });

  it('refuses what it can’t do by name', async () => {
    await open();
    const cases: [object, string][] = [
      [{ previous_response_id: 'resp_1' }, 'previous_response_id'],
      [{ store: true }, 'store'],
      [{ background: true }, 'background'],
      [{ conversation: 'c' }, 'conversation'],
      [{ tools: [{ type: 'web_search' }] }, 'tools[0].type'],
      [{ input: [] }, 'input'],
      [{ input: [{ type: 'item_reference', id: 'x' }] }, 'input[0]'],
      [{ input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'x' }] }] }, 'input[0].content[0]'],
      [{ text: { format: { type: 'xml' } } }, 'text.format.type'],
      [{ include: ['file_search_call.results'] }, 'include'],
      [{ unheard: 1 }, 'unheard'],
    ];
    for (const [fields, param] of cases) {
      await assert.rejects(client.responses.create({ model: 'test/echo', input: 'x', ...fields }), (error) => {
        assert.ok(error instanceof OpenAI.BadRequestError, String(error));
        assert.equal(error.param, param);
        return true;
      });
    }
  });

  it('a failure in mid-answer ends the stream as one', async () => {
    await open({ answer: failing(new JanError('engine-crashed', 'It fell over.')) });
    const types: string[] = [];
    const read = async (): Promise<void> => {
      for await (const event of await client.responses.create({ model: 'test/echo', input: 'x', stream: true })) {
        types.push(event.type);
      }
    };
    await assert.rejects(read(), /It fell over/);
    assert.equal(types.at(-1), 'response.failed');
    await assert.rejects(client.responses.create({ model: 'test/echo', input: 'x' }), (error) => error instanceof OpenAI.APIError && error.status === 503);
  });
});
