import assert from 'node:assert/strict';
import { ToolCallParser } from '../../../../src/runtime/tools/toolCallParser';
import { coder, deepseek, functools, hermes, llama, mistral, toolStyleOf, type ToolStyle } from '../../../../src/runtime/tools/toolStyle';

const tools = [
  { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } } } },
  { name: 'get_time' },
  {
    name: 'write',
    parameters: {
      type: 'object',
      properties: {
        path: { anyOf: [{ type: 'string' }, { type: 'null' }] },
        mode: { type: ['string', 'null'] },
        kind: { enum: ['1', '2'] },
        lines: { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] },
        text: { type: 'string' },
        count: { type: 'integer' },
      },
    },
  },
];

interface Call {
  name: string;
  arguments: unknown;
}

/** What comes of a text that comes in these pieces; the pieces of calls put together. */
function parse(style: ToolStyle, pieces: readonly string[]): { text: string; calls: Call[]; ids: Set<string> } {
  const parser = new ToolCallParser(style, tools);
  const all = [...pieces.map((piece) => parser.push(piece)), parser.end()];
  const calls: { name: string; arguments: string }[] = [];
  const ids = new Set<string>();
  for (const { index, id, name, arguments: args } of all.flatMap(({ toolCalls }) => toolCalls)) {
    if (id !== undefined) {
      assert.equal(index, calls.length, 'calls are numbered in their order');
      assert.match(id, /^[a-zA-Z0-9]{9}$/);
      ids.add(id);
      calls.push({ name: name!, arguments: '' });
    }
    calls[index]!.arguments += args ?? '';
  }
  return { text: all.map(({ text }) => text).join(''), calls: calls.map((call) => ({ name: call.name, arguments: JSON.parse(call.arguments) as unknown })), ids };
}

const oslo = { name: 'get_weather', arguments: { city: 'Oslo "}{' } };
const time = { name: 'get_time', arguments: {} };
/** As long as Anthropic allows. */
const long = { name: 'mcp__'.padEnd(128, 'x'), arguments: {} };
/** As Qwen's coder writes it. */
const xml = (name: string, values: Record<string, string>): string =>
  `<function=${name}>\n${Object.entries(values).map(([key, value]) => `<parameter=${key}>\n${value}\n</parameter>\n`).join('')}</function>`;
const endless = 'a </function> b\n</parameter>\nc </parameter></function> d';
const json = (call: Call, key = 'arguments'): string => `{"name": ${JSON.stringify(call.name)}, ${JSON.stringify(key)}: ${JSON.stringify(call.arguments)}}`;

/** In the forms that the families' model cards show. */
const recorded: [string, ToolStyle, string, string, Call[]][] = [
  ['Qwen’s coder, a long name', hermes, `<tool_call>\n<function=${long.name}>\n</function>\n</tool_call>`, '', [long]],
  ['Mistral’s newer form, a long name', mistral, `[TOOL_CALLS]${long.name}[ARGS]{}`, '', [long]],
  ['DeepSeek, a long name', deepseek, `<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>${long.name}\n\`\`\`json\n{}\n\`\`\`<｜tool▁call▁end｜><｜tool▁calls▁end｜>`, '', [long]],
  ['DeepSeek 3.1, a long name', deepseek, `<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>${long.name}<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>`, '', [long]],
  ['Hermes and Qwen', hermes, `<tool_call>\n${json(oslo)}\n</tool_call>`, '', [oslo]],
  ['Qwen, text before, two calls', hermes, `Let me look.\n<tool_call>\n${json(oslo)}\n</tool_call>\n<tool_call>\n${json(time)}\n</tool_call>`, 'Let me look.', [oslo, time]],
  ['keys in another order', hermes, `<tool_call>{"arguments": {"city": "Oslo \\"}{"}, "name": "get_weather"}</tool_call>`, '', [oslo]],
  [
    'Qwen coder',
    hermes,
    '<tool_call>\n<function=get_weather>\n<parameter=city>\n42\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>',
    '',
    [{ name: 'get_weather', arguments: { city: '42', days: 3 } }],
  ],
  ['Qwen coder, what looks like an end', coder, `<tool_call>\n${xml('write', { text: endless, count: '3' })}\n</tool_call>`, '', [{ name: 'write', arguments: { text: endless, count: 3 } }]],
  ['Qwen coder, an optional text', coder, `<tool_call>\n${xml('write', { path: '644', mode: '0', kind: '1', lines: '["a"]' })}\n</tool_call>`, '', [{ name: 'write', arguments: { path: '644', mode: '0', kind: '1', lines: ['a'] } }]],
  ['Qwen coder, null', coder, `<tool_call>\n${xml('write', { path: 'null', mode: 'null', text: 'null', lines: 'null' })}\n</tool_call>`, '', [{ name: 'write', arguments: { path: null, mode: null, text: 'null', lines: 'null' } }]],
  ['Qwen coder, without a mark', coder, `I write.\n\n${xml('write', { text: endless })}\n</tool_call>`, 'I write.', [{ name: 'write', arguments: { text: endless } }]],
  ['Qwen coder, without any end', coder, `${xml('write', { text: endless })}\n`, '', [{ name: 'write', arguments: { text: endless } }]],
  ['Qwen coder, two', coder, `<tool_call>\n${xml('write', { text: endless })}\n</tool_call>\n<tool_call>${xml('get_time', {})}</tool_call>`, '', [{ name: 'write', arguments: { text: endless } }, time]],
  ['Qwen coder, text about calls', coder, 'Write <function=name> and then 1 <function=2', 'Write <function=name> and then 1 <function=2', []],
  ['Mistral', mistral, `[TOOL_CALLS][${json(oslo)}, ${json(time)}]`, '', [oslo, time]],
  ['Mistral, ids first', mistral, `[TOOL_CALLS] [{"name": "get_time", "arguments": {}, "id": "abc123def"}]`, '', [time]],
  ['Mistral, later', mistral, `[TOOL_CALLS]get_weather[ARGS]${JSON.stringify(oslo.arguments)}[TOOL_CALLS]get_time[ARGS]{}`, '', [oslo, time]],
  ['Llama 3.1', llama, json(oslo, 'parameters'), '', [oslo]],
  ['Llama 3.1, marked, two', llama, `<|python_tag|>${json(oslo, 'parameters')}; ${json(time, 'parameters')}`, '', [oslo, time]],
  ['Llama 3.1, with a type', llama, `{"type": "function", "name": "get_weather", "parameters": ${JSON.stringify(oslo.arguments)}}`, '', [oslo]],
  [
    'DeepSeek',
    deepseek,
    `I look.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n\`\`\`json\n${JSON.stringify(oslo.arguments)}\n\`\`\`<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>get_time\n\`\`\`json\n{}\n\`\`\`<｜tool▁call▁end｜><｜tool▁calls▁end｜>`,
    'I look.',
    [oslo, time],
  ],
  ['Phi 4', functools, `functools[${json(oslo)}]`, '', [oslo]],
  ['plain JSON', hermes, json(time), '', [time]],
  ['no call', hermes, 'It rains, 1 < 2 <tool> [x]', 'It rains, 1 < 2 <tool> [x]', []],
  ['JSON that is an answer', hermes, '{"name": "Ada", "arguments": {"for": 1}} is a person', '{"name": "Ada", "arguments": {"for": 1}} is a person', []],
  ['a mark without a call', hermes, '<tool_call> is a mark', '<tool_call>is a mark', []],
];

describe('calls of tools in a text', () => {
  for (const [name, style, text, said, calls] of recorded) {
    it(`are found whatever the cut: ${name}`, () => {
      for (let cut = 0; cut <= text.length; cut++) {
        const result = parse(style, [text.slice(0, cut), text.slice(cut)]);
        assert.deepEqual(result.calls, calls, `cut at ${cut}`);
        assert.equal(result.text, said, `cut at ${cut}`);
        assert.equal(result.ids.size, calls.length);
      }
      assert.deepEqual(parse(style, [...text]).calls, calls, 'letter by letter');
      assert.equal(parse(style, [...text]).text, said);
    });
  }

  it('are not given without what was cut off', () => {
    const whole = `<tool_call>\n${xml('write', { path: 'a', text: 'one\ntwo' })}`;
    for (let cut = whole.indexOf('<function='); cut < whole.length; cut++) {
      const { calls, text } = parse(coder, [whole.slice(0, cut)]);
      assert.deepEqual(calls, [], `cut at ${cut}`);
      assert.ok(cut < whole.indexOf('e>') || text.startsWith('<tool_call>'), text);
    }
    const form = `<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{"city": "Oslo"`;
    assert.deepEqual(parse(deepseek, [form]).calls, []);
    assert.deepEqual(parse(deepseek, [`${form}}`]).calls, [{ name: 'get_weather', arguments: { city: 'Oslo' } }]);
  });

  it('come in pieces: the name first, arguments as they are written', () => {
    const parser = new ToolCallParser(hermes, tools);
    assert.deepEqual(parser.push('<tool_call>{"name": "get_weather", "argu').toolCalls, []);
    const [first, ...more] = parser.push('ments": {"ci').toolCalls;
    assert.equal(first!.name, 'get_weather');
    assert.deepEqual(more, [{ index: 0, arguments: '{"ci' }]);
    assert.deepEqual(parser.push('ty": "Oslo"}').toolCalls, [{ index: 0, arguments: 'ty": "Oslo"}' }]);
    assert.equal(parser.completed, 0);
    parser.push('}');
    assert.equal(parser.completed, 1);
  });

  it('say when the mark of a call has just come', () => {
    const parser = new ToolCallParser(hermes, tools);
    parser.push('text <tool_');
    assert.equal(parser.isAtOpener, false);
    parser.push('call>');
    assert.equal(parser.isAtOpener, true);
    parser.push('{"name"');
    assert.equal(parser.isAtOpener, false);
  });

  it('are found in the form that the model was told of, whatever its template', () => {
    for (const template of ['[TOOL_CALLS]', '<tool_call>', '<|start_header_id|> parameters', '<｜tool▁calls▁begin｜>', 'functools', '<tool_call> <function=', '']) {
      const style = toolStyleOf(template, true);
      assert.equal(style.written, hermes.written, template);
      const { calls, text } = parse(style, [`I look.\n<tool_call>\n${json(oslo)}\n</tool_call>`]);
      assert.deepEqual([calls, text], [[oslo], 'I look.'], template);
    }
    assert.equal(toolStyleOf('[TOOL_CALLS]', false).written, mistral.written);
  });

  it('are looked for in the form of the model’s template', () => {
    assert.equal(toolStyleOf('… [TOOL_CALLS] …'), mistral);
    assert.equal(toolStyleOf('… <tool_call> …'), hermes);
    assert.equal(toolStyleOf('… <tool_call> <function= …'), coder);
    assert.equal(toolStyleOf('<|start_header_id|> … "parameters" …'), llama);
    assert.equal(toolStyleOf('<｜tool▁calls▁begin｜>'), deepseek);
    assert.equal(toolStyleOf('functools'), functools);
    assert.equal(toolStyleOf('no tools'), hermes);
  });
});
