// The numbers of the GGUF file format: limits, value types, tensor types, quantisation names.
// Source: ggml's docs/gguf.md and the enums of llama.cpp's ggml.h and llama.h (v0.4.0).
// Must not know: where the bytes come from, what the product does with a model.

/** `GGUF`, little endian. */
export const ggufMagic = 0x46554747;

/** Above what any real file has, below what could exhaust memory or time. Beyond one, a file is refused. */
export const ggufLimits = {
  metadataEntries: 65_536,
  tensors: 65_536,
  keyBytes: 65_535,
  stringBytes: 16 * 1024 * 1024,
  arrayElements: 16 * 1024 * 1024,
  headerBytes: 256 * 1024 * 1024,
  /** ggml's own: GGML_MAX_NAME − 1, because the name is stored with its terminating zero. */
  tensorNameBytes: 63,
  dimensions: 4,
} as const;

/** How much of a header is kept in memory; the rest is checked and skipped. */
export const ggufKept = {
  stringBytes: 256 * 1024,
  arrayElements: 1024,
  totalBytes: 4 * 1024 * 1024,
} as const;

export const ggufDefaultAlignment = 32;

export const ggufValueType = {
  uint8: 0,
  int8: 1,
  uint16: 2,
  int16: 3,
  uint32: 4,
  int32: 5,
  float32: 6,
  bool: 7,
  string: 8,
  array: 9,
  uint64: 10,
  int64: 11,
  float64: 12,
} as const;

/** Bytes of each value type that has a fixed size. */
export const ggufValueBytes: Readonly<Partial<Record<number, number>>> = {
  [ggufValueType.uint8]: 1,
  [ggufValueType.int8]: 1,
  [ggufValueType.uint16]: 2,
  [ggufValueType.int16]: 2,
  [ggufValueType.uint32]: 4,
  [ggufValueType.int32]: 4,
  [ggufValueType.float32]: 4,
  [ggufValueType.bool]: 1,
  [ggufValueType.uint64]: 8,
  [ggufValueType.int64]: 8,
  [ggufValueType.float64]: 8,
};

export interface TensorTypeLayout {
  readonly name: string;
  /** Weights per block; a row is a whole number of blocks. */
  readonly blockWeights: number;
  readonly blockBytes: number;
}

const layout = (name: string, blockWeights: number, blockBytes: number): TensorTypeLayout => ({
  name,
  blockWeights,
  blockBytes,
});

/** By ggml_type. A gap is a type that was removed from the format: such files are refused. */
export const ggufTensorTypes: Readonly<Partial<Record<number, TensorTypeLayout>>> = {
  0: layout('F32', 1, 4),
  1: layout('F16', 1, 2),
  2: layout('Q4_0', 32, 18),
  3: layout('Q4_1', 32, 20),
  6: layout('Q5_0', 32, 22),
  7: layout('Q5_1', 32, 24),
  8: layout('Q8_0', 32, 34),
  9: layout('Q8_1', 32, 36),
  10: layout('Q2_K', 256, 84),
  11: layout('Q3_K', 256, 110),
  12: layout('Q4_K', 256, 144),
  13: layout('Q5_K', 256, 176),
  14: layout('Q6_K', 256, 210),
  15: layout('Q8_K', 256, 292),
  16: layout('IQ2_XXS', 256, 66),
  17: layout('IQ2_XS', 256, 74),
  18: layout('IQ3_XXS', 256, 98),
  19: layout('IQ1_S', 256, 50),
  20: layout('IQ4_NL', 32, 18),
  21: layout('IQ3_S', 256, 110),
  22: layout('IQ2_S', 256, 82),
  23: layout('IQ4_XS', 256, 136),
  24: layout('I8', 1, 1),
  25: layout('I16', 1, 2),
  26: layout('I32', 1, 4),
  27: layout('I64', 1, 8),
  28: layout('F64', 1, 8),
  29: layout('IQ1_M', 256, 56),
  30: layout('BF16', 1, 2),
  34: layout('TQ1_0', 256, 54),
  35: layout('TQ2_0', 256, 66),
  39: layout('MXFP4', 32, 17),
  40: layout('NVFP4', 64, 36),
  41: layout('Q1_0', 128, 18),
  42: layout('Q2_0', 64, 18),
};

/** By `general.file_type` (llama_ftype): the name people know a quantisation by. */
export const ggufFileTypeNames: Readonly<Partial<Record<number, string>>> = {
  0: 'F32',
  1: 'F16',
  2: 'Q4_0',
  3: 'Q4_1',
  7: 'Q8_0',
  8: 'Q5_0',
  9: 'Q5_1',
  10: 'Q2_K',
  11: 'Q3_K_S',
  12: 'Q3_K_M',
  13: 'Q3_K_L',
  14: 'Q4_K_S',
  15: 'Q4_K_M',
  16: 'Q5_K_S',
  17: 'Q5_K_M',
  18: 'Q6_K',
  19: 'IQ2_XXS',
  20: 'IQ2_XS',
  21: 'Q2_K_S',
  22: 'IQ3_XS',
  23: 'IQ3_XXS',
  24: 'IQ1_S',
  25: 'IQ4_NL',
  26: 'IQ3_S',
  27: 'IQ3_M',
  28: 'IQ2_S',
  29: 'IQ2_M',
  30: 'IQ4_XS',
  31: 'IQ1_M',
  32: 'BF16',
  36: 'TQ1_0',
  37: 'TQ2_0',
  38: 'MXFP4_MOE',
  39: 'NVFP4',
  40: 'Q1_0',
  41: 'Q2_0',
};

/** The bit that says "the type was guessed when the file was made". */
export const ggufFileTypeGuessed = 1024;
