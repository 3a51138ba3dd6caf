// Tools and what is made of them, in OpenAI's two forms. Source: OpenAI API reference, "tools", "tool_choice".
// Must not know: HTTP, how an answer is sent.

import * as v from 'valibot';
import type { ResponseFormat, ToolChoice, ToolDefinition } from '../api/jan';
import { isObject, refused, text, unsupported } from './fields';

/** As Anthropic allows; OpenAI's 64 and 128 tools are fewer. */
const nameMessage = 'must be a name of letters, digits, _ and -, at most 128';
export const toolName = v.pipe(v.string(nameMessage), v.regex(/^[\w-]{1,128}$/, nameMessage));
export const toolDescription = v.nullish(text(64 * 1024));
export const jsonSchema = v.nullish(v.record(v.string(), v.unknown(), 'must be a JSON schema, an object'));
export const maxTools = 1024;
export const toolsMessage = `must be an array of at most ${maxTools} tools`;

export function toTool(name: string, description: string | null | undefined, parameters: Readonly<Record<string, unknown>> | null | undefined): ToolDefinition {
  return { name, ...(description ? { description } : {}), ...(parameters ? { parameters } : {}) };
}

/**
 * A choice as a word, or of one function: `{type: 'function', function: {name}}`, or `{type: 'function', name}`.
 * @throws HttpError 400 when it asks for a tool that is not there
 */
export function toolChoiceOf(choice: unknown, tools: readonly ToolDefinition[] | undefined, isNested: boolean): ToolChoice | undefined {
  if (choice === undefined || choice === 'auto' || choice === 'none') {
    return tools === undefined || choice === undefined ? undefined : choice;
  }
  const name = isObject(choice) && choice['type'] === 'function' ? (isNested ? (choice['function'] as { name?: unknown } | undefined)?.name : choice['name']) : undefined;
  if (choice !== 'required' && typeof name !== 'string') {
    const kind = isObject(choice) && typeof choice['type'] === 'string' ? choice['type'].slice(0, 50) : undefined;
    throw kind !== undefined && kind !== 'function'
      ? unsupported('tool_choice', `A "tool_choice" of the kind "${kind}" is not supported: say auto, none, required or name a function.`)
      : refused('tool_choice', 'must be auto, none, required or name a function');
  }
  return checkedChoice(choice === 'required' ? choice : { name: name as string }, tools);
}

/** @throws HttpError 400 when the choice can't be met by the tools. */
export function checkedChoice(choice: 'required' | { readonly name: string }, tools: readonly ToolDefinition[] | undefined): ToolChoice {
  if (tools === undefined) {
    throw refused('tool_choice', 'asks for a call, but there are no "tools"');
  }
  if (choice !== 'required' && !tools.some(({ name }) => name === choice.name)) {
    throw refused('tool_choice', 'names a function that is not among the "tools"');
  }
  return choice;
}

/** The form that an answer must have. @throws HttpError 400 */
export function responseFormatOf(format: unknown, param: string, schemaOf: (format: Readonly<Record<string, unknown>>) => unknown): ResponseFormat | undefined {
  if (format === undefined) {
    return undefined;
  }
  if (!isObject(format)) {
    throw refused(param, 'must be an object with a type');
  }
  switch (format['type']) {
    case 'text':
      return undefined;
    case 'json_object':
      // llama-server takes a schema here as well.
      return isObject(format['schema']) ? { type: 'json-schema', schema: format['schema'] } : { type: 'json' };
    case 'json_schema': {
      const schema = schemaOf(format);
      if (!isObject(schema)) {
        throw refused(param, 'must hold a JSON schema, an object');
      }
      return { type: 'json-schema', schema };
    }
    default:
      throw refused(`${param}.type`, 'must be text, json_object or json_schema');
  }
}

const efforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;
export const reasoningEffort = v.picklist(efforts, `must be ${efforts.slice(0, -1).join(', ')} or ${efforts.at(-1)}`);

/** The variables by which most chat templates know whether to think. */
export function thinkingOf(isWanted: boolean): Readonly<Record<string, unknown>> {
  return { enable_thinking: isWanted };
}
