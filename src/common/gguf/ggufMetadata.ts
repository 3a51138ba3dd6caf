// Reads the key-value pairs of a GGUF header: small values are kept, large ones are checked and skipped.
// Must not know: what the keys mean, tensors.

import { invalidGguf, type ByteCursor } from './byteCursor';
import { ggufKept, ggufLimits, ggufValueBytes, ggufValueType } from './ggufFormat';

export type GgufScalar = number | bigint | boolean | string;

/** An array; `values` only when it is small enough to keep (≤ 1024 elements, and 4 MiB in all). */
export interface GgufArray {
  readonly elementType: number;
  readonly length: number;
  readonly values?: readonly GgufScalar[];
}

/** A string too long to keep (> 256 KiB). */
export interface GgufLongString {
  readonly stringBytes: number;
}

export type GgufValue = GgufScalar | GgufArray | GgufLongString;

/** Sees what is not kept. */
export interface MetadataVisitor extends VocabularyVisitor {
  /** @param type one of ggufValueType, of every entry */
  entry(key: string, type: number): void;
}

/** Sees a vocabulary, which is too large to keep. */
export interface VocabularyVisitor {
  /** How many tokens come. @throws JanError `model-invalid` when it is too many */
  vocabulary(size: number): void;
  /** An entry of the vocabulary: these bytes from `start` to `end`, valid during the call only. */
  token(index: number, bytes: Uint8Array, start: number, end: number): void;
  /** What kind of token one is: llama.cpp's numbers. */
  tokenType(index: number, type: number): void;
}

const keyDecoder = new TextDecoder('utf-8', { fatal: true });
const textDecoder = new TextDecoder('utf-8');

export class GgufMetadataReader {
  readonly #metadata = new Map<string, GgufValue>();
  #keptBytes = 0;
  /** llama.cpp accepts the alignment as uint32 only. */
  alignmentType: number | undefined;

  constructor(
    private readonly cursor: ByteCursor,
    private readonly visitor?: MetadataVisitor,
  ) {}

  async read(count: number): Promise<ReadonlyMap<string, GgufValue>> {
    const { cursor } = this;
    for (let i = 0; i < count; i++) {
      await cursor.need(8);
      const keyBytes = cursor.length64();
      if (keyBytes === 0 || keyBytes > ggufLimits.keyBytes) {
        throw invalidGguf('a metadata key is empty or too long');
      }
      await cursor.need(keyBytes + 4);
      const key = decodeGgufKey(cursor.bytes(keyBytes));
      if (this.#metadata.has(key)) {
        throw invalidGguf('a metadata key occurs twice', { key: key.slice(0, 200) });
      }
      const type = cursor.uint32();
      if (key === 'general.alignment') {
        this.alignmentType = type;
      }
      this.visitor?.entry(key, type);
      this.#metadata.set(key, type === ggufValueType.array ? await this.#array(key) : await this.#value(type, key));
    }
    return this.#metadata;
  }

  async #value(type: number, key: string): Promise<GgufValue> {
    if (type === ggufValueType.string) {
      return this.#string();
    }
    const size = ggufValueBytes[type];
    if (size === undefined) {
      throw invalidGguf('a metadata value has an unknown type', { key: key.slice(0, 200), type });
    }
    await this.cursor.need(size);
    return readScalar(this.cursor, type);
  }

  async #string(): Promise<string | GgufLongString> {
    const { cursor } = this;
    if (!cursor.has(8)) {
      await cursor.need(8);
    }
    const length = cursor.length64();
    if (length > ggufLimits.stringBytes || length > cursor.remaining) {
      throw invalidGguf('a text in its metadata is longer than possible', { length });
    }
    if (length > ggufKept.stringBytes || !this.#keep(length)) {
      cursor.skip(length);
      return { stringBytes: length };
    }
    await cursor.need(length);
    return textDecoder.decode(cursor.bytes(length));
  }

  async #array(key: string): Promise<GgufArray> {
    const { cursor } = this;
    await cursor.need(12);
    const elementType = cursor.uint32();
    const length = cursor.length64();
    const isString = elementType === ggufValueType.string;
    const elementBytes = isString ? 8 : ggufValueBytes[elementType];
    if (elementBytes === undefined) {
      throw invalidGguf('a list in its metadata has an unknown or nested element type', { key: key.slice(0, 200) });
    }
    if (length > ggufLimits.arrayElements || length * elementBytes > cursor.remaining) {
      throw invalidGguf('a list in its metadata is longer than possible', { key: key.slice(0, 200), length });
    }
    if (this.visitor !== undefined && isString && key === 'tokenizer.ggml.tokens') {
      const { visitor } = this;
      visitor.vocabulary(length);
      await cursor.texts(length, ggufKept.stringBytes, (index, bytes, start, end) => visitor.token(index, bytes, start, end));
      return { elementType, length };
    }
    if (this.visitor !== undefined && elementType === ggufValueType.int32 && key === 'tokenizer.ggml.token_type') {
      for (let i = 0; i < length; i++) {
        if (!cursor.has(4)) {
          await cursor.need(4);
        }
        this.visitor.tokenType(i, cursor.int32());
      }
      return { elementType, length };
    }
    if (length > ggufKept.arrayElements || !this.#keep(length * elementBytes)) {
      await this.#skipArray(isString, length, elementBytes);
      return { elementType, length };
    }
    const values: GgufScalar[] = [];
    for (let i = 0; i < length; i++) {
      const value = await this.#value(elementType, key);
      values.push(typeof value === 'object' ? '' : value);
    }
    return { elementType, length, values };
  }

  async #skipArray(isString: boolean, length: number, elementBytes: number): Promise<void> {
    const { cursor } = this;
    if (!isString) {
      cursor.skip(length * elementBytes);
      return;
    }
    await cursor.texts(length, ggufLimits.stringBytes);
  }

  #keep(bytes: number): boolean {
    if (this.#keptBytes + bytes > ggufKept.totalBytes) {
      return false;
    }
    this.#keptBytes += bytes;
    return true;
  }
}

/** @throws JanError `model-invalid` when it is no UTF-8 */
export function decodeGgufKey(bytes: Uint8Array): string {
  try {
    return keyDecoder.decode(bytes);
  } catch {
    throw invalidGguf('a metadata key is not text');
  }
}

function readScalar(cursor: ByteCursor, type: number): GgufScalar {
  switch (type) {
    case ggufValueType.uint8:
      return cursor.uint8();
    case ggufValueType.int8:
      return cursor.int8();
    case ggufValueType.uint16:
      return cursor.uint16();
    case ggufValueType.int16:
      return cursor.int16();
    case ggufValueType.uint32:
      return cursor.uint32();
    case ggufValueType.int32:
      return cursor.int32();
    case ggufValueType.float32:
      return cursor.float32();
    case ggufValueType.float64:
      return cursor.float64();
    case ggufValueType.bool:
      return cursor.uint8() !== 0;
    case ggufValueType.uint64:
      return narrow(cursor.uint64());
    default:
      return narrow(cursor.int64());
  }
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
