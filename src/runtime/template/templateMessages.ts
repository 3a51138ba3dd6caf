// A conversation in the form that chat templates take, for what a template can't say put into words that it can. Pure.
// Must not know: how templates are rendered.

import { createHash } from 'node:crypto';
import type { WireMessage, WireTool } from '../../protocol/runtimeProtocol';

export interface TemplateAbilities {
  /** Has a place for a system message. */
  readonly system: boolean;
  /** Says what the system says in mid-conversation, in its place. */
  readonly laterSystem: boolean;
  /** Takes two messages of one role in a row. */
  readonly repeatedRoles: boolean;
  /** Has a place for tools. */
  readonly tools: boolean;
  /** Takes what was thought as `thinking`. */
  readonly thinking: boolean;
  /** Says what was thought also before the newest message of the user. */
  readonly pastReasoning: boolean;
  /** Says calls and their results. */
  readonly toolTurns: boolean;
  /** Several calls in one message. */
  readonly parallelCalls: boolean;
  /** Calls may have ids of any form, not only Mistral's of nine letters and digits. */
  readonly anyCallIds: boolean;
}

/** As Hugging Face's `apply_chat_template` documents them. */
export interface TemplateMessage {
  readonly role: string;
  readonly content: string;
  readonly reasoning_content?: string;
  readonly thinking?: string;
  readonly tool_calls?: readonly { readonly id: string; readonly type: 'function'; readonly function: { readonly name: string; readonly arguments: unknown } }[];
  readonly tool_call_id?: string;
  readonly name?: string;
}

/** @param instructions are added to the system message */
export function messagesFor(messages: readonly WireMessage[], abilities: TemplateAbilities, instructions?: string): TemplateMessage[] {
  const names = new Map(messages.flatMap(({ toolCalls }) => (toolCalls ?? []).map(({ id, name }) => [id, name])));
  const ordered = afterResults(messages);
  const said = abilities.toolTurns
    ? (abilities.parallelCalls ? ordered : oneCallEach(ordered)).map((message) => withTools(message, names, abilities))
    : ordered.map((message) => withoutTools(message, names));
  let all = systemPlaced(said, abilities.laterSystem);
  if (instructions !== undefined && instructions !== '') {
    const first = all[0];
    all = first?.role === 'system' ? [{ ...first, content: `${first.content}\n\n${instructions}` }, ...all.slice(1)] : [{ role: 'system', content: instructions }, ...all];
  }
  if (!abilities.system) {
    all = systemAsUser(all);
  }
  return abilities.repeatedRoles ? all : joined(all);
}

function withTools({ role, content, reasoning, toolCalls, toolCallId }: WireMessage, names: ReadonlyMap<string, string>, { thinking, anyCallIds }: TemplateAbilities): TemplateMessage {
  const name = role === 'tool' && toolCallId !== undefined ? names.get(toolCallId) : undefined;
  const idOf = anyCallIds ? (id: string): string => id : nineCharacters;
  return {
    role,
    content,
    ...(reasoning === undefined ? {} : { reasoning_content: reasoning, ...(thinking ? { thinking: reasoning } : {}) }),
    ...(toolCalls === undefined || toolCalls.length === 0
      ? {}
      : { tool_calls: toolCalls.map((call) => ({ id: idOf(call.id), type: 'function' as const, function: { name: call.name, arguments: parsed(call.arguments) } })) }),
    ...(toolCallId === undefined ? {} : { tool_call_id: idOf(toolCallId) }),
    ...(name === undefined ? {} : { name }),
  };
}

/** The same for the same id, so that calls and results find each other and the prompt stays as it was. */
function nineCharacters(id: string): string {
  return /^[a-zA-Z0-9]{9}$/.test(id) ? id : createHash('sha256').update(id).digest('base64').replace(/[^a-zA-Z0-9]/g, '').slice(0, 9);
}

/** Calls made at once become one after the other, each followed by its result. */
function oneCallEach(messages: readonly WireMessage[]): readonly WireMessage[] {
  const all: WireMessage[] = [];
  for (let at = 0; at < messages.length; ) {
    const message = messages[at++]!;
    const calls = message.toolCalls ?? [];
    if (calls.length < 2) {
      all.push(message);
      continue;
    }
    const end = messages.findIndex(({ role }, index) => index >= at && role !== 'tool');
    const results = messages.slice(at, end < 0 ? undefined : end);
    at += results.length;
    for (const [index, call] of calls.entries()) {
      all.push(index === 0 ? { ...message, toolCalls: [call] } : { role: 'assistant', content: '', toolCalls: [call] });
      all.push(...results.filter(({ toolCallId }) => toolCallId === call.id));
    }
    all.push(...results.filter(({ toolCallId }) => !calls.some(({ id }) => id === toolCallId)));
  }
  return all;
}

/** Calls and results in the words of {@link toolText}. */
function withoutTools({ role, content, reasoning, toolCalls, toolCallId }: WireMessage, names: ReadonlyMap<string, string>): TemplateMessage {
  if (role === 'tool') {
    const name = toolCallId === undefined ? undefined : names.get(toolCallId);
    return { role: 'user', content: `<tool_response>\n${name === undefined ? '' : `${name}: `}${content}\n</tool_response>` };
  }
  const calls = (toolCalls ?? []).map(({ name, arguments: args }) => `<tool_call>\n${JSON.stringify({ name, arguments: parsed(args) })}\n</tool_call>`);
  return {
    role,
    content: [content, ...calls].filter((part) => part !== '').join('\n'),
    ...(reasoning === undefined ? {} : { reasoning_content: reasoning }),
  };
}

/** What a model whose template has no place for tools is told. */
export function toolText(tools: readonly WireTool[]): string {
  if (tools.length === 0) {
    return '';
  }
  const described = tools.map(({ name, description, parameters }) => JSON.stringify({ name, description, parameters: parameters ?? {} }));
  return (
    'You may call these functions:\n<tools>\n' +
    described.join('\n') +
    '\n</tools>\nTo call one, answer with its name and arguments as JSON within <tool_call></tool_call>:\n' +
    '<tool_call>\n{"name": "…", "arguments": {…}}\n</tool_call>'
  );
}

/** Templates take nothing between calls and their results: what the system says there comes after them. */
function afterResults(messages: readonly WireMessage[]): readonly WireMessage[] {
  const all: WireMessage[] = [];
  let held: WireMessage[] = [];
  for (const message of messages) {
    const last = all.at(-1);
    if (message.role === 'system' && (last?.role === 'tool' || (last?.toolCalls ?? []).length > 0)) {
      held.push(message);
    } else if (message.role === 'tool') {
      all.push(message);
    } else {
      all.push(...held, message);
      held = [];
    }
  }
  return [...all, ...held];
}

/** Nearly all templates take one system message at the start; some refuse or drop any that comes later. */
function systemPlaced(messages: readonly TemplateMessage[], takesLater: boolean): TemplateMessage[] {
  const end = messages.findIndex(({ role }) => role !== 'system');
  const leading = messages.slice(0, end < 0 ? undefined : end);
  const others = messages.slice(leading.length);
  const first = leading.length < 2 ? leading : [{ ...leading[0]!, content: textsOf(leading).join('\n\n') }];
  return [...first, ...(takesLater ? others : asReminders(others))];
}

/**
 * In the user's turn beside it, marked in the way that Claude Code marks what it adds to one. Its place stays, as moving
 * it to the start would change the beginning of the prompt, which the engine has in memory. Results of tools are a turn
 * too: Claude Code says something after each of them, and templates forget what was thought before a user's own words.
 */
function asReminders(messages: readonly TemplateMessage[]): TemplateMessage[] {
  const all: TemplateMessage[] = [];
  let waiting: string[] = [];
  const place = (next?: TemplateMessage): void => {
    const last = all.at(-1);
    const words = waiting.join('\n\n');
    waiting = [];
    const fitsLast = last?.role === 'user' || (last?.role === 'tool' && next?.role !== 'user');
    if (words === '' || (next?.role === 'user' && !fitsLast)) {
      all.push(...(next === undefined ? [] : [{ ...next, content: joinedText(words, next.content) }]));
      return;
    }
    if (fitsLast) {
      all[all.length - 1] = { ...last, content: joinedText(last.content, words) };
    } else {
      all.push({ role: 'user', content: words });
    }
    all.push(...(next === undefined ? [] : [next]));
  };
  for (const message of messages) {
    if (message.role === 'system') {
      waiting.push(`<system-reminder>\n${message.content}\n</system-reminder>`);
    } else {
      place(message);
    }
  }
  place();
  return all;
}

function joinedText(...texts: readonly string[]): string {
  return texts.filter((text) => text !== '').join('\n\n');
}

function textsOf(messages: readonly TemplateMessage[]): string[] {
  return messages.map(({ content }) => content).filter((text) => text !== '');
}

/** Before the first message of the user. */
function systemAsUser(messages: readonly TemplateMessage[]): TemplateMessage[] {
  const system = textsOf(messages.filter(({ role }) => role === 'system'));
  const others = messages.filter(({ role }) => role !== 'system');
  if (system.length === 0) {
    return others;
  }
  const first = others.findIndex(({ role }) => role === 'user');
  const words = system.join('\n\n');
  return first < 0
    ? [{ role: 'user', content: words }, ...others]
    : others.map((message, index) => (index === first ? { ...message, content: `${words}\n\n${message.content}` } : message));
}

function joined(messages: readonly TemplateMessage[]): TemplateMessage[] {
  const all: TemplateMessage[] = [];
  for (const message of messages) {
    const last = all.at(-1);
    const plain = message.tool_calls === undefined && last?.tool_calls === undefined && message.role !== 'tool';
    if (last?.role === message.role && plain) {
      all[all.length - 1] = { ...last, content: `${last.content}\n\n${message.content}` };
    } else {
      all.push(message);
    }
  }
  return all;
}

/** Templates go through the arguments by their names, so what a model wrote that is no object gets one. */
function parsed(text: string): object {
  try {
    const value: unknown = JSON.parse(text.trim() === '' ? '{}' : text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value;
    }
  } catch {
    // handed on below
  }
  return { raw: text };
}
