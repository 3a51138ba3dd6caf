// What a request in Anthropic's form asks for, in ours. Source of the fields: Anthropic API reference, "Create a Message".
// Must not know: HTTP, how an answer is sent.

import * as v from 'valibot';
import type { ChatMessage, ChatRequest, ResponseFormat, ToolCall, ToolChoice, ToolDefinition } from '../api/jan';
import {
  calledNameAt,
  flag,
  int32Max,
  integerIn,
  isObject,
  modelField,
  numberIn,
  readForm,
  refused,
  stopList,
  stopsOf,
  stringAt,
  textOf,
  topPOf,
  unsupported,
  type Form,
} from './fields';
import { checkedChoice, jsonSchema, maxTools, responseFormatOf, thinkingOf, toolDescription, toolName, toolsMessage, toTool } from './toolFields';

const schema = v.object(
  {
    model: modelField,
    max_tokens: integerIn(1, int32Max),
    messages: v.pipe(
      v.array(
        v.object({ role: v.picklist(['user', 'assistant', 'system'], 'must be user, assistant or system'), content: v.unknown() }, 'must be an object with role and content'),
        'must be an array of messages',
      ),
      v.minLength(1, 'must hold at least one message'),
      v.maxLength(10_000, 'must hold at most 10000 messages'),
    ),
    system: v.optional(v.unknown()),
    stream: flag,
    temperature: numberIn(0, 1),
    top_p: numberIn(0, 1),
    top_k: integerIn(0, 1000),
    stop_sequences: v.optional(stopList),
    tools: v.optional(
      v.pipe(
        v.array(
          v.object(
            {
              type: v.nullish(v.literal('custom', 'must be custom: tools that Anthropic runs are not offered here')),
              name: toolName,
              description: toolDescription,
              input_schema: jsonSchema,
            },
            'must be an object with name and input_schema',
          ),
          toolsMessage,
        ),
        v.maxLength(maxTools, toolsMessage),
      ),
    ),
    tool_choice: v.optional(
      v.object(
        {
          type: v.picklist(['auto', 'any', 'tool', 'none'], 'must be auto, any, tool or none'),
          name: v.optional(toolName),
          disable_parallel_tool_use: flag,
        },
        'must be an object with a type',
      ),
    ),
    thinking: v.optional(v.object({ type: v.picklist(['enabled', 'disabled', 'adaptive'], 'must be enabled, disabled or adaptive') }, 'must be an object with a type')),
    output_config: v.optional(
      v.object({ effort: v.nullish(v.string('must be a string')), format: v.nullish(v.record(v.string(), v.unknown())) }, 'must be an object'),
    ),
    /** The older name of `output_config.format`. */
    output_format: v.optional(v.record(v.string(), v.unknown(), 'must be an object with a type')),
  },
  'must be a JSON object',
);

type Body = v.InferOutput<typeof schema>;

const form: Form<typeof schema> = {
  schema,
  // `context_management` asks for what is forgotten to be chosen; nothing is ever dropped here without a word. `fallbacks`
  // and its token are for answers that a policy refuses, `diagnostics` asks why the provider's cache was of no use.
  ignored: new Set([
    'metadata',
    'service_tier',
    'cache_control',
    'context_management',
    'inference_geo',
    'speed',
    'diagnostics',
    'billing_policy',
    'fallbacks',
    'fallback_credit_token',
  ]),
  neutral: {
    container: () => false,
    compaction: () => false,
    thread: () => false,
    mcp_servers: (value) => Array.isArray(value) && value.length === 0,
  },
};

export interface ParsedMessagesRequest {
  readonly request: ChatRequest;
  readonly stream: boolean;
}

/** @throws HttpError 400 that names the field at fault. */
export function parseMessagesRequest(body: unknown, options: { readonly isCount?: boolean } = {}): ParsedMessagesRequest {
  const fields = readForm(form, body);
  if (fields.max_tokens === undefined && options.isCount !== true) {
    throw refused('max_tokens', `must be a whole number from 1 to ${int32Max}`);
  }
  const system = fields.system === undefined ? '' : systemText(fields.system, 'system');
  const messages = fields.messages.flatMap((message, index) => toMessages(message, `messages[${index}]`));
  if (messages.every(({ role }) => role === 'system')) {
    throw refused('messages', 'must hold a message of the role user');
  }
  if ((messages.at(-1)?.toolCalls ?? []).length > 0 && options.isCount !== true) {
    throw refused('messages', 'must not end with calls of tools: their results come in a message of the role user');
  }
  const tools = fields.tools === undefined || fields.tools.length === 0 ? undefined : fields.tools.map((tool) => toTool(tool.name, tool.description, tool.input_schema));
  return {
    request: {
      modelId: fields.model || undefined,
      messages: system === '' ? messages : [{ role: 'system', content: system }, ...messages],
      maxTokens: fields.max_tokens,
      stop: stopsOf(fields.stop_sequences),
      temperature: fields.temperature,
      topP: topPOf(fields.top_p),
      topK: fields.top_k,
      responseFormat: formatOf(fields),
      tools,
      toolChoice: choiceOf(fields, tools),
      parallelToolCalls: tools !== undefined && fields.tool_choice?.disable_parallel_tool_use === true ? false : undefined,
      templateVariables: fields.thinking === undefined ? undefined : thinkingOf(fields.thinking.type !== 'disabled'),
    },
    stream: fields.stream ?? false,
  };
}

function formatOf({ output_config: config, output_format: older }: Body): ResponseFormat | undefined {
  const newer = config?.format ?? undefined;
  if (newer !== undefined && older !== undefined) {
    throw refused('output_format', 'must not be sent beside output_config.format, its newer name');
  }
  return responseFormatOf(newer ?? older, newer === undefined ? 'output_format' : 'output_config.format', (format) => format['schema']);
}

function choiceOf({ tool_choice: choice }: Body, tools: readonly ToolDefinition[] | undefined): ToolChoice | undefined {
  switch (choice?.type) {
    case undefined:
      return undefined;
    case 'auto':
    case 'none':
      return tools === undefined ? undefined : choice.type;
    case 'any':
      return checkedChoice('required', tools);
    case 'tool':
      return checkedChoice({ name: stringAt(choice.name, 'tool_choice.name') }, tools);
  }
}

/** Claude Code begins with a block for Anthropic's bills that is another each time: no prompt would begin as the one before. */
function systemText(content: unknown, param: string): string {
  const whole = textOf(content, param);
  const isBill = (block: unknown): boolean => isObject(block) && typeof block['text'] === 'string' && block['text'].startsWith('x-anthropic-billing-header:');
  return Array.isArray(content) && content.some(isBill) ? textOf(content.filter((block) => !isBill(block)), param) : whole;
}

/** A message of theirs may hold results of several calls, which are messages of their own here. */
function toMessages({ role, content }: Body['messages'][number], param: string): readonly ChatMessage[] {
  if (typeof content === 'string') {
    return [{ role, content }];
  }
  if (role === 'system') {
    return [{ role, content: systemText(content, `${param}.content`) }];
  }
  if (!Array.isArray(content)) {
    throw refused(`${param}.content`, 'must be a string or an array of blocks');
  }
  const texts: string[] = [];
  const thoughts: string[] = [];
  const toolCalls: ToolCall[] = [];
  const results: ChatMessage[] = [];
  content.forEach((value: unknown, index) => {
    const at = `${param}.content[${index}]`;
    const block = isObject(value) ? value : {};
    const kind = block['type'];
    if (kind === 'text') {
      texts.push(stringAt(block['text'], `${at}.text`));
    } else if (role === 'assistant' && kind === 'thinking') {
      thoughts.push(stringAt(block['thinking'], `${at}.thinking`));
    } else if (role === 'assistant' && kind === 'tool_use') {
      toolCalls.push(toToolCall(block, at));
    } else if (role === 'user' && kind === 'tool_result') {
      results.push(toResult(block, at));
    } else if (!(role === 'assistant' && kind === 'redacted_thinking')) {
      const said = typeof kind === 'string' ? ` "${kind.slice(0, 50)}"` : '';
      throw unsupported(at, `A block of the kind${said} is not supported in a message of the role ${role}.`);
    }
  });
  if (role === 'assistant') {
    return [
      {
        role,
        content: texts.join('\n'),
        ...(thoughts.length > 0 ? { reasoning: thoughts.join('\n') } : {}),
        ...(toolCalls.length > 0 ? { toolCalls } : {}),
      },
    ];
  }
  return texts.length > 0 || results.length === 0 ? [...results, { role, content: texts.join('\n') }] : results;
}

function toToolCall(block: Readonly<Record<string, unknown>>, param: string): ToolCall {
  if (!isObject(block['input'])) {
    throw refused(`${param}.input`, 'must be an object');
  }
  return {
    id: stringAt(block['id'], `${param}.id`),
    name: calledNameAt(block['name'], `${param}.name`),
    arguments: JSON.stringify(block['input']),
  };
}

function toResult(block: Readonly<Record<string, unknown>>, param: string): ChatMessage {
  const content = block['content'];
  const said = content === undefined || content === null ? '' : textOf(content, `${param}.content`);
  return {
    role: 'tool',
    toolCallId: stringAt(block['tool_use_id'], `${param}.tool_use_id`),
    content: block['is_error'] === true ? `Error: ${said}` : said,
  };
}
