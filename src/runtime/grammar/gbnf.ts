// Reads GBNF into rules as llama.cpp does, within bounds. Format: llama.cpp, grammars/README.md.
// Must not know: llama.cpp's binary, requests.

import { JanError } from '../../common/errors';

/** A set of code points, or a reference to a rule. */
export type Element = { readonly ranges: readonly (readonly [number, number])[]; readonly negated: boolean } | { readonly rule: number };
/** A rule is its alternatives; each is a sequence. */
export type Rules = readonly (readonly (readonly Element[])[])[];

export interface Grammar {
  readonly rules: Rules;
  readonly root: number;
  /** Rules that are the rest of a repetition: whatever they say, the repetition's first rule says too. */
  readonly rests: ReadonlySet<number>;
}

const maxNesting = 64;
const maxElements = 60_000;
/** As llama.cpp; more repetitions than this count as without end. */
const maxRepetitions = 1999;
const anything = { ranges: [[0, 0x10ffff]], negated: false } as const;

/** @throws JanError `invalid-argument` that says what is wrong and where */
export function parseGbnf(source: string): Grammar {
  return new GbnfParser(source).parse();
}

export function grammarError(reason: string, details: Readonly<Record<string, unknown>> = {}): JanError {
  return new JanError('invalid-argument', `The grammar can’t be used: ${reason}.`, { details: { field: 'responseFormat', ...details } });
}

class GbnfParser {
  #at = 0;
  #elements = 0;
  readonly #rules: Element[][][] = [];
  readonly #names = new Map<string, number>();
  readonly #defined = new Set<number>();
  readonly #rests = new Set<number>();

  constructor(private readonly source: string) {}

  parse(): Grammar {
    this.#space(true);
    while (this.#at < this.source.length) {
      this.#rule();
    }
    for (const [name, id] of this.#names) {
      if (!this.#defined.has(id)) {
        throw grammarError(`the rule “${name}” is used but not defined`);
      }
    }
    const root = this.#names.get('root');
    if (root === undefined) {
      throw grammarError('it has no rule named “root”');
    }
    return { rules: this.#rules, root, rests: this.#rests };
  }

  #rule(): void {
    const id = this.#idOf(this.#name());
    this.#space(false);
    this.#expect('::=');
    this.#space(true);
    this.#rules[id] = this.#alternatives(0);
    this.#defined.add(id);
    if (this.#at < this.source.length && !/[\r\n]/.test(this.source[this.#at]!)) {
      throw this.#wrong('a line’s end is expected');
    }
    this.#space(true);
  }

  #alternatives(nesting: number): Element[][] {
    if (nesting > maxNesting) {
      throw this.#wrong(`brackets are nested more than ${maxNesting} deep`);
    }
    const all = [this.#sequence(nesting)];
    while (this.source[this.#at] === '|') {
      this.#at++;
      this.#space(true);
      all.push(this.#sequence(nesting));
    }
    return all;
  }

  #sequence(nesting: number): Element[] {
    const sequence: Element[] = [];
    let last = 0;
    for (;;) {
      const character = this.source[this.#at];
      if (character === '"') {
        last = sequence.length;
        this.#at++;
        while (this.source[this.#at] !== '"') {
          const code = this.#character();
          this.#add(sequence, { ranges: [[code, code]], negated: false });
        }
        this.#at++;
      } else if (character === '[') {
        last = sequence.length;
        this.#add(sequence, this.#set());
      } else if (character === '.') {
        last = sequence.length;
        this.#at++;
        this.#add(sequence, anything);
      } else if (character === '(') {
        last = sequence.length;
        this.#at++;
        this.#space(true);
        const id = this.#newRule();
        this.#rules[id] = this.#alternatives(nesting + 1);
        this.#expect(')');
        this.#add(sequence, { rule: id });
      } else if (character !== undefined && /[\w-]/.test(character)) {
        last = sequence.length;
        this.#add(sequence, { rule: this.#idOf(this.#name()) });
      } else if (character !== undefined && '*+?{'.includes(character)) {
        const [least, most] = this.#repetition();
        if (last === sequence.length) {
          throw this.#wrong('there is nothing before it to repeat');
        }
        this.#repeat(sequence, last, least, most);
      } else {
        return sequence;
      }
      this.#space(nesting > 0);
    }
  }

  #set(): Element {
    this.#at++;
    const negated = this.source[this.#at] === '^';
    this.#at += negated ? 1 : 0;
    const ranges: [number, number][] = [];
    while (this.source[this.#at] !== ']') {
      const from = this.#character();
      if (this.source[this.#at] === '-' && this.source[this.#at + 1] !== ']') {
        this.#at++;
        ranges.push([from, this.#character()]);
      } else {
        ranges.push([from, from]);
      }
      this.#count(1);
    }
    this.#at++;
    if (ranges.length === 0) {
      throw this.#wrong('a set of characters is empty');
    }
    return { ranges, negated };
  }

  #repetition(): [number, number] {
    const sign = this.source[this.#at++]!;
    if (sign !== '{') {
      return sign === '?' ? [0, 1] : [sign === '*' ? 0 : 1, Infinity];
    }
    const match = /^\s*(\d{1,9})\s*(,\s*(\d{1,9})?\s*)?\}/.exec(this.source.slice(this.#at, this.#at + 60));
    if (match === null) {
      throw this.#wrong('a number of repetitions is expected');
    }
    this.#at += match[0].length;
    const least = Number(match[1]);
    const most = match[2] === undefined ? least : match[3] === undefined ? Infinity : Number(match[3]);
    if (least > maxRepetitions || most < least) {
      throw this.#wrong(`repetitions go from 0 to ${maxRepetitions}`);
    }
    return [least, most > maxRepetitions ? Infinity : most];
  }

  /** S{m,n} becomes S … S and nested optional rules, as llama.cpp does. */
  #repeat(sequence: Element[], from: number, least: number, most: number): void {
    const item = sequence.splice(from);
    const size = item.reduce((sum, element) => sum + ('ranges' in element ? element.ranges.length : 1), 0);
    this.#count(size * (most === Infinity ? least + 1 : most));
    for (let i = 0; i < least; i++) {
      sequence.push(...item);
    }
    if (most === Infinity) {
      const id = this.#newRule();
      this.#rules[id] = [[...item, { rule: id }], []];
      sequence.push({ rule: id });
      return;
    }
    let previous: number | undefined;
    for (let i = least; i < most; i++) {
      const id = this.#newRule();
      this.#rules[id] = [previous === undefined ? [...item] : [...item, { rule: previous }], []];
      if (previous !== undefined) {
        this.#rests.add(previous);
      }
      previous = id;
    }
    if (previous !== undefined) {
      sequence.push({ rule: previous });
    }
  }

  #character(): number {
    const code = this.source.codePointAt(this.#at);
    if (code === undefined) {
      throw this.#wrong('it ends within a text');
    }
    if (code !== 0x5c) {
      this.#at += code > 0xffff ? 2 : 1;
      return code;
    }
    const escape = this.source[this.#at + 1] ?? '';
    const digits = { x: 2, u: 4, U: 8 }[escape];
    if (digits !== undefined) {
      const hex = this.source.slice(this.#at + 2, this.#at + 2 + digits);
      if (!/^[0-9a-fA-F]+$/.test(hex) || hex.length < digits) {
        throw this.#wrong(`${digits} hexadecimal digits are expected`);
      }
      this.#at += 2 + digits;
      return Number.parseInt(hex, 16);
    }
    const plain = { t: 9, r: 13, n: 10 }[escape] ?? ('\\"[]-'.includes(escape) && escape !== '' ? escape.codePointAt(0)! : undefined);
    if (plain === undefined) {
      throw this.#wrong(`“\\${escape}” is no escape`);
    }
    this.#at += 2;
    return plain;
  }

  #name(): string {
    const name = /^[\w-]+/.exec(this.source.slice(this.#at, this.#at + 300))?.[0];
    if (name === undefined || name.length > 200) {
      throw this.#wrong('a rule’s name is expected');
    }
    this.#at += name.length;
    return name;
  }

  #idOf(name: string): number {
    let id = this.#names.get(name);
    if (id === undefined) {
      id = this.#newRule();
      this.#names.set(name, id);
    }
    return id;
  }

  #newRule(): number {
    this.#count(1);
    return this.#rules.push([]) - 1;
  }

  #add(sequence: Element[], element: Element): void {
    this.#count(1);
    sequence.push(element);
  }

  #count(elements: number): void {
    this.#elements += elements;
    if (this.#elements > maxElements) {
      throw grammarError(`it is too large: more than ${maxElements} elements, repetitions counted`);
    }
  }

  #space(newLines: boolean): void {
    for (;;) {
      const character = this.source[this.#at];
      if (character === '#') {
        while (this.#at < this.source.length && !/[\r\n]/.test(this.source[this.#at]!)) {
          this.#at++;
        }
      } else if (character === ' ' || character === '\t' || (newLines && (character === '\r' || character === '\n'))) {
        this.#at++;
      } else {
        return;
      }
    }
  }

  #expect(text: string): void {
    if (!this.source.startsWith(text, this.#at)) {
      throw this.#wrong(`“${text}” is expected`);
    }
    this.#at += text.length;
  }

  #wrong(reason: string): JanError {
    const line = this.source.slice(0, this.#at).split('\n').length;
    const near = this.source.slice(this.#at, this.#at + 20).split('\n')[0]!;
    return grammarError(`${reason}, in line ${line}${near === '' ? '' : ` at “${near}”`}`, { line });
  }
}
