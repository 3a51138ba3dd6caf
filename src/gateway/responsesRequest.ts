// What a request in the form of OpenAI's Responses API asks for, in ours. Nothing is stored, so whatever refers to an
// earlier response is refused. Source of the fields: OpenAI API reference, "Create a model response"; return_progress,
// timings_per_token: llama-server.
// Must not know: HTTP, how an answer is sent.

import * as v from 'valibot';
import type { ChatMessage, ChatRequest, ToolCall } from '../api/jan';
import { thinkingVariables } from './chatRequest';
import {
  anyObject,
  argumentsAt,
  calledNameAt,
  flag,
  int32Max,
  integerIn,
  isObject,
  modelField,
  numberIn,
  readForm,
  refused,
  stringAt,
  text,
  textOf,
  topPOf,
  unsupported,
  type Form,
} from './fields';
import { extrasOf, tellsMore } from './timings';
import { jsonSchema, maxTools, reasoningEffort, responseFormatOf, toolChoiceOf, toolDescription, toolName, toolsMessage, toTool } from './toolFields';

const schema = v.object(
  {
    model: modelField,
    input: v.optional(v.unknown()),
    instructions: v.optional(text()),
    stream: flag,
    temperature: numberIn(0, 2),
    top_p: numberIn(0, 1),
    max_output_tokens: integerIn(1, int32Max),
    top_logprobs: integerIn(0, 20),
    include: v.optional(v.array(v.string('must be strings'), 'must be an array of strings')),
    metadata: v.optional(anyObject),
    tools: v.optional(
      v.pipe(
        v.array(
          v.object(
            {
              type: v.literal('function', 'must be function: no other kind of tool is supported'),
              name: toolName,
              description: toolDescription,
              parameters: jsonSchema,
              strict: v.nullish(v.boolean('must be true or false')),
            },
            'must be an object with type and name',
          ),
          toolsMessage,
        ),
        v.maxLength(maxTools, toolsMessage),
      ),
    ),
    tool_choice: v.optional(v.unknown()),
    parallel_tool_calls: flag,
    text: v.optional(v.object({ format: v.nullish(v.unknown()), verbosity: v.nullish(v.literal('medium', 'must be medium: it can’t be changed')) }, 'must be an object')),
    reasoning: v.optional(
      v.object(
        {
          effort: v.nullish(reasoningEffort),
          summary: v.nullish(v.string('must be a string')),
        },
        'must be an object',
      ),
    ),
    return_progress: flag,
    timings_per_token: flag,
  },
  'must be a JSON object',
);

export type ResponsesBody = v.InferOutput<typeof schema>;

const form: Form<typeof schema> = {
  schema,
  // `image` says how pictures are made smaller; there are none.
  ignored: new Set(['user', 'service_tier', 'safety_identifier', 'prompt_cache_key', 'prompt_cache_retention', 'prompt_cache_options', 'stream_options', 'client_metadata', 'access_programs', 'image']),
  neutral: {
    previous_response_id: () => false,
    conversation: () => false,
    prompt: () => false,
    moderation: () => false,
    context_management: () => false,
    background: (value) => value === false,
    store: (value) => value === false,
    truncation: (value) => value === 'disabled' || value === 'auto',
    max_tool_calls: () => false,
  },
  reasons: {
    previous_response_id: 'No response is stored here, so "previous_response_id" can refer to none: send the whole conversation as "input".',
    conversation: 'No conversation is stored here: send the whole of it as "input".',
    store: 'Nothing is stored here: say "store": false, or leave it out.',
    background: 'A response is given while the connection is open: "background" must be false.',
  },
};

export interface ParsedResponsesRequest {
  readonly request: ChatRequest;
  readonly fields: ResponsesBody;
}

/** Reasoning comes as it is, so nothing has to be encrypted. */
const includable = new Set(['message.output_text.logprobs', 'reasoning.encrypted_content']);

/** @throws HttpError 400 that names the field at fault. */
export function parseResponsesRequest(body: unknown): ParsedResponsesRequest {
  const fields = readForm(form, body);
  const tools =
    fields.tools === undefined || fields.tools.length === 0
      ? undefined
      : fields.tools.map(({ name, description, parameters }) => toTool(name, description, parameters));
  const messages = [...(fields.instructions ? [{ role: 'system' as const, content: fields.instructions }] : []), ...messagesOf(fields.input)];
  const other = fields.include?.find((wanted) => !includable.has(wanted));
  if (other !== undefined) {
    throw unsupported('include', `"${other.slice(0, 100)}" can’t be included here. Remove it from "include".`);
  }
  const wantsLogprobs = fields.include?.includes('message.output_text.logprobs') === true || (fields.top_logprobs ?? 0) > 0;
  const effort = fields.reasoning?.effort ?? undefined;
  return {
    request: {
      modelId: fields.model || undefined,
      messages,
      maxTokens: fields.max_output_tokens,
      tellProgress: tellsMore(extrasOf(fields)) ? true : undefined,
      temperature: fields.temperature,
      topP: topPOf(fields.top_p),
      logprobs: wantsLogprobs ? (fields.top_logprobs ?? 0) : undefined,
      responseFormat: responseFormatOf(fields.text?.format ?? undefined, 'text.format', (format) => format['schema']),
      tools,
      toolChoice: toolChoiceOf(fields.tool_choice, tools, false),
      parallelToolCalls: tools === undefined ? undefined : fields.parallel_tool_calls,
      templateVariables: effort === undefined ? undefined : thinkingVariables(effort),
    },
    fields,
  };
}

function messagesOf(input: unknown): readonly ChatMessage[] {
  if (typeof input === 'string') {
    return [{ role: 'user', content: input }];
  }
  if (!Array.isArray(input) || input.length === 0 || input.length > 10_000) {
    throw refused('input', 'must be a string or an array of 1 to 10000 items');
  }
  const messages: ChatMessage[] = [];
  /** Thinking, text and calls of one turn come as items of their own; here they are one message. */
  const addToTurn = (part: { reasoning?: string; content?: string; call?: ToolCall }): void => {
    const before = messages.at(-1);
    const isSameTurn = before?.role === 'assistant' && (part.content === undefined || (before.content === '' && before.toolCalls === undefined));
    const turn: ChatMessage = isSameTurn ? messages.pop()! : { role: 'assistant', content: '' };
    messages.push({
      ...turn,
      ...(part.content === undefined ? {} : { content: part.content }),
      ...(part.reasoning === undefined ? {} : { reasoning: part.reasoning }),
      ...(part.call === undefined ? {} : { toolCalls: [...(turn.toolCalls ?? []), part.call] }),
    });
  };
  input.forEach((value: unknown, index) => {
    const param = `input[${index}]`;
    if (!isObject(value)) {
      throw refused(param, 'must be an object');
    }
    const kind = value['type'] ?? 'message';
    switch (kind) {
      case 'message': {
        const role = value['role'];
        if (role !== 'user' && role !== 'assistant' && role !== 'system' && role !== 'developer') {
          throw refused(`${param}.role`, 'must be user, assistant, system or developer');
        }
        const content = textOf(value['content'], `${param}.content`, ['input_text', 'output_text', 'text']);
        if (role === 'assistant') {
          addToTurn({ content });
        } else {
          messages.push({ role: role === 'developer' ? 'system' : role, content });
        }
        break;
      }
      case 'function_call':
        addToTurn({
          call: {
            id: stringAt(value['call_id'], `${param}.call_id`),
            name: calledNameAt(value['name'], `${param}.name`),
            arguments: argumentsAt(value['arguments'], `${param}.arguments`),
          },
        });
        break;
      case 'function_call_output':
        messages.push({
          role: 'tool',
          toolCallId: stringAt(value['call_id'], `${param}.call_id`),
          content: textOf(value['output'], `${param}.output`, ['input_text', 'text']),
        });
        break;
      case 'reasoning': {
        const reasoning = reasoningOf(value, param);
        if (reasoning !== '') {
          messages.push({ role: 'assistant', content: '', reasoning });
        }
        break;
      }
      default:
        throw unsupported(param, `An item of the kind ${typeof kind === 'string' ? `"${kind.slice(0, 50)}"` : 'given'} is not supported.`);
    }
  });
  if (messages.every(({ role }) => role === 'system')) {
    throw refused('input', 'must hold a message of the role user');
  }
  return messages;
}

/** The whole of it where it is given, else its summary. What is encrypted is another provider's, and no one's to read. */
function reasoningOf(item: Readonly<Record<string, unknown>>, param: string): string {
  const whole = item['content'] ?? undefined;
  const parts = Array.isArray(whole) && whole.length > 0 ? whole : (item['summary'] ?? []);
  return textOf(parts, `${param}.${parts === whole ? 'content' : 'summary'}`, ['reasoning_text', 'summary_text']);
}
