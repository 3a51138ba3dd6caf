// Looks at each token of a model's vocabulary once, and keeps only what tells whether llama.cpp can work with it.
// Must not know: where the tokens come from, tensors, architectures.

import { invalidGguf } from './byteCursor';
import type { VocabularyVisitor } from './ggufMetadata';

/** More than eight times what the largest vocabulary has. */
const tokenLimit = 2 ** 21;
/** LLAMA_TOKEN_TYPE_BYTE */
const byteType = 6;

export class VocabularyFacts implements VocabularyVisitor {
  /** Open addressing; 0 is free. A hash has 52 bits: two of 200 000 tokens share one by chance once in 200 000 files. */
  #table = new Float64Array(1024);
  readonly #spelled = new Uint8Array(256);
  /** Those that a byte token must not be: llama.cpp reads the fourth character on. */
  readonly #short = new Set<number>();
  readonly #byteTokens: number[] = [];
  #count = 0;
  #duplicate: number | undefined;

  token(index: number, bytes: Uint8Array): void {
    if (index >= tokenLimit) {
      throw invalidGguf('its vocabulary is larger than possible', { limit: tokenLimit });
    }
    // llama.cpp takes a token up to its first zero character, and gives empty ones names of their own.
    const end = bytes.indexOf(0);
    const length = end < 0 ? bytes.length : end;
    if (length < 3) {
      this.#short.add(index);
    }
    const byte = spelledByte(bytes, length);
    if (byte !== undefined) {
      this.#spelled[byte] = 1;
    }
    if (length > 0 && !this.#add(hash(bytes, length))) {
      this.#duplicate ??= index;
    }
  }

  tokenType(index: number, type: number): void {
    if (type === byteType) {
      this.#byteTokens.push(index);
    }
  }

  /** The first token that stood before already. */
  get duplicate(): number | undefined {
    return this.#duplicate;
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

  /** False when it is there already. */
  #add(value: number): boolean {
    if (++this.#count * 2 > this.#table.length) {
      const old = this.#table;
      this.#table = new Float64Array(old.length * 4);
      for (const one of old) {
        if (one !== 0) {
          this.#place(one);
        }
      }
    }
    return this.#place(value);
  }

  #place(value: number): boolean {
    const table = this.#table;
    const mask = table.length - 1;
    let at = value & mask;
    for (; table[at] !== 0; at = (at + 1) & mask) {
      if (table[at] === value) {
        return false;
      }
    }
    table[at] = value;
    return true;
  }
}

/** 52 bits of two hashes, never 0. */
function hash(bytes: Uint8Array, length: number): number {
  let one = 0x811c9dc5;
  let two = length + 1;
  for (let i = 0; i < length; i++) {
    one = Math.imul(one ^ bytes[i]!, 0x01000193);
    two = Math.imul(two ^ bytes[i]!, 0x5bd1e995);
    two ^= two >>> 15;
  }
  return (two >>> 12) * 0x1_0000_0000 + (one >>> 0) + 1;
}

function spelledByte(bytes: Uint8Array, length: number): number | undefined {
  if (length === 1) {
    return bytes[0];
  }
  // <0x41>, as llama.cpp writes it: capital letters.
  if (length !== 6 || bytes[0] !== 0x3c || bytes[1] !== 0x30 || bytes[2] !== 0x78 || bytes[5] !== 0x3e) {
    return undefined;
  }
  const high = hexDigit(bytes[3]!);
  const low = hexDigit(bytes[4]!);
  return high === undefined || low === undefined ? undefined : high * 16 + low;
}

function hexDigit(code: number): number | undefined {
  return code >= 0x30 && code <= 0x39 ? code - 0x30 : code >= 0x41 && code <= 0x46 ? code - 0x37 : undefined;
}
