// From a plain text, or tokens, to the prompt of a completion; tokens and text for whoever asks for them.
// Must not know: chat templates, slots, the protocol's transport.

import type { LlamaModel, Token } from 'node-llama-cpp';
import { JanError } from '../common/errors';
import type { Prompt } from './prompt';
import { detokenizeAll } from './tokenPieces';
import { tokenizeLong } from './tokenizing';

export interface TextPromptInput {
  readonly prompt: string | readonly number[];
  readonly suffix?: string;
}

/** @throws JanError `context-overflow`, `invalid-argument`, `unsupported` (a suffix, for a model that can't fill in) */
export async function buildTextPrompt(model: LlamaModel, { prompt, suffix }: TextPromptInput, contextLength: number): Promise<Prompt> {
  const start = model.tokens.shouldPrependBosToken && model.tokens.bos !== null ? [model.tokens.bos] : [];
  let tokens: Token[];
  if (suffix !== undefined && suffix !== '') {
    const { prefix, suffix: suffixMark, middle } = model.tokens.infill;
    if (prefix === null || suffixMark === null || middle === null) {
      throw new JanError('unsupported', 'This model can’t fill a gap in the middle of a text. Leave out the suffix, or choose a model made for code.');
    }
    tokens = [...start, prefix, ...(await tokensOf(model, prompt)), suffixMark, ...(await tokenizeLong(model, suffix, false)), middle];
  } else if (typeof prompt === 'string') {
    const own = await tokenizeLong(model, prompt, true);
    tokens = own[0] === start[0] ? own : [...start, ...own];
  } else {
    tokens = await tokensOf(model, prompt);
  }
  if (tokens.length === 0) {
    const first = model.tokens.bos ?? model.tokens.eos;
    if (first === null) {
      throw new JanError('invalid-argument', '“prompt” is empty, and this model has no token to begin with. Give it a text.', { details: { field: 'prompt' } });
    }
    tokens = [first];
  }
  if (tokens.length >= contextLength - 1) {
    throw new JanError(
      'context-overflow',
      `The text is too long for this model: it takes ${tokens.length} tokens, and the model reads ${contextLength} at most. ` +
        'Shorten it, or load the model with a longer context.',
      { details: { promptTokens: tokens.length, contextLength } },
    );
  }
  return { tokens, stopTokens: new Set(), stopTexts: [], droppedMessages: 0 };
}

export async function tokenizeText(model: LlamaModel, text: string, special: boolean, addSpecial: boolean): Promise<Token[]> {
  const tokens = await tokenizeLong(model, text, special);
  const { bos, shouldPrependBosToken } = model.tokens;
  return addSpecial && shouldPrependBosToken && bos !== null && tokens[0] !== bos ? [bos, ...tokens] : tokens;
}

/** @throws JanError `invalid-argument` for a number that is no token of this model: native code would end the process */
export function detokenizeTokens(model: LlamaModel, tokens: readonly number[]): string {
  return detokenizeAll(model, checkedTokens(model, tokens, 'tokens'));
}

/** The texts of all tokens, as they stand in the model's file. */
export function tokenTexts(model: Pick<LlamaModel, 'fileInfo'>): readonly unknown[] {
  const tokens: unknown = model.fileInfo.metadata?.tokenizer?.ggml?.tokens;
  return Array.isArray(tokens) ? tokens : [];
}

/** How many tokens the model has. */
export function vocabularySize(model: LlamaModel): number {
  const tokens: unknown = model.fileInfo.metadata?.tokenizer?.ggml?.tokens;
  return Array.isArray(tokens) || typeof tokens === 'object' ? Number((tokens as { length?: unknown } | null)?.length ?? 0) : 0;
}

export function checkedTokens(model: LlamaModel, tokens: readonly number[], field: string): Token[] {
  const size = vocabularySize(model);
  const wrong = tokens.find((token) => token >= size);
  if (wrong !== undefined) {
    throw new JanError('invalid-argument', `“${field}” holds ${wrong}, which is no token of this model: it has ${size}, counted from 0.`, {
      details: { field, token: wrong, vocabularySize: size },
    });
  }
  return [...tokens] as Token[];
}

async function tokensOf(model: LlamaModel, prompt: string | readonly number[]): Promise<Token[]> {
  return typeof prompt === 'string' ? tokenizeLong(model, prompt, true) : checkedTokens(model, prompt, 'prompt');
}
