import assert from 'node:assert/strict';
import type { ChatRequest } from '../../../../src/api/jan';
import { testModelPath } from '../../../fixtures/gguf/testModels';
import { ask, createHarness, modelAt, type Answer, type Harness } from './inferenceHarness';

const messages = [{ role: 'user' as const, content: 'Weather?' }];
const tools = [
  {
    name: 'get_weather',
    description: 'The weather of a city',
    parameters: {
      type: 'object',
      properties: { city: { enum: ['Oslo', 'Rome'] }, days: { type: 'integer' } },
      required: ['city', 'days'],
      additionalProperties: false,
    },
  },
  { name: 'get_time', parameters: { type: 'object', properties: { zone: { $ref: '#/$defs/zone' } }, required: ['zone'], $defs: { zone: { const: 'UTC' } } } },
];

/** The forms that calls are written in, by a word in the template. */
const forms = { hermes: '<tool_call>', mistral: '[TOOL_CALLS]', llama: '<|python_tag|>', functools: 'functools' };

describe('tools, by the real engine', function () {
  this.timeout(90_000);
  let harness: Harness;

  before(async () => {
    harness = await createHarness([modelAt('null', await testModelPath('null'))], { starterModelId: 'null' });
  });
  after(() => harness.dispose());

  const call = (request: Partial<ChatRequest>): Promise<Answer> => ask(harness.api, { messages, tools, maxTokens: 2000, temperature: 1, seed: 1, ...request });

  function callsOf({ chunks }: Answer): { name: string; arguments: Record<string, unknown> }[] {
    const calls: { name: string; arguments: string }[] = [];
    for (const { index, name, arguments: args } of chunks.flatMap(({ toolCalls }) => toolCalls ?? [])) {
      calls[index] ??= { name: name!, arguments: '' };
      calls[index].arguments += args ?? '';
    }
    return calls.map((one) => ({ name: one.name, arguments: JSON.parse(one.arguments) as Record<string, unknown> }));
  }

  function check({ name, arguments: args }: { name: string; arguments: Record<string, unknown> }): void {
    if (name === 'get_weather') {
      assert.ok(['Oslo', 'Rome'].includes(args.city as string) && Number.isInteger(args.days), JSON.stringify(args));
      assert.deepEqual(Object.keys(args), ['city', 'days']);
    } else {
      assert.equal(name, 'get_time');
      assert.deepEqual(args, { zone: 'UTC' });
    }
  }

  for (const [form, word] of Object.entries(forms)) {
    it(`are called when they must be, with arguments as their schema says: ${form}`, async () => {
      const own = await harness.api.inference.applyChatTemplate({ messages: [{ role: 'user', content: 'x' }] });
      assert.ok(own.startsWith('<|im_start|>'));
      const chatTemplate = `{# ${word} #}{% for tool in tools or [] %}{{ tool | tojson }}{% endfor %}{% for m in messages %}{{ m.role + ': ' + m.content + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}`;
      let parallel = 0;
      for (let seed = 1; seed <= 3 || (parallel < 2 && seed <= 40); seed++) {
        const answer = await call({ toolChoice: 'required', seed, load: { chatTemplate } });
        const calls = callsOf(answer);
        assert.ok(calls.length >= 1, answer.text);
        calls.forEach(check);
        assert.equal(answer.text, '');
        assert.equal(answer.last.finishReason, 'tool-calls');
        parallel = Math.max(parallel, calls.length);
      }
      assert.equal(callsOf(await call({ toolChoice: 'required', parallelToolCalls: false, load: { chatTemplate } })).length, 1);
      assert.ok(parallel > 1, 'several in one answer');
    });
  }

  it('are called by name, and not at all when told not to', async () => {
    for (let seed = 1; seed <= 3; seed++) {
      assert.deepEqual(callsOf(await call({ toolChoice: { name: 'get_time' }, seed })), [{ name: 'get_time', arguments: { zone: 'UTC' } }]);
    }
    const none = await call({ toolChoice: 'none', maxTokens: 20 });
    assert.deepEqual(callsOf(none), []);
    assert.equal(none.last.finishReason, 'length');
    const auto = await call({ maxTokens: 20 });
    assert.ok(auto.text.length > 0, 'a model that calls nothing answers');
  });

  it('may be a thousand, with names as long as Anthropic’s', async () => {
    const many = Array.from({ length: 1024 }, (_, index) => ({ name: `${index}`.padStart(128, 'x') }));
    const chatTemplate = `{# <tool_call> {{ tools }} #}{% for tool in tools or [] %}{{ '.' }}{% endfor %}{% if tools %}{{ tools[0].function.name }}{% endif %}{% for m in messages %}{{ m.role + ': ' + m.content + '\\n' }}{% endfor %}`;
    assert.ok((await call({ tools: many, maxTokens: 5, load: { chatTemplate } })).text.length > 0, 'a grammar for so many is too large, and the model is left to itself');
    const { name } = many[1000]!;
    assert.deepEqual(callsOf(await call({ tools: many, toolChoice: { name }, load: { chatTemplate } })), [{ name, arguments: {} }]);
  });

  it('stay in the conversation: calls and results are told to the model', async () => {
    const prompt = await harness.api.inference.applyChatTemplate({
      tools,
      messages: [
        ...messages,
        { role: 'assistant', content: '', toolCalls: [{ id: 'a', name: 'get_weather', arguments: '{"city":"Oslo","days":1}' }] },
        { role: 'tool', content: 'It rains.', toolCallId: 'a' },
      ],
    });
    assert.match(prompt, /get_weather.*get_time/s);
    assert.match(prompt, /"city":"Oslo"[\s\S]*It rains\./);
    const odd = await harness.api.inference.applyChatTemplate({
      tools,
      messages: [...messages, { role: 'assistant', content: '', toolCalls: [{ id: 'a', name: 'functions.read_file', arguments: '{"a": tru}' }] }, { role: 'tool', content: 'There is none.', toolCallId: 'a' }],
    });
    assert.match(odd, /functions\.read_file[\s\S]*"raw":"\{\\"a\\": tru\}"[\s\S]*There is none\./, 'also what can’t have been a proper call');
    const unnamed = { id: 'a', name: '', arguments: '{}' };
    await assert.rejects(harness.api.inference.applyChatTemplate({ messages: [...messages, { role: 'assistant', content: '', toolCalls: [unnamed] }] }), { code: 'invalid-argument' });
  });

  it('are refused when the choice is of none of them, or a schema can’t be held to', async () => {
    await assert.rejects(call({ toolChoice: { name: 'other' } }), { code: 'invalid-argument', message: /“other”/ });
    await assert.rejects(call({ tools: [], toolChoice: 'required' }), { code: 'invalid-argument' });
    await assert.rejects(call({ tools: [{ name: 'f', parameters: { $ref: '#/x' } }], toolChoice: 'required' }), { code: 'invalid-argument', message: /not in the schema/ });
  });
});
