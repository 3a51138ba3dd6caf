// Reading the fields of a request's body: ranges, and refusals that name the field at fault. What would be ignored and
// change the answer is refused. Must not know: which API's form is read.

import * as v from 'valibot';
import { HttpError } from './httpError';

export const int32Max = 2 ** 31 - 1;
const maxStops = 16;
const nameLength = 100;

/** The fields of one API's form. */
export interface Form<Schema extends v.ObjectSchema<v.ObjectEntries, v.ErrorMessage<v.ObjectIssue> | undefined>> {
  readonly schema: Schema;
  /** Fields that change nothing about the answer, whatever they say. */
  readonly ignored: ReadonlySet<string>;
  /** Fields that are accepted as long as they ask for what happens anyway. */
  readonly neutral: Readonly<Record<string, (value: unknown) => boolean>>;
  /** More words than "is not supported" for some. */
  readonly reasons?: Readonly<Record<string, string>>;
}

/** @throws HttpError 400 that names the field at fault. */
export function readForm<Schema extends v.ObjectSchema<v.ObjectEntries, v.ErrorMessage<v.ObjectIssue> | undefined>>(
  form: Form<Schema>,
  body: unknown,
): v.InferOutput<Schema> {
  const present = withoutNulls(body);
  const parsed = v.safeParse(form.schema, present, { abortEarly: true });
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw refused(pathOf(issue), /^must /.test(issue.message) ? issue.message : 'is missing or of the wrong type');
  }
  for (const [name, value] of Object.entries(present as Readonly<Record<string, unknown>>)) {
    if (Object.hasOwn(form.schema.entries, name) || form.ignored.has(name)) {
      continue;
    }
    const isNeutral = Object.hasOwn(form.neutral, name) ? form.neutral[name] : undefined;
    if (isNeutral === undefined) {
      throw new HttpError(400, `The field "${name.slice(0, nameLength)}" is not known here. Remove it from the request.`, {
        code: 'unknown_parameter',
        param: name.slice(0, nameLength),
      });
    }
    if (!isNeutral(value)) {
      throw unsupported(name, form.reasons?.[name]);
    }
  }
  return parsed.output;
}

export function numberIn(min: number, max: number, options: { readonly exclusiveMin?: boolean } = {}) {
  const inRange = (value: number): boolean => value <= max && (options.exclusiveMin === true ? value > min : value >= min);
  const message = `must be a number ${options.exclusiveMin === true ? `above ${min}, at most` : `from ${min} to`} ${max}`;
  return v.optional(v.pipe(v.number(message), v.check(inRange, message)));
}

export function integer(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return v.pipe(v.number(message), v.safeInteger(message), v.minValue(min, message), v.maxValue(max, message));
}

export function integerIn(min: number, max: number) {
  return v.optional(integer(min, max));
}

const limitMessage = `must be a whole number from 1 to ${int32Max}, or -1 for no limit`;
/** How long an answer may be. LM Studio's habit, and so its users', is −1 for no limit. */
export const tokenLimit = v.optional(
  v.pipe(
    v.number(limitMessage),
    v.safeInteger(limitMessage),
    v.check((limit) => limit === -1 || (limit >= 1 && limit <= int32Max), limitMessage),
  ),
);

export const flag = v.optional(v.boolean('must be true or false'));
export const modelField = v.optional(v.pipe(v.string('must be the id of a model'), v.maxLength(500, 'must be the id of a model')));

export function text(maxLength = 16 * 1024 * 1024) {
  return v.pipe(v.string('must be a string'), v.maxLength(maxLength, `must be a string of at most ${maxLength} characters`));
}

export const anyObject = v.record(v.string(), v.unknown(), 'must be an object');

const stopMessage = `must be a non-empty string or at most ${maxStops} of them`;
const stopString = v.pipe(v.string(stopMessage), v.minLength(1, stopMessage), v.maxLength(1000, 'must be strings of at most 1000 characters'));
export const stopList = v.pipe(v.array(stopString, stopMessage), v.maxLength(maxStops, stopMessage));
export const stopField = v.optional(v.union([stopString, stopList], stopMessage));

export function stopsOf(stop: string | readonly string[] | undefined): readonly string[] | undefined {
  if (stop === undefined || stop.length === 0) {
    return undefined;
  }
  return typeof stop === 'string' ? [stop] : stop;
}

/** 0 is allowed there and not here; the smallest share keeps the likeliest token only, which is what 0 means. */
export function topPOf(topP: number | undefined): number | undefined {
  return topP === 0 ? Number.EPSILON : topP;
}

/** Seeds of the engine are 32 bits; others are folded into them, the same one always to the same. */
export function toUint32(seed: number | undefined): number | undefined {
  return seed === undefined ? undefined : Number(BigInt.asUintN(32, BigInt(seed)));
}

/** A string, or text parts of the kinds given, which are joined with line breaks as llama-server does. */
export function textOf(content: unknown, param: string, kinds: readonly string[] = ['text']): string {
  if (typeof content === 'string') {
    return content;
  }
  if (!Array.isArray(content)) {
    throw refused(param, 'must be a string or an array of text parts');
  }
  return content.map((part: unknown, index) => textOfPart(part, `${param}[${index}]`, kinds)).join('\n');
}

function textOfPart(part: unknown, param: string, kinds: readonly string[]): string {
  const { type, text: value } = (isObject(part) ? part : {}) as { type?: unknown; text?: unknown };
  if (typeof type !== 'string' || !kinds.includes(type)) {
    throw unsupported(param, `A part of the kind${typeof type === 'string' ? ` "${type.slice(0, 50)}"` : ''} is not supported: send text parts only.`);
  }
  if (typeof value !== 'string') {
    throw refused(`${param}.text`, 'must be a string');
  }
  return value;
}

/** @throws HttpError 400 unless it is a string. */
export function stringAt(value: unknown, param: string): string {
  if (typeof value !== 'string') {
    throw refused(param, 'must be a string');
  }
  return value;
}

/**
 * The arguments of an earlier call. Chat templates read them as an object, and what a model wrote may be none, or be cut
 * off: a client that sends it back must not be stuck with it. @throws HttpError 400 unless it is a string
 */
export function argumentsAt(value: unknown, param: string): string {
  const json = stringAt(value, param);
  if (json.trim() === '') {
    return '{}';
  }
  try {
    if (isObject(JSON.parse(json))) {
      return json;
    }
  } catch {
    // handed on below
  }
  return JSON.stringify({ raw: json });
}

/** The name in an earlier call: any, as a model may have called what there is not. @throws HttpError 400 */
export function calledNameAt(value: unknown, param: string): string {
  if (typeof value !== 'string' || value === '' || value.length > 200) {
    throw refused(param, 'must be a string of 1 to 200 characters');
  }
  return value;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

/** `null` says the same as leaving the field out. */
function withoutNulls(body: unknown): unknown {
  return isObject(body) ? Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null)) : body;
}

function pathOf(issue: v.BaseIssue<unknown>): string {
  return (issue.path ?? []).reduce((path, { key }) => {
    return typeof key === 'number' ? `${path}[${key}]` : path === '' ? String(key) : `${path}.${String(key)}`;
  }, '');
}

export function refused(param: string, why: string): HttpError {
  return new HttpError(400, `${param === '' ? 'The body' : `"${param}"`} ${why}.`, { code: 'invalid_value', param: param || undefined });
}

export function unsupported(param: string, message?: string): HttpError {
  return new HttpError(400, message ?? `"${param}" is not supported by this endpoint. Remove it from the request.`, {
    code: 'unsupported_parameter',
    param,
  });
}
