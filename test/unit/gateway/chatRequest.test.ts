import assert from 'node:assert/strict';
import { parseChatRequest } from '../../../src/gateway/chatRequest';
import { parseCompletionRequest } from '../../../src/gateway/completions';
import { HttpError } from '../../../src/gateway/httpError';

const messages = [{ role: 'user', content: 'hi' }];
const tool = { type: 'function', function: { name: 'get_time' } };

function refusalOf(body: unknown): HttpError {
  try {
    parseChatRequest(body);
  } catch (error) {
    assert.ok(error instanceof HttpError, String(error));
    assert.equal(error.status, 400);
    return error;
  }
  throw new assert.AssertionError({ message: `accepted ${JSON.stringify(body)}` });
}

/** What is set of the request beside its messages. */
function requestOf(fields: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(parseChatRequest({ messages, ...fields }).request);
  return Object.fromEntries(entries.filter(([name, value]) => name !== 'messages' && value !== undefined));
}

describe('parseChatRequest', () => {
  it('maps every sampling parameter', () => {
    const fields = {
      model: 'm',
      temperature: 0,
      top_p: 0.5,
      top_k: 7,
      min_p: 0.1,
      seed: 42,
      max_tokens: 9,
      stop: ['a', 'b'],
      frequency_penalty: -2,
      presence_penalty: 2,
      repeat_penalty: 1.1,
    };
    assert.deepEqual(requestOf(fields), {
      modelId: 'm',
      temperature: 0,
      topP: 0.5,
      topK: 7,
      minP: 0.1,
      seed: 42,
      maxTokens: 9,
      stop: ['a', 'b'],
      frequencyPenalty: -2,
      presencePenalty: 2,
      repeatPenalty: 1.1,
    });
  });

  it('leaves out what was not said, or said as null', () => {
    assert.deepEqual(requestOf({}), {});
    assert.deepEqual(requestOf({ model: '', temperature: null, stop: null, max_tokens: null, tools: null, seed: null, stream: null }), {});
    assert.deepEqual(requestOf({ stop: [] }), {});
  });

  it('folds other spellings and ranges', () => {
    assert.deepEqual(requestOf({ max_completion_tokens: 5 }), { maxTokens: 5 });
    assert.deepEqual(requestOf({ max_completion_tokens: 5, max_tokens: 5 }), { maxTokens: 5 });
    assert.deepEqual(requestOf({ stop: 'x' }), { stop: ['x'] });
    assert.deepEqual(requestOf({ top_k: -1 }), { topK: 0 });
    assert.deepEqual(requestOf({ seed: 2 ** 32 + 3 }), { seed: 3 });
    assert.deepEqual(requestOf({ seed: -1 }), { seed: 2 ** 32 - 1 });
    const { topP } = requestOf({ top_p: 0 });
    assert.ok(typeof topP === 'number' && topP > 0 && topP < 1e-6);
  });

  it('reads roles and text parts', () => {
    const { request } = parseChatRequest({
      messages: [
        { role: 'developer', content: 'be brief' },
        { role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'text', text: 'b' }], name: 'x' },
        { role: 'assistant', content: null, tool_calls: [] },
        { role: 'user', content: '' },
      ],
    });
    assert.deepEqual(request.messages, [
      { role: 'system', content: 'be brief' },
      { role: 'user', content: 'a\nb' },
      { role: 'assistant', content: '' },
      { role: 'user', content: '' },
    ]);
  });

  it('reads tools, their calls and results', () => {
    const parameters = { type: 'object', properties: { zone: { type: 'string' } } };
    const many = Array.from({ length: 1024 }, (_, index) => ({ type: 'function', function: { name: `${index}`.padStart(128, 'x') } }));
    assert.equal(parseChatRequest({ messages, tools: many }).request.tools?.length, 1024);
    assert.equal(refusalOf({ messages, tools: [{ type: 'function', function: { name: 'x'.repeat(129) } }] }).param, 'tools[0].function.name');
    const { request } = parseChatRequest({
      tools: [{ type: 'function', function: { name: 'get_time', description: 'The time', parameters, strict: true } }],
      tool_choice: { type: 'function', function: { name: 'get_time' } },
      parallel_tool_calls: false,
      messages: [
        ...messages,
        { role: 'assistant', content: null, reasoning_content: 'hm', tool_calls: [{ id: 'c1', type: 'function', function: { name: 'get_time', arguments: '' } }] },
        { role: 'tool', tool_call_id: 'c1', content: 'noon' },
      ],
    });
    assert.deepEqual(request.tools, [{ name: 'get_time', description: 'The time', parameters }]);
    assert.deepEqual([request.toolChoice, request.parallelToolCalls], [{ name: 'get_time' }, false]);
    assert.deepEqual(request.messages.slice(1), [
      { role: 'assistant', content: '', reasoning: 'hm', toolCalls: [{ id: 'c1', name: 'get_time', arguments: '{}' }] },
      { role: 'tool', content: 'noon', toolCallId: 'c1' },
    ]);
    assert.equal(parseChatRequest({ messages, tools: [tool], tool_choice: 'required' }).request.toolChoice, 'required');
  });

  it('takes calls back as models wrote them, whatever they called, with whatever arguments', () => {
    const calls = ['{"a": tru}', '[1]', '"x"', ' ', '{"a":1}'].map((json, index) => ({ id: `c${index}`, type: 'function', function: { name: 'functions.read_file:0', arguments: json } }));
    const { request } = parseChatRequest({ messages: [...messages, { role: 'assistant', tool_calls: calls }, { role: 'tool', tool_call_id: 'c0', content: 'x' }] });
    const read = request.messages[1]?.toolCalls ?? [];
    assert.deepEqual(read.map(({ arguments: json }) => json), ['{"raw":"{\\"a\\": tru}"}', '{"raw":"[1]"}', '{"raw":"\\"x\\""}', '{}', '{"a":1}']);
    assert.equal(read[0]?.name, 'functions.read_file:0');
    assert.equal(refusalOf({ messages, tools: [{ type: 'function', function: { name: 'functions.read_file' } }] }).param, 'tools[0].function.name', 'tools that are offered have proper names');
  });

  it('reads forms for the answer, probabilities and bias', () => {
    const schema = { type: 'object' };
    assert.deepEqual(requestOf({ response_format: { type: 'json_object' } }), { responseFormat: { type: 'json' } });
    assert.deepEqual(requestOf({ response_format: { type: 'json_schema', json_schema: { name: 'x', schema } } }), { responseFormat: { type: 'json-schema', schema } });
    assert.deepEqual(requestOf({ json_schema: schema }), { responseFormat: { type: 'json-schema', schema } });
    assert.deepEqual(requestOf({ grammar: 'root ::= "a"' }), { responseFormat: { type: 'grammar', grammar: 'root ::= "a"' } });
    assert.equal(refusalOf({ messages, grammar: 'x', json_schema: schema }).param, 'grammar');
    assert.deepEqual(requestOf({ logprobs: true }), { logprobs: 0 });
    assert.deepEqual(requestOf({ logprobs: true, top_logprobs: 3, logit_bias: { 5: -100 } }), { logprobs: 3, logitBias: { 5: -100 } });
  });

  it('hands thinking on to the chat template', () => {
    assert.deepEqual(requestOf({ reasoning_effort: 'max' }), { templateVariables: { enable_thinking: true, reasoning_effort: 'max' } });
    assert.deepEqual(requestOf({ reasoning_effort: 'none' }), { templateVariables: { enable_thinking: false } });
    assert.deepEqual(requestOf({ reasoning_effort: 'high', chat_template_kwargs: { a: 1 } }), { templateVariables: { enable_thinking: true, reasoning_effort: 'high', a: 1 } });
  });

  it('goes on with an answer at the end, and says so', () => {
    const begun = [...messages, { role: 'assistant', content: 'Wh' }];
    assert.equal(parseChatRequest({ messages: begun, continue_final_message: true, add_generation_prompt: false }).request.messages.length, 2);
    assert.deepEqual(requestOf({ add_generation_prompt: false, chat_template_kwargs: { a: 1 } }), { templateVariables: { a: 1, add_generation_prompt: false } });
    assert.deepEqual(requestOf({ add_generation_prompt: true, continue_final_message: false }), {});
    for (const wrong of [{ messages: begun, continue_final_message: true, add_generation_prompt: true }, { messages, continue_final_message: true }, { messages: begun, continue_final_message: false }]) {
      assert.equal(refusalOf(wrong).param, 'continue_final_message');
    }
  });

  it('takes −1 for no limit, as LM Studio does', () => {
    for (const fields of [{ max_tokens: -1 }, { max_completion_tokens: -1 }, { max_tokens: -1, max_completion_tokens: -1 }, { max_tokens: -1, n_predict: 5 }]) {
      assert.deepEqual(requestOf(fields), {}, JSON.stringify(fields));
    }
    assert.deepEqual(requestOf({ n_predict: -1, max_completion_tokens: 5 }), { maxTokens: 5 });
    assert.equal(refusalOf({ messages, max_tokens: 5, max_completion_tokens: -1 }).param, 'max_completion_tokens');
    assert.equal(parseCompletionRequest({ prompt: 'x', max_tokens: -1 }).requests[0]?.maxTokens, undefined);
  });

  it('takes llama-server’s name for the limit', () => {
    assert.deepEqual(requestOf({ n_predict: 5 }), { maxTokens: 5 });
    assert.deepEqual(requestOf({ n_predict: -1 }), {});
    assert.deepEqual(requestOf({ n_predict: 5, max_tokens: 6 }), { maxTokens: 6 });
    assert.equal(refusalOf({ messages, n_predict: 0 }).param, 'n_predict');
  });

  it('knows streams and usage', () => {
    const { stream, includeUsage } = parseChatRequest({ messages, stream: true, stream_options: { include_usage: true } });
    assert.deepEqual([stream, includeUsage], [true, true]);
  });

  it('accepts what changes nothing', () => {
    const harmless = {
      user: 'u',
      metadata: { a: 'b' },
      service_tier: 'auto',
      prompt_cache_key: 'k',
      prompt_cache_options: { mode: 'implicit' },
      store: false,
      n: 1,
      logprobs: false,
      tools: [],
      tool_choice: 'auto',
      response_format: { type: 'text' },
      logit_bias: {},
      modalities: ['text'],
      parallel_tool_calls: true,
    };
    assert.deepEqual(requestOf(harmless), {});
  });

  const outOfRange: [string, unknown][] = [
    ['temperature', 2.01],
    ['temperature', -0.01],
    ['temperature', '1'],
    ['temperature', JSON.parse('1e999')],
    ['top_p', 1.1],
    ['top_p', -1],
    ['top_k', 1001],
    ['top_k', 1.5],
    ['top_k', -2],
    ['min_p', 2],
    ['seed', 1.5],
    ['seed', 2 ** 60],
    ['max_tokens', 0],
    ['max_tokens', -2],
    ['max_tokens', 1.5],
    ['max_completion_tokens', -2],
    ['max_tokens', 2 ** 31],
    ['max_completion_tokens', 0.5],
    ['stop', ''],
    ['stop', 5],
    ['stop', Array.from({ length: 17 }, () => 'x')],
    ['frequency_penalty', 2.1],
    ['presence_penalty', -2.1],
    ['repeat_penalty', 0],
    ['stream', 'yes'],
    ['messages', []],
    ['messages', 'hi'],
    ['messages', undefined],
    ['stream_options', 1],
    ['model', 5],
    ['tools', 'x'],
    ['tools', [{ type: 'web_search' }]],
    ['tools', [{ type: 'function' }]],
    ['tools', [{ type: 'function', function: { name: 'a b' } }]],
    ['tools', Array.from({ length: 1025 }, () => tool)],
    ['tool_choice', 'required'],
    ['tool_choice', 'sometimes'],
    ['tool_choice', { type: 'function', function: { name: 'none' } }],
    ['response_format', { type: 'xml' }],
    ['response_format', { type: 'json_schema' }],
    ['response_format', 'json'],
    ['top_logprobs', 2],
    ['top_logprobs', 21],
    ['logprobs', 5],
    ['logit_bias', { x: 1 }],
    ['logit_bias', { 5: 101 }],
    ['reasoning_effort', 'enormous'],
    ['grammar', 5],
    ['n', 0],
    ['n', 9],
  ];
  for (const [name, value] of outOfRange) {
    it(`refuses ${name}: ${JSON.stringify(value)?.slice(0, 30)}`, () => {
      const refusal = refusalOf({ messages, [name]: value });
      assert.equal(refusal.param?.split(/[.[]/, 1)[0], name);
      assert.equal(refusal.code, 'invalid_value');
      assert.match(refusal.message, new RegExp(`"${name}`));
    });
  }

  const unsupported: [string, unknown][] = [
    ['store', true],
    ['functions', [{}]],
    ['function_call', { name: 'x' }],
    ['modalities', ['text', 'audio']],
    ['verbosity', 'high'],
    ['audio', {}],
  ];
  for (const [name, value] of unsupported) {
    it(`says that ${name}: ${JSON.stringify(value)} is not supported`, () => {
      const refusal = refusalOf({ messages, [name]: value });
      assert.equal(refusal.param, name);
      assert.equal(refusal.code, 'unsupported_parameter');
      assert.match(refusal.message, new RegExp(`"${name}"`));
    });
  }

  it('refuses fields it does not know, by name', () => {
    assert.equal(refusalOf({ messages, max_token: 5 }).code, 'unknown_parameter');
    assert.equal(refusalOf({ messages, max_token: 5 }).param, 'max_token');
    assert.equal(refusalOf(JSON.parse('{"messages":[{"role":"user","content":"x"}],"__proto__":{"a":1}}')).code, 'unknown_parameter');
    assert.equal(refusalOf({ messages, constructor: 5 }).code, 'unknown_parameter');
  });

  it('names the message at fault', () => {
    assert.equal(refusalOf({ messages: [...messages, { role: 'function', content: 'x' }] }).param, 'messages[1].role');
    assert.equal(refusalOf({ messages: [...messages, { role: 'tool', content: 'x' }] }).param, 'messages[1].tool_call_id');
    assert.equal(refusalOf({ messages: [{ role: 'user' }] }).param, 'messages[0].content');
    assert.equal(refusalOf({ messages: [{ role: 'assistant', content: '', tool_calls: [{}] }] }).param, 'messages[0].tool_calls[0].function');
    const called = (fields: object): object => ({ messages: [{ role: 'assistant', tool_calls: [{ id: 'a', function: { name: 'f', arguments: '{}', ...fields } }] }] });
    assert.equal(refusalOf(called({ arguments: 5 })).param, 'messages[0].tool_calls[0].function.arguments');
    for (const name of ['', 'x'.repeat(201), undefined]) {
      assert.equal(refusalOf(called({ name })).param, 'messages[0].tool_calls[0].function.name');
    }
    assert.equal(refusalOf({ messages: [{ role: 'user', content: '', tool_calls: [{}] }] }).param, 'messages[0].tool_calls');
    const image = refusalOf({ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] });
    assert.equal(image.param, 'messages[0].content[0]');
    assert.match(image.message, /image_url/);
    assert.equal(refusalOf({ messages: [null] }).param, 'messages[0]');
  });

  it('refuses bodies that are no object', () => {
    for (const body of [null, [], 'x', 5, undefined]) {
      refusalOf(body);
    }
  });

  it('differing limits are refused', () => {
    assert.equal(refusalOf({ messages, max_tokens: 5, max_completion_tokens: 6 }).param, 'max_completion_tokens');
  });
});
