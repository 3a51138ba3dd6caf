// Text without a place to cut (base64, minified code, Chinese) to tokens, window by window. A cut is made where the end of
// a window, taken for itself, gives the very tokens that it gives within the window: so no token reaches over the cut and
// what comes before it does not matter. Merging by rank (BPE, SentencePiece) is then the same on both sides as in one go;
// that what comes after the window does not matter either is not proved, but kept far away. (Tried against one go with the
// byte-pair and SentencePiece vocabularies that come with llama.cpp: base64, minified code, Chinese, Thai, emoji, digits,
// letters by chance and runs of one sign.) Tokens say the same text in any case.
// Must not know: vocabularies, where texts come from.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Token } from 'node-llama-cpp';

/** @param isStart the text begins here; else it goes on, and no space is put before it */
export type Tokenize = (text: string, isStart: boolean) => readonly Token[];

/** Characters. Chinese takes most time: some milliseconds. */
const windowLength = 3072;
/** How much of what follows a cut is known before it is made. */
const lookahead = 512;
/** Places that are tried. Runs of one sign have tokens of up to 128 of it, and a cut must be at the end of one. */
const tries = 256;
const triesPerTurn = 8;

export async function tokenizeWindows(text: string, tokenize: Tokenize, isStart: boolean): Promise<Token[]> {
  const tokens: Token[] = [];
  let from = 0;
  while (text.length - from > windowLength * 1.5) {
    const end = characterStart(text, from + windowLength);
    const window = tokenize(text.slice(from, end), isStart && from === 0);
    const cut = await findCut(text, from, end, window, tokenize);
    for (const token of cut === undefined ? window : window.slice(0, cut.tokens)) {
      tokens.push(token);
    }
    from = cut === undefined ? end : cut.at;
    await nextTurn();
  }
  for (const token of tokenize(text.slice(from), isStart && from === 0)) {
    tokens.push(token);
  }
  return tokens;
}

/** @returns where, and how many of the window's tokens come before; undefined where no place is sure */
async function findCut(text: string, from: number, end: number, window: readonly Token[], tokenize: Tokenize): Promise<{ at: number; tokens: number } | undefined> {
  for (let back = 0; back < tries; back++) {
    const at = end - lookahead - back;
    if (characterStart(text, at) !== at) {
      continue;
    }
    const rest = tokenize(text.slice(at, end), false);
    const tokens = window.length - rest.length;
    if (at > from && tokens > 0 && rest.every((token, index) => token === window[tokens + index])) {
      return { at, tokens };
    }
    if (back % triesPerTurn === triesPerTurn - 1) {
      await nextTurn();
    }
  }
  return undefined;
}

/** The same place, or the one before when it is within a surrogate pair. */
function characterStart(text: string, at: number): number {
  return (text.charCodeAt(at) & 0xfc00) === 0xdc00 ? at - 1 : at;
}
