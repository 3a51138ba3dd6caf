// A model's detokeniser, made cheap: where a token's text does not depend on its neighbours it is asked for once.
// Must not know: requests, slots.

import type { LlamaModel, Token } from 'node-llama-cpp';
import type { Detokenize } from './tokenText';

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
      piece = model.detokenize([token], special);
      pieces.set(token, piece);
    }
    return piece;
  };
}
