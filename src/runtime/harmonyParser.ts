// Parts an answer in OpenAI's Harmony format (gpt-oss) into reasoning, answer and calls of tools, in a stream. Its messages
// have channels: `<|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>final<|message|>…<|return|>`.
// Source: OpenAI, Harmony response format (cookbook, August 2025).
// Must not know: tokens, models, templates.

import type { AnswerPiece } from '../protocol/runtimeProtocol';
import { longestSuffixThatStarts } from './stopDetector';
import { newCallId } from './tools/toolCallParser';

export type HarmonyPiece = Required<Pick<AnswerPiece, 'text' | 'reasoning' | 'toolCalls'>>;

type Section = { readonly kind: 'text' | 'reasoning' } | { readonly kind: 'call'; readonly index: number };

const messageMark = '<|message|>';
/** What ends the text of a message; the last two begin the next one. */
const endMarks = ['<|end|>', '<|return|>', '<|call|>', '<|start|>', '<|channel|>'] as const;
const nextMarks = ['<|start|>', '<|channel|>'] as const;
/** What an answer may begin with, right after `<|start|>assistant`. */
const beginnings = ['<|channel|>', '<|message|>', '<|constrain|>', ' to='];
/** No header is longer, characters. */
const longestHeader = 300;

export interface HarmonyOptions {
  /** Is the prompt's last message an answer that is gone on with? */
  readonly inAnswer: boolean;
  /** Names of the request's tools. */
  readonly tools: ReadonlySet<string>;
}

export class HarmonyParser {
  #state: 'start' | 'header' | 'body' | 'between' | 'done';
  #section: Section = { kind: 'text' };
  #held = '';
  #calls = 0;
  #completed = 0;
  /** Sections of a kind that have said something: the next one is set apart from it. */
  readonly #said = new Set<Section['kind']>();
  #isNewSection = false;
  #isFinal: boolean;

  constructor(private readonly options: HarmonyOptions) {
    this.#state = options.inAnswer ? 'body' : 'start';
    this.#isFinal = options.inAnswer;
  }

  /** The answer itself is not being said now. */
  get isReasoning(): boolean {
    return this.#state !== 'body' || this.#section.kind !== 'text';
  }

  /** The last message has ended. */
  get isDone(): boolean {
    return this.#state === 'done';
  }

  get hasToolCalls(): boolean {
    return this.#calls > 0;
  }

  /** Calls that are whole. */
  get completed(): number {
    return this.#completed;
  }

  push(piece: string): HarmonyPiece {
    const out: HarmonyPiece = { text: '', reasoning: '', toolCalls: [] };
    let rest = this.#held + piece;
    this.#held = '';
    for (let goOn = true; goOn && rest !== ''; ) {
      const before = this.#state;
      rest = this.#step(rest, out);
      goOn = before !== this.#state && !this.isDone;
    }
    this.#held = this.isDone ? '' : rest;
    return out;
  }

  end(): HarmonyPiece {
    const out: HarmonyPiece = { text: '', reasoning: '', toolCalls: [] };
    if (this.#state === 'body') {
      this.#say(this.#held, out);
    } else if (this.#state === 'start') {
      out.text = this.#held;
    }
    this.#held = '';
    return out;
  }

  /** @returns what waits for more */
  #step(rest: string, out: HarmonyPiece): string {
    switch (this.#state) {
      case 'start':
        if (beginnings.some((mark) => mark.startsWith(rest))) {
          return rest;
        }
        // A model that does not keep to the format says its answer as it is.
        this.#state = beginnings.some((mark) => rest.startsWith(mark)) ? 'header' : 'body';
        return rest;
      case 'header':
        return this.#header(rest, out);
      case 'body':
        return this.#body(rest, out);
      case 'between': {
        const { at, mark } = firstOf(rest, nextMarks);
        if (mark === undefined) {
          return rest.slice(rest.length - longestSuffixThatStarts(rest, nextMarks));
        }
        this.#state = 'header';
        return rest.slice(mark === '<|channel|>' ? at : at + mark.length);
      }
      case 'done':
        return '';
    }
  }

  #header(rest: string, out: HarmonyPiece): string {
    const at = rest.indexOf(messageMark);
    if (at < 0 && rest.length <= longestHeader) {
      return rest;
    }
    const header = at < 0 ? '' : rest.slice(0, at);
    const channel = /<\|channel\|>\s*(\w+)/.exec(header)?.[1];
    const recipient = /\bto=functions\.([\w.-]+)/.exec(header)?.[1];
    this.#state = 'body';
    this.#isNewSection = true;
    this.#isFinal = channel === undefined || channel === 'final';
    if (recipient !== undefined && this.options.tools.has(recipient)) {
      this.#section = { kind: 'call', index: this.#calls++ };
      out.toolCalls.push({ index: this.#section.index, id: newCallId(), name: recipient, arguments: '' });
    } else {
      // To a tool that there is not, it talks to itself.
      this.#section = { kind: channel === 'analysis' || /\bto=/.test(header) ? 'reasoning' : 'text' };
    }
    // What was taken for a header's beginning is no header: without its mark it is text.
    return at < 0 ? rest.replace(/^<\|channel\|>/, '') : rest.slice(at + messageMark.length);
  }

  #body(rest: string, out: HarmonyPiece): string {
    const { at, mark } = firstOf(rest, endMarks);
    if (mark === undefined) {
      const keep = longestSuffixThatStarts(rest, endMarks);
      this.#say(rest.slice(0, rest.length - keep), out);
      return rest.slice(rest.length - keep);
    }
    this.#say(rest.slice(0, at), out);
    this.#completed += this.#section.kind === 'call' ? 1 : 0;
    const isLast = mark === '<|return|>' || mark === '<|call|>' || (mark === '<|end|>' && this.#isFinal && this.#section.kind === 'text');
    this.#state = isLast ? 'done' : 'between';
    return rest.slice(mark === '<|start|>' || mark === '<|channel|>' ? at : at + mark.length);
  }

  #say(text: string, out: HarmonyPiece): void {
    if (text === '') {
      return;
    }
    const { kind } = this.#section;
    if (this.#section.kind === 'call') {
      out.toolCalls.push({ index: this.#section.index, arguments: text });
      return;
    }
    const apart = this.#isNewSection && this.#said.has(kind) ? '\n\n' : '';
    this.#isNewSection = false;
    this.#said.add(kind);
    out[kind === 'text' ? 'text' : 'reasoning'] += apart + text;
  }
}

function firstOf<M extends string>(text: string, marks: readonly M[]): { readonly at: number; readonly mark: M | undefined } {
  let at = -1;
  let found: M | undefined;
  for (const mark of marks) {
    const place = text.indexOf(mark);
    if (place >= 0 && (at < 0 || place < at)) {
      at = place;
      found = mark;
    }
  }
  return { at, mark: found };
}
