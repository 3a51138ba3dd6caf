// A model's detokeniser, made cheap: where a token's text does not depend on its neighbours it is asked for once.
// Must not know: requests, slots.

import type { LlamaModel, Token } from 'node-llama-cpp';
import type { Detokenize } from './tokenText';

/**
 * Byte-pair vocabularies hold their spaces in the tokens, so that each has one text (llama-server puts its answers
 * together in the same way). Others (SentencePiece) need the tokens before to decide on a space.
 */
export function createDetokenizer(model: LlamaModel): Detokenize<Token> {
  if (`${model.vocabularyType}` !== 'bpe') {
    return (tokens, before) => model.detokenize(tokens, false, before);
  }
  const pieces = new Map<Token, string>();
  return (tokens) => {
    if (tokens.length > 1) {
      return model.detokenize(tokens, false);
    }
    const [token] = tokens;
    if (token === undefined) {
      return '';
    }
    let piece = pieces.get(token);
    if (piece === undefined) {
      piece = model.detokenize([token], false);
      pieces.set(token, piece);
    }
    return piece;
  };
}
