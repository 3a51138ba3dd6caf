// Writes small GGUF files, right and deliberately wrong, byte by byte.
// Must not know: the reader under test (it shares only the format's published numbers).

export type Part = Uint8Array;

const utf8 = new TextEncoder();

export function u8(value: number): Part {
  return Uint8Array.of(value);
}
export function u16(value: number): Part {
  const bytes = new Uint8Array(2);
  new DataView(bytes.buffer).setUint16(0, value, true);
  return bytes;
}
export function u32(value: number): Part {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
export function u64(value: number | bigint): Part {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, BigInt(value)), true);
  return bytes;
}
export function f32(value: number): Part {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return bytes;
}
export function text(value: string, claimedBytes?: number | bigint): Part {
  const bytes = utf8.encode(value);
  return concat(u64(claimedBytes ?? bytes.length), bytes);
}
export function concat(...parts: readonly Part[]): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

export const kv = {
  string: (key: string, value: string): Part => concat(text(key), u32(8), text(value)),
  uint32: (key: string, value: number): Part => concat(text(key), u32(4), u32(value)),
  uint16: (key: string, value: number): Part => concat(text(key), u32(2), u16(value)),
  uint64: (key: string, value: number | bigint): Part => concat(text(key), u32(10), u64(value)),
  bool: (key: string, value: boolean): Part => concat(text(key), u32(7), u8(value ? 1 : 0)),
  float32: (key: string, value: number): Part => concat(text(key), u32(6), f32(value)),
  strings: (key: string, values: readonly string[], claimed?: number | bigint): Part =>
    concat(text(key), u32(9), u32(8), u64(claimed ?? values.length), ...values.map((value) => text(value))),
  uint32s: (key: string, values: readonly number[], claimed?: number | bigint): Part =>
    concat(text(key), u32(9), u32(4), u64(claimed ?? values.length), ...values.map(u32)),
  /** Any type number with any bytes. */
  raw: (key: string, type: number, ...value: readonly Part[]): Part => concat(text(key), u32(type), ...value),
};

export interface TensorSpec {
  readonly name: string;
  readonly shape: readonly (number | bigint)[];
  readonly type?: number;
  readonly offset?: number | bigint;
  readonly claimedDimensions?: number;
}

export function tensor(spec: TensorSpec, offset: number): Part {
  return concat(
    text(spec.name),
    u32(spec.claimedDimensions ?? spec.shape.length),
    ...spec.shape.map(u64),
    u32(spec.type ?? 0),
    u64(spec.offset ?? offset),
  );
}

export interface GgufSpec {
  readonly magic?: string;
  readonly version?: number;
  readonly entries?: readonly Part[];
  readonly entryCount?: number | bigint;
  readonly tensors?: readonly TensorSpec[];
  readonly tensorCount?: number | bigint;
  readonly alignment?: number;
  /** Bytes of tensor data; default: what F32 tensors of these shapes need. */
  readonly dataBytes?: number;
}

/** A file of F32 tensors unless told otherwise. */
export function buildGguf(spec: GgufSpec = {}): Uint8Array<ArrayBuffer> {
  const alignment = spec.alignment ?? 32;
  const align = (value: number): number => Math.ceil(value / alignment) * alignment;
  let offset = 0;
  let end = 0;
  const infos = (spec.tensors ?? []).map((one) => {
    const info = tensor(one, offset);
    end = offset + one.shape.reduce<number>((product, extent) => product * Number(extent), 4);
    offset = align(end);
    return info;
  });
  const header = concat(
    utf8.encode(spec.magic ?? 'GGUF'),
    u32(spec.version ?? 3),
    u64(spec.tensorCount ?? infos.length),
    u64(spec.entryCount ?? spec.entries?.length ?? 0),
    ...(spec.entries ?? []),
    ...infos,
  );
  const dataBytes = spec.dataBytes ?? (Number.isSafeInteger(end) && end < 1 << 24 ? end : 0);
  return infos.length === 0 && spec.dataBytes === undefined
    ? header
    : concat(header, new Uint8Array(align(header.length) - header.length + dataBytes));
}

/** A small file that has everything a language model's header has. */
export function buildLanguageModel(overrides: { name?: string; entries?: readonly Part[]; pad?: number } = {}): Uint8Array<ArrayBuffer> {
  return buildGguf({
    entries: [
      kv.string('general.architecture', 'llama'),
      kv.string('general.name', overrides.name ?? 'Tiny'),
      kv.uint32('general.file_type', 15),
      kv.uint32('llama.context_length', 2048),
      kv.uint32('llama.block_count', 2),
      kv.uint32('llama.embedding_length', 64),
      kv.uint32('llama.attention.head_count', 4),
      kv.uint32('llama.attention.head_count_kv', 2),
      kv.string('tokenizer.ggml.model', 'gpt2'),
      kv.strings('tokenizer.ggml.tokens', ['a', 'b', 'c']),
      kv.string('tokenizer.chat_template', '{{ messages }}'),
      ...(overrides.entries ?? []),
    ],
    tensors: [
      { name: 'token_embd.weight', shape: [64, 3] },
      { name: 'output_norm.weight', shape: [64] },
      { name: 'output.weight', shape: [64, Math.max(1, Math.ceil((overrides.pad ?? 0) / 256))] },
    ],
  });
}
