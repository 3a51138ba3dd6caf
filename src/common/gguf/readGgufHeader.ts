// Reads and checks the header of a GGUF model file, within stated bounds, before any native code sees it.
// What it accepts, llama.cpp can parse; what could hang, exhaust or overrun a parser is refused with a reason.
// Must not know: Node, llama.cpp's process, models of the store.

import { ByteCursor, invalidGguf, type RandomAccessReader } from './byteCursor';
import {
  ggufDefaultAlignment,
  ggufFileTypeGuessed,
  ggufFileTypeNames,
  ggufLimits,
  ggufMagic,
  ggufTensorTypes,
  ggufValueType,
} from './ggufFormat';
import { decodeGgufKey, GgufMetadataReader, type GgufArray, type GgufValue, type MetadataVisitor } from './ggufMetadata';

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
  /** The first tensor without any weights: the format allows it, and no model that works has one. */
  readonly emptyTensor?: string;
  /** Bytes before the tensor data. */
  readonly dataOffset: number;
}

/** Sees what a header holds and this reader does not keep. May throw JanError `model-invalid`. */
export interface HeaderVisitor extends MetadataVisitor {
  /** @param type a ggml_type that is known */
  tensor(name: string, shape: readonly number[], type: number): void;
}

/** Smallest possible records: what a count must leave room for. */
const minimumEntryBytes = 8 + 1 + 4 + 1;
const minimumTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;

/** @throws JanError `model-invalid`, saying what is wrong; nothing else, whatever the bytes. */
export async function readGgufHeader(reader: RandomAccessReader, visitor?: HeaderVisitor): Promise<GgufHeader> {
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

  const metadataReader = new GgufMetadataReader(cursor, visitor);
  const metadata = await metadataReader.read(entryCount);
  const alignment = readAlignment(metadata, metadataReader.alignmentType);
  const tensors = await readTensors(cursor, tensorCount, alignment, visitor);
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
  readonly empty?: string;
  readonly dataBytes: bigint;
  readonly weights: bigint;
  readonly weightsByType: ReadonlyMap<number, bigint>;
}

async function readTensors(cursor: ByteCursor, count: number, alignment: number, visitor?: HeaderVisitor): Promise<TensorTotals> {
  const names = new Set<string>();
  const weightsByType = new Map<number, bigint>();
  const alignmentBig = BigInt(alignment);
  let expectedOffset = 0n;
  let dataBytes = 0n;
  let weights = 0n;
  let empty: string | undefined;
  for (let i = 0; i < count; i++) {
    await cursor.need(8);
    const nameBytes = cursor.length64();
    if (nameBytes === 0 || nameBytes > ggufLimits.tensorNameBytes) {
      throw invalidGguf('a tensor name is empty or too long');
    }
    await cursor.need(nameBytes + 4);
    const name = decodeGgufKey(cursor.bytes(nameBytes));
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
    const shape: number[] = [];
    let elements = 1n;
    let rowLength = 0n;
    for (let d = 0; d < dimensions; d++) {
      const extent = cursor.uint64();
      if (extent > 0x7fff_ffff_ffff_ffffn) {
        throw invalidGguf('a tensor has an impossible size', { tensor: name });
      }
      if (d === 0) {
        rowLength = extent;
      }
      elements *= extent;
      shape.push(Number(extent));
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
    if (elements === 0n) {
      empty ??= name;
    }
    // llama.cpp wants the tensors one after the other, each padded to the alignment.
    if (offset !== expectedOffset) {
      throw invalidGguf('a tensor lies where it should not', { tensor: name });
    }
    dataBytes = offset + size;
    expectedOffset = ((dataBytes + alignmentBig - 1n) / alignmentBig) * alignmentBig;
    weights += elements;
    visitor?.tensor(name, shape, type);
    weightsByType.set(type, (weightsByType.get(type) ?? 0n) + elements);
  }
  return { dataBytes, weights, weightsByType, empty };
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
    emptyTensor: tensors.empty,
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
