// From a JSON Schema to a GBNF grammar of the JSON texts that it allows. Covered: type, properties, required,
// additionalProperties, patternProperties (of any name), items, prefixItems, min/maxItems, enum, const, anyOf, oneOf, allOf, $ref within the schema,
// min/maxLength, format date, time, date-time, uuid. Properties come in the schema's order. Other keywords narrow what
// is allowed further and are left to the caller. Source: json-schema.org, draft 2020-12.
// Must not know: llama.cpp, requests.

import { grammarError } from './gbnf';

type Schema = Readonly<Record<string, unknown>>;

const maxDepth = 64;
const maxRules = 1500;
const maxCharacters = 256 * 1024;
const maxRepetitions = 1999;
const maxChoices = 1000;

/** Keywords that count here, besides `type`. */
const keywords = ['$ref', 'const', 'enum', 'anyOf', 'oneOf', 'allOf', 'properties', 'required', 'additionalProperties', 'patternProperties', 'items', 'prefixItems', 'minItems', 'maxItems', 'minLength', 'maxLength', 'format'];

const basics: Readonly<Record<string, string>> = {
  ws: '| " " | "\\n" [ \\t]{0,20}',
  boolean: '("true" | "false")',
  null: '"null"',
  integral: '[0] | [1-9] [0-9]{0,15}',
  integer: '"-"? integral',
  number: '"-"? integral ("." [0-9]{1,16})? ([eE] [-+]? [0-9] [0-9]{0,2})?',
  char: '[^"\\\\\\x7F\\x00-\\x1F] | [\\\\] (["\\\\bfnrt/] | "u" [0-9a-fA-F]{4})',
  string: '"\\"" char* "\\""',
  value: 'object | array | string | number | boolean | null',
  object: '"{" ws (string ws ":" ws value (ws "," ws string ws ":" ws value)*)? ws "}"',
  array: '"[" ws (value (ws "," ws value)*)? ws "]"',
  date: '[0-9]{4} "-" ([0][1-9] | [1][0-2]) "-" ([0][1-9] | [1-2] [0-9] | [3] [0-1])',
  time: '([01] [0-9] | [2] [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{3})? ("Z" | [+-] ([01] [0-9] | [2] [0-3]) ":" [0-5] [0-9])',
  uuid: '[0-9a-fA-F]{8} ("-" [0-9a-fA-F]{4}){3} "-" [0-9a-fA-F]{12}',
};

/** Any JSON object. */
export function jsonObjectGrammar(): string {
  return new SchemaGrammar({}).text('object');
}

/** @throws JanError `invalid-argument` for a schema that is malformed, too large or too deep */
export function jsonSchemaGrammar(schema: Schema): string {
  const grammar = new SchemaGrammar(schema);
  return grammar.text(grammar.visit(schema, 'the schema', 0));
}

/** A literal of GBNF. */
export function literal(text: string): string {
  const escaped = text.replace(/[\\"\n\r\t]/g, (character) => ({ '\n': '\\n', '\r': '\\r', '\t': '\\t' })[character] ?? `\\${character}`);
  // eslint-disable-next-line no-control-regex -- what has no picture is written by its number
  return `"${escaped.replace(/[\u0000-\u001f\u007f]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)}"`;
}

/** Several schemas may share one grammar: `visit` each, then `text` of a rule over the names. */
export class SchemaGrammar {
  readonly #rules = new Map<string, string>();
  readonly #references = new Map<string, string>();
  #next = 0;
  #characters = 0;

  constructor(private whole: Schema) {}

  /** From here on references are into `whole`. */
  setWhole(whole: Schema): void {
    this.whole = whole;
    this.#references.clear();
  }

  /** @returns the expression of what `schema` allows. */
  visit(schema: unknown, where: string, depth: number): string {
    if (depth > maxDepth) {
      throw grammarError(`${where} is nested more than ${maxDepth} deep`);
    }
    if (schema === true) {
      return this.#basic('value');
    }
    if (schema === false || !isRecord(schema)) {
      throw grammarError(schema === false ? `${where} allows nothing` : `${where} is no JSON Schema`);
    }
    if (typeof schema.$ref === 'string') {
      return this.#reference(schema.$ref, depth);
    }
    if (schema.const !== undefined) {
      return literal(jsonOf(schema.const, where));
    }
    if (Array.isArray(schema.enum)) {
      return this.#oneOf(this.#choices(schema.enum as unknown[], where).map((value) => literal(jsonOf(value, where))));
    }
    const alternatives = schema.anyOf ?? schema.oneOf;
    if (Array.isArray(alternatives)) {
      const outer = { ...schema, anyOf: undefined, oneOf: undefined };
      return this.#oneOf(this.#choices(alternatives as unknown[], where).map((one) => this.visit(this.#all([outer, one]), where, depth + 1)));
    }
    if (Array.isArray(schema.allOf)) {
      const { allOf, ...outer } = schema;
      return this.visit(this.#all([outer, ...(allOf as unknown[])]), where, depth + 1);
    }
    if (Array.isArray(schema.type)) {
      return this.#oneOf(this.#choices(schema.type as unknown[], where).map((type) => this.#ofType({ ...schema, type }, where, depth)));
    }
    return this.#ofType(schema, where, depth);
  }

  #ofType(schema: Schema, where: string, depth: number): string {
    const type = schema.type ?? (schema.properties !== undefined || schema.required !== undefined ? 'object' : schema.items !== undefined ? 'array' : undefined);
    switch (type) {
      case undefined:
        return this.#basic('value');
      case 'object':
        return this.#object(schema, where, depth);
      case 'array':
        return this.#array(schema, where, depth);
      case 'string':
        return this.#string(schema, where);
      case 'boolean':
      case 'null':
      case 'integer':
      case 'number':
        return this.#basic(type as string);
      default:
        throw grammarError(`${where} has a type that JSON has not: ${JSON.stringify(type)?.slice(0, 40)}`);
    }
  }

  #object(schema: Schema, where: string, depth: number): string {
    const properties = schema.properties ?? {};
    if (!isRecord(properties)) {
      throw grammarError(`“properties” of ${where} is no object`);
    }
    const required = new Set(Array.isArray(schema.required) ? schema.required : []);
    const additional = othersOf(schema);
    const names = Object.keys(properties);
    // A required property without a description may be anything.
    const missing = [...required].filter((name): name is string => typeof name === 'string' && !Object.hasOwn(properties, name));
    const all = [...names, ...missing];
    this.#basic('ws');
    if (all.length === 0 && additional !== false) {
      if (additional === undefined || additional === true) {
        return this.#basic('object');
      }
      const member = `${this.#basic('string')} ws ":" ws ${this.visit(additional, `the other properties of ${where}`, depth + 1)}`;
      return this.#rule(`"{" ws (${member} (ws "," ws ${member})*)? ws "}"`);
    }
    // rest: something was said before, so a comma comes first.
    let rest = '';
    if (isRecord(additional) || additional === true) {
      const value = this.visit(additional, `the other properties of ${where}`, depth + 1);
      rest = this.#rule(`(ws "," ws ${this.#basic('string')} ws ":" ws ${value})*`);
    }
    let first = '';
    for (const name of all.reverse()) {
      const value = this.visit(Object.hasOwn(properties, name) ? properties[name] : true, `“${name.slice(0, 60)}”`, depth + 1);
      const member = this.#rule(`${literal(JSON.stringify(name))} ws ":" ws ${value}`);
      first = required.has(name) ? `${member} ${rest}` : first === '' ? `(${member} ${rest})?` : `(${member} ${rest} | ${first})`;
      rest = required.has(name) ? `ws "," ws ${member} ${rest}` : `(ws "," ws ${member})? ${rest}`;
      if (first.length + rest.length > 200) {
        first = this.#rule(first);
        rest = this.#rule(rest);
      }
    }
    return this.#rule(`"{" ws ${first} ws "}"`);
  }

  #array(schema: Schema, where: string, depth: number): string {
    this.#basic('ws');
    // Drafts before 2020-12 said `items` for both.
    const tuple = Array.isArray(schema.items) ? (schema.items as unknown[]) : schema.prefixItems;
    if (Array.isArray(tuple)) {
      const items = this.#choices(tuple as unknown[], where).map((item) => this.visit(item, `an item of ${where}`, depth + 1));
      return this.#rule(`"[" ws ${items.join(' ws "," ws ')} ws "]"`);
    }
    const item = this.visit(schema.items ?? true, `the items of ${where}`, depth + 1);
    const least = wholeOf(schema.minItems, 0, `“minItems” of ${where}`);
    const most = wholeOf(schema.maxItems, Infinity, `“maxItems” of ${where}`);
    if (most === 0) {
      return '"[" ws "]"';
    }
    const more = `(ws "," ws ${item})${repetition(Math.max(0, least - 1), most - 1)}`;
    return this.#rule(`"[" ws ${least === 0 ? `(${item} ${more})?` : `${item} ${more}`} ws "]"`);
  }

  #string(schema: Schema, where: string): string {
    if (typeof schema.format === 'string' && ['date', 'time', 'uuid'].includes(schema.format)) {
      return `"\\"" ${this.#basic(schema.format)} "\\""`;
    }
    if (schema.format === 'date-time') {
      return `"\\"" ${this.#basic('date')} "T" ${this.#basic('time')} "\\""`;
    }
    if (schema.minLength === undefined && schema.maxLength === undefined) {
      return this.#basic('string');
    }
    const least = wholeOf(schema.minLength, 0, `“minLength” of ${where}`);
    const most = wholeOf(schema.maxLength, Infinity, `“maxLength” of ${where}`);
    return `"\\"" ${this.#basic('char')}${repetition(least, most)} "\\""`;
  }

  #reference(pointer: string, depth: number): string {
    const known = this.#references.get(pointer);
    if (known !== undefined) {
      return known;
    }
    const name = `r${this.#next++}`;
    this.#references.set(pointer, name);
    this.#define(name, this.visit(this.#resolve(pointer), `“${pointer.slice(0, 80)}”`, depth + 1));
    return name;
  }

  #resolve(pointer: string): unknown {
    if (!pointer.startsWith('#')) {
      throw grammarError(`“${pointer.slice(0, 80)}” lies outside the schema; only references within it are followed`);
    }
    let found: unknown = this.whole;
    for (const part of pointer.slice(1).split('/').filter(Boolean)) {
      const key = decodeURIComponentSafely(part).replaceAll('~1', '/').replaceAll('~0', '~');
      found = typeof found === 'object' && found !== null && Object.hasOwn(found, key) ? (found as Record<string, unknown>)[key] : undefined;
    }
    if (found === undefined) {
      throw grammarError(`“${pointer.slice(0, 80)}” is not in the schema`);
    }
    return found;
  }

  /** One schema stays as it is, which a reference may be to: what it says is then said once, and may hold itself. */
  #all(schemas: readonly unknown[]): unknown {
    const says = (schema: unknown): boolean => !isRecord(schema) || keywords.some((key) => schema[key] !== undefined);
    const saying = schemas.filter((one) => says(one) || (isRecord(one) && one.type !== undefined));
    const [outer, one] = saying;
    if (saying.length === 2 && isRecord(outer) && !says(outer) && this.#isOfType(one, outer.type)) {
      return one;
    }
    return saying.length === 1 ? saying[0] : this.#merged(saying);
  }

  #isOfType(schema: unknown, type: unknown): boolean {
    const resolved = this.#resolved(schema);
    const own = isRecord(resolved) && resolved.type !== undefined ? [resolved.type].flat() : [];
    const outer = [type].flat();
    return own.length > 0 && own.every((one) => outer.includes(one) || (one === 'integer' && outer.includes('number')));
  }

  #resolved(schema: unknown): unknown {
    let found = schema;
    for (let hops = 0; isRecord(found) && typeof found.$ref === 'string' && hops < maxDepth; hops++) {
      found = this.#resolve(found.$ref);
    }
    return found;
  }

  /** Objects' properties put together; of other keywords the last one counts. */
  #merged(schemas: readonly unknown[]): Schema {
    let merged: Record<string, unknown> = {};
    for (const one of schemas) {
      const schema = this.#resolved(one);
      if (isRecord(schema)) {
        merged = {
          ...merged,
          ...schema,
          ...(isRecord(merged.properties) && isRecord(schema.properties) ? { properties: { ...merged.properties, ...schema.properties } } : {}),
          ...(Array.isArray(merged.required) && Array.isArray(schema.required) ? { required: [...(merged.required as unknown[]), ...(schema.required as unknown[])] } : {}),
        };
      }
    }
    return merged;
  }

  #choices(values: readonly unknown[], where: string): readonly unknown[] {
    if (values.length === 0 || values.length > maxChoices) {
      throw grammarError(`${where} has ${values.length} choices; 1 to ${maxChoices} can be kept to`);
    }
    return values;
  }

  #oneOf(expressions: readonly string[]): string {
    return expressions.length === 1 ? expressions[0]! : this.#rule([...new Set(expressions)].join(' | '));
  }

  #rule(expression: string): string {
    const name = `r${this.#next++}`;
    this.#define(name, expression);
    return name;
  }

  #define(name: string, expression: string): void {
    this.#rules.set(name, expression);
    this.#characters += expression.length + 10;
    if (this.#rules.size > maxRules || this.#characters > maxCharacters) {
      throw grammarError('the schema is too large');
    }
  }

  #basic(name: string): string {
    if (!this.#rules.has(name)) {
      this.#define(name, basics[name]!);
      for (const other of basics[name]!.replaceAll(/"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]/g, ' ').match(/[a-z]+/g) ?? []) {
        if (other in basics) {
          this.#basic(other);
        }
      }
    }
    return name;
  }

  /** The whole grammar; `root` may use the names that `visit` gave. */
  text(root: string): string {
    for (const name of root.replaceAll(/"(?:[^"\\]|\\.)*"/g, ' ').match(/[a-z]+/g) ?? []) {
      if (name in basics) {
        this.#basic(name);
      }
    }
    return [`root ::= ${root}`, ...[...this.#rules].map(([name, expression]) => `${name} ::= ${expression}`)].join('\n') + '\n';
  }
}

/** Of the properties without a name; which names fit a pattern is left to the caller. */
function othersOf({ additionalProperties, patternProperties }: Schema): unknown {
  const patterns = isRecord(patternProperties) ? Object.values(patternProperties).filter((schema) => schema !== false) : [];
  if (patterns.length === 0 || additionalProperties === undefined || additionalProperties === true) {
    return additionalProperties;
  }
  return { anyOf: additionalProperties === false ? patterns : [...patterns, additionalProperties] };
}

function repetition(least: number, most: number): string {
  if (least > maxRepetitions) {
    throw grammarError(`at least ${least} repetitions are asked for; up to ${maxRepetitions} can be kept to`);
  }
  if (most < least) {
    throw grammarError(`at most ${most} and at least ${least} are asked for`);
  }
  return most > maxRepetitions ? (least === 0 ? '*' : `{${least},}`) : `{${least},${most}}`;
}

function wholeOf(value: unknown, otherwise: number, where: string): number {
  if (value === undefined) {
    return otherwise;
  }
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
    throw grammarError(`${where} is no whole number`);
  }
  return value;
}

function jsonOf(value: unknown, where: string): string {
  const text = JSON.stringify(value);
  if (text === undefined || text.length > 10_000) {
    throw grammarError(`a value of ${where} is too long, or no JSON`);
  }
  return text;
}

function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isRecord(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
