// The part of a text that shows best why it was found.
// Must not know: SQLite, messages.

import { findPhrases, type Phrase, type PhraseMatch } from './searchPhrases';

export interface Snippet {
  readonly snippet: string;
  readonly highlights: readonly (readonly [number, number])[];
}

/** UTF-16 units. */
const snippetLength = 200;
const lead = 40;
/** Places looked at. */
const maxMatches = 400;

export function createSnippet(text: string, phrases: readonly Phrase[]): Snippet {
  const matches = findPhrases(text, phrases, maxMatches).sort((a, b) => a.start - b.start || a.end - b.end);
  const first = bestStart(matches);
  const wanted = Math.max(0, (matches[first]?.start ?? 0) - lead);
  const start = wanted === 0 ? 0 : wordStart(text, wanted, matches[first]!.start);
  const end = wordEnd(text, Math.min(text.length, start + snippetLength));
  const before = start > 0 ? '…' : '';
  const shown = text.slice(start, end).replace(/\s/g, ' ');
  const shift = before.length - start;
  const highlights: [number, number][] = [];
  for (const match of matches) {
    const last = highlights.at(-1);
    if (match.start < start || match.end > end) {
      continue;
    }
    if (last !== undefined && match.start + shift <= last[1]) {
      last[1] = Math.max(last[1], match.end + shift); // Pairs of characters overlap.
    } else {
      highlights.push([match.start + shift, match.end + shift]);
    }
  }
  return { snippet: `${before}${shown}${end < text.length ? '…' : ''}`, highlights };
}

/** The match from which on a snippet's length holds the most phrases, then the most places; the earliest of those. */
function bestStart(matches: readonly PhraseMatch[]): number {
  let best = 0;
  let bestValue = 0;
  for (let i = 0; i < matches.length; i++) {
    const within = matches.slice(i).filter(({ end }) => end <= matches[i]!.start + snippetLength - lead);
    const value = 1000 * new Set(within.map(({ phrase }) => phrase)).size + within.length;
    if (value > bestValue) {
      [best, bestValue] = [i, value];
    }
  }
  return best;
}

/** Behind a space, when there is one before `limit`; never within a surrogate pair. */
function wordStart(text: string, from: number, limit: number): number {
  const space = text.slice(from, limit).search(/\s\S/);
  return space >= 0 ? from + space + 1 : from + (isLowSurrogate(text, from) ? 1 : 0);
}

function wordEnd(text: string, to: number): number {
  if (to === text.length) {
    return to;
  }
  const space = text.slice(to - lead, to).search(/\s\S*$/);
  return space > 0 ? to - lead + space : to - (isLowSurrogate(text, to) ? 1 : 0);
}

function isLowSurrogate(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code <= 0xdfff;
}
