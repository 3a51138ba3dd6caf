// What a user's search text asks for: phrases of terms, the last of which may be a prefix.
// Must not know: SQLite's tables, messages.

import { termsIn, type Term } from './searchText';

/** These terms next to each other. */
export interface Phrase {
  readonly terms: readonly string[];
  /** The last term may go on. */
  readonly prefix: boolean;
  /** Of a prefix of a script without spaces, only the first character was asked for. */
  readonly headOnly: boolean;
}

/** More would not be a search but a text. */
export const maxPhrases = 32;

/** `word`, `wor*`, `"two words"`, in any number. Empty when there is nothing to look for. */
export function parseSearchText(text: string): Phrase[] {
  const phrases: Phrase[] = [];
  for (const match of text.matchAll(/"([^"]*)"?|[^\s"]+/g)) {
    const phrase = toPhrase(match[1] ?? match[0]);
    if (phrase !== undefined && phrases.length < maxPhrases) {
      phrases.push(phrase);
    }
  }
  return phrases;
}

function toPhrase(text: string): Phrase | undefined {
  const terms = [...termsIn(text)];
  const last = terms.at(-1);
  if (last === undefined) {
    return undefined;
  }
  if (last.kind === 'last') {
    // In the text that is looked for, more characters may follow: then there is a pair in this one's place.
    const rest = terms.slice(0, -1);
    return rest.at(-1)?.kind === 'pair'
      ? { terms: rest.map(({ term }) => term), prefix: false, headOnly: false }
      : { terms: terms.map(({ term }) => term), prefix: true, headOnly: true };
  }
  return { terms: terms.map(({ term }) => term), prefix: /\*\s*$/.test(text), headOnly: false };
}

/** FTS4's expression for one phrase. Terms hold letters, digits, marks and emoji only, so nothing can break out. */
export function matchExpression({ terms, prefix }: Phrase): string {
  return `"${terms.join(' ')}${prefix ? '*' : ''}"`;
}

/** A place where a phrase stands. */
export interface PhraseMatch {
  readonly phrase: number;
  readonly start: number;
  readonly end: number;
}

/**
 * Where the phrases stand in a text.
 * @param limit of places; the text is read no further than that takes, nor beyond 2 Mi characters
 */
export function findPhrases(text: string, phrases: readonly Phrase[], limit: number): PhraseMatch[] {
  const found: PhraseMatch[] = [];
  const longest = Math.max(0, ...phrases.map(({ terms }) => terms.length));
  const recent: Term[] = [];
  for (const term of termsIn(text)) {
    recent.push(term);
    if (recent.length > longest) {
      recent.shift();
    }
    phrases.forEach((phrase, index) => {
      if (endsWith(recent, phrase)) {
        const end = phrase.headOnly ? term.headEnd : term.end;
        found.push({ phrase: index, start: recent[recent.length - phrase.terms.length]!.start, end });
      }
    });
    if (found.length >= limit || term.start > maxScan) {
      break;
    }
  }
  return found;
}

const maxScan = 2 * 1024 * 1024;

function endsWith(recent: readonly Term[], { terms, prefix }: Phrase): boolean {
  const offset = recent.length - terms.length;
  return (
    offset >= 0 &&
    terms.every((term, i) => {
      const own = recent[offset + i]!.term;
      return prefix && i === terms.length - 1 ? own.startsWith(term) : own === term;
    })
  );
}
