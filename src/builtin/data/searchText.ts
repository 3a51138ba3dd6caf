// How text becomes the terms of the search index, and where each of them stands in the text. Index, queries and
// highlights all use this one way, so they agree. SQLite's own tokenizer only splits the result at spaces.
// Must not know: SQLite, messages.

/** One term and its place, in UTF-16 units of the text. */
export interface Term {
  readonly term: string;
  readonly start: number;
  readonly end: number;
  /** End of the first character, of a pair of characters; else `end`. */
  readonly headEnd: number;
  /** `word`: of a script with spaces · `pair`: two neighbours of one without · `last`: the last one of such a run. */
  readonly kind: 'word' | 'pair' | 'last';
}

/** A term is cut here: the rest of a longer "word" (base64, a hash) is no help in finding it. */
const maxTermLength = 64;

/** Scripts written without spaces, and Korean, whose words carry endings: found by any part of two characters. */
const dense = ['Han', 'Hiragana', 'Katakana', 'Hangul', 'Bopomofo', 'Thai', 'Lao', 'Khmer', 'Myanmar', 'Tibetan']
  .map((script) => `\\p{Script=${script}}`)
  .join('');
const attached = '\\p{M}\\u3099\\u309a\\uff9e\\uff9f';
const pattern = new RegExp(
  `(?<dense>(?:[${dense}\\u30fc\\uff70\\u3005][${attached}]*)+)` +
    `|(?<emoji>\\p{Extended_Pictographic}|\\p{RI}{2})|(?<word>[[\\p{L}\\p{N}\\p{M}]--[${dense}\\u30fc\\uff70]]+)`,
  'gv',
);
/** One written character: a base with its marks, or the jamo of one syllable. */
const unit = new RegExp(
  `[\\u1100-\\u115f\\ua960-\\ua97c][\\u1160-\\u11a7\\ud7b0-\\ud7c6]?[\\u11a8-\\u11ff\\ud7cb-\\ud7fb]?|.[${attached}]*`,
  'gsu',
);
/** What an accent is in scripts of letters; the vowel signs of Indic scripts are none. */
// eslint-disable-next-line no-misleading-character-class -- Each mark by itself is meant.
const accents = /[\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]/gu;
const unsafe = /[^\p{L}\p{N}\p{M}]/gu;
/** Letters that Unicode does not take apart. */
const foldedLetters: Readonly<Record<string, string>> = {
  ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', đ: 'd', ð: 'd', ħ: 'h', ı: 'i', ł: 'l', þ: 'th', ŧ: 't', ς: 'σ',
};
const foldable = new RegExp(`[${Object.keys(foldedLetters).join('')}]`, 'g');
// eslint-disable-next-line no-control-regex -- The whole of ASCII is meant.
const ascii = /^[\x00-\x7f]*$/;

function foldWord(word: string): string {
  const plain = ascii.test(word)
    ? word.toLowerCase()
    : word
        .normalize('NFKD')
        .replace(accents, '')
        .toLowerCase()
        .replace(foldable, (letter) => foldedLetters[letter]!)
        .replace(unsafe, '');
  return plain.length <= maxTermLength ? plain : Array.from(plain.slice(0, maxTermLength)).slice(0, -1).join('');
}

/** The terms of a text, in order. */
export function* termsIn(text: string): Generator<Term> {
  for (const match of text.matchAll(pattern)) {
    const start = match.index;
    const groups = match.groups!;
    if (groups['word'] !== undefined) {
      const term = foldWord(groups['word']);
      const end = start + match[0].length;
      if (term !== '') {
        yield { term, start, end, headEnd: end, kind: 'word' };
      }
    } else if (groups['emoji'] !== undefined) {
      const end = start + match[0].length;
      yield { term: match[0], start, end, headEnd: end, kind: 'word' };
    } else {
      yield* denseTerms(match[0], start);
    }
  }
}

function* denseTerms(run: string, offset: number): Generator<Term> {
  let before: { readonly text: string; readonly start: number; readonly end: number } | undefined;
  for (const match of run.matchAll(unit)) {
    const text = match[0].normalize('NFKC').replace(unsafe, '');
    if (text === '') {
      continue;
    }
    const start = offset + match.index;
    const end = start + match[0].length;
    if (before !== undefined) {
      yield { term: before.text + text, start: before.start, end, headEnd: before.end, kind: 'pair' };
    }
    before = { text, start, end };
  }
  if (before !== undefined) {
    yield { term: before.text, start: before.start, end: before.end, headEnd: before.end, kind: 'last' };
  }
}

const asciiWord = /[A-Za-z0-9]+/g;

/** The terms of a text as the index takes them: with a space between. */
export function indexText(text: string): string {
  if (ascii.test(text)) {
    return (text.match(asciiWord) ?? []).map(foldWord).join(' ');
  }
  const terms: string[] = [];
  for (const { term } of termsIn(text)) {
    terms.push(term);
  }
  return terms.join(' ');
}
