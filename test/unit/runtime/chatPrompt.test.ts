import assert from 'node:assert/strict';
import path from 'node:path';
import type { LlamaModel, Token } from 'node-llama-cpp';
import type { WireMessage } from '../../../src/protocol/runtimeProtocol';
import { ChatPromptBuilder } from '../../../src/runtime/chatPrompt';
import { Sandbox } from '../../../src/runtime/sandbox/sandbox';
import { ChatTemplate } from '../../../src/runtime/template/chatTemplate';

/** Says calls, and what was thought as told: in all turns, or after the last message of the user. */
const template = (thinks: 'always' | 'last'): string => `{% for tool in tools or [] %}{{ tool | tojson }}{% endfor %}{% for message in messages %}{% if message.role == 'user' %}{% set ns = namespace(last=loop.index0) %}{% endif %}{% endfor %}
{%- for message in messages %}{{ '<' + message.role + '>' }}
{%- if message.reasoning_content ${thinks === 'always' ? '' : 'and loop.index0 == messages | length - 1 '}%}{{ message.reasoning_content }}{% endif %}{{ message.content }}
{%- for call in message.tool_calls or [] %}{{ call.function | tojson }}{% endfor %}{% endfor %}{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}`;
const charactersPerToken = 4;
const model = {
  fileInfo: { metadata: {} },
  tokens: { bos: null, shouldPrependBosToken: false },
  tokenize: (text: string): Token[] => Array.from({ length: Math.ceil(text.length / charactersPerToken) }, () => 1 as Token),
} as unknown as LlamaModel;
const tools = [{ name: 'write', parameters: { type: 'object', properties: { text: { type: 'string' } } } }];

describe('prompts that are too long for the context', function () {
  this.timeout(30_000);
  let sandbox: Sandbox;
  before(() => {
    sandbox = new Sandbox({ deadlineMs: 1000, firstDeadlineMs: 10_000 }, path.resolve('dist/sandbox.mjs'));
  });
  after(() => sandbox.dispose());

  const turns = (count: number, written: number, thought: number): WireMessage[] => [
    { role: 'system', content: 'You write files.' },
    ...Array.from({ length: count }, (_, i): WireMessage[] => [
      { role: 'user', content: `Write file ${i}.` },
      { role: 'assistant', content: '', reasoning: 't'.repeat(thought), toolCalls: [{ id: `${i}`, name: 'write', arguments: JSON.stringify({ text: 'x'.repeat(written) }) }] },
      { role: 'tool', content: 'Written.', toolCallId: `${i}` },
      { role: 'assistant', content: 'Done.' },
    ]).flat(),
    { role: 'user', content: 'And now?' },
  ];

  /** Turns that are left out where there is room for `share` of the whole. */
  async function dropped(source: string, messages: WireMessage[], share: number): Promise<number> {
    const builder = new ChatPromptBuilder(model, await ChatTemplate.open(source, sandbox, { bos_token: '', eos_token: '' }));
    const whole = await builder.count({ messages, tools });
    const context = Math.floor(whole * share) + 101;
    const prompt = await builder.build({ messages, tools }, context, 100);
    assert.ok(prompt.tokens.length < context);
    assert.equal(prompt.droppedMessages % 4, 0, 'whole turns');
    return prompt.droppedMessages / 4;
  }

  it('lose the oldest turns only, also where nearly all is in the arguments of calls', async () => {
    assert.equal(await dropped(template('always'), turns(10, 12_000, 0), 1.1), 0);
    // A quarter of the room at a time, so that the cut stays where it is for some turns.
    assert.equal(await dropped(template('always'), turns(10, 12_000, 0), 0.95), 3);
    assert.equal(await dropped(template('always'), turns(40, 3000, 0), 0.98), 10);
  });

  it('count what was thought where the template says it', async () => {
    assert.equal(await dropped(template('always'), turns(10, 100, 12_000), 0.95), 3);
    assert.equal(await dropped(template('last'), turns(10, 12_000, 12_000), 0.95), 3);
  });
});
