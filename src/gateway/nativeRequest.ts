// What a request in llama-server's own form asks for, in ours. What would be ignored and change the answer is refused.
// Source of the fields: llama-server's README, "POST /completion" and "POST /infill". Must not know: HTTP, how an answer is sent.

import * as v from 'valibot';
import type { CompletionRequest } from '../api/jan';
import { formatOf, generationEntries, generationOf, harmlessFields, limitOf } from './chatRequest';
import { flag, int32Max, integer, integerIn, isObject, readForm, refused, text, unsupported, type Form } from './fields';
import { extrasOf, type StreamExtras } from './timings';

/** A text, or tokens and texts one after the other. */
export type NativePrompt = string | readonly (string | number)[];
export type NativeBias = readonly (readonly [what: string | number, bias: number])[];

export interface NativeRequest {
  readonly prompts: readonly NativePrompt[];
  /** Was the prompt a list of prompts? Then a list of answers is given. */
  readonly isList: boolean;
  readonly request: Omit<CompletionRequest, 'prompt'>;
  readonly bias: NativeBias;
  readonly stream: boolean;
  /** How many alternatives a token are told; undefined: no probabilities. */
  readonly probabilities: number | undefined;
  /** Are those of what sampling left? */
  readonly afterSampling: boolean;
  readonly returnTokens: boolean;
  /** Beside the answer, in its stream. */
  readonly extras: StreamExtras;
  /** What of the answer is wanted; empty: all. */
  readonly fields: readonly string[];
  /** What was said about sampling, to be told again. */
  readonly said: Readonly<Record<string, unknown>>;
}

const maxPrompts = 64;
const maxParts = 2 ** 22;
const fieldsMessage = 'must be at most 100 names of fields';

const nativeEntries = {
  ...generationEntries,
  seed: integerIn(-1, Number.MAX_SAFE_INTEGER),
  logit_bias: v.optional(v.unknown()),
  n_probs: integerIn(0, 20),
  post_sampling_probs: flag,
  return_tokens: flag,
  response_fields: v.optional(v.pipe(v.array(text(200), fieldsMessage), v.maxLength(100, fieldsMessage))),
};

const schema = v.object({ ...nativeEntries, prompt: v.unknown() }, 'must be a JSON object');

const extraMessage = 'must be at most 1000 objects with a text, and a filename or none';
const infillSchema = v.object(
  {
    ...nativeEntries,
    input_prefix: text(),
    input_suffix: text(),
    /** What stands before the cursor in its line, in the habit of editors. */
    prompt: v.optional(text()),
    input_extra: v.optional(v.pipe(v.array(v.object({ text: text(), filename: v.optional(text(4096)) }, extraMessage), extraMessage), v.maxLength(1000, extraMessage))),
  },
  'must be a JSON object',
);
type NativeFields = Omit<v.InferOutput<typeof schema>, 'prompt'>;

const toldAgain = ['seed', 'temperature', 'top_k', 'top_p', 'min_p', 'repeat_penalty', 'frequency_penalty', 'presence_penalty', 'stop'] as const;

const isOne = (value: unknown): boolean => value === 1;
const isZero = (value: unknown): boolean => value === 0;

const form: Form<typeof schema> = {
  schema,
  ignored: new Set([...harmlessFields, 'n_cache_reuse', 'speculative.n_min', 'speculative.n_max', 'speculative.p_min', 'backend_sampling']),
  neutral: {
    n: isOne,
    typical_p: isOne,
    mirostat: isZero,
    dynatemp_range: isZero,
    dry_multiplier: isZero,
    xtc_probability: isZero,
    repeat_last_n: (value) => value === 64,
    n_keep: isZero,
    lora: (value) => Array.isArray(value) && value.length === 0,
  },
  reasons: {
    lora: 'Adapters are set for the model in Jan, not by request: leave "lora" out.',
  },
};

/** Editors send these with every request, as limits of time and taste. */
const editorFields = ['n_indent', 't_max_prompt_ms', 't_max_predict_ms', 'samplers'];
const infillForm: Form<typeof infillSchema> = { ...form, schema: infillSchema, ignored: new Set([...form.ignored, ...editorFields]) };

/** @throws HttpError 400 that names the field at fault. */
export function parseNativeRequest(body: unknown): NativeRequest {
  const { prompt, ...fields } = readForm(form, body);
  const isList = Array.isArray(prompt) && !prompt.some((part) => typeof part === 'number');
  const prompts = isList ? prompt : [prompt];
  if (prompts.length === 0 || prompts.length > maxPrompts) {
    throw refused('prompt', `must be a text, tokens, or an array of 1 to ${maxPrompts} of them`);
  }
  return { ...nativeOf(fields), prompts: prompts.map((one, index) => promptOf(one, isList ? `prompt[${index}]` : 'prompt')), isList };
}

/** The text between two others. Snippets from elsewhere come before it. @throws HttpError 400 that names the field at fault. */
export function parseInfillRequest(body: unknown): NativeRequest {
  const { prompt = '', input_prefix: before, input_suffix: after, input_extra: extra = [], ...fields } = readForm(infillForm, body);
  const snippets = extra.map(({ filename, text: snippet }) => `${filename ?? 'snippet'}\n${snippet}\n\n`);
  const native = nativeOf(fields);
  return { ...native, request: { ...native.request, suffix: after }, prompts: [`${snippets.join('')}${before}${prompt}`], isList: false };
}

function nativeOf(fields: NativeFields): Omit<NativeRequest, 'prompts' | 'isList'> {
  const { logit_bias: bias, n_probs: probabilities = 0, seed, stream = false } = fields;
  const afterSampling = probabilities > 0 && fields.post_sampling_probs === true;
  const returnTokens = fields.return_tokens ?? false;
  return {
    request: {
      ...generationOf({ ...fields, logit_bias: undefined, seed: seed === -1 ? undefined : seed }),
      maxTokens: limitOf(fields),
      responseFormat: formatOf(fields, undefined),
      logprobs: probabilities > 0 || returnTokens ? probabilities : undefined,
      logprobsAfterSampling: afterSampling ? true : undefined,
    },
    bias: biasOf(bias),
    stream,
    probabilities: probabilities > 0 ? probabilities : undefined,
    afterSampling,
    returnTokens,
    extras: extrasOf(fields),
    fields: fields.response_fields ?? [],
    said: { ...Object.fromEntries(toldAgain.map((name) => [name, fields[name]])), n_predict: limitOf(fields) ?? -1, n_probs: probabilities, stream },
  };
}

function promptOf(prompt: unknown, param: string): NativePrompt {
  if (isObject(prompt) && typeof prompt['prompt_string'] === 'string') {
    if (prompt['multimodal_data'] !== undefined) {
      throw unsupported(param, 'Pictures and sound are not supported: send text only.');
    }
    return prompt['prompt_string'];
  }
  if (typeof prompt === 'string') {
    return prompt;
  }
  if (!Array.isArray(prompt) || prompt.length === 0 || prompt.length > maxParts) {
    throw refused(param, 'must be a text, or an array of tokens and texts');
  }
  const token = integer(0, int32Max);
  if (!prompt.every((part) => typeof part === 'string' || v.is(token, part))) {
    throw refused(param, 'must hold tokens and texts only');
  }
  return prompt;
}

/** `{"15043": 1.5, " word": -100}`, or `[[15043, 1.5], [" word", false]]`; false forbids. */
function biasOf(bias: unknown): NativeBias {
  if (bias === undefined) {
    return [];
  }
  const message = 'must map tokens or texts to numbers from -100 to 100 (or false), at most 1000 of them';
  const entries: unknown = isObject(bias) ? Object.entries(bias) : bias;
  if (!Array.isArray(entries) || entries.length > 1000) {
    throw refused('logit_bias', message);
  }
  return entries.map((entry: unknown) => {
    const [what, value] = (Array.isArray(entry) ? entry : []) as [unknown, unknown];
    const number = value === false ? -100 : value;
    const isToken = typeof what === 'number' && Number.isSafeInteger(what) && what >= 0;
    if ((!isToken && typeof what !== 'string') || typeof number !== 'number' || Math.abs(number) > 100) {
      throw refused('logit_bias', message);
    }
    return [typeof what === 'string' && /^\d{1,10}$/.test(what) ? Number(what) : what, number] as const;
  });
}
