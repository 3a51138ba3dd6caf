// Reads and checks the header of a GGUF model file, within stated bounds, before any native code sees it.
// What it accepts, llama.cpp can parse; what could hang, exhaust or overrun a parser is refused with a reason.
// Must not know: Node, llama.cpp's process, models of the store.

import { ByteCursor, invalidGguf, type RandomAccessReader } from './byteCursor';
import {
  ggufDefaultAlignment,
  ggufFileTypeGuessed,
  ggufFileTypeNames,
  ggufKept,
  ggufLimits,
  ggufMagic,
  ggufTensorTypes,
  ggufValueBytes,
  ggufValueType,
} from './ggufFormat';

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

export interface GgufHeader {
  /** 2 or 3. */
  readonly version: number;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensorCount: number;
  /** e.g. `llama`; absent in the later parts of a split model. */
  readonly architecture?: string;
  readonly name?: string;
  /** e.g. `Q4_K_M`. From `general.file_type`, else the type that most weights have. */
  readonly quantization?: string;
  /** Number of weights in this file. */
  readonly parameters: number;
  /** Tokens the model was trained for. */
  readonly contextLength?: number;
  readonly blockCount?: number;
  readonly embeddingLength?: number;
  readonly headCount?: number;
  /** Per layer when the layers differ. */
  readonly headCountKv?: number | readonly number[];
  readonly keyLength?: number;
  readonly valueLength?: number;
  readonly hasChatTemplate: boolean;
  /** e.g. `gpt2`, `llama`. */
  readonly tokenizer?: string;
  readonly vocabularySize?: number;
  /** Place of this file in a split model; absent when it is whole. */
  readonly split?: { readonly index: number; readonly count: number };
  /** Bytes before the tensor data. */
  readonly dataOffset: number;
}

const keyDecoder = new TextDecoder('utf-8', { fatal: true });
const textDecoder = new TextDecoder('utf-8');

/** Smallest possible records: what a count must leave room for. */
const minimumEntryBytes = 8 + 1 + 4 + 1;
const minimumTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;

/** @throws JanError `model-invalid`, saying what is wrong; nothing else, whatever the bytes. */
export async function readGgufHeader(reader: RandomAccessReader): Promise<GgufHeader> {
  const cursor = new ByteCursor(reader, ggufLimits.headerBytes);
  if (reader.size < 24) {
    throw invalidGguf('it is too short');
  }
  await cursor.need(24);
  if (cursor.uint32() !== ggufMagic) {
    throw invalidGguf('it does not begin with GGUF');
  }
  const version = cursor.uint32();
  if ((version & 0xffff) === 0) {
    throw invalidGguf(version === 0 ? 'its format version is 0' : 'it was written for a big-endian machine');
  }
  if (version !== 2 && version !== 3) {
    throw invalidGguf(`its format version is ${version}, and only 2 and 3 are known`);
  }
  const tensorCount = cursor.length64();
  const entryCount = cursor.length64();
  checkCount('metadata entries', entryCount, ggufLimits.metadataEntries, minimumEntryBytes, cursor);
  checkCount('tensors', tensorCount, ggufLimits.tensors, minimumTensorBytes, cursor);

  const metadataReader = new MetadataReader(cursor);
  const metadata = await metadataReader.read(entryCount);
  const alignment = readAlignment(metadata, metadataReader.alignmentType);
  const tensors = await readTensors(cursor, tensorCount, alignment);
  const dataOffset = Math.ceil(cursor.position / alignment) * alignment;
  if (tensorCount > 0 && tensors.dataBytes > BigInt(Math.max(0, reader.size - dataOffset))) {
    throw invalidGguf('it is shorter than its tensors say', {
      expectedBytes: Number(tensors.dataBytes) + dataOffset,
      fileBytes: reader.size,
    });
  }
  return summarize(version, metadata, tensorCount, tensors, dataOffset);
}

function checkCount(what: string, count: number, limit: number, minimumBytes: number, cursor: ByteCursor): void {
  if (count > limit || count * minimumBytes > cursor.remaining) {
    throw invalidGguf(`it claims an impossible number of ${what}`, { count, limit });
  }
}

class MetadataReader {
  readonly #metadata = new Map<string, GgufValue>();
  #keptBytes = 0;
  /** llama.cpp accepts the alignment as uint32 only. */
  alignmentType: number | undefined;

  constructor(private readonly cursor: ByteCursor) {}

  async read(count: number): Promise<ReadonlyMap<string, GgufValue>> {
    const { cursor } = this;
    for (let i = 0; i < count; i++) {
      await cursor.need(8);
      const keyBytes = cursor.length64();
      if (keyBytes === 0 || keyBytes > ggufLimits.keyBytes) {
        throw invalidGguf('a metadata key is empty or too long');
      }
      await cursor.need(keyBytes + 4);
      const key = decodeKey(cursor.bytes(keyBytes));
      if (this.#metadata.has(key)) {
        throw invalidGguf('a metadata key occurs twice', { key: key.slice(0, 200) });
      }
      const type = cursor.uint32();
      if (key === 'general.alignment') {
        this.alignmentType = type;
      }
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
    for (let i = 0; i < length; i++) {
      if (!cursor.has(8)) {
        await cursor.need(8);
      }
      const bytes = cursor.length64();
      if (bytes > ggufLimits.stringBytes) {
        throw invalidGguf('a text in its metadata is longer than possible', { length: bytes });
      }
      cursor.skip(bytes);
    }
  }

  #keep(bytes: number): boolean {
    if (this.#keptBytes + bytes > ggufKept.totalBytes) {
      return false;
    }
    this.#keptBytes += bytes;
    return true;
  }
}

function decodeKey(bytes: Uint8Array): string {
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

function readAlignment(metadata: ReadonlyMap<string, GgufValue>, type: number | undefined): number {
  const value = metadata.get('general.alignment');
  if (value === undefined) {
    return ggufDefaultAlignment;
  }
  if (type !== ggufValueType.uint32 || typeof value !== 'number' || value < 1 || !Number.isInteger(Math.log2(value))) {
    throw invalidGguf('its alignment is not a power of two');
  }
  return value;
}

interface TensorTotals {
  readonly dataBytes: bigint;
  readonly weights: bigint;
  readonly weightsByType: ReadonlyMap<number, bigint>;
}

async function readTensors(cursor: ByteCursor, count: number, alignment: number): Promise<TensorTotals> {
  const names = new Set<string>();
  const weightsByType = new Map<number, bigint>();
  const alignmentBig = BigInt(alignment);
  let expectedOffset = 0n;
  let dataBytes = 0n;
  let weights = 0n;
  for (let i = 0; i < count; i++) {
    await cursor.need(8);
    const nameBytes = cursor.length64();
    if (nameBytes === 0 || nameBytes > ggufLimits.tensorNameBytes) {
      throw invalidGguf('a tensor name is empty or too long');
    }
    await cursor.need(nameBytes + 4);
    const name = decodeKey(cursor.bytes(nameBytes));
    if (names.has(name)) {
      throw invalidGguf('a tensor occurs twice', { tensor: name });
    }
    if (name.includes('\0')) {
      throw invalidGguf('a tensor name holds a zero character');
    }
    names.add(name);
    const dimensions = cursor.uint32();
    if (dimensions < 1 || dimensions > ggufLimits.dimensions) {
      throw invalidGguf('a tensor has an impossible number of dimensions', { tensor: name, dimensions });
    }
    await cursor.need(dimensions * 8 + 12);
    let elements = 1n;
    let rowLength = 0n;
    for (let d = 0; d < dimensions; d++) {
      const extent = cursor.uint64();
      if (extent === 0n || extent > 0x7fff_ffff_ffff_ffffn) {
        throw invalidGguf('a tensor has an impossible size', { tensor: name });
      }
      if (d === 0) {
        rowLength = extent;
      }
      elements *= extent;
    }
    const type = cursor.uint32();
    const layout = ggufTensorTypes[type];
    if (layout === undefined) {
      throw invalidGguf('a tensor has a type that llama.cpp does not know', { tensor: name, type });
    }
    if (rowLength % BigInt(layout.blockWeights) !== 0n) {
      throw invalidGguf('a tensor does not fit its quantisation', { tensor: name, type: layout.name });
    }
    const size = (elements / BigInt(layout.blockWeights)) * BigInt(layout.blockBytes);
    const offset = cursor.uint64();
    if (elements >= 0x7fff_ffff_ffff_ffffn || size > 0x7fff_ffff_ffff_ffffn) {
      throw invalidGguf('a tensor has an impossible size', { tensor: name });
    }
    // llama.cpp wants the tensors one after the other, each padded to the alignment.
    if (offset !== expectedOffset) {
      throw invalidGguf('a tensor lies where it should not', { tensor: name });
    }
    dataBytes = offset + size;
    expectedOffset = ((dataBytes + alignmentBig - 1n) / alignmentBig) * alignmentBig;
    weights += elements;
    weightsByType.set(type, (weightsByType.get(type) ?? 0n) + elements);
  }
  return { dataBytes, weights, weightsByType };
}

function summarize(
  version: number,
  metadata: ReadonlyMap<string, GgufValue>,
  tensorCount: number,
  tensors: TensorTotals,
  dataOffset: number,
): GgufHeader {
  const text = (key: string): string | undefined => {
    const value = metadata.get(key);
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const count = (key: string): number | undefined => {
    const value = metadata.get(key);
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  };
  const architecture = text('general.architecture');
  const ofModel = (key: string): number | undefined =>
    architecture === undefined ? undefined : count(`${architecture}.${key}`);
  const headCountKv = metadata.get(`${architecture ?? ''}.attention.head_count_kv`);
  const tokens = metadata.get('tokenizer.ggml.tokens');
  const splitCount = count('split.count');
  const template = metadata.get('tokenizer.chat_template');
  return {
    version,
    metadata,
    tensorCount,
    architecture,
    name: text('general.name'),
    quantization: quantizationName(count('general.file_type'), tensors.weightsByType),
    parameters: Number(tensors.weights),
    contextLength: ofModel('context_length'),
    blockCount: ofModel('block_count'),
    embeddingLength: ofModel('embedding_length'),
    headCount: ofModel('attention.head_count'),
    headCountKv: isArray(headCountKv)
      ? headCountKv.values?.filter((value): value is number => typeof value === 'number')
      : ofModel('attention.head_count_kv'),
    keyLength: ofModel('attention.key_length'),
    valueLength: ofModel('attention.value_length'),
    hasChatTemplate: template !== undefined && template !== '',
    tokenizer: text('tokenizer.ggml.model'),
    vocabularySize: isArray(tokens) ? tokens.length : undefined,
    split: splitCount !== undefined && splitCount > 1 ? { index: count('split.no') ?? 0, count: splitCount } : undefined,
    dataOffset,
  };
}

function isArray(value: GgufValue | undefined): value is GgufArray {
  return typeof value === 'object' && 'elementType' in value;
}

function quantizationName(
  fileType: number | undefined,
  weightsByType: ReadonlyMap<number, bigint>,
): string | undefined {
  if (fileType !== undefined) {
    const known = ggufFileTypeNames[fileType & ~ggufFileTypeGuessed];
    if (known !== undefined) {
      return known;
    }
  }
  let most: readonly [number, bigint] | undefined;
  for (const entry of weightsByType) {
    if (most === undefined || entry[1] > most[1]) {
      most = entry;
    }
  }
  return most === undefined ? undefined : ggufTensorTypes[most[0]]?.name;
}
