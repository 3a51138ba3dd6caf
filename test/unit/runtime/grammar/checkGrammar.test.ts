import assert from 'node:assert/strict';
import { checkGrammar } from '../../../../src/runtime/grammar/checkGrammar';
import { jsonObjectGrammar, jsonSchemaGrammar } from '../../../../src/runtime/grammar/jsonSchemaGrammar';

const a = (count: number): string => `"${'a'.repeat(count)}"`;
const ambiguous = 'x ::= "a" x "b" | "a" x "c"';
const manyProperties = (count: number, schema: object): Record<string, object> => Object.fromEntries(Array.from({ length: count }, (_, i) => [`property${i}`, schema]));

/** Each can be read in more ways than native code has time for. */
const harmful: [string, string][] = [
  ['at once', `root ::= x\n${ambiguous}`],
  ['behind a long text', `root ::= ${a(500)} x\n${ambiguous}`],
  ['behind a text that is longer than anybody follows', `root ::= ${a(30_000)} x\n${ambiguous}`],
  ['with long words', `root ::= x\nx ::= ${a(100)} x "b" | ${a(100)} x "c"`],
  ['by a character that comes after many others', `root ::= d x\nd ::= "${Array.from({ length: 60 }, (_, i) => String.fromCharCode(0x100 + i)).join('')}"\nx ::= "z" x "b" | "z" x "c"`],
  ['after harmless rules', `root ::= ${a(500)} x\n${Array.from({ length: 300 }, (_, i) => `d${i} ::= "{" d${i} "}" | "[" d${i} "]" | "x"\n`).join('')}${ambiguous}`],
  ['without recursion', `root ::= ${a(500)} x0\n${Array.from({ length: 30 }, (_, i) => `x${i} ::= "a" x${i + 1} "b" | "a" x${i + 1} "c"\n`).join('')}x30 ::= "d"`],
  ['in repetitions of each other', `root ::= ${a(500)} (("a"{0,40}){0,40}){0,40}`],
];

/** Of llama.cpp's own examples, and what callers ask for. */
const harmless: [string, string][] = [
  ['any JSON object', jsonObjectGrammar()],
  ['a flat schema', jsonSchemaGrammar({ type: 'object', properties: manyProperties(250, { type: 'string' }) })],
  ['long choices', jsonSchemaGrammar({ type: 'object', properties: manyProperties(20, { enum: Array.from({ length: 100 }, (_, i) => `choice_number_${i}`) }) })],
  ['long texts', jsonSchemaGrammar({ type: 'object', properties: manyProperties(20, { type: 'string', maxLength: 1000 }) })],
  ['a tree', jsonSchemaGrammar({ $defs: { n: { type: 'object', properties: { ...manyProperties(40, {}), kids: { type: 'array', items: { $ref: '#/$defs/n' } } } } }, $ref: '#/$defs/n' })],
  ['arithmetic', 'root ::= (expr "=" ws term "\\n")+\nexpr ::= term ([-+*/] term)*\nterm ::= ident | num | "(" ws expr ")" ws\nident ::= [a-z] [a-z0-9_]* ws\nnum ::= [0-9]+ ws\nws ::= [ \\t\\n]*'],
  ['chess', 'root ::= "1. " move " " move "\\n" ([1-9] [0-9]? ". " move " " move "\\n")+\nmove ::= (pawn | nonpawn | castle) [+#]?\nnonpawn ::= [NBKQR] [a-h]? [1-8]? "x"? [a-h] [1-8]\npawn ::= ([a-h] "x")? [a-h] [1-8] ("=" [NBKQR])?\ncastle ::= "O-O" "-O"?'],
];

describe('grammars that can be read in too many ways', () => {
  for (const [name, grammar] of harmful) {
    it(`are refused: ${name}`, () => assert.throws(() => checkGrammar(grammar), { code: 'invalid-argument', message: /too many ways/ }));
  }
  for (const [name, grammar] of harmless) {
    it(`are told from others: ${name}`, () => checkGrammar(grammar));
  }
});
