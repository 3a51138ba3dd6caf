// A text of JSON while its pieces come in: bounded, with its escapes.
// Must not know: where the text stands.

const escapes: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

/** Python writes the last three; JSON has no word for them. */
const words: ReadonlyMap<string, boolean | null> = new Map([
  ['true', true],
  ['false', false],
  ['null', null],
  ['NaN', null],
  ['Infinity', null],
  ['-Infinity', null],
]);
const numberPattern = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** The value of a number or word; null for a number too large for one; undefined for anything else. */
export function literalValue(literal: string): boolean | number | null | undefined {
  if (!numberPattern.test(literal)) {
    return words.get(literal);
  }
  const number = Number(literal);
  return Number.isFinite(number) ? number : null;
}

/** For messages: no control characters, short. */
export function printable(text: string): string {
  return [...text.slice(0, 20)].map((c) => (c < ' ' || c === '\u007f' ? '?' : c)).join('');
}

/** What `\` and this character mean; U+FFFD for what JSON does not know. */
export function unescape(character: string): string {
  return escapes.get(character) ?? '\ufffd';
}

export class JsonText {
  private pieces: string[] = [];
  /** Pieces joined before: a text of nothing but escapes must not be one long list in the end. */
  private blocks: string[] = [];
  private digits = '';
  /** UTF-16 units that came, those beyond the limit too. */
  length = 0;

  constructor(private readonly limit: number) {}

  get isCut(): boolean {
    return this.length > this.limit;
  }

  begin(): void {
    this.pieces = [];
    this.blocks = [];
    this.digits = '';
    this.length = 0;
  }

  add(piece: string): void {
    if (this.length < this.limit) {
      this.pieces.push(piece);
      if (this.pieces.length >= 4096) {
        this.blocks.push(this.pieces.join(''));
        this.pieces = [];
      }
    }
    this.length += piece.length;
  }

  /** A character behind `\u`. @returns what the fourth completes */
  addDigit(character: string): string | undefined {
    this.digits += character;
    if (this.digits.length < 4) {
      return undefined;
    }
    const { digits } = this;
    this.digits = '';
    return /^[\da-fA-F]{4}$/.test(digits) ? String.fromCharCode(parseInt(digits, 16)) : '\ufffd';
  }

  /** The text, cut to the limit. */
  take(): string {
    this.blocks.push(this.pieces.join(''));
    const text = this.blocks.length === 1 ? this.blocks[0]! : this.blocks.join('');
    this.begin();
    return text.length > this.limit ? text.slice(0, this.limit) : text;
  }
}
