// Anthropic's API with its official client.

import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import { JanError } from '../../../src/common/errors';
import { anthropicClient, failing, gather, thinkAndCall } from './dialects';
import { createEchoCore, type EchoCore } from './echoCore';

const ask = { model: 'test/echo', max_tokens: 50, messages: [{ role: 'user' as const, content: 'hello world' }] };

/** The API has them; this client's types don't any more. */
const sampling = (fields: { temperature?: number; top_k?: number }): object => fields;

/** The client's own message holds the whole body, as JSON. */
function saidBy({ error }: InstanceType<typeof Anthropic.APIError>): string {
  return (error as { error: { message: string } }).error.message;
}

describe('Anthropic messages', () => {
  let echoCore: EchoCore;
  let client: Anthropic;
  const open = async (...options: Parameters<typeof createEchoCore>): Promise<void> => {
    echoCore = await createEchoCore(...options);
    client = anthropicClient(echoCore);
  };
  afterEach(() => echoCore.dispose());

  it('answers whole', async () => {
    await open();
    const message = await client.messages.create({ ...ask, system: 'be brief', stop_sequences: ['!'], ...sampling({ temperature: 0, top_k: 3 }) });
    assert.deepEqual([message.type, message.role, message.model, message.stop_reason], ['message', 'assistant', 'test/echo', 'end_turn']);
    assert.deepEqual(message.content, [{ type: 'text', text: 'hello world' }]);
    assert.deepEqual(message.usage, { input_tokens: 2, cache_creation_input_tokens: 0, cache_read_input_tokens: 1, output_tokens: 2 });
    const [request] = echoCore.requests;
    assert.deepEqual([request?.messages[0], request?.stop, request?.topK, request?.maxTokens], [{ role: 'system', content: 'be brief' }, ['!'], 3, 50]);
  });

  it('thinks and asks for tools, whole and streamed alike', async () => {
    await open({ answer: thinkAndCall });
    const tools = ['get_time', 'get_weather'].map((name) => ({ name, input_schema: { type: 'object' as const } }));
    const request = { ...ask, tools, tool_choice: { type: 'any' as const, disable_parallel_tool_use: true }, thinking: { type: 'enabled' as const, budget_tokens: 1024 } };
    const whole = await client.messages.create(request);
    assert.equal(whole.stop_reason, 'tool_use');
    assert.deepEqual(whole.content, [
      { type: 'thinking', thinking: 'let me see', signature: '' },
      { type: 'text', text: 'One moment.' },
      { type: 'tool_use', id: 'call_a', name: 'get_time', input: { zone: 'UTC' } },
      { type: 'tool_use', id: 'call_b', name: 'get_weather', input: {} },
    ]);
    const streamed = await client.messages.stream(request).finalMessage();
    assert.deepEqual(streamed.content.map((block) => ({ ...block })), whole.content);
    assert.deepEqual([streamed.stop_reason, streamed.usage.output_tokens, streamed.usage.input_tokens], ['tool_use', 4, 4]);
    const { toolChoice, parallelToolCalls, templateVariables } = echoCore.requests[0]!;
    assert.deepEqual([toolChoice, parallelToolCalls, templateVariables], ['required', false, { enable_thinking: true }]);
  });

  it('sends events in the order that its form has', async () => {
    await open({ answer: thinkAndCall });
    const events = await gather(await client.messages.create({ ...ask, stream: true }));
    const steps = events.map((event) => `${event.type}${'index' in event ? ` ${event.index}` : ''}`).filter((step, index, all) => step !== all[index - 1]);
    const block = (index: number, hasDelta = true): string[] => [`content_block_start ${index}`, ...(hasDelta ? [`content_block_delta ${index}`] : []), `content_block_stop ${index}`];
    assert.deepEqual(events[0]?.type === 'message_start' && events[0].message.usage, { input_tokens: 6, cache_creation_input_tokens: 0, cache_read_input_tokens: 3, output_tokens: 0 });
    assert.deepEqual(steps, ['message_start', ...block(0), ...block(1), ...block(2), ...block(3), 'message_delta', 'message_stop']);
  });

  it('says which stop sequence ended it, and that the limit did', async () => {
    await open({
      answer: async function* ({ maxTokens }) {
        yield { text: 'x' };
        yield maxTokens === 1 ? { finishReason: 'length' } : { finishReason: 'stop', stopString: '!' };
      },
    });
    const stopped = await client.messages.create({ ...ask, stop_sequences: ['!'] });
    assert.deepEqual([stopped.stop_reason, stopped.stop_sequence], ['stop_sequence', '!']);
    assert.equal((await client.messages.create({ ...ask, max_tokens: 1 })).stop_reason, 'max_tokens');
    const streamed = await client.messages.stream({ ...ask, stop_sequences: ['!'] }).finalMessage();
    assert.deepEqual([streamed.stop_reason, streamed.stop_sequence], ['stop_sequence', '!']);
  });

  it('reads a conversation with calls and their results', async () => {
    await open();
    await client.messages.create({
      ...ask,
      system: [{ type: 'text', text: 'a', cache_control: { type: 'ephemeral' } }, { type: 'text', text: 'b' }],
      messages: [
        { role: 'user', content: 'time?' },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm', signature: 'x' },
            { type: 'text', text: 'I look.' },
            { type: 'tool_use', id: 't1', name: 'get_time', input: { zone: 'UTC' } },
            { type: 'tool_use', id: 't2', name: 'functions.get_time', input: {} },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 't1', content: [{ type: 'text', text: 'noon' }] },
            { type: 'tool_result', tool_use_id: 't2', content: 'no zone', is_error: true },
            { type: 'text', text: 'so?' },
          ],
        },
      ],
    });
    assert.deepEqual(echoCore.requests[0]?.messages, [
      { role: 'system', content: 'a\nb' },
      { role: 'user', content: 'time?' },
      {
        role: 'assistant',
        content: 'I look.',
        reasoning: 'hm',
        toolCalls: [
          { id: 't1', name: 'get_time', arguments: '{"zone":"UTC"}' },
          { id: 't2', name: 'functions.get_time', arguments: '{}' },
        ],
      },
      { role: 'tool', toolCallId: 't1', content: 'noon' },
      { role: 'tool', toolCallId: 't2', content: 'Error: no zone' },
      { role: 'user', content: 'so?' },
    ]);
  });

  it('takes what the system says in mid-conversation', async () => {
    await open();
    const reminder = { role: 'system' as const, content: [{ type: 'text' as const, text: 'a', cache_control: { type: 'ephemeral' as const } }, { type: 'text' as const, text: 'b' }] };
    await client.messages.create({ ...ask, system: 's', messages: [...ask.messages, reminder, { role: 'assistant', content: 'yes' }, { role: 'system', content: 'c' }] });
    assert.deepEqual(echoCore.requests[0]?.messages, [
      { role: 'system', content: 's' },
      { role: 'user', content: 'hello world' },
      { role: 'system', content: 'a\nb' },
      { role: 'assistant', content: 'yes' },
      { role: 'system', content: 'c' },
    ]);
  });

  it('leaves out what Claude Code says for the bill, which would be another beginning each time', async () => {
    await open();
    const bill = { type: 'text' as const, text: 'x-anthropic-billing-header: cc_version=2.1.154; cch=abc;' };
    await client.messages.create({ ...ask, system: [bill, { type: 'text', text: 'You code.' }, { type: 'text', text: 'Well.' }] });
    await client.messages.create({ ...ask, system: [bill] });
    await client.messages.create({ ...ask, system: 'not x-anthropic-billing-header: this' });
    assert.deepEqual(
      echoCore.requests.map(({ messages: [first] }) => [first?.role, first?.content]),
      [['system', 'You code.\nWell.'], ['user', 'hello world'], ['system', 'not x-anthropic-billing-header: this']],
    );
  });

  it('takes the older name of a form for the answer, and what means nothing here', async () => {
    await open();
    const format = { type: 'json_schema' as const, schema: { type: 'object', properties: {} } };
    await client.messages.create({ ...ask, output_config: { format } });
    await client.beta.messages.create({ ...ask, output_format: format, fallbacks: 'default', fallback_credit_token: 'x' });
    await client.messages.create({ ...ask, diagnostics: { previous_message_id: 'msg_1' } });
    const expected = { type: 'json-schema', schema: format.schema };
    assert.deepEqual(echoCore.requests.map(({ responseFormat }) => responseFormat), [expected, expected, undefined]);
    for (const name of ['output_format', 'compaction', 'thread']) {
      const both = { ...ask, output_config: { format }, [name]: format };
      await assert.rejects(client.messages.create(both), (error) => error instanceof Anthropic.BadRequestError && saidBy(error).includes(`"${name}"`));
    }
  });

  it('goes on with an answer that the caller has begun', async () => {
    await open();
    await client.messages.create({ ...ask, messages: [...ask.messages, { role: 'assistant', content: 'Well' }] });
    assert.deepEqual(echoCore.requests[0]?.messages.at(-1), { role: 'assistant', content: 'Well' });
  });

  it('counts tokens and lists models', async () => {
    await open();
    const { model, messages } = ask;
    assert.deepEqual(await client.messages.countTokens({ model, messages, system: 's' }), { input_tokens: '<system>s<user>hello world'.length });
    const models = await gather(client.models.list());
    assert.deepEqual(models.map(({ id, type, display_name }) => [id, type, display_name]), [['test/echo', 'model', 'Echo']]);
    assert.equal((await client.models.retrieve('test/echo')).id, 'test/echo');
  });

  it('fails in the form that the client knows', async () => {
    await open({ answer: failing(new JanError('engine-crashed', 'It fell over.')) });
    await assert.rejects(anthropicClient(echoCore, 'wrong').messages.create(ask), Anthropic.AuthenticationError);
    await assert.rejects(client.messages.create({ ...ask, model: 'none' }), (error) => error instanceof Anthropic.NotFoundError && /none/.test(error.message));
    await assert.rejects(client.messages.create({ ...ask, ...sampling({ temperature: 2 }) }), (error) => {
      return error instanceof Anthropic.BadRequestError && /"temperature"/.test(saidBy(error)) && error.type === 'invalid_request_error';
    });
    await assert.rejects(client.messages.create(ask), (error) => error instanceof Anthropic.InternalServerError && error.type === 'overloaded_error');
    let text = '';
    await assert.rejects(
      client.messages.stream(ask).on('text', (part) => (text += part)).finalMessage(),
      (error) => error instanceof Anthropic.APIError && /It fell over/.test(error.message),
    );
    assert.equal(text, 'one two');
  });

  it('says that a prompt is too long in the words that the client looks for', async () => {
    let details: Readonly<Record<string, number>> = { promptTokens: 9000, contextLength: 4096 };
    await open({
      answer: async function* () {
        yield* [];
        await Promise.resolve();
        throw new JanError('context-overflow', 'Shorten it.', { details });
      },
    });
    const said = (): Promise<string> => client.messages.create(ask).then(() => '', (error: InstanceType<typeof Anthropic.APIError>) => saidBy(error));
    assert.equal(await said(), 'prompt is too long: 9000 tokens > 4096 maximum. Shorten it.');
    details = { characters: 99_000, contextLength: 4096 };
    assert.equal(await said(), 'prompt is too long. Shorten it.');
  });

  it('refuses what it can’t do by name', async () => {
    await open();
    const cases: [object, RegExp][] = [
      [{ max_tokens: undefined }, /"max_tokens"/],
      [{ mcp_servers: [{}] }, /"mcp_servers"/],
      [{ unheard: 1 }, /"unheard"/],
      [{ tools: [{ type: 'web_search_20250305', name: 'web_search' }] }, /"tools\[0\]\.type"/],
      [{ tool_choice: { type: 'any' } }, /"tool_choice"/],
      [{ messages: [{ role: 'user', content: [{ type: 'image', source: {} }] }] }, /"image"/],
      [{ messages: [{ role: 'tool', content: 'x' }] }, /"messages\[0\]\.role"/],
      [{ messages: [{ role: 'system', content: 'x' }] }, /a message of the role user/],
      [{ messages: [...ask.messages, { role: 'system', content: [{ type: 'image', source: {} }] }] }, /"image"/],
      [{ messages: [...ask.messages, { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'get_time', input: {} }] }] }, /results come/],
    ];
    for (const [fields, expected] of cases) {
      await assert.rejects(client.messages.create({ ...ask, ...fields }), (error) => error instanceof Anthropic.BadRequestError && expected.test(saidBy(error)));
    }
  });
});
