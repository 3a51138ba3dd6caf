// Finds calls of tools in a stream of text, in the forms that models write them in; gives arguments as they come.
// Must not know: tokens, templates, grammars.

import { randomBytes } from 'node:crypto';
import type { AnswerPiece, WireTool } from '../../protocol/runtimeProtocol';
import { longestSuffixThatStarts } from '../stopDetector';
import { JsonScanner } from './jsonScanner';
import type { ToolStyle } from './toolStyle';
import { jsonOrText, mayBecomeXmlCall, readXmlCall, typedValue, type XmlCall } from './xmlCall';

export type ToolCallDeltas = NonNullable<AnswerPiece['toolCalls']>;

export interface ParsedPiece {
  readonly text: string;
  readonly toolCalls: ToolCallDeltas;
}

/** A call by JSON: `{"name": …, "arguments": …}`, in this order as nearly all models write it. */
const callHead = /^\{\s*(?:"type"\s*:\s*"function"\s*,\s*)?"(?:name|function)"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"(?:arguments|parameters)"\s*:\s*(?=\{)/;
/** Of a name that a model makes up, in characters; a conversation that holds the call must be taken again. */
const longestName = 200;
const closers = ['</tool_call>', '<｜tool▁calls▁end｜>', '<｜tool▁call▁end｜>'];
/** What calls are found by, besides the openers of their style. */
export const callMarks = [...closers, '[ARGS]', '[CALL_ID]', '<｜tool▁sep｜>'];
const xmlOpener = '<function=';
const deepseekOpener = '<｜tool▁call▁begin｜>';
const deepseekEnd = '<｜tool▁call▁end｜>';

interface Block {
  readonly kind: 'xml' | 'deepseek';
  readonly opener: string;
  readonly space?: string;
}

type State =
  | { readonly kind: 'text' }
  /** After an opener or a call: another may follow. */
  | { readonly kind: 'calls'; readonly opener: string }
  | { readonly kind: 'json'; readonly opener: string; readonly scanner: JsonScanner; raw: string; argumentsAt?: number; sent: number; argumentsEnd?: number }
  /** `name[ARGS]{…}`: the arguments alone. */
  | { readonly kind: 'arguments'; readonly scanner: JsonScanner }
  /** A call that is given when it is whole. `space` comes before what turns out to be none. */
  | Block;

export class ToolCallParser {
  #state: State = { kind: 'text' };
  #held = '';
  #calls = 0;
  #completed = 0;
  #saidText = false;

  constructor(
    private readonly style: ToolStyle,
    private readonly tools: readonly WireTool[],
  ) {}

  /** Calls that are whole. */
  get completed(): number {
    return this.#completed;
  }

  /** The text ended with the mark that a call follows; nothing of the call has come yet. */
  get isAtOpener(): boolean {
    return this.#state.kind === 'calls' && this.#calls === 0 && this.#held === '';
  }

  get isInCall(): boolean {
    return this.#state.kind !== 'text';
  }

  push(piece: string): ParsedPiece {
    const out = { text: '', toolCalls: [] as ToolCallDeltas };
    let rest = this.#held + piece;
    this.#held = '';
    for (let state: State | undefined, before = -1; rest !== '' && (before !== rest.length || state !== this.#state); ) {
      before = rest.length;
      state = this.#state;
      rest = this.#step(rest, out);
    }
    this.#held = rest;
    return out;
  }

  /** What was held back; a call that is not whole stays what of it was given. */
  end(): ParsedPiece {
    const out = { text: '', toolCalls: [] as ToolCallDeltas };
    const state = this.#state;
    if (state.kind === 'json' && state.argumentsAt === undefined) {
      out.text = this.#openerText(state.opener) + state.raw;
    } else if (state.kind === 'xml' || state.kind === 'deepseek') {
      this.#endBlock(state, out);
    } else if (state.kind === 'text') {
      out.text = this.#held;
    }
    this.#held = '';
    this.#state = { kind: 'text' };
    return out;
  }

  /** @returns what is left to look at; unchanged when more is needed. */
  #step(rest: string, out: { text: string; toolCalls: ToolCallDeltas }): string {
    switch (this.#state.kind) {
      case 'text':
        return this.#text(rest, out);
      case 'calls':
        return this.#between(rest, this.#state.opener, out);
      case 'json':
        return this.#json(rest, this.#state, out);
      case 'arguments':
        return this.#arguments(rest, this.#state.scanner, out);
      case 'xml':
        return this.#xml(rest, this.#state, out);
      case 'deepseek':
        return this.#deepseek(rest, this.#state, out);
    }
  }

  #text(rest: string, out: { text: string }): string {
    if (this.style.bare && !this.#saidText) {
      const trimmed = rest.trimStart();
      if (trimmed === '') {
        return rest;
      }
      if (trimmed.startsWith('{')) {
        this.#state = { kind: 'calls', opener: '' };
        return trimmed;
      }
    }
    const openers = this.style.openers;
    const found = openers.map((opener) => [rest.indexOf(opener), opener] as const).filter(([at]) => at >= 0).sort(([a], [b]) => a - b)[0];
    if (found !== undefined) {
      const [at, opener] = found;
      const said = rest.slice(0, at).trimEnd();
      this.#say(said, out);
      this.#state = opener === xmlOpener ? { kind: 'xml', opener: '', space: rest.slice(said.length, at) } : { kind: 'calls', opener };
      return rest.slice(opener === xmlOpener ? at : at + opener.length);
    }
    const keep = longestSuffixThatStarts(rest, openers);
    const certain = rest.slice(0, rest.length - keep);
    // The blank line before a call belongs to neither, so space waits for what follows it.
    const space = certain.length - certain.trimEnd().length;
    this.#say(certain.slice(0, certain.length - space), out);
    return rest.slice(rest.length - keep - space);
  }

  /** Before, between and after calls. */
  #between(rest: string, opener: string, out: { text: string; toolCalls: ToolCallDeltas }): string {
    const trimmed = rest.trimStart();
    if (trimmed === '') {
      return rest;
    }
    const marks = [...this.style.openers, ...closers, '[ARGS]', xmlOpener];
    if (trimmed.startsWith(xmlOpener)) {
      this.#state = { kind: 'xml', opener };
      return trimmed;
    }
    const mark = [...this.style.openers, ...closers].find((one) => trimmed.startsWith(one));
    if (mark !== undefined) {
      if (mark === deepseekOpener) {
        this.#state = { kind: 'deepseek', opener: mark };
      }
      return trimmed.slice(mark.length);
    }
    if (trimmed.startsWith('{')) {
      this.#state = { kind: 'json', opener, scanner: new JsonScanner(), raw: '', sent: 0 };
      return trimmed;
    }
    if (marks.some((one) => one.startsWith(trimmed))) {
      return rest;
    }
    if (/^[[\],;]/.test(trimmed)) {
      return trimmed.slice(1);
    }
    const named = /^([\w.-]{1,128})(?:\[CALL_ID\][\w-]*)?\[ARGS\]/.exec(trimmed);
    if (this.style.id === 'mistral' && named !== null) {
      out.toolCalls.push({ index: this.#calls++, id: newCallId(), name: named[1]! });
      this.#state = { kind: 'arguments', scanner: new JsonScanner() };
      return trimmed.slice(named[0].length);
    }
    if (this.style.id === 'mistral' && /^[\w.-]{1,128}(?:\[[\w\]-]{0,60})?$/.test(trimmed)) {
      return rest;
    }
    this.#state = { kind: 'text' };
    this.#say(this.#calls === 0 ? this.#openerText(opener) : '', out);
    this.#saidText = true;
    return trimmed;
  }

  #json(rest: string, state: State & { kind: 'json' }, out: { text: string; toolCalls: ToolCallDeltas }): string {
    const used = state.scanner.push(rest);
    state.raw += rest.slice(0, used);
    if (state.argumentsAt === undefined) {
      const head = callHead.exec(state.raw);
      const name = head === null ? undefined : nameOf(head[1]!);
      if (head !== null && name !== undefined && this.#mayBeCall(state.opener, name)) {
        state.argumentsAt = head[0].length;
        state.sent = head[0].length;
        out.toolCalls.push({ index: this.#calls++, id: newCallId(), name });
      }
    }
    if (state.argumentsAt !== undefined) {
      this.#sendArguments(state, out);
    }
    if (state.scanner.isWhole) {
      if (state.argumentsAt === undefined) {
        this.#wholeCall(state, out);
      } else {
        this.#completed++;
      }
      this.#state = this.#state === state ? { kind: 'calls', opener: state.opener } : this.#state;
    }
    return rest.slice(used);
  }

  #sendArguments(state: State & { kind: 'json' }, out: { toolCalls: ToolCallDeltas }): void {
    if (state.argumentsEnd === undefined) {
      const own = new JsonScanner();
      const length = own.push(state.raw.slice(state.argumentsAt));
      state.argumentsEnd = own.isWhole ? state.argumentsAt! + length : undefined;
    }
    const piece = state.raw.slice(state.sent, state.argumentsEnd);
    if (piece !== '') {
      state.sent += piece.length;
      out.toolCalls.push({ index: this.#calls - 1, arguments: piece });
    }
  }

  #arguments(rest: string, scanner: JsonScanner, out: { toolCalls: ToolCallDeltas }): string {
    const used = scanner.push(rest);
    if (used > 0) {
      out.toolCalls.push({ index: this.#calls - 1, arguments: rest.slice(0, used) });
    }
    if (scanner.isWhole) {
      this.#completed++;
      this.#state = { kind: 'calls', opener: '[TOOL_CALLS]' };
    }
    return rest.slice(used);
  }

  #xml(rest: string, block: Block, out: { text: string; toolCalls: ToolCallDeltas }): string {
    const call = readXmlCall(rest, false);
    if (call === undefined) {
      if (mayBecomeXmlCall(rest)) {
        return rest;
      }
      this.#state = { kind: 'text' };
      this.#say(this.#openerText(block.opener) + (block.space ?? '') + xmlOpener, out);
      return rest.slice(xmlOpener.length);
    }
    this.#addOrSay(this.#xmlCall(rest, call), block, rest.slice(0, call.length), out);
    return rest.slice(call.length);
  }

  #deepseek(rest: string, block: Block, out: { text: string; toolCalls: ToolCallDeltas }): string {
    const end = rest.indexOf(deepseekEnd);
    if (end < 0) {
      return rest;
    }
    this.#addOrSay(deepseekCall(rest.slice(0, end)), block, rest.slice(0, end), out);
    return rest.slice(end + deepseekEnd.length);
  }

  /** A call that was cut is none: what is missing would be missing in what it does. */
  #endBlock(block: Block, out: { text: string; toolCalls: ToolCallDeltas }): void {
    const raw = this.#held;
    const xml = block.kind === 'xml' ? readXmlCall(raw, true) : undefined;
    const other = block.kind === 'deepseek' ? deepseekCall(raw) : undefined;
    const call = xml === undefined ? other : this.#xmlCall(raw, xml);
    this.#addOrSay(typeof jsonOrText(call?.arguments ?? '') === 'object' ? call : undefined, block, raw, out);
  }

  #addOrSay(call: { readonly name: string; readonly arguments: string } | undefined, { opener, space = '' }: Block, raw: string, out: { text: string; toolCalls: ToolCallDeltas }): void {
    if (call === undefined) {
      this.#say(this.#openerText(opener) + space + raw, out);
    } else {
      this.#add(call, out);
    }
    this.#state = { kind: 'calls', opener };
  }

  /** An object whose keys come in another order, or that is no call. */
  #wholeCall(state: State & { kind: 'json' }, out: { text: string; toolCalls: ToolCallDeltas }): void {
    const call = callOf(state.raw);
    if (call !== undefined && this.#mayBeCall(state.opener, call.name)) {
      this.#add(call, out);
      return;
    }
    this.#state = { kind: 'text' };
    this.#say(this.#openerText(state.opener) + state.raw, out);
    this.#saidText = true;
  }

  #add({ name, arguments: args }: { readonly name: string; readonly arguments: string }, out: { toolCalls: ToolCallDeltas }): void {
    out.toolCalls.push({ index: this.#calls++, id: newCallId(), name, arguments: args });
    this.#completed++;
  }

  /** Without a mark only what has a tool's name is a call: JSON may be just the answer. */
  #mayBeCall(opener: string, name: string): boolean {
    return opener !== '' || this.tools.some((tool) => tool.name === name);
  }

  #openerText(opener: string): string {
    return this.#calls === 0 ? opener : '';
  }

  #say(text: string, out: { text: string }): void {
    if (text !== '') {
      this.#saidText = true;
      out.text += text;
    }
  }

  /** Values have the types of the tool's schema. */
  #xmlCall(raw: string, { values }: XmlCall): { name: string; arguments: string } | undefined {
    const name = /<function=([^>\s]{1,128})>/.exec(raw)?.[1];
    if (name === undefined) {
      return undefined;
    }
    const properties = this.tools.find((tool) => tool.name === name)?.parameters?.properties as Record<string, unknown> | undefined;
    return { name, arguments: JSON.stringify(Object.fromEntries(values.map(([key, text]) => [key, typedValue(text, properties?.[key])]))) };
  }
}

function deepseekCall(raw: string): { name: string; arguments: string } | undefined {
  const match = /^\s*(?:function)?<｜tool▁sep｜>([\w.-]{1,128})\s*```(?:json)?\s*([\s\S]*?)\s*```\s*$/.exec(raw) ?? /^\s*([\w.-]{1,128})<｜tool▁sep｜>\s*([\s\S]*?)\s*$/.exec(raw);
  return match === null ? undefined : { name: match[1]!, arguments: match[2]! };
}

function callOf(raw: string): { name: string; arguments: string } | undefined {
  const value = jsonOrText(raw);
  if (typeof value !== 'object' || value === null) {
    return undefined;
  }
  const outer = value as Record<string, unknown>;
  const inner = typeof outer.function === 'object' && outer.function !== null ? (outer.function as Record<string, unknown>) : outer;
  const name = inner.name ?? inner.function;
  const args = inner.arguments ?? inner.parameters ?? {};
  if (typeof name !== 'string' || name === '') {
    return undefined;
  }
  return { name: name.slice(0, longestName), arguments: typeof args === 'string' ? args : JSON.stringify(args) };
}

function nameOf(json: string): string | undefined {
  const name = jsonOrText(json);
  return typeof name === 'string' && name !== '' ? name.slice(0, longestName) : undefined;
}

/** Nine letters and digits: what Mistral's templates insist on, and nobody else minds. */
export function newCallId(): string {
  return randomBytes(12).toString('base64').replace(/[^a-zA-Z0-9]/g, 'x').slice(0, 9);
}
