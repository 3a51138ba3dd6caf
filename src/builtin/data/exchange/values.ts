// Readers of values from a foreign file: each gives the wanted type or undefined, and never trusts a size.
// Must not know: any format.

import type { JsonObject, JsonValue } from './jsonTypes';

export function asObject(value: JsonValue | undefined): JsonObject | undefined {
  return value instanceof Map ? value : undefined;
}

export function asList(value: JsonValue | undefined): JsonValue[] | undefined {
  return Array.isArray(value) ? value : undefined;
}

export function asText(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** A text that is not empty, cut to `limit` characters; a number is taken as its digits. */
export function asLabel(value: JsonValue | undefined, limit = 500): string | undefined {
  const text = typeof value === 'number' ? String(value) : asText(value);
  if (text === undefined || text === '') {
    return undefined;
  }
  return text.length > limit ? text.slice(0, limit) : text;
}

export function asNumber(value: JsonValue | undefined): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** An integer that the store takes as a count or time. */
export function asCount(value: JsonValue | undefined): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** End of the year 2199, ms: later times are errors. */
const lastTime = 7_258_118_399_999;

/**
 * Unix ms of a time as other programs write it: seconds with a fraction, milliseconds, digits in a text, ISO 8601.
 * Numbers below 10¹¹ are seconds (10¹¹ s is the year 5138; 10¹¹ ms is 1973, before any of these programs).
 */
export function asTime(value: JsonValue | undefined): number | undefined {
  let ms: number;
  if (typeof value === 'number') {
    ms = value < 1e11 ? value * 1000 : value;
  } else if (typeof value === 'string' && value !== '' && value.length <= 40) {
    if (/^\d+(\.\d+)?$/.test(value)) {
      return asTime(Number(value));
    }
    ms = Date.parse(value);
  } else {
    return undefined;
  }
  ms = Math.round(ms);
  return ms > 0 && ms <= lastTime ? ms : undefined;
}

/** One line for a name: no control characters, white space folded, at most `limit` characters. */
export function asLine(text: string, limit: number): string {
  const line = text
    .slice(0, limit * 4)
    // eslint-disable-next-line no-control-regex -- they are what is taken out
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\s]+/g, ' ')
    .trim();
  return line.length > limit ? `${line.slice(0, limit - 1).trimEnd()}…` : line;
}

/** A fenced block whose fence no line of `text` can close. */
export function fenced(text: string, language = ''): string {
  let longest = 2;
  if (text.includes('```')) {
    for (let i = text.indexOf('```'); i >= 0; i = text.indexOf('```', i)) {
      const start = i;
      while (text.charCodeAt(i) === 0x60) {
        i++;
      }
      longest = Math.max(longest, i - start);
    }
  }
  const fence = '`'.repeat(Math.min(longest + 1, 1000));
  const info = /^[\w+#.-]{1,40}$/.test(language) ? language : '';
  return `${fence}${info}\n${text}${text.endsWith('\n') ? '' : '\n'}${fence}`;
}

/** A label for use within Markdown text: nothing in it is markup. */
export function asMarkdownLabel(text: string, limit = 200): string {
  return asLine(text, limit).replace(/[\\`*_[\]<>#|~]/g, '\\$&');
}

/** Small values as JSON, for tool calls; undefined for large ones (work stays bounded). */
export function smallJson(value: JsonValue, limit = 64 * 1024): string | undefined {
  let budget = limit;
  const pending: JsonValue[] = [value];
  while (pending.length > 0) {
    const next = pending.pop()!;
    budget -= 8;
    if (typeof next === 'string') {
      budget -= next.length;
    } else if (Array.isArray(next)) {
      budget -= next.length * 8;
      if (budget >= 0) {
        pending.push(...next);
      }
    } else if (next instanceof Map) {
      for (const [key, field] of next) {
        budget -= key.length + 8;
        if (budget < 0) {
          return undefined;
        }
        pending.push(field);
      }
    }
    if (budget < 0) {
      return undefined;
    }
  }
  return JSON.stringify(value, (_key, field: JsonValue): unknown => asFields(field), 2);
}

/** A map as JSON.stringify takes it; `fromEntries` defines, so `__proto__` stays a field of its own. */
function asFields(value: JsonValue): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value;
}
