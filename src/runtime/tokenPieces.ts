// A model's detokeniser, made cheap and faithful: where a token's text does not depend on its neighbours it is asked for
// once, and without the clean-up that llama.cpp's own detokeniser does.
// Must not know: requests, slots.

import type { LlamaModel, Token } from 'node-llama-cpp';
import { byteLevelText } from './byteLevelText';
import type { Detokenize } from './tokenText';

/** Bytes, and so tokens, that one may have. */
const longestCharacter = 4;

/**
 * Byte-pair vocabularies hold their spaces in the tokens, so that each has one text (llama-server puts its answers
 * together in the same way). Others (SentencePiece) need the tokens before to decide on a space.
 * @param special are special tokens said too?
 */
export function createDetokenizer(model: LlamaModel, special = false): Detokenize<Token> {
  if (`${model.vocabularyType}` !== 'bpe') {
    return (tokens, before) => model.detokenize(tokens, special, before);
  }
  const pieces = new Map<Token, string>();
  const inFile = tokenTexts(model);
  return (tokens) => {
    if (tokens.length > 1) {
      return model.detokenize(tokens, special);
    }
    const [token] = tokens;
    if (token === undefined) {
      return '';
    }
    let piece = pieces.get(token);
    if (piece === undefined) {
      piece = spacedText(inFile[token]) ?? model.detokenize([token], special);
      pieces.set(token, piece);
    }
    return piece;
  };
}

/** All of them as one text; half a character is U+FFFD. */
export function detokenizeAll(model: LlamaModel, tokens: readonly Token[]): string {
  if (`${model.vocabularyType}` !== 'bpe') {
    return model.detokenize(tokens, true);
  }
  const detokenize = createDetokenizer(model, true);
  let text = '';
  let pending: Token[] = [];
  for (const token of tokens) {
    pending.push(token);
    const piece = detokenize(pending, []);
    if (!piece.endsWith('\uFFFD') || pending.length === longestCharacter) {
      text += piece;
      pending = [];
    }
  }
  return text + (pending.length === 0 ? '' : detokenize(pending, []));
}

/** The texts of all tokens, as they stand in the model's file. */
export function tokenTexts(model: LlamaModel): readonly unknown[] {
  const tokens: unknown = model.fileInfo.metadata?.tokenizer?.ggml?.tokens;
  return Array.isArray(tokens) ? tokens : [];
}

/**
 * Of a token in which llama.cpp's clean-up (on for Llama 3's vocabulary, GPT-2's and others) takes a space away that the
 * model meant: `cd ..` would become `cd..`. Special tokens hold no space in this form.
 */
function spacedText(inFile: unknown): string | undefined {
  return typeof inFile === 'string' && /\u0120['?!.,]/.test(inFile) ? byteLevelText(inFile) : undefined;
}
