// Where a call in Qwen's XML ends, and its values: `<function=name><parameter=key>value</parameter>…</function>`.
// Nothing in a value is escaped, so what looks like an end is one only where something that may follow it does.
// Must not know: streams of pieces, other forms of calls.

export interface XmlCall {
  readonly values: readonly (readonly [key: string, text: string])[];
  /** Of the call in the text. */
  readonly length: number;
}

const callEnd = '</function>';
const valueEnd = '</parameter>';
const afterCall = ['</tool_call>', '<tool_call>', '<function='];

/**
 * @param text begins with the call
 * @param isAll does nothing come after `text`?
 * @returns undefined for a call whose end is not there yet, and for what is none
 */
export function readXmlCall(text: string, isAll: boolean): XmlCall | undefined {
  const head = /^<function=[^>]*>/.exec(text);
  const values: [string, string][] = [];
  for (let at = head === null ? -1 : spaceEnd(text, head[0].length); at >= 0; ) {
    if (text.startsWith(callEnd, at)) {
      return { values, length: at + callEnd.length };
    }
    const opening = /<parameter=([^>\s]{1,200})>\n?/y;
    opening.lastIndex = at;
    const key = opening.exec(text)?.[1];
    const end = key === undefined ? -1 : endOfValue(text, opening.lastIndex, isAll);
    if (end < 0) {
      return undefined;
    }
    values.push([key!, text.slice(opening.lastIndex, end).replace(/\n$/, '')]);
    at = spaceEnd(text, end + valueEnd.length);
  }
  return undefined;
}

/** Text about such calls is none. */
export function mayBecomeXmlCall(text: string): boolean {
  const [, isNamed, rest] = /^<function=[^>\s]{0,200}(>?)\s*([\s\S]*)$/.exec(text) ?? [];
  return rest === '' || (isNamed === '>' && rest !== undefined && ['<parameter=', callEnd].some((one) => one.startsWith(rest) || rest.startsWith(one)));
}

function endOfValue(text: string, from: number, isAll: boolean): number {
  for (let end = text.indexOf(valueEnd, from); end >= 0; end = text.indexOf(valueEnd, end + 1)) {
    const next = spaceEnd(text, end + valueEnd.length);
    if (text.startsWith('<parameter=', next)) {
      return end;
    }
    if (text.startsWith(callEnd, next)) {
      const after = spaceEnd(text, next + callEnd.length);
      if (afterCall.some((one) => text.startsWith(one, after)) || (isAll && after === text.length)) {
        return end;
      }
    }
  }
  return -1;
}

function spaceEnd(text: string, from: number): number {
  const space = /\s*/y;
  space.lastIndex = from;
  space.exec(text);
  return space.lastIndex;
}

/** As the tool's schema says: the text itself where it may be one, else the JSON that it is. */
export function typedValue(text: string, schema: unknown): unknown {
  const types = typesOf(schema);
  const value = jsonOrText(text);
  if (!types.has('string')) {
    return value;
  }
  const type = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
  return ['null', 'array', 'object'].includes(type) && types.has(type) ? value : text;
}

function typesOf(schema: unknown, depth = 0): Set<string> {
  const { type, anyOf, oneOf, enum: choices } = (typeof schema === 'object' && schema !== null ? schema : {}) as Readonly<Record<string, unknown>>;
  const alternatives = [anyOf, oneOf].flatMap((all): unknown[] => (Array.isArray(all) && depth < 8 ? all : []));
  const named = [type].flat().filter((one) => typeof one === 'string');
  const chosen = Array.isArray(choices) && type === undefined ? choices.map((one) => (one === null ? 'null' : typeof one)) : [];
  return new Set([...named, ...chosen, ...alternatives.flatMap((one) => [...typesOf(one, depth + 1)])]);
}

export function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
