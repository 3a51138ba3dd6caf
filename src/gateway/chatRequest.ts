// What a chat request in OpenAI's form asks for, in ours. What would be ignored and change the answer is refused.
// Source of the fields: OpenAI API reference, "Create chat completion"; top_k, min_p, repeat_penalty, grammar,
// chat_template_kwargs: llama-server. Must not know: HTTP, how an answer is sent.

import * as v from 'valibot';
import type { ChatMessage, ChatRequest, GenerationRequest, ResponseFormat, ToolCall } from '../api/jan';
import {
  anyObject,
  argumentsAt,
  calledNameAt,
  flag,
  int32Max,
  integerIn,
  isEmpty,
  isObject,
  modelField,
  numberIn,
  readForm,
  refused,
  stopField,
  stopsOf,
  stringAt,
  text,
  textOf,
  tokenLimit,
  topPOf,
  toUint32,
  unsupported,
  type Form,
} from './fields';
import { extrasOf, tellsMore, type StreamExtras } from './timings';
import { jsonSchema, maxTools, reasoningEffort, responseFormatOf, thinkingOf, toolChoiceOf, toolDescription, toolName, toolsMessage, toTool } from './toolFields';

export interface ParsedChatRequest extends Streaming {
  readonly request: ChatRequest;
  /** Of answers. */
  readonly choices: number;
}

export interface Streaming {
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** llama-server's additions to the events of a stream. */
  readonly extras: StreamExtras;
}

const biasMessage = 'must map token numbers to numbers from -100 to 100, at most 1000 of them';

/** What chats and plain completions have in common. */
export const generationEntries = {
  model: modelField,
  stream: flag,
  stream_options: v.optional(
    v.object({ include_usage: v.nullish(v.boolean('must be true or false')), include_obfuscation: v.nullish(v.boolean()) }, 'must be an object'),
  ),
  temperature: numberIn(0, 2),
  top_p: numberIn(0, 1),
  top_k: integerIn(-1, 1000),
  min_p: numberIn(0, 1),
  seed: integerIn(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
  max_tokens: tokenLimit,
  n_predict: integerIn(-1, int32Max),
  stop: stopField,
  frequency_penalty: numberIn(-2, 2),
  presence_penalty: numberIn(-2, 2),
  repeat_penalty: numberIn(0, 10, { exclusiveMin: true }),
  logit_bias: v.optional(
    v.pipe(
      v.record(
        v.pipe(v.string(), v.regex(/^\d{1,10}$/, biasMessage)),
        v.pipe(v.number(biasMessage), v.minValue(-100, biasMessage), v.maxValue(100, biasMessage)),
        biasMessage,
      ),
      v.check((bias) => Object.keys(bias).length <= 1000, biasMessage),
    ),
  ),
  grammar: v.optional(text(64 * 1024)),
  json_schema: v.optional(anyObject),
  ignore_eos: flag,
  return_progress: flag,
  timings_per_token: flag,
};

/** Of answers to one request. */
export const choicesField = integerIn(1, 8);

const roleMessage = 'must be system, developer, user, assistant or tool; other roles are not supported';

const schema = v.object(
  {
    ...generationEntries,
    n: choicesField,
    messages: v.pipe(
      v.array(
        v.object(
          {
            role: v.picklist(['system', 'developer', 'user', 'assistant', 'tool'], roleMessage),
            content: v.optional(v.unknown()),
            reasoning_content: v.nullish(text()),
            tool_calls: v.nullish(v.pipe(v.array(v.unknown(), 'must be an array'), v.maxLength(maxTools, `must hold at most ${maxTools} calls`))),
            tool_call_id: v.nullish(text(200)),
          },
          'must be an object with role and content',
        ),
        'must be an array of messages',
      ),
      v.minLength(1, 'must hold at least one message'),
      v.maxLength(10_000, 'must hold at most 10000 messages'),
    ),
    max_completion_tokens: tokenLimit,
    tools: v.optional(
      v.pipe(
        v.array(
          v.object(
            {
              type: v.literal('function', 'must be function: no other kind of tool is supported'),
              function: v.object({ name: toolName, description: toolDescription, parameters: jsonSchema }, 'must be an object with a name'),
            },
            'must be an object with type and function',
          ),
          toolsMessage,
        ),
        v.maxLength(maxTools, toolsMessage),
      ),
    ),
    tool_choice: v.optional(v.unknown()),
    parallel_tool_calls: flag,
    response_format: v.optional(v.unknown()),
    logprobs: flag,
    top_logprobs: integerIn(0, 20),
    reasoning_effort: v.optional(reasoningEffort),
    chat_template_kwargs: v.optional(anyObject),
    add_generation_prompt: flag,
    continue_final_message: flag,
  },
  'must be a JSON object',
);

type Body = v.InferOutput<typeof schema>;

export const harmlessFields = ['user', 'metadata', 'service_tier', 'safety_identifier', 'prompt_cache_key', 'prompt_cache_retention', 'prompt_cache_options', 'prediction', 'cache_prompt', 'id_slot'];

const form: Form<typeof schema> = {
  schema,
  ignored: new Set(harmlessFields),
  neutral: {
    store: (value) => value === false,
    functions: isEmpty,
    function_call: (value) => value === 'none' || value === 'auto',
    modalities: (value) => Array.isArray(value) && value.length === 1 && value[0] === 'text',
    verbosity: (value) => value === 'medium',
    audio: () => false,
    moderation: () => false,
    web_search_options: () => false,
  },
  reasons: {
    store: 'Nothing is stored here: leave "store" out, or say false.',
    functions: '"functions" is the older form. Send "tools".',
    function_call: '"function_call" is the older form. Send "tool_choice".',
  },
};

/** @throws HttpError 400 that names the field at fault. */
export function parseChatRequest(body: unknown): ParsedChatRequest {
  const fields = readForm(form, body);
  const tools = isEmpty(fields.tools ?? []) ? undefined : fields.tools!.map(({ function: { name, description, parameters } }) => toTool(name, description, parameters));
  if (fields.top_logprobs !== undefined && fields.top_logprobs > 0 && fields.logprobs !== true) {
    throw refused('top_logprobs', 'needs "logprobs": true');
  }
  checkContinuation(fields);
  return {
    request: {
      ...generationOf(fields),
      messages: fields.messages.map(toMessage),
      maxTokens: maxTokensOf(fields),
      responseFormat: formatOf(fields, responseFormatOf(fields.response_format, 'response_format', nestedSchema)),
      logprobs: fields.logprobs === true ? (fields.top_logprobs ?? 0) : undefined,
      tools,
      toolChoice: toolChoiceOf(fields.tool_choice, tools, true),
      parallelToolCalls: tools === undefined ? undefined : fields.parallel_tool_calls,
      templateVariables: templateVariablesOf(fields),
    },
    choices: fields.n ?? 1,
    ...streamingOf(fields),
  };
}

type GenerationFields = Pick<Body, keyof typeof generationEntries>;

export function generationOf(fields: GenerationFields): GenerationRequest {
  return {
    modelId: fields.model || undefined,
    stop: stopsOf(fields.stop),
    temperature: fields.temperature,
    topP: topPOf(fields.top_p),
    topK: fields.top_k === -1 ? 0 : fields.top_k,
    minP: fields.min_p,
    seed: toUint32(fields.seed),
    frequencyPenalty: fields.frequency_penalty,
    presencePenalty: fields.presence_penalty,
    repeatPenalty: fields.repeat_penalty,
    logitBias: isEmpty(fields.logit_bias ?? {}) ? undefined : fields.logit_bias,
    ignoreEnd: fields.ignore_eos === true ? true : undefined,
    tellProgress: tellsMore(extrasOf(fields)) ? true : undefined,
  };
}

export function streamingOf(fields: GenerationFields): Streaming {
  return { stream: fields.stream ?? false, includeUsage: fields.stream_options?.include_usage ?? false, extras: extrasOf(fields) };
}

/** One of three ways to say which form the answer must have. */
export function formatOf({ grammar, json_schema: bare }: Pick<GenerationFields, 'grammar' | 'json_schema'>, format: ResponseFormat | undefined): ResponseFormat | undefined {
  if ([grammar, bare, format].filter((way) => way !== undefined).length > 1) {
    throw refused(grammar === undefined ? 'json_schema' : 'grammar', 'must not be sent beside another form for the answer');
  }
  if (grammar !== undefined && grammar !== '') {
    return { type: 'grammar', grammar };
  }
  return bare === undefined ? format : { type: 'json-schema', schema: bare };
}

function nestedSchema(format: Readonly<Record<string, unknown>>): unknown {
  const nested = format['json_schema'];
  return isObject(nested) ? nested['schema'] : undefined;
}

/** Chat templates know two ways to say how much to think. */
function templateVariablesOf({ chat_template_kwargs: given, reasoning_effort: effort, add_generation_prompt: begins }: Body): Readonly<Record<string, unknown>> | undefined {
  if (effort === undefined && begins !== false) {
    return given;
  }
  return { ...(effort === undefined ? {} : thinkingVariables(effort)), ...given, ...(begins === false ? { add_generation_prompt: false } : {}) };
}

/** An answer at the end is gone on with; who says so must mean it. Source of the field: vLLM, as llama-server has it. */
function checkContinuation({ messages, continue_final_message: goesOn, add_generation_prompt: begins }: Body): void {
  const last = messages.at(-1);
  const isAnswer = last?.role === 'assistant' && (last.tool_calls ?? []).length === 0;
  if (goesOn === true && begins === true) {
    throw refused('continue_final_message', 'must not be true together with "add_generation_prompt"');
  }
  if (goesOn !== undefined && goesOn !== isAnswer) {
    throw refused('continue_final_message', goesOn ? 'needs a last message of the role assistant, which is gone on with' : 'must be true: a last message of the role assistant is gone on with');
  }
}

export function thinkingVariables(effort: string): Readonly<Record<string, unknown>> {
  return effort === 'none' ? thinkingOf(false) : { ...thinkingOf(true), reasoning_effort: effort };
}

function toMessage(message: Body['messages'][number], index: number): ChatMessage {
  const param = `messages[${index}]`;
  const { role, content, reasoning_content: reasoning } = message;
  const calls = message.tool_calls ?? [];
  if (calls.length > 0 && role !== 'assistant') {
    throw refused(`${param}.tool_calls`, 'must be in a message of the role assistant only');
  }
  if (role === 'tool' && !message.tool_call_id) {
    throw refused(`${param}.tool_call_id`, 'must be the id of the call that this message answers');
  }
  const isAbsent = content === null || content === undefined;
  return {
    role: role === 'developer' ? 'system' : role,
    content: isAbsent && role === 'assistant' ? '' : textOf(content, `${param}.content`),
    ...(role === 'assistant' && reasoning ? { reasoning } : {}),
    ...(calls.length > 0 ? { toolCalls: calls.map((call, at) => toToolCall(call, `${param}.tool_calls[${at}]`)) } : {}),
    ...(role === 'tool' ? { toolCallId: message.tool_call_id! } : {}),
  };
}

function toToolCall(call: unknown, param: string): ToolCall {
  const { id, type, function: called } = (isObject(call) ? call : {}) as { id?: unknown; type?: unknown; function?: unknown };
  if (type !== undefined && type !== 'function') {
    throw unsupported(`${param}.type`);
  }
  if (!isObject(called)) {
    throw refused(`${param}.function`, 'must be an object with name and arguments');
  }
  return {
    id: stringAt(id, `${param}.id`),
    name: calledNameAt(called['name'], `${param}.function.name`),
    arguments: argumentsAt(called['arguments'], `${param}.function.arguments`),
  };
}

function maxTokensOf({ max_completion_tokens: newer, ...fields }: Body): number | undefined {
  const limit = limitOf(fields);
  const older = fields.max_tokens ?? limit;
  if (older !== undefined && newer !== undefined && older !== newer) {
    throw refused('max_completion_tokens', 'must not differ from max_tokens; send one of them');
  }
  return newer === undefined ? limit : boundOf(newer);
}

/** llama-server's name for it, and the common one, which is asked first. */
export function limitOf({ max_tokens: limit, n_predict: native }: Pick<GenerationFields, 'max_tokens' | 'n_predict'>): number | undefined {
  if (native === 0) {
    throw refused('n_predict', 'must be a number above 0, or -1 for no limit');
  }
  return boundOf(limit ?? native);
}

/** −1 stands for no limit. */
function boundOf(limit: number | undefined): number | undefined {
  return limit === -1 ? undefined : limit;
}
