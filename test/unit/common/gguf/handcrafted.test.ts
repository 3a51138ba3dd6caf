import assert from 'node:assert/strict';
import { isJanError } from '../../../../src/common/errors';
import { checkIsLanguageModel } from '../../../../src/common/gguf/describeModel';
import { readGgufHeader, type GgufHeader } from '../../../../src/common/gguf/readGgufHeader';
import { buildGguf, concat, kv, text, u32, u64, u8, type GgufSpec, type Part, type TensorSpec } from './ggufBuilder';

/** The types of ggml that exist, by number: weights in a block, bytes of a block. */
const types: readonly (readonly [type: number, weights: number, bytes: number])[] = [
  [0, 1, 4], [1, 1, 2], [2, 32, 18], [3, 32, 20], [6, 32, 22], [7, 32, 24], [8, 32, 34], [10, 256, 84], [11, 256, 110], [12, 256, 144],
  [13, 256, 176], [14, 256, 210], [16, 256, 66], [20, 32, 18], [24, 1, 1], [25, 1, 2], [26, 1, 4], [27, 1, 8], [28, 1, 8], [30, 1, 2], [34, 256, 54],
];
/** Bytes of the values of a fixed size, by their number in the format. */
const valueBytes: readonly (readonly [type: number, bytes: number])[] = [
  [0, 1], [1, 1], [2, 2], [3, 2], [4, 4], [5, 4], [6, 4], [7, 1], [10, 8], [11, 8], [12, 8],
];
const arrayType = 9;
const unknownValueType = 13;
const unknownTensorType = 43;
const int64Type = 27;
const int8Type = 24;

/** A linear congruence: the same bytes on every machine. */
let state = 1;
const random = (below: number): number => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};
const pick = <T>(from: readonly T[]): T => from[random(from.length)]!;
const bytes = (count: number): Part => Uint8Array.from({ length: count }, () => random(256));
const word = (): string => 'x'.repeat(random(20));

/** About a hundred entries: each type, and lists of each. */
function entries(key: (index: number) => string = (index) => `my_key_${index}`): Part[] {
  return Array.from({ length: 100 }, (_, index) => {
    const [type, size] = pick(valueBytes);
    switch (random(4)) {
      case 0:
        return kv.string(key(index), word());
      case 1:
        return kv.strings(key(index), Array.from({ length: random(17) }, word));
      case 2: {
        const length = random(16);
        return kv.raw(key(index), arrayType, u32(type), u64(length), bytes(length * size));
      }
      default:
        return kv.raw(key(index), type, bytes(size));
    }
  });
}

interface Tensors {
  readonly tensors: readonly TensorSpec[];
  readonly dataBytes: number;
}

/** About a hundred tensors of every type and one to four dimensions, one after the other. */
function tensors(alignment = 32, change: (spec: TensorSpec, index: number) => Partial<TensorSpec> = () => ({})): Tensors {
  let offset = 0;
  let end = 0;
  const specs = Array.from({ length: 100 }, (_, index) => {
    const [type, weights, size] = pick(types);
    const shape = [weights * (1 + random(10)), ...Array.from({ length: random(4) }, () => 1 + random(10))];
    const spec = { name: `my_tensor_${index}`, shape, type, offset };
    end = offset + (shape.reduce((product, extent) => product * extent, 1) / weights) * size;
    offset = Math.ceil(end / alignment) * alignment;
    return { ...spec, ...change(spec, index) };
  });
  return { tensors: specs, dataBytes: offset };
}

const alignment = (value: number, type = 4): Part => concat(text('general.alignment'), u32(type), u32(value));
const big = 4n * (2n ** 31n - 1n);
/** Two of these are more bytes of 64-bit numbers than 64 bits can count. */
const tooManyBytes = 1_085_000_000n;

/** What llama.cpp does with the file: its tests/test-gguf.cpp, expect_context_not_null(). */
type Verdict = 'refused' | 'accepted';

const cases: Readonly<Record<string, readonly [verdict: Verdict, make: () => GgufSpec, words?: RegExp]>> = {
  HEADER_BAD_MAGIC: ['refused', () => ({ magic: 'FUGG' }), /does not begin with GGUF/],
  HEADER_BAD_VERSION_0: ['refused', () => ({ version: 0 }), /version is 0/],
  HEADER_BAD_VERSION_1: ['refused', () => ({ version: 1 }), /version is 1/],
  HEADER_BAD_VERSION_FUTURE: ['refused', () => ({ version: 4 }), /version is 4/],
  HEADER_BAD_N_KV: ['refused', () => ({ entryCount: -1n }), /number of metadata/],
  HEADER_BAD_N_TENSORS: ['refused', () => ({ tensorCount: -1n }), /number of tensors/],
  HEADER_EMPTY: ['accepted', () => ({})],

  KV_BAD_KEY_SIZE: ['refused', () => ({ entries: [concat(text('my_key_0', -1n), u32(4), u32(1)), ...entries()] }), /key is empty or too long/],
  KV_EMPTY_KEY: ['refused', () => ({ entries: entries(() => '') }), /key is empty/],
  KV_BAD_TYPE: ['refused', () => ({ entries: Array.from({ length: 100 }, (_, index) => kv.raw(`my_key_${index}`, unknownValueType, u8(1))) }), /unknown type/],
  KV_DUPLICATE_KEY: ['refused', () => ({ entries: entries((index) => `my_key_${Math.floor(index / 2)}`) }), /occurs twice/],
  KV_BAD_ALIGN: ['refused', () => ({ entries: [...entries(), alignment(13)] }), /alignment/],
  KV_WRONG_TYPE_ALIGN: ['refused', () => ({ entries: [...entries(), alignment(13, 5)] }), /alignment/],
  KV_SUCCESS: ['accepted', () => ({ entries: entries() })],

  // llama.cpp reads these without any data, which its loader then misses: here they have their data, as a file must.
  TENSORS_BAD_NAME_SIZE: ['refused', () => ({ entries: entries(), ...tensors(32, ({ name }) => ({ name: `${name}_${'long'.repeat(20)}` })) }), /name is empty or too long/],
  TENSORS_BAD_N_DIMS: ['refused', () => ({ entries: entries(), ...tensors(32, () => ({ claimedDimensions: 5 })) }), /number of dimensions/],
  TENSORS_BAD_SHAPE: ['refused', () => ({ entries: entries(), ...tensors(32, ({ shape }) => ({ shape: shape.map(() => -1n) })) }), /impossible size/],
  TENSORS_ZERO_DIM: ['accepted', () => ({ entries: entries(), ...tensors(32, ({ shape }) => ({ shape: [shape[0]!, 0], offset: 0 })), dataBytes: 0 })],
  TENSORS_NE_TOO_BIG: ['refused', () => ({ entries: entries(), ...tensors(32, () => ({ shape: [big, big] })) }), /impossible size|fit its quantisation/],
  TENSORS_NBYTES_TOO_BIG: ['refused', () => ({ entries: entries(), ...tensors(32, () => ({ type: int64Type, shape: [tooManyBytes, tooManyBytes] })) }), /impossible size/],
  TENSORS_BAD_TYPE: ['refused', () => ({ entries: entries(), ...tensors(32, () => ({ type: unknownTensorType })) }), /type that llama\.cpp does not know/],
  TENSORS_BAD_OFFSET: ['refused', () => ({ entries: entries(), ...tensors(32, () => ({ offset: -1n })) }), /lies where it should not/],
  TENSORS_DUPLICATE_NAME: ['refused', () => ({ entries: entries(), ...tensors(32, () => ({ name: 'my_tensor' })) }), /occurs twice/],
  TENSORS_BAD_ALIGN: ['refused', () => ({ entries: [...entries(), alignment(13)], ...tensors(13) }), /alignment/],
  TENSORS_INCONSISTENT_ALIGN: ['refused', () => ({ entries: entries(), ...tensors(1) }), /lies where it should not/],
  TENSORS_SUCCESS: ['accepted', () => ({ entries: entries(), ...tensors() })],
  TENSORS_CUSTOM_ALIGN: ['accepted', () => ({ entries: [...entries(), alignment(1)], alignment: 1, ...tensors(1) })],

  DATA_NOT_ENOUGH_DATA: ['refused', () => ({ entries: [...entries(), alignment(1)], alignment: 1, ...shorter(tensors(1)) }), /shorter than its tensors/],
  DATA_BAD_ALIGN: ['refused', () => ({ entries: [...entries(), alignment(13)], ...tensors(13) }), /alignment/],
  DATA_INCONSISTENT_ALIGN: ['refused', () => ({ entries: entries(), ...tensors(1) }), /lies where it should not/],
  DATA_MEM_SIZE_OVERFLOW: [
    'refused',
    () => ({
      entries: entries(),
      tensors: [0, 1].map((index) => ({ name: `my_tensor_${index}`, shape: [0x7fffffffffffffc0n], type: int8Type, offset: BigInt(index) * 0x7fffffffffffffc0n })),
      dataBytes: 32,
    }),
    /shorter than its tensors/,
  ],
  DATA_SUCCESS: ['accepted', () => ({ entries: entries(), ...tensors() })],
  DATA_CUSTOM_ALIGN: ['accepted', () => ({ entries: [...entries(), alignment(1)], alignment: 1, ...tensors(1) })],
};

function shorter({ dataBytes, ...rest }: Tensors): Tensors {
  return { ...rest, dataBytes: dataBytes - 1 };
}

const read = (file: Uint8Array): Promise<GgufHeader> =>
  readGgufHeader({ size: file.length, read: (offset, length) => Promise.resolve(file.slice(offset, offset + length)) });

describe('the files that llama.cpp’s own test of its reader makes by hand', () => {
  it('are all here', () => {
    assert.equal(Object.keys(cases).length, 33);
  });

  for (const [name, [verdict, make, words]] of Object.entries(cases)) {
    it(`${name} is ${verdict}, as llama.cpp does, with any content`, async () => {
      for (let seed = 1; seed <= 10; seed++) {
        state = seed;
        const spec = make();
        const file = buildGguf(spec);
        if (verdict === 'accepted') {
          const header = await read(file);
          assert.equal(header.version, 3);
          assert.equal(header.tensorCount, spec.tensors?.length ?? 0);
          assert.equal(header.metadata.size, spec.entries?.length ?? 0);
        } else {
          await assert.rejects(read(file), (error: unknown) => {
            assert.ok(isJanError(error, 'model-invalid'), String(error));
            assert.match(error.message, words!);
            return true;
          });
        }
        // More bytes than are needed change nothing, as there.
        const longer = concat(file, new Uint8Array(64));
        await (verdict === 'accepted' || name === 'DATA_NOT_ENOUGH_DATA' ? read(longer) : assert.rejects(read(longer)));
      }
    });
  }

  it('of which no language model may be one with an empty tensor', async () => {
    const model = (shape: readonly number[]): Uint8Array =>
      buildGguf({ entries: [kv.string('general.architecture', 'llama')], tensors: [{ name: 'w', shape }] });
    checkIsLanguageModel(await read(model([32])));
    for (const shape of [[0], [32, 0], [0, 32]]) {
      const header = await read(model(shape));
      assert.throws(() => checkIsLanguageModel(header), (error: unknown) => isJanError(error, 'model-invalid') && /impossible size/.test(error.message));
    }
  });
});
