import assert from 'node:assert/strict';
import { checkGrammar } from '../../../../src/runtime/grammar/checkGrammar';
import { jsonSchemaGrammar } from '../../../../src/runtime/grammar/jsonSchemaGrammar';
import { parseGbnf, type Element, type Grammar } from '../../../../src/runtime/grammar/gbnf';

type Rest = readonly [sequence: readonly Element[], at: number, below: Rest | undefined] | undefined;

/** Is this one of the texts of the grammar? All ways are followed. */
function isText({ rules, root }: Grammar, text: string): boolean {
  let now: Rest[] = rules[root]!.map((sequence) => [sequence, 0, undefined]);
  for (const character of [...text, undefined]) {
    const next: Rest[] = [];
    for (let rest = now.pop(); now.length > 0 || rest !== undefined; rest = now.pop()) {
      if (rest === undefined) {
        if (character === undefined) {
          return true;
        }
        continue;
      }
      const [sequence, at, below] = rest;
      const element = sequence[at];
      if (element === undefined) {
        now.push(below);
        if (below === undefined && character === undefined) {
          return true;
        }
      } else if ('rule' in element) {
        rules[element.rule]!.forEach((one) => now.push([one, 0, [sequence, at + 1, below]]));
      } else if (character !== undefined && element.ranges.some(([from, to]) => character.codePointAt(0)! >= from && character.codePointAt(0)! <= to) !== element.negated) {
        next.push([sequence, at + 1, below]);
      }
    }
    now = next;
  }
  return false;
}

function check(schema: Record<string, unknown>, allowed: readonly unknown[], forbidden: readonly unknown[]): void {
  const source = jsonSchemaGrammar(schema);
  checkGrammar(source);
  const grammar = parseGbnf(source);
  for (const value of allowed) {
    assert.equal(isText(grammar, JSON.stringify(value)), true, JSON.stringify(value));
  }
  for (const value of forbidden) {
    assert.equal(isText(grammar, JSON.stringify(value)), false, JSON.stringify(value));
  }
}

describe('schemas as grammars', () => {
  it('may hold themselves where they may be left out, as Pydantic writes it', () => {
    const schema = {
      $defs: { Node: { type: 'object', title: 'Node', properties: { value: { type: 'integer' }, next: { anyOf: [{ $ref: '#/$defs/Node' }, { type: 'null' }], default: null } }, required: ['value'], additionalProperties: false } },
      $ref: '#/$defs/Node',
    };
    check(schema, [{ value: 1 }, { value: 1, next: null }, { value: 1, next: { value: 2, next: { value: 3 } } }], [null, { value: 1, next: 2 }, { value: 1, next: { next: null } }]);
    const described = { $defs: schema.$defs, allOf: [{ $ref: '#/$defs/Node' }], description: 'The first', title: 'List' };
    check({ type: 'object', properties: { list: { type: 'object', ...described } }, $defs: schema.$defs }, [{ list: { value: 1, next: { value: 2 } } }], [{ list: { value: 'a' } }]);
  });

  it('grow by what they say, not by how often it is referred to', () => {
    const levels = 12;
    const level = (next: number): Record<string, unknown> => (next === levels ? { type: 'string' } : { anyOf: [{ $ref: `#/$defs/L${next}` }, { type: 'null' }], default: null });
    const $defs = Object.fromEntries(Array.from({ length: levels }, (_, i) => [`L${i}`, { type: 'object', properties: { left: level(i + 1), right: level(i + 1) }, additionalProperties: false }]));
    const schema = { $defs, $ref: '#/$defs/L0' };
    assert.ok(jsonSchemaGrammar(schema).length < 10_000);
    check(schema, [{}, { left: { right: null } }, { left: null, right: { left: {} } }], [{ left: 1 }]);
  });

  it('keep what they say beside their alternatives', () => {
    check({ type: 'string', anyOf: [{ minLength: 3 }, { maxLength: 1 }] }, ['abc', 'abcd', 'a', ''], ['ab', {}, 1, null]);
    check({ type: ['string', 'null'], oneOf: [{ minLength: 3 }] }, ['abc', null], ['ab', 1]);
    check({ type: 'number', anyOf: [{ type: 'integer' }] }, [1], [1.5, 'a']);
    check({ type: 'object', properties: { a: { type: 'null' } }, anyOf: [{ required: ['a'] }, { properties: { b: { type: 'null' } }, required: ['b'] }], additionalProperties: false }, [{ a: null }, { b: null }, { a: null, b: null }], [{}, { a: 1 }]);
  });

  it('allow names by patterns also where no others are allowed', () => {
    const record = { type: 'object', patternProperties: { '^x-': { type: 'string' } }, additionalProperties: false };
    check(record, [{}, { 'x-a': 'b' }, { 'x-a': 'b', 'x-c': 'd' }], [{ 'x-a': 1 }]);
    check({ ...record, properties: { a: { type: 'null' } }, required: ['a'] }, [{ a: null }, { a: null, 'x-a': 'b' }], [{}, { a: null, 'x-a': 1 }]);
    check({ ...record, additionalProperties: { type: 'null' } }, [{ 'x-a': 'b', c: null }], [{ c: 1 }]);
    check({ type: 'object', additionalProperties: { type: 'string' } }, [{}, { a: 'b' }], [{ a: 1 }]);
    check({ type: 'object', patternProperties: { '^x-': false }, additionalProperties: false }, [{}], [{ 'x-a': 1 }]);
  });
});
