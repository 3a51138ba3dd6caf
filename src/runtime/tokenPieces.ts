// A model's detokeniser, made cheap and faithful: where a token's text does not depend on its neighbours it is asked for
// once, and without the clean-up that llama.cpp's own detokeniser does.
// Must not know: requests, slots.

import type { LlamaModel, Token } from 'node-llama-cpp';
import { byteLevelText } from './byteLevelText';
import type { Detokenize } from './tokenText';

/** Bytes, and so tokens, that one may have. */
const longestCharacter = 4;
/** Detokenisers that are kept ready; templates differ in their marks. */
const kept = 8;

type Vocabulary = Pick<LlamaModel, 'detokenize' | 'tokenize' | 'vocabularyType' | 'fileInfo'>;

/**
 * Byte-pair vocabularies hold their spaces in the tokens, so that each has one text (llama-server puts its answers
 * together in the same way). Others (SentencePiece) need the tokens before to decide on a space.
 * @param special are special tokens said too? Those in a set are, and no others.
 */
export function createDetokenizer(model: Vocabulary, special: boolean | ReadonlySet<Token> = false): Detokenize<Token> {
  const isSaid = typeof special === 'boolean' ? () => special : (token: Token) => special.has(token);
  if (`${model.vocabularyType}` !== 'bpe') {
    return (tokens, before) => detokenizeRuns(model, tokens, before, isSaid);
  }
  const pieces = new Map<Token, string>();
  const inFile = tokenTexts(model);
  return (tokens) => {
    if (tokens.length > 1) {
      return detokenizeRuns(model, tokens, [], isSaid);
    }
    const [token] = tokens;
    if (token === undefined) {
      return '';
    }
    let piece = pieces.get(token);
    if (piece === undefined) {
      piece = spacedText(inFile[token]) ?? model.detokenize([token], isSaid(token));
      pieces.set(token, piece);
    }
    return piece;
  };
}

/** Tokens that are said and others by themselves, each in one go: the bytes of a character may be several tokens. */
function detokenizeRuns(model: Vocabulary, tokens: readonly Token[], before: readonly Token[], isSaid: (token: Token) => boolean): string {
  let text = '';
  for (let from = 0; from < tokens.length; ) {
    const said = isSaid(tokens[from]!);
    const next = tokens.findIndex((token, index) => index > from && isSaid(token) !== said);
    const end = next < 0 ? tokens.length : next;
    text += model.detokenize(tokens.slice(from, end), said, from === 0 ? before : tokens.slice(0, from));
    from = end;
  }
  return text;
}

/** Detokenisers by the marks that they say where a model has a special token for one; all special tokens without any. */
export function detokenizersOf(model: Vocabulary): (marks?: readonly string[]) => Detokenize<Token> {
  const ready = new Map<string, Detokenize<Token>>();
  return (marks) => {
    const key = marks?.join('\n') ?? 'all';
    let detokenize = ready.get(key);
    if (detokenize === undefined) {
      const tokens = marks?.map((mark) => model.tokenize(mark, true)).filter(({ length }) => length === 1);
      detokenize = createDetokenizer(model, tokens === undefined || new Set(tokens.flat()));
      if (ready.size >= kept) {
        ready.delete(ready.keys().next().value!);
      }
      ready.set(key, detokenize);
    }
    return detokenize;
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
export function tokenTexts(model: Pick<LlamaModel, 'fileInfo'>): readonly unknown[] {
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
