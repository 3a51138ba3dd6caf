// Long texts to tokens, piece by piece, so that the engine goes on with others' answers meanwhile: native code takes more
// than a second for a million characters, on the thread that everything runs on. A text is cut only where no token of the
// vocabulary reaches over the cut, so that its tokens are the same as in one go (tried with the
// 19 vocabularies that come with llama.cpp, on code, prose, numbers, blank lines and its own test texts). What has no such
// place for long is cut by trying: tokenWindows.ts.
// Must not know: prompts, requests.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { LlamaModel, Token } from 'node-llama-cpp';
import { tokenTexts } from './textPrompt';
import { tokenizeWindows, type Tokenize } from './tokenWindows';

type Tokenizer = Pick<LlamaModel, 'tokenize' | 'fileInfo' | 'vocabularyType'>;

/** No token of any vocabulary is longer on average, so a text of more characters a token can't fit. */
export const charactersPerToken = 64;
/** About a fiftieth of a second. */
const pieceCharacters = 16 * 1024;
/** Vocabularies whose tokens depend on what is near. Those of encoders (WPM, UGM) count words, or put a space before each text. */
const local = new Set(['bpe', 'spm', 'rwkv']);

/** What a vocabulary allows: cuts after a line break, and before a space, each between what is no space. */
interface Cuts {
  readonly lines: boolean;
  /** Also where lines end with a carriage return and a line feed. */
  readonly windowsLines: boolean;
  readonly words: boolean;
}

const cutsOf = new WeakMap<object, Cuts>();

/** As `model.tokenize`. @param options of its, for the first piece */
export async function tokenizeLong(model: Tokenizer, text: string, special: boolean, options?: 'trimLeadingSpace'): Promise<Token[]> {
  if (text.length <= pieceCharacters * 2) {
    return model.tokenize(text, special, options);
  }
  const tokens: Token[] = [];
  const tokenize: Tokenize = (piece, isStart) => (isStart ? model.tokenize(piece, special, options) : goOn(model, piece, special));
  const isLocal = local.has(`${model.vocabularyType}`);
  let first = true;
  for (const piece of pieces(text, cuts(model))) {
    for (const token of isLocal && piece.length > pieceCharacters * 2 ? await tokenizeWindows(piece, tokenize, first) : tokenize(piece, first)) {
      tokens.push(token);
    }
    first = false;
    await nextTurn();
  }
  return tokens;
}

/**
 * The tokens of what goes on with a text. SentencePiece puts a space before each text, and after each special token;
 * node-llama-cpp takes it away only where special tokens are not read.
 */
function goOn(model: Tokenizer, text: string, special: boolean): Token[] {
  if (`${model.vocabularyType}` === 'spm') {
    const before = model.tokenize('\n', special);
    const tokens = model.tokenize(`\n${text}`, special);
    if (before.every((token, index) => token === tokens[index])) {
      return tokens.slice(before.length);
    }
  }
  return model.tokenize(text, special, 'trimLeadingSpace');
}

/** Each about as long as is read quickly; longer where there is no place to cut. */
function* pieces(text: string, { lines, windowsLines, words }: Cuts): Generator<string> {
  const lineEnd = windowsLines ? '\\r?\\n' : '\\n';
  const places: string[] = [...(lines ? [`(?<=\\S${lineEnd})(?=[A-Za-z0-9]|(?![\\u0000-\\u00ff])\\p{L})`] : []), ...(words ? ['(?<=[A-Za-z])(?= [A-Za-z])'] : [])];
  let from = 0;
  while (places.length > 0 && text.length - from > pieceCharacters * 2) {
    const cut = new RegExp(places.join('|'), 'gu');
    cut.lastIndex = from + pieceCharacters;
    const found = cut.exec(text);
    if (found === null) {
      break;
    }
    yield text.slice(from, found.index);
    from = found.index;
  }
  yield text.slice(from);
}

function cuts(model: Tokenizer): Cuts {
  let known = cutsOf.get(model);
  if (known === undefined) {
    const isBytePair = `${model.vocabularyType}` === 'bpe';
    const texts = tokenTexts(model)
      .filter((text) => typeof text === 'string')
      .map((text) => (isBytePair ? bytesOf(text) : text));
    known = {
      lines: texts.length > 0 && !texts.some((text) => /\n[A-Za-z0-9\u00c3-\u{10ffff}]/u.test(text)),
      // Some byte-pair rules look at what follows such an end.
      windowsLines: !isBytePair,
      // Others put a space before a text by themselves, or count spaces over words.
      words: isBytePair && texts.length > 0 && !texts.some((text) => /[A-Za-z] /.test(text)),
    };
    cutsOf.set(model, known);
  }
  return known;
}

/** Byte-pair vocabularies write each byte as a printable character: GPT-2's `bytes_to_unicode`. Here: one character a byte. */
function bytesOf(text: string): string {
  let bytes = '';
  for (const character of text) {
    const code = character.codePointAt(0)!;
    const byte = code < 256 ? code : code <= 288 ? code - 256 : code <= 322 ? code - 162 : code === 323 ? 173 : undefined;
    bytes += byte === undefined ? character : String.fromCharCode(byte);
  }
  return bytes;
}
