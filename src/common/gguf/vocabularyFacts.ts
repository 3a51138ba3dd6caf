// Looks at each token of a model's vocabulary once, and keeps only what tells whether llama.cpp can work with it.
// Must not know: where the tokens come from, tensors, architectures.

import { invalidGguf } from './byteCursor';
import type { VocabularyVisitor } from './ggufMetadata';

/** More than eight times what the largest vocabulary has. */
const tokenLimit = 2 ** 21;
/** LLAMA_TOKEN_TYPE_BYTE */
const byteType = 6;

export class VocabularyFacts implements VocabularyVisitor {
  /** Two numbers a place, open addressing; 0 is free. A hash has 63 bits: two tokens share one by chance in no file. */
  #table = new Int32Array(0);
  /** Steps past taken places that are left: real vocabularies need fewer than one a token, made-up ones could need all. */
  #stepsLeft = 0;
  readonly #spelled = new Uint8Array(256);
  /** Those that a byte token must not be: llama.cpp reads the fourth character on. */
  readonly #short = new Set<number>();
  readonly #byteTokens: number[] = [];
  #duplicate: number | undefined;
  /** 1 at the places of empty tokens. */
  #empty = new Uint8Array(0);
  /** Places of empty tokens that others are named after. */
  readonly #namedEmpty = new Set<number>();
  #bytes = 0;
  #squares = 0;

  vocabulary(size: number): void {
    if (size > tokenLimit) {
      throw invalidGguf('its vocabulary is larger than possible', { limit: tokenLimit });
    }
    // At most half full.
    this.#table = new Int32Array(2 ** Math.ceil(Math.log2(size + 1) + 2));
    this.#empty = new Uint8Array(size);
    this.#stepsLeft = 16 * size + 1000;
  }

  token(index: number, bytes: Uint8Array, start: number, end: number): void {
    let one = 0x811c9dc5;
    let two = 0;
    let at = start;
    // llama.cpp takes a token up to its first zero character, and gives empty ones names of their own.
    for (; at < end; at++) {
      const byte = bytes[at]!;
      if (byte === 0) {
        break;
      }
      one = Math.imul(one ^ byte, 0x01000193);
      two = Math.imul(two ^ byte, 0x5bd1e995);
      two ^= two >>> 15;
    }
    const length = at - start;
    this.#bytes += length;
    this.#squares += length * length;
    if (length < 3) {
      this.#short.add(index);
    }
    if (length === 1 || length === 6) {
      const byte = spelledByte(bytes, start, length);
      if (byte !== undefined) {
        this.#spelled[byte] = 1;
      }
    }
    if (length === 0) {
      this.#empty[index] = 1;
    } else if (bytes[start] === 0x5b && length >= 9 && length <= 16) {
      const named = namedEmpty(bytes, start, length);
      if (named !== undefined) {
        this.#namedEmpty.add(named);
      }
    }
    if (length > 0 && !this.#add(one, two | 1)) {
      this.#duplicate ??= index;
    }
  }

  tokenType(index: number, type: number): void {
    if (type === byteType) {
      this.#byteTokens.push(index);
    }
  }

  /** The first token that stood before already, or an empty one whose name another has. */
  get duplicate(): number | undefined {
    return this.#duplicate ?? [...this.#namedEmpty].find((index) => this.#empty[index] === 1);
  }

  /** Of all tokens together. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The sum of each token's length in bytes, squared: what their suffixes take. */
  get squares(): number {
    return this.#squares;
  }

  get hasByteTokens(): boolean {
    return this.#byteTokens.length > 0;
  }

  /** A token that claims to stand for a byte and does not say which. */
  get namelessByteToken(): number | undefined {
    return this.#byteTokens.find((index) => this.#short.has(index));
  }

  /** Has each byte a token (`<0x41>`, or the byte itself), so that any text can be written? */
  get spellsAllBytes(): boolean {
    return this.#spelled.every((one) => one === 1);
  }

  /** False when it is there already. @param two never 0 */
  #add(one: number, two: number): boolean {
    const table = this.#table;
    const mask = table.length - 1;
    let at = ((one ^ (two >>> 7)) << 1) & mask;
    for (; table[at + 1] !== 0; at = (at + 2) & mask) {
      if (table[at] === one && table[at + 1] === two) {
        return false;
      }
      if (--this.#stepsLeft < 0) {
        throw invalidGguf('its vocabulary takes longer to check than any real one');
      }
    }
    table[at] = one;
    table[at + 1] = two;
    return true;
  }
}

/** llama.cpp calls an empty token `[EMPTY_12]`, by its place: the place that a token of that name names. */
function namedEmpty(bytes: Uint8Array, start: number, length: number): number | undefined {
  const text = String.fromCharCode(...bytes.subarray(start, start + length));
  const index = /^\[EMPTY_(0|[1-9]\d*)\]$/.exec(text)?.[1];
  return index === undefined ? undefined : Number(index);
}

function spelledByte(bytes: Uint8Array, start: number, length: number): number | undefined {
  if (length === 1) {
    return bytes[start];
  }
  // <0x41>, as llama.cpp writes it: capital letters.
  if (bytes[start] !== 0x3c || bytes[start + 1] !== 0x30 || bytes[start + 2] !== 0x78 || bytes[start + 5] !== 0x3e) {
    return undefined;
  }
  const high = hexDigit(bytes[start + 3]!);
  const low = hexDigit(bytes[start + 4]!);
  return high === undefined || low === undefined ? undefined : high * 16 + low;
}

function hexDigit(code: number): number | undefined {
  return code >= 0x30 && code <= 0x39 ? code - 0x30 : code >= 0x41 && code <= 0x46 ? code - 0x37 : undefined;
}
