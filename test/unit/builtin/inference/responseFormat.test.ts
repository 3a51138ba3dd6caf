import assert from 'node:assert/strict';
import type { ResponseFormat } from '../../../../src/api/jan';
import { testModelPath } from '../../../fixtures/gguf/testModels';
import { ask, createHarness, modelAt, type Answer, type Harness } from './inferenceHarness';

const messages = [{ role: 'user' as const, content: 'Hello' }];

describe('the form of an answer, by the real engine', function () {
  this.timeout(90_000);
  let harness: Harness;

  before(async () => {
    harness = await createHarness([modelAt('null', await testModelPath('null'))], { starterModelId: 'null' });
  });
  after(() => harness.dispose());

  const answer = (responseFormat: ResponseFormat, seed = 1, maxTokens = 600): Promise<Answer> =>
    ask(harness.api, { messages, maxTokens, temperature: 1, seed, responseFormat });
  const schema = (value: Record<string, unknown>): ResponseFormat => ({ type: 'json-schema', schema: value });

  it('is what a schema says, whatever the model would have said', async () => {
    const person = {
      type: 'object',
      properties: {
        name: { type: 'string', minLength: 1, maxLength: 8 },
        age: { type: 'integer' },
        colour: { enum: ['red', 'gre"en', 'bl\\ue\n'] },
        tags: { type: 'array', items: { $ref: '#/$defs/tag' }, minItems: 1, maxItems: 3 },
        note: { anyOf: [{ type: 'null' }, { const: { deep: [1, true] } }] },
      },
      required: ['name', 'age', 'colour', 'tags'],
      additionalProperties: false,
      $defs: { tag: { type: 'boolean' } },
    };
    for (let seed = 1; seed <= 5; seed++) {
      const { text, last } = await answer(schema(person), seed);
      assert.equal(last.finishReason, 'stop', text);
      const value = JSON.parse(text) as Record<string, unknown>;
      assert.ok(typeof value.name === 'string' && [...value.name].length >= 1 && [...value.name].length <= 8);
      assert.ok(Number.isInteger(value.age));
      assert.ok(['red', 'gre"en', 'bl\\ue\n'].includes(value.colour as string));
      const tags = value.tags as unknown[];
      assert.ok(tags.length >= 1 && tags.length <= 3 && tags.every((tag) => typeof tag === 'boolean'));
      assert.ok(!('note' in value) || value.note === null || JSON.stringify(value.note) === '{"deep":[1,true]}');
      assert.deepEqual(Object.keys(value).filter((key) => !(key in person.properties)), []);
    }
  });

  it('is a JSON object, or what a grammar says', async () => {
    const { text } = await answer({ type: 'json' }, 1, 40);
    assert.match(text, /^\{/);
    assert.equal((await answer({ type: 'grammar', grammar: 'root ::= "yes" | "no"' })).text.replace(/^(yes|no)$/, 'one of them'), 'one of them');
    assert.equal((await answer({ type: 'grammar', grammar: 'root ::= [0-9]{3} "-" [a-c]+ "."' }, 3)).text.replace(/^\d{3}-[a-c]+\.$/, 'as told'), 'as told');
    assert.ok((await answer({ type: 'text' }, 1, 5)).text.length > 0);
  });

  it('that nothing can fulfil ends the answer in words, and no other', async () => {
    const { api } = harness;
    const probe = await ask(api, { messages, maxTokens: 1, temperature: 0, ignoreEnd: true });
    const { pid } = await api.inference.getEngineState();
    const other = ask(api, { messages, maxTokens: 200, temperature: 0 });
    const ends = probe.chunks.flatMap(({ endTokens }) => endTokens ?? []);
    assert.ok(ends.length > 0);
    for (const logprobs of [undefined, 2]) {
      const request = { messages, maxTokens: 20, temperature: 0.8, responseFormat: { type: 'grammar', grammar: 'root ::= "0" "1"' } as const, logitBias: Object.fromEntries(ends.map((token) => [token, -100])) };
      await assert.rejects(ask(api, logprobs === undefined ? request : { ...request, logprobs }), { code: 'unsupported', message: /no token with which the grammar could go on/ });
    }
    assert.ok((await other).text.length > 0);
    assert.equal((await api.inference.getEngineState()).pid, pid);
  });

  it('can be had with probabilities', async () => {
    const { chunks, text } = await ask(harness.api, { messages, temperature: 0, logprobs: 2, responseFormat: { type: 'grammar', grammar: 'root ::= "yes" | "no"' } });
    const logprobs = chunks.flatMap((chunk) => chunk.logprobs ?? []);
    assert.equal(logprobs.map((one) => one.text).join(''), text);
  });

  it('refuses what can’t be held to, in words, and the engine goes on', async () => {
    const { pid } = await harness.api.inference.getEngineState();
    const deep = (levels: number): Record<string, unknown> => (levels === 0 ? { type: 'null' } : { type: 'array', items: deep(levels - 1) });
    const wrong: [string, ResponseFormat, RegExp][] = [
      ['no root', { type: 'grammar', grammar: 'start ::= "a"' }, /no rule named “root”/],
      ['undefined', { type: 'grammar', grammar: 'root ::= other' }, /“other” is used but not defined/],
      ['syntax', { type: 'grammar', grammar: 'root ::= "a' }, /ends within a text/],
      ['left recursion', { type: 'grammar', grammar: 'root ::= root "a" | "b"' }, /begins with itself/],
      ['hidden left recursion', { type: 'grammar', grammar: 'root ::= e root "a" | "b"\ne ::= f\nf ::= ""' }, /begins with itself/],
      ['brackets', { type: 'grammar', grammar: `root ::= ${'('.repeat(60_000)}` }, /nested more than 64/],
      ['repetitions', { type: 'grammar', grammar: `root ::= ${'"a"{1999} '.repeat(40)}` }, /too large/],
      ['doubling rules', { type: 'grammar', grammar: `root ::= r0\n${Array.from({ length: 60 }, (_, i) => `r${i} ::= r${i + 1} | r${i + 1}`).join('\n')}\nr60 ::= "a"` }, /too many ways/],
      ['ambiguity', { type: 'grammar', grammar: 'root ::= "a" root "b" | "a" root "c" | "d"' }, /too many ways/],
      ['deep schema', schema(deep(200)), /nested more than 64/],
      ['huge schema', schema({ type: 'object', properties: Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`p${i}`, { type: 'string' }])) }), /too large/],
      ['no schema', schema({ type: 'colour' }), /type that JSON has not/],
      ['lost reference', schema({ $ref: '#/nowhere' }), /not in the schema/],
      ['outside reference', schema({ $ref: 'https://example.com/x' }), /outside the schema/],
      ['itself', schema({ $ref: '#' }), /begins with itself/],
      ['ambiguous schema', schema({ $defs: { a: { anyOf: [{ type: 'array', items: { $ref: '#/$defs/a' } }, { type: 'array', items: { $ref: '#/$defs/a' }, minItems: 1 }] } }, $ref: '#/$defs/a' }), /too many ways/],
    ];
    for (const [name, format, message] of wrong) {
      const began = performance.now();
      await assert.rejects(answer(format), { code: 'invalid-argument', message }, name);
      assert.ok(performance.now() - began < 10_000, `${name} took ${performance.now() - began} ms`);
    }
    assert.equal((await harness.api.inference.getEngineState()).pid, pid);
    assert.ok((await answer({ type: 'text' }, 1, 3)).text.length > 0);
  });
});
