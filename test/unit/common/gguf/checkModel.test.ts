import assert from 'node:assert/strict';
import { isJanError } from '../../../../src/common/errors';
import { checkCanRun, checkLayout, ModelFacts } from '../../../../src/common/gguf/checkModel';
import { readGgufHeader } from '../../../../src/common/gguf/readGgufHeader';
import { buildGguf, concat, f32, kv, text, u32, u64, type Part, type TensorSpec } from './ggufBuilder';

const int32s = (key: string, values: readonly number[]): Part => concat(text(key), u32(9), u32(5), u64(values.length), ...values.map((value) => u32(value >>> 0)));

/** As kv.strings, for any number. */
function strings(values: readonly string[]): Part {
  return Buffer.concat(values.map((value) => text(value)));
}

function entriesOf(tokens: readonly string[]): Map<string, Part> {
  const entries = new Map<string, Part>();
  const add = (key: string, make: (key: string) => Part): unknown => entries.set(key, make(key));
  add('general.architecture', (key) => kv.string(key, 'llama'));
  add('llama.context_length', (key) => kv.uint32(key, 64));
  add('llama.block_count', (key) => kv.uint32(key, 1));
  add('llama.embedding_length', (key) => kv.uint32(key, 8));
  add('llama.feed_forward_length', (key) => kv.uint32(key, 16));
  add('llama.attention.head_count', (key) => kv.uint32(key, 2));
  add('llama.attention.head_count_kv', (key) => kv.uint32(key, 1));
  add('llama.attention.layer_norm_rms_epsilon', (key) => kv.float32(key, 1e-5));
  add('tokenizer.ggml.model', (key) => kv.string(key, 'gpt2'));
  add('tokenizer.ggml.tokens', (key) => concat(text(key), u32(9), u32(8), u64(tokens.length), strings(tokens)));
  add('tokenizer.ggml.token_type', (key) => concat(text(key), u32(9), u32(5), u64(tokens.length), new Uint8Array(Int32Array.from(tokens, () => 1).buffer)));
  return entries;
}

function tensorsOf(words: number): TensorSpec[] {
  const layer = (name: string, ...shape: number[]): TensorSpec => ({ name: `blk.0.${name}.weight`, shape });
  return [
    { name: 'token_embd.weight', shape: [8, words] }, { name: 'output_norm.weight', shape: [8] },
    layer('attn_norm', 8), layer('attn_q', 8, 8), layer('attn_k', 8, 4), layer('attn_v', 8, 4), layer('attn_output', 8, 8),
    layer('ffn_norm', 8), layer('ffn_gate', 8, 16), layer('ffn_up', 8, 16), layer('ffn_down', 16, 8),
  ];
}

interface Change {
  readonly tokens?: readonly string[];
  readonly set?: Readonly<Record<string, (key: string) => Part>>;
  readonly without?: string;
  readonly tensors?: (tensors: TensorSpec[]) => TensorSpec[];
  /** Of all tensors; default: what 32-bit floats need. */
  readonly dataBytes?: number;
}

const words = ['a', 'b', 'c', 'ab', 'bc'];

async function check({ tokens = words, set = {}, without, tensors = (all) => all, dataBytes }: Change = {}): Promise<void> {
  const entries = entriesOf(tokens);
  for (const [key, make] of Object.entries(set)) {
    entries.set(key, make(key));
  }
  entries.delete(without ?? '');
  const bytes = buildGguf({ entries: [...entries.values()], tensors: tensors(tensorsOf(Math.max(1, tokens.length))), dataBytes });
  const facts = new ModelFacts();
  const header = await readGgufHeader({ size: bytes.length, read: (offset, length) => Promise.resolve(bytes.slice(offset, offset + length)) }, facts);
  checkLayout(header, facts);
  checkCanRun(header, facts);
}

const number = (value: number) => (key: string) => kv.uint32(key, value);
const float = (value: number) => (key: string) => kv.float32(key, value);
const list = (...values: number[]) => (key: string) => int32s(key, values);
const string = (value: string) => (key: string) => kv.string(key, value);
const other = { 'general.architecture': string('other'), 'other.block_count': number(3), 'other.context_length': number(9), 'other.embedding_length': number(9) };
const encoder = { 'general.architecture': string('bert'), 'bert.block_count': number(3), 'bert.context_length': number(9), 'bert.embedding_length': number(9) };
const bytesAsTokens = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);

describe('checkCanRun', () => {
  it('accepts models that llama.cpp runs', async () => {
    await check();
    await check({ tokens: ['', ...words, ''] });
    await check({ tokens: bytesAsTokens, set: { 'tokenizer.ggml.model': string('llama'), 'tokenizer.ggml.token_type': (key) => int32s(key, bytesAsTokens.map(() => 6)) } });
    await check({ set: { 'tokenizer.ggml.padding_token_id': number(2 ** 32 - 1) } });
    await check({ set: { 'split.count': (key) => kv.uint16(key, 1) } });
    await check({ without: 'tokenizer.ggml.token_type' });
    await check({ tensors: (all) => [...all, { name: 'output.weight', shape: [8, 5] }] });
    // Of architectures that are not described here only the general rules are asked.
    await check({ set: other });
  });

  it('accepts whole numbers where they are looked up', async () => {
    await check({ set: other, tensors: (all) => [...all, { name: 'blk.0.ffn_gate_tid2eid.weight', shape: [4, 5], type: 26 }, { name: 'masked_embd_ordering', shape: [5], type: 26 }] });
    await check({ set: other, tensors: (all) => [...all, { name: 'd2t', shape: [4], type: 27 }], dataBytes: 1 << 14 });
  });

  for (const type of [9, 15, 24, 25, 26, 27, 28]) {
    it(`refuses a tensor of type ${type}, which nothing computes with`, async () => {
      for (const name of ['blk.0.ffn_down.weight', 'blk.0.ffn_up.weight', 'token_embd.weight', 'somewhat.else']) {
        const tensors: TensorSpec[] = [...tensorsOf(5).filter((one) => one.name !== name), { name, shape: [256, 4], type }];
        await assert.rejects(check({ set: other, tensors: () => tensors, dataBytes: 1 << 14 }), (error) => isJanError(error, 'model-invalid') && /cannot compute with/.test(error.message));
      }
    });
  }

  it('refuses encoder–decoder models, which end the process at the first message, and no encoders', async () => {
    const t5 = (architecture: string): Change => {
      const numbers = Object.fromEntries(['block_count', 'context_length', 'embedding_length'].map((key) => [`${architecture}.${key}`, number(8)]));
      return { set: { ...numbers, 'general.architecture': string(architecture), 'tokenizer.ggml.model': string('t5') } };
    };
    await assert.rejects(check(t5('t5')), (error) => isJanError(error, 'model-invalid') && /encoder–decoder model.*Choose another model/.test(error.message) && !/damaged/.test(error.message));
    await check(t5('t5encoder'));
  });

  it('accepts layers with heads of their own, and without any', async () => {
    const heads = (all: (key: string) => Part, keys: (key: string) => Part): Promise<void> =>
      check({ set: { ...other, 'other.attention.head_count': all, 'other.attention.head_count_kv': keys } });
    await heads(number(32), list(0, 8, 0)); // Jamba, Granite's hybrids, LFM2
    await heads(list(64, 0, 64), list(8, 0, 0)); // Llama Nemotron
    await heads(list(12, 16, 20), list(3, 4, 5)); // OpenELM
    await heads(number(0), number(4)); // RWKV
    await check({ set: { 'llama.attention.head_count': list(2), 'llama.attention.head_count_kv': list(1) } });
  });

  it('accepts the ways to make one vector of a text that there are', async () => {
    for (const pooling of [0, 1, 2, 3, 4, 2 ** 32 - 1]) {
      await check({ set: { ...encoder, 'bert.pooling_type': number(pooling) } });
    }
  });

  const llamaTokenizer = { 'tokenizer.ggml.model': string('llama') };
  const refusals: Readonly<Record<string, readonly [RegExp, Change]>> = {
    'tensors aligned to fewer bytes than a mapped file needs': [/aligned to 1 bytes/, { set: { 'general.alignment': number(1) } }],
    'no tokenizer': [/no tokenizer/, { set: { 'tokenizer.ggml.model': string('none') } }],
    'no vocabulary tokenizer': [/no tokenizer/, { set: { 'tokenizer.ggml.model': string('no_vocab') } }],
    'a missing tokenizer': [/no tokenizer/, { without: 'tokenizer.ggml.model' }],
    'an empty vocabulary': [/vocabulary is empty/, { tokens: [] }],
    'no vocabulary': [/vocabulary is empty/, { without: 'tokenizer.ggml.tokens' }],
    'a token twice': [/twice/, { tokens: [...words, 'b'] }],
    'two tokens that are one up to a zero character': [/twice/, { tokens: [...words, 'b\0c'] }],
    'a token named as llama.cpp names an empty one': [/twice/, { tokens: ['a', '', 'b', 'c', '[EMPTY_1]'] }],
    'a token named as the empty one after it': [/twice/, { tokens: ['[EMPTY_3]', 'b', 'c', ''] }],
    'too few token types': [/too short/, { set: { 'tokenizer.ggml.token_type': (key) => int32s(key, [1]) } }],
    'too few scores': [/too short/, { set: { 'tokenizer.ggml.scores': (key) => concat(text(key), u32(9), u32(6), u64(1), f32(0)) } }],
    'a byte token without its byte': [/stands for a byte/, { set: { 'tokenizer.ggml.token_type': (key) => int32s(key, [1, 6, 1, 1, 1]) } }],
    'bytes that cannot be spelled': [/no tokens for some bytes/, { set: llamaTokenizer, tokens: bytesAsTokens.slice(1) }],
    'a tokenizer for RWKV': [/RWKV models only/, { set: { 'tokenizer.ggml.model': string('rwkv') } }],
    'a tokenizer for encoders': [/encoders only/, { set: { 'tokenizer.ggml.model': string('bert') } }],
    'a first token outside the vocabulary': [/begins or ends/, { set: { 'tokenizer.ggml.add_bos_token': (key) => kv.bool(key, true) } }],
    'a number of parts of another type': [/16-bit number/, { set: { 'split.count': number(1) } }],
    'no layers': [/number of layers/, { set: { 'llama.block_count': number(0) } }],
    'too many layers': [/number of layers/, { set: { 'llama.block_count': number(513) } }],
    'no context': [/how long its context/, { set: { 'llama.context_length': number(0) } }],
    'experts that nobody asks': [/numbers of experts/, { set: { 'llama.expert_count': number(4) } }],
    'more experts used than there are': [/numbers of experts/, { set: { 'llama.expert_count': number(4), 'llama.expert_used_count': number(5) } }],
    'experts used and none there': [/numbers of experts/, { set: { 'llama.expert_used_count': number(1) } }],
    'unknown rope scaling': [/stretches its context/, { set: { 'llama.rope.scaling.type': string('x') } }],
    'an infinite rope base': [/infinite/, { set: { 'llama.rope.freq_base': float(Number.POSITIVE_INFINITY) } }],
    'a negative rope base': [/negative/, { set: { 'llama.rope.freq_base': float(-1) } }],
    'an epsilon that is no number': [/infinite or none/, { set: { 'llama.attention.layer_norm_rms_epsilon': float(Number.NaN) } }],
    'a negative epsilon': [/negative/, { set: { 'llama.attention.layer_norm_rms_epsilon': float(-1) } }],
    'a norm of 16-bit floats': [/32-bit floats/, { tensors: (all) => all.map((one) => (one.name === 'output_norm.weight' ? { ...one, type: 1 } : one)) }],
    'factors of positions in 16-bit floats': [/32-bit floats/, { tensors: (all) => [...all, { name: 'rope_factors_long.weight', shape: [2], type: 1 }] }],
    'a width that its heads do not divide': [/multiple/, { set: { 'llama.attention.head_count': number(3) } }],
    'no heads': [/multiple/, { set: { 'llama.attention.head_count': number(0) } }],
    'no heads for keys': [/do not fit/, { set: { 'llama.attention.head_count_kv': number(0) } }],
    'more heads for keys than for questions': [/do not fit/, { set: { 'llama.attention.head_count_kv': number(4) } }],
    'other heads for keys in some layers, where the architecture has the same in all': [
      /different numbers of attention heads/, { set: { 'llama.block_count': number(2), 'llama.attention.head_count_kv': list(1, 0) } },
    ],
    'fewer heads for keys than the tensors have, as a list': [/does not have the size/, { set: { 'llama.attention.head_count_kv': list(2) } }],
    'no heads for keys, as a list': [/do not fit/, { set: { 'llama.attention.head_count_kv': list(0) } }],
    'heads for keys that do not divide the others, of any architecture': [/do not fit/, { set: { ...other, 'other.attention.head_count': number(4), 'other.attention.head_count_kv': number(3) } }],
    'heads for keys that do not divide the others in one layer': [/do not fit/, { set: { ...other, 'other.attention.head_count': number(4), 'other.attention.head_count_kv': list(2, 0, 3) } }],
    'a vector made in an unknown way': [/not known/, { set: { ...encoder, 'bert.pooling_type': number(7) } }],
    'what decodes sound': [/no language model/, { set: { 'general.architecture': string('wavtokenizer-dec') } }],
    'rotation of a part of a head': [/do not fit/, { set: { 'llama.rope.dimension_count': number(2) } }],
    'no width of feed-forward layers': [/feed-forward/, { without: 'llama.feed_forward_length' }],
    'a missing tensor': [/tensor that it needs/, { tensors: (all) => all.filter(({ name }) => name !== 'blk.0.attn_v.weight') }],
    'a tensor of another size': [/does not have the size/, { set: { 'llama.feed_forward_length': number(17) } }],
    'a layer more than there is': [/tensor that it needs/, { set: { 'llama.block_count': number(2) } }],
  };
  for (const [what, [words_, change]] of Object.entries(refusals)) {
    it(`refuses ${what}`, async () => {
      await assert.rejects(check(change), (error) => isJanError(error, 'model-invalid') && words_.test(error.message));
    });
  }

  it('looks at 150 000 tokens in a moment, and takes none for another', async () => {
    const tokens = Array.from({ length: 150_000 }, (_, index) => `token ${index.toString(36)}`);
    const before = process.threadCpuUsage();
    await check({ tokens });
    const { user, system } = process.threadCpuUsage(before);
    console.log(`      ${Math.round((user + system) / 1000)} ms with the making of the file`);
    await assert.rejects(check({ tokens: [...tokens, tokens[149_999]!] }), /twice/);
  });

  it('refuses vocabularies that llama.cpp would need gigabytes for, and takes the largest real ones', async () => {
    const long = (count: number, length: number): string[] => Array.from({ length: count }, (_, index) => String(index).padEnd(length, 'x'));
    const model = (tokenizer: string): NonNullable<Change['set']> => ({
      'general.architecture': string('rwkv7'), 'rwkv7.block_count': number(1), 'rwkv7.context_length': number(8), 'rwkv7.embedding_length': number(8), 'tokenizer.ggml.model': string(tokenizer),
    });
    const refuses = (change: Change): Promise<void> => assert.rejects(check(change), (error) => isJanError(error, 'model-invalid') && /more memory than any real one/.test(error.message));
    for (const tokenizer of ['t5', 'rwkv', 'plamo2']) {
      await refuses({ tokens: long(170, 100_000), set: model(tokenizer) });
      await check({ tokens: long(100_000, 16), set: model(tokenizer) });
    }
    await refuses({ tokens: long(30, 3000), set: model('plamo2') });
    await check({ tokens: long(20, 3000), set: model('plamo2') });
    await check({ tokens: long(170, 100_000), set: { ...model('gpt2') } });
  });

  it('tells tokens apart that are longer than what is read at once', async () => {
    const tokens = Array.from({ length: 12 }, (_, index) => 'x'.repeat(200_000) + String(index));
    await check({ tokens });
    await assert.rejects(check({ tokens: [...tokens, tokens[3]!] }), /twice/);
    await assert.rejects(check({ tokens: ['x'.repeat(300_000)] }), /longer than possible/);
  });

  it('gives up on a vocabulary that was made to take long: all its tokens fall on one place', async () => {
    const count = 600;
    const places = 2 ** Math.ceil(Math.log2(count + 1) + 1);
    const tokens: string[] = [];
    for (let index = 0; tokens.length < count; index++) {
      const token = index.toString(36);
      if (placeOf(token) % places === 0) {
        tokens.push(token);
      }
    }
    await assert.rejects(check({ tokens }), /takes longer to check/);
    await check({ tokens: tokens.slice(0, 20) });
  });
});

/** Where vocabularyFacts.ts looks first for a token: as an attacker would know it. */
function placeOf(token: string): number {
  let one = 0x811c9dc5;
  let two = 0;
  for (const byte of Buffer.from(token)) {
    one = Math.imul(one ^ byte, 0x01000193);
    two = Math.imul(two ^ byte, 0x5bd1e995);
    two ^= two >>> 15;
  }
  return (one ^ ((two | 1) >>> 7)) >>> 0;
}
