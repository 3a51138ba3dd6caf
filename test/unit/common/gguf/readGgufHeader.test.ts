import assert from 'node:assert/strict';
import { isJanError } from '../../../../src/common/errors';
import type { RandomAccessReader } from '../../../../src/common/gguf/byteCursor';
import { readGgufHeader } from '../../../../src/common/gguf/readGgufHeader';
import { soakRounds, soakTimeout } from '../../../fixtures/soak';
import { buildGguf, buildLanguageModel, concat, f32, kv, text, u32, u64, u8, type GgufSpec, type Part } from './ggufBuilder';

function readerOf(bytes: Uint8Array): RandomAccessReader & { reads: number } {
  return {
    size: bytes.length,
    reads: 0,
    read(offset, length) {
      this.reads++;
      return Promise.resolve(bytes.slice(offset, offset + length));
    },
  };
}

const refuses = (bytes: Uint8Array, words: RegExp): Promise<void> =>
  assert.rejects(readGgufHeader(readerOf(bytes)), (error) => isJanError(error, 'model-invalid') && words.test(error.message));

describe('readGgufHeader', () => {
  it('reads what a language model says about itself', async () => {
    const header = await readGgufHeader(readerOf(buildLanguageModel()));
    assert.equal(header.version, 3);
    assert.equal(header.architecture, 'llama');
    assert.equal(header.name, 'Tiny');
    assert.equal(header.quantization, 'Q4_K_M');
    assert.equal(header.contextLength, 2048);
    assert.equal(header.blockCount, 2);
    assert.equal(header.embeddingLength, 64);
    assert.equal(header.headCountKv, 2);
    assert.equal(header.tokenizer, 'gpt2');
    assert.equal(header.vocabularySize, 3);
    assert.equal(header.hasChatTemplate, true);
    assert.equal(header.tensorCount, 3);
    assert.equal(header.parameters, 64 * 3 + 64 + 64);
    assert.equal(header.split, undefined);
  });

  it('accepts an empty file of version 2 and 3, every value type, and another alignment', async () => {
    for (const version of [2, 3]) {
      assert.equal((await readGgufHeader(readerOf(buildGguf({ version })))).version, version);
    }
    const header = await readGgufHeader(
      readerOf(
        buildGguf({
          alignment: 64,
          entries: [
            kv.uint32('general.alignment', 64),
            kv.raw('a', 0, u8(1)),
            kv.raw('b', 1, u8(0xff)),
            kv.raw('c', 3, u8(0), u8(0x80)),
            kv.raw('d', 5, u32(0xffff_ffff)),
            kv.float32('e', 0.5),
            kv.bool('f', true),
            kv.uint64('g', 1n << 60n),
            kv.raw('h', 11, u64(-5n)),
            kv.raw('i', 12, u64(0x3ff0_0000_0000_0000n)),
            kv.uint32s('j', [1, 2, 3]),
            kv.strings('k', ['x', '']),
            kv.raw('l', 9, u32(6), u64(2), f32(1), f32(2)),
          ],
          tensors: [
            { name: 'one', shape: [3] },
            { name: 'two', shape: [2, 2, 2, 2] },
          ],
        }),
      ),
    );
    const value = (key: string): unknown => header.metadata.get(key);
    assert.deepEqual(
      ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'].map(value),
      [1, -1, -32768, -1, 0.5, true, 1n << 60n, -5, 1],
    );
    assert.deepEqual(value('j'), { elementType: 4, length: 3, values: [1, 2, 3] });
    assert.deepEqual(value('k'), { elementType: 8, length: 2, values: ['x', ''] });
    assert.deepEqual(value('l'), { elementType: 6, length: 2, values: [1, 2] });
    assert.equal(header.dataOffset % 64, 0);
  });

  it('skips a large vocabulary without keeping it, in few reads', async () => {
    const tokens = Array.from({ length: 120_000 }, (_, i) => `token${i}`);
    const bytes = buildGguf({ entries: [kv.strings('tokenizer.ggml.tokens', tokens), kv.string('after', 'yes')] });
    const reader = readerOf(bytes);
    const header = await readGgufHeader(reader);
    assert.equal(header.vocabularySize, 120_000);
    assert.deepEqual(header.metadata.get('tokenizer.ggml.tokens'), { elementType: 8, length: 120_000 });
    assert.equal(header.metadata.get('after'), 'yes');
    assert.ok(reader.reads < 30, `${reader.reads} reads`);
  });

  it('does not keep long texts, nor more than 4 MiB in all', async () => {
    const long = 'x'.repeat(300_000);
    const some = 'y'.repeat(200_000);
    const entries = [kv.string('long', long), ...Array.from({ length: 30 }, (_, i) => kv.string(`some${i}`, some))];
    const header = await readGgufHeader(readerOf(buildGguf({ entries })));
    assert.deepEqual(header.metadata.get('long'), { stringBytes: 300_000 });
    assert.equal(header.metadata.get('some0'), some);
    assert.deepEqual(header.metadata.get('some29'), { stringBytes: 200_000 });
  });

  it('tells the place in a split model, layers that differ, and guessed quantisation', async () => {
    const split = await readGgufHeader(readerOf(buildGguf({ entries: [kv.uint16('split.no', 1), kv.uint16('split.count', 3)] })));
    assert.deepEqual(split.split, { index: 1, count: 3 });
    const layers = await readGgufHeader(
      readerOf(
        buildGguf({
          entries: [kv.string('general.architecture', 'openelm'), kv.uint32s('openelm.attention.head_count_kv', [1, 2])],
          tensors: [{ name: 'w', shape: [4] }],
        }),
      ),
    );
    assert.deepEqual(layers.headCountKv, [1, 2]);
    assert.equal(layers.quantization, 'F32');
    const guessed = await readGgufHeader(readerOf(buildGguf({ entries: [kv.uint32('general.file_type', 1024 + 7)] })));
    assert.equal(guessed.quantization, 'Q8_0');
  });

  // What llama.cpp's past vulnerabilities used, and more; its own hand-made files are in handcrafted.test.ts.
  const one = { name: 'w', shape: [32] };
  const cases: readonly (readonly [string, GgufSpec | Uint8Array, RegExp])[] = [
    ['an empty file', new Uint8Array(), /too short/],
    ['a file of three bytes', new TextEncoder().encode('GGU'), /too short/],
    ['bad magic', { magic: 'FUGG' }, /does not begin with GGUF/],
    ['an HTML page', new TextEncoder().encode('<!DOCTYPE html><html><body>Not found</body></html>'), /does not begin/],
    ['a Git LFS pointer', new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\noid sha256:00'), /does not begin/],
    ['version 0', { version: 0 }, /version is 0/],
    ['version 1', { version: 1 }, /version is 1/],
    ['a future version', { version: 4 }, /version is 4/],
    ['big-endian', { version: 0x0300_0000 }, /big-endian/],
    ['a huge number of tensors', { tensorCount: 1n << 63n }, /number of tensors/],
    ['more tensors than the file can hold', { tensorCount: 5 }, /number of tensors/],
    ['a huge number of entries', { entryCount: -1n }, /number of metadata/],
    ['more entries than the file can hold', { entryCount: 40_000 }, /number of metadata/],
    ['65,537 tensors', { tensorCount: 65_537, dataBytes: 65_537 * 64 }, /number of tensors/],
    ['a key longer than the file', { entries: [concat(text('general.name', 1n << 40n), u32(8), text('x'))] }, /key is empty or too long/],
    ['a key that ends beyond the file', { entries: [concat(text('general.name', 9_999), u32(8), text('x'))] }, /middle of its header/],
    ['an empty key', { entries: [kv.string('', 'x')] }, /key is empty/],
    ['a key that is no text', { entries: [concat(u64(2), u8(0xc3), u8(0x28), u32(4), u32(1))] }, /key is not text/],
    ['a bad value type', { entries: [kv.raw('k', 99, u64(0))] }, /unknown type/],
    ['a negative value type', { entries: [kv.raw('k', 0xffff_ffff, u64(0))] }, /unknown type/],
    ['a duplicate key', { entries: [kv.uint32('k', 1), kv.uint32('k', 2)] }, /occurs twice/],
    ['a text of 2^62 bytes', { entries: [kv.raw('k', 8, u64(1n << 62n))] }, /longer than possible/],
    ['a text past the end', { entries: [kv.raw('k', 8, u64(1_000))] }, /longer than possible/],
    ['a list of 2^61 numbers', { entries: [kv.uint32s('k', [], 1n << 61n)] }, /list in its metadata is longer/],
    ['a list past the end', { entries: [kv.uint32s('k', [1, 2], 1_000)] }, /list in its metadata is longer/],
    ['a list of texts past the end', { entries: [kv.strings('k', ['a'], 2_000)] }, /list in its metadata is longer/],
    ['a list of lists', { entries: [kv.raw('k', 9, u32(9), u64(1), u32(4), u64(0))] }, /unknown or nested/],
    ['a list of unknown type', { entries: [kv.raw('k', 9, u32(77), u64(1), u64(0))] }, /unknown or nested/],
    ['a long text inside a long list', { entries: [kv.raw('k', 9, u32(8), u64(2_000), u64(1n << 50n), new Uint8Array(16_000))] }, /longer than possible/],
    ['alignment 0', { entries: [kv.uint32('general.alignment', 0)] }, /alignment/],
    ['alignment 13', { entries: [kv.uint32('general.alignment', 13)] }, /alignment/],
    ['alignment of the wrong type', { entries: [kv.uint64('general.alignment', 32)] }, /alignment/],
    ['alignment that is a text', { entries: [kv.string('general.alignment', '32')] }, /alignment/],
    ['an alignment the tensors do not follow', { entries: [kv.uint32('general.alignment', 1024)], tensors: [one, { ...one, name: 'v' }] }, /lies where it should not/],
    ['a tensor name of 64 bytes', { tensors: [{ ...one, name: 'n'.repeat(64) }] }, /name is empty or too long/],
    ['an empty tensor name', { tensors: [{ ...one, name: '' }] }, /name is empty/],
    ['a tensor name with a zero character', { tensors: [{ ...one, name: 'a\0b' }] }, /zero character/],
    ['five dimensions', { tensors: [{ name: 'w', shape: [1, 1, 1, 1, 1] }] }, /number of dimensions/],
    ['2^32 − 1 dimensions', { tensors: [{ ...one, claimedDimensions: 0xffff_ffff }] }, /number of dimensions/],
    ['no dimension', { tensors: [{ name: 'w', shape: [] }], dataBytes: 64 }, /number of dimensions/],
    ['a negative extent', { tensors: [{ name: 'w', shape: [-32n] }], dataBytes: 128 }, /impossible size/],
    ['extents whose product overflows 64 bits', { tensors: [{ name: 'w', shape: [1n << 32n, 1n << 32n] }] }, /impossible size/],
    ['extents whose bytes overflow 64 bits', { tensors: [{ name: 'w', shape: [1n << 31n, 1n << 31n] }] }, /impossible size/],
    ['an unknown tensor type', { tensors: [{ ...one, type: 43 }] }, /type that llama\.cpp does not know/],
    ['a removed tensor type', { tensors: [{ ...one, type: 4 }] }, /type that llama\.cpp does not know/],
    ['a row that is no whole number of blocks', { tensors: [{ name: 'w', shape: [33], type: 8 }] }, /fit its quantisation/],
    ['a bad offset', { tensors: [{ ...one, offset: 1 }] }, /lies where it should not/],
    ['an offset outside the file', { tensors: [{ ...one, offset: 1n << 60n }] }, /lies where it should not/],
    ['overlapping tensors', { tensors: [one, { ...one, name: 'v', offset: 0 }] }, /lies where it should not/],
    ['a duplicate tensor', { tensors: [one, one] }, /occurs twice/],
    ['too little data', { tensors: [one], dataBytes: 127 }, /shorter than its tensors/],
    ['no data', { tensors: [{ name: 'w', shape: [1 << 20, 1 << 20] }] }, /shorter than its tensors/],
  ];
  for (const [what, spec, words] of cases) {
    it(`refuses ${what}`, () => refuses(spec instanceof Uint8Array ? spec : buildGguf(spec), words));
  }

  it('refuses every cut of a good file, and never reads beyond it', async () => {
    const bytes = buildLanguageModel();
    for (let length = 0; length < bytes.length - 1; length++) {
      await refuses(bytes.subarray(0, length), /./);
    }
  });

  it('refuses a file that becomes shorter while it is read', async () => {
    const bytes = buildLanguageModel();
    const reader: RandomAccessReader = { size: 1 << 20, read: (offset, length) => Promise.resolve(bytes.slice(offset, Math.min(offset + length, 100))) };
    await assert.rejects(readGgufHeader(reader), (error) => isJanError(error, 'model-invalid'));
  });

  const mutations = soakRounds(20_000, 1_000_000);
  it(`answers ${mutations} mutations with a header or model-invalid, each in under 50 ms`, async function () {
    this.timeout(soakTimeout(120_000));
    const good: readonly Part[] = [
      buildLanguageModel(),
      buildGguf({ entries: [kv.strings('t', Array.from({ length: 1_500 }, (_, i) => `t${i}`))], tensors: [one, { name: 'v', shape: [2, 2] }] }),
    ];
    const random = createRandom(20_231_030);
    let refused = 0;
    let slowest = 0;
    for (let round = 0; round < mutations; round++) {
      const bytes = mutate(good[round % good.length]!, random);
      const before = process.threadCpuUsage();
      try {
        const header = await readGgufHeader(readerOf(bytes));
        assert.ok(header.dataOffset <= bytes.length || header.tensorCount === 0);
      } catch (error) {
        assert.ok(isJanError(error, 'model-invalid'), String(error));
        refused++;
      }
      // Of this thread: other programs on the machine must not fail the test.
      const { user, system } = process.threadCpuUsage(before);
      slowest = Math.max(slowest, (user + system) / 1000);
    }
    assert.ok(refused > mutations / 5, `${refused} refused`);
    assert.ok(slowest < 50, `${slowest} ms`);
  });
});

/** Mulberry32: small and the same on every machine. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function mutate(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  const copy = bytes.slice(0, random(8) === 0 ? random(bytes.length) : bytes.length);
  const interesting = [0, 1, 0x7f, 0x80, 0xff];
  // Most damage to the first half: the header, where it matters.
  for (let i = 1 + random(4); i > 0 && copy.length > 0; i--) {
    const at = random(random(2) === 0 ? Math.min(copy.length, 400) : copy.length);
    if (random(3) === 0) {
      copy.fill(interesting[random(5)]!, at, at + 8);
    } else {
      copy[at] = random(2) === 0 ? interesting[random(5)]! : random(256);
    }
  }
  return copy;
}
