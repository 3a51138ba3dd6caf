// What a chat request in OpenAI's form asks for, in ours. What would be ignored and change the answer is refused.
// Source of the fields: OpenAI API reference, "Create chat completion"; top_k, min_p, repeat_penalty: llama-server.
// Must not know: HTTP, how an answer is sent.

import * as v from 'valibot';
import type { ChatMessage, ChatRequest } from '../api/jan';
import { HttpError } from './httpError';

export interface ParsedChatRequest {
  readonly request: ChatRequest;
  readonly stream: boolean;
  readonly includeUsage: boolean;
}

const int32Max = 2 ** 31 - 1;
const maxStops = 16;

function numberIn(min: number, max: number, options: { readonly exclusiveMin?: boolean } = {}) {
  const inRange = (value: number): boolean => value <= max && (options.exclusiveMin === true ? value > min : value >= min);
  const message = `must be a number ${options.exclusiveMin === true ? `above ${min}, at most` : `from ${min} to`} ${max}`;
  return v.optional(v.pipe(v.number(message), v.check(inRange, message)));
}

function integerIn(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return v.optional(v.pipe(v.number(message), v.safeInteger(message), v.minValue(min, message), v.maxValue(max, message)));
}

const stopMessage = `must be a non-empty string or at most ${maxStops} of them`;
const stopString = v.pipe(v.string(stopMessage), v.minLength(1, stopMessage), v.maxLength(1000, 'must be strings of at most 1000 characters'));

const bodySchema = v.object(
  {
    model: v.optional(v.pipe(v.string('must be the id of a model'), v.maxLength(500, 'must be the id of a model'))),
    messages: v.pipe(
      v.array(
        v.object(
          {
            role: v.picklist(
              ['system', 'developer', 'user', 'assistant'],
              'must be system, developer, user or assistant; other roles are not supported',
            ),
            content: v.unknown(),
            tool_calls: v.nullish(v.array(v.unknown())),
          },
          'must be an object with role and content',
        ),
        'must be an array of messages',
      ),
      v.minLength(1, 'must hold at least one message'),
      v.maxLength(10_000, 'must hold at most 10000 messages'),
    ),
    stream: v.optional(v.boolean('must be true or false')),
    stream_options: v.optional(v.object({ include_usage: v.nullish(v.boolean('must be true or false')) }, 'must be an object')),
    temperature: numberIn(0, 2),
    top_p: numberIn(0, 1),
    top_k: integerIn(-1, 1000),
    min_p: numberIn(0, 1),
    seed: integerIn(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
    max_tokens: integerIn(1, int32Max),
    max_completion_tokens: integerIn(1, int32Max),
    stop: v.optional(v.union([stopString, v.pipe(v.array(stopString, stopMessage), v.maxLength(maxStops, stopMessage))], stopMessage)),
    frequency_penalty: numberIn(-2, 2),
    presence_penalty: numberIn(-2, 2),
    repeat_penalty: numberIn(0, 10, { exclusiveMin: true }),
  },
  'must be a JSON object',
);

type Body = v.InferOutput<typeof bodySchema>;

/** Fields that change nothing about the answer, whatever they say. */
const ignoredFields = new Set([
  'user',
  'metadata',
  'service_tier',
  'safety_identifier',
  'prompt_cache_key',
  'prompt_cache_retention',
  'prediction',
  'parallel_tool_calls',
]);

/** Fields that are accepted as long as they ask for what happens anyway. */
const neutralValues: Readonly<Record<string, (value: unknown) => boolean>> = {
  n: (value) => value === 1,
  store: (value) => value === false,
  logprobs: (value) => value === false,
  top_logprobs: (value) => value === 0,
  tools: isEmpty,
  functions: isEmpty,
  tool_choice: (value) => value === 'none' || value === 'auto',
  function_call: (value) => value === 'none' || value === 'auto',
  response_format: (value) => typeof value === 'object' && value !== null && (value as { type?: unknown }).type === 'text',
  logit_bias: isEmpty,
  modalities: (value) => Array.isArray(value) && value.length === 1 && value[0] === 'text',
  reasoning_effort: (value) => value === 'none',
  verbosity: (value) => value === 'medium',
};

/** @throws HttpError 400 that names the field at fault. */
export function parseChatRequest(body: unknown): ParsedChatRequest {
  const present = withoutNulls(body);
  const parsed = v.safeParse(bodySchema, present, { abortEarly: true });
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw refused(pathOf(issue), /^must /.test(issue.message) ? issue.message : 'is missing or of the wrong type');
  }
  refuseUnsupported(present as Readonly<Record<string, unknown>>);
  const fields = parsed.output;
  return {
    request: {
      modelId: fields.model || undefined,
      messages: fields.messages.map(toMessage),
      maxTokens: maxTokensOf(fields),
      stop: stopsOf(fields),
      temperature: fields.temperature,
      // 0 is allowed there and not here; the smallest share keeps the likeliest token only, which is what 0 means.
      topP: fields.top_p === 0 ? Number.EPSILON : fields.top_p,
      topK: fields.top_k === -1 ? 0 : fields.top_k,
      minP: fields.min_p,
      seed: toUint32(fields.seed),
      frequencyPenalty: fields.frequency_penalty,
      presencePenalty: fields.presence_penalty,
      repeatPenalty: fields.repeat_penalty,
    },
    stream: fields.stream ?? false,
    includeUsage: fields.stream_options?.include_usage ?? false,
  };
}

function refuseUnsupported(body: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(body)) {
    if (Object.hasOwn(bodySchema.entries, name) || ignoredFields.has(name)) {
      continue;
    }
    const isNeutral = Object.hasOwn(neutralValues, name) ? neutralValues[name] : undefined;
    if (isNeutral === undefined) {
      throw new HttpError(400, `The field "${name.slice(0, 100)}" is not known here. Remove it from the request.`, {
        code: 'unknown_parameter',
        param: name.slice(0, 100),
      });
    }
    if (!isNeutral(value)) {
      throw unsupported(name, name === 'n' ? 'Only one answer is given to a request: "n" must be 1.' : undefined);
    }
  }
}

function toMessage(message: Body['messages'][number], index: number): ChatMessage {
  const param = `messages[${index}]`;
  if (!isEmpty(message.tool_calls ?? [])) {
    throw unsupported(`${param}.tool_calls`);
  }
  return {
    role: message.role === 'developer' ? 'system' : message.role,
    content: textOf(message.content, message.role === 'assistant', `${param}.content`),
  };
}

/** A string, or text parts, which are joined with line breaks as llama-server does. */
function textOf(content: unknown, mayBeAbsent: boolean, param: string): string {
  if (typeof content === 'string') {
    return content;
  }
  if (mayBeAbsent && (content === null || content === undefined)) {
    return '';
  }
  if (!Array.isArray(content)) {
    throw refused(param, 'must be a string or an array of text parts');
  }
  const texts = content.map((part: unknown, index) => {
    const { type, text } = (typeof part === 'object' && part !== null ? part : {}) as { type?: unknown; text?: unknown };
    if (type !== 'text') {
      const kind = typeof type === 'string' ? ` "${type.slice(0, 50)}"` : '';
      throw unsupported(`${param}[${index}]`, `A part of the kind${kind} is not supported: send text parts only.`);
    }
    if (typeof text !== 'string') {
      throw refused(`${param}[${index}].text`, 'must be a string');
    }
    return text;
  });
  return texts.join('\n');
}

function maxTokensOf({ max_tokens: older, max_completion_tokens: newer }: Body): number | undefined {
  if (older !== undefined && newer !== undefined && older !== newer) {
    throw refused('max_completion_tokens', 'must not differ from max_tokens; send one of them');
  }
  return newer ?? older;
}

function stopsOf({ stop }: Body): readonly string[] | undefined {
  if (stop === undefined || stop.length === 0) {
    return undefined;
  }
  return typeof stop === 'string' ? [stop] : stop;
}

/** Seeds of the engine are 32 bits; others are folded into them, the same one always to the same. */
function toUint32(seed: number | undefined): number | undefined {
  return seed === undefined ? undefined : Number(BigInt.asUintN(32, BigInt(seed)));
}

/** `null` says the same as leaving the field out. */
function withoutNulls(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return body;
  }
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function pathOf(issue: v.BaseIssue<unknown>): string {
  return (issue.path ?? []).reduce((path, { key }) => {
    return typeof key === 'number' ? `${path}[${key}]` : path === '' ? String(key) : `${path}.${String(key)}`;
  }, '');
}

function refused(param: string, why: string): HttpError {
  return new HttpError(400, `${param === '' ? 'The body' : `"${param}"`} ${why}.`, { code: 'invalid_value', param: param || undefined });
}

function unsupported(param: string, message?: string): HttpError {
  return new HttpError(400, message ?? `"${param}" is not supported by this endpoint. Remove it from the request.`, {
    code: 'unsupported_parameter',
    param,
  });
}
