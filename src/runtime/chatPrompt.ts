// From messages to the prompt's tokens, by the model's chat template, cut to fit the context.
// Must not know: slots, requests, how templates are rendered.

import type { LlamaModel, Token } from 'node-llama-cpp';
import { JanError } from '../common/errors';
import type { ChatPromptParams, WireMessage } from '../protocol/runtimeProtocol';
import type { Prompt } from './prompt';
import type { ChatTemplate } from './template/chatTemplate';
import { charactersPerToken, tokenizeLong } from './tokenizing';
import { keepNewestTurns, turnStarts } from './turnDropping';

/** Room that is kept for the answer when the caller does not say how long it may be, as a share of the context. */
const answerShare = 1 / 8;
/** Put into a caller's text where it looks like a special token, so that it stays text. A noncharacter. */
const cutMark = '\uFDD0';
const controlToken = 3;

export class ChatPromptBuilder {
  readonly #special: RegExp | undefined;
  readonly #stopTokens: ReadonlySet<Token>;
  readonly #stopTexts: readonly string[];

  constructor(
    private readonly model: LlamaModel,
    readonly template: ChatTemplate,
  ) {
    this.#special = controlTokenPattern(model);
    // In channels a message's end is not the answer's.
    const { token, text } = template.isHarmony ? {} : endOfAnswer(model, template.afterAnswer, this.#special);
    this.#stopTokens = new Set(token === undefined ? [] : [token]);
    this.#stopTexts = text === undefined ? [] : [text];
  }

  async count(params: ChatPromptParams): Promise<number> {
    return (await this.#tokenize(params)).tokens.length;
  }

  /** Special tokens as their text. */
  async render(params: ChatPromptParams): Promise<string> {
    return (await this.template.render(params)).text;
  }

  /** @throws JanError `context-overflow` when system prompt and last turn alone do not fit. */
  async build(params: ChatPromptParams, contextLength: number, maxTokens?: number): Promise<Prompt> {
    const { messages } = params;
    checkLength(messages, contextLength);
    // One place is needed for the token that is being generated.
    const room = contextLength - 1;
    const forAnswer = Math.max(1, Math.min(maxTokens ?? Infinity, Math.floor(contextLength * answerShare)));
    const budget = room - forAnswer;
    let kept: readonly WireMessage[] = messages;
    let prompt = await this.#tokenize(params);
    if (prompt.tokens.length > budget) {
      const spoken: number[] = [];
      for (const message of messages) {
        spoken.push((await tokenizeLong(this.model, this.#wordsOf(message), false)).length + 8);
      }
      const sum = spoken.reduce((all, tokens) => all + tokens, 0);
      // A template may write less of a message than it holds.
      const share = Math.min(1, prompt.tokens.length / sum);
      const estimates = messages.map(({ role }, index) => ({ role: role === 'tool' ? ('assistant' as const) : role, tokens: spoken[index]! * share }));
      // Tools and what the template adds stay, whatever is dropped.
      kept = keepNewestTurns(estimates, budget - Math.max(0, prompt.tokens.length - sum)).map((index) => messages[index]!);
      prompt = await this.#tokenize({ ...params, messages: [...kept] });
      // Estimates may be a little short: what is left over goes turn by turn.
      for (let next = dropOldestTurn(kept); prompt.tokens.length > budget && next.length < kept.length; next = dropOldestTurn(kept)) {
        kept = next;
        prompt = await this.#tokenize({ ...params, messages: [...kept] });
      }
      if (prompt.tokens.length >= room) {
        throw overflow(`it takes ${prompt.tokens.length} tokens with its system prompt`, contextLength, { promptTokens: prompt.tokens.length });
      }
    }
    return { ...prompt, droppedMessages: messages.length - kept.length };
  }

  async #tokenize(params: ChatPromptParams): Promise<Omit<Prompt, 'droppedMessages'>> {
    const { text, reasoningOpened, inAnswer, ownToolWords } = await this.template.render(params, (words) => this.#asText(words));
    const tokens: Token[] = [];
    for (const [index, part] of text.split(cutMark).entries()) {
      for (const token of await tokenizeLong(this.model, part, true, index === 0 ? undefined : 'trimLeadingSpace')) {
        tokens.push(token);
      }
    }
    const { bos, shouldPrependBosToken } = this.model.tokens;
    return {
      tokens: shouldPrependBosToken && bos !== null && tokens[0] !== bos ? [bos, ...tokens] : tokens,
      stopTokens: this.#stopTokens,
      stopTexts: this.#stopTexts,
      reasoning: { tags: this.template.reasoningTags, opened: reasoningOpened },
      ownToolWords,
      ...(this.template.isHarmony ? { harmony: { inAnswer } } : {}),
    };
  }

  /** What of a message goes with it when it is dropped; what was thought in the last turn is only said there, and stays. */
  #wordsOf({ content, reasoning = '', toolCalls = [] }: WireMessage): string {
    const calls = toolCalls.map(({ name, arguments: args }) => `${name}\n${args}`);
    return [...(this.template.abilities.pastReasoning ? [reasoning] : []), content, ...calls].join('\n');
  }

  /** A caller's text stays text: what looks like a special token in it is not made one. */
  #asText(words: string): string {
    const clean = words.includes(cutMark) ? words.replaceAll(cutMark, '') : words;
    return this.#special === undefined ? clean : clean.replace(this.#special, (found) => found[0]! + cutMark + found.slice(1));
  }
}

function controlTokenPattern(model: LlamaModel): RegExp | undefined {
  const { tokens, token_type: types } = (model.fileInfo.metadata?.tokenizer?.ggml ?? {}) as { tokens?: unknown; token_type?: unknown };
  if (!Array.isArray(tokens) || !Array.isArray(types)) {
    return undefined;
  }
  const texts = tokens.filter((text: unknown, index): text is string => types[index] === controlToken && typeof text === 'string' && text.length > 1);
  // The longest first: one may begin with another.
  const escaped = texts.sort((a, b) => b.length - a.length).map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return escaped.length === 0 ? undefined : new RegExp(escaped.join('|'), 'g');
}

/** The template's own way to end an answer, for models whose vocabulary does not know it as an end. */
function endOfAnswer(model: LlamaModel, after: string, special: RegExp | undefined): { readonly token?: Token; readonly text?: string } {
  const trimmed = after.trim();
  const found = special === undefined ? null : new RegExp(`^(?:${special.source})`).exec(trimmed);
  if (found !== null) {
    const tokens = model.tokenize(found[0], true);
    return tokens.length === 1 ? { token: tokens[0]! } : {};
  }
  const line = trimmed.split('\n')[0]!;
  return line.length >= 4 ? { text: `\n${line}` } : {};
}

function checkLength(messages: readonly WireMessage[], contextLength: number): void {
  const longest = Math.max(...messages.slice(-1).map(({ content }) => content.length));
  if (longest > contextLength * charactersPerToken) {
    throw overflow(`it has ${longest} characters`, contextLength, { characters: longest });
  }
}

function overflow(what: string, contextLength: number, details: Readonly<Record<string, number>>): JanError {
  return new JanError(
    'context-overflow',
    `The message is too long for this model: ${what}, and the model reads ${contextLength} at most. Shorten it, or load the model with a longer context.`,
    { details: { ...details, contextLength } },
  );
}

/** Without the first turn; unchanged when only one is left. */
function dropOldestTurn(messages: readonly WireMessage[]): readonly WireMessage[] {
  const first = messages.findIndex((message) => message.role !== 'system');
  const next = turnStarts(messages).find((start) => start > first);
  return first < 0 || next === undefined ? messages : [...messages.slice(0, first), ...messages.slice(next)];
}
