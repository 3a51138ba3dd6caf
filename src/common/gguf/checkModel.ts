// Is this language model one that llama.cpp can load and run, or one that would end its process?
// Each rule stands for a check of llama.cpp that aborts, or for arithmetic that it does not check (llama.cpp, src/
// llama-vocab.cpp, llama-model.cpp, models/*.cpp). Architectures that are not named here meet the general rules only.
// Must not know: Node, the store, how a header is read.

import { JanError } from '../errors';
import { invalidGguf } from './byteCursor';
import { ggufDefaultAlignment, ggufLimits, ggufTensorTypes, ggufValueType } from './ggufFormat';
import type { GgufArray, GgufValue } from './ggufMetadata';
import { layerLimit, layerNumbers } from './layerNumbers';
import { modelPurposes } from './modelPurpose';
import type { GgufHeader, HeaderVisitor } from './readGgufHeader';
import { VocabularyFacts } from './vocabularyFacts';

export interface TensorFacts {
  readonly shape: readonly number[];
  readonly type: number;
}

/** Give it to readGgufHeader, then to checkLayout and checkCanRun. */
export class ModelFacts extends VocabularyFacts implements HeaderVisitor {
  readonly tensors = new Map<string, TensorFacts>();
  readonly types = new Map<string, number>();

  entry(key: string, type: number): void {
    this.types.set(key, type);
  }

  tensor(name: string, shape: readonly number[], type: number): void {
    this.tensors.set(name, { shape, type });
  }

  /** Of a split model: what the first part says stays, and the tensors of another are its as well. @throws JanError `model-invalid` */
  addPart(part: ModelFacts): void {
    if (this.tensors.size + part.tensors.size > ggufLimits.tensors) {
      throw invalidGguf('it claims an impossible number of tensors', { limit: ggufLimits.tensors });
    }
    for (const [name, tensor] of part.tensors) {
      if (this.tensors.has(name)) {
        throw invalidGguf('a tensor occurs twice', { tensor: name });
      }
      this.tensors.set(name, tensor);
    }
  }
}

const tokenizers = new Set(['llama', 'gpt2', 'bert', 't5', 'rwkv', 'plamo2', 'gemma4', 'hybriddna', 'whitespace']);
/**
 * Tokenizers that llama.cpp keeps a node for each byte for, up to 250 bytes in size, before it looks at anything else: no
 * more of it than four gigabytes. The largest real ones, of 256 000 tokens, have about 3 MB.
 */
const trieTokenizers = new Set(['t5', 'rwkv', 'plamo2']);
const trieBytesLimit = 16 * 2 ** 20;
/** PLaMo 2's keeps each end of each token as a text of its own, a byte for each; real tokens are short. */
const suffixBytesLimit = 2 ** 28;
/** LLAMA_MAX_EXPERTS */
const expertLimit = 1024;
/** LLAMA_POOLING_TYPE_RANK, the last of them, and LLAMA_POOLING_TYPE_UNSPECIFIED */
const poolingRank = 4;
const poolingUnspecified = 2 ** 32 - 1;
const float32 = 0;
const int32 = 26;
const int64 = 27;
/** Q8_1 and Q8_K are ggml's own for what it computes in between; I8, I16, I32, I64 and F64 are no weights to any backend. */
const notComputable = new Set([9, 15, 24, 25, int32, int64, 28]);

/** Architectures that llama.cpp loads and that cannot be asked the way this engine asks, in words. */
const unsupported: Readonly<Partial<Record<string, string>>> = {
  // Its first step without llama_encode before it ends the process.
  t5: 'It is an encoder–decoder model (T5), which Jan’s engine does not support: it runs models that only write, and encoders',
  'wavtokenizer-dec': 'It turns a voice model’s tokens into sound and is no language model, so Jan’s engine has no use for it',
};

/**
 * What each file of a model has to keep to by itself, be it whole or a part.
 * @throws JanError `model-invalid`, saying what is wrong.
 */
export function checkLayout({ metadata }: GgufHeader, { types }: ModelFacts): void {
  for (const key of ['split.count', 'split.no']) {
    const type = types.get(key);
    if (type !== undefined && type !== ggufValueType.uint16) {
      throw invalidGguf('its place in a split model is no 16-bit number', { key, type });
    }
  }
  // ggml_backend_cpu_buffer_from_ptr asserts TENSOR_ALIGNMENT of the mapped file.
  const alignment = metadata.get('general.alignment');
  if (typeof alignment === 'number' && alignment % ggufDefaultAlignment !== 0) {
    throw invalidGguf(`its tensors are aligned to ${alignment} bytes where ${ggufDefaultAlignment} are needed`, { alignment });
  }
}

/**
 * @param header of the first part, which alone says what a split model is
 * @param facts of it, with the tensors of all parts: see addPart
 * @throws JanError `model-invalid`, saying what is wrong.
 */
export function checkCanRun(header: GgufHeader, facts: ModelFacts): void {
  const { architecture = '' } = header;
  const reason = unsupported[architecture];
  if (reason !== undefined) {
    throw new JanError('model-invalid', `${reason}. Choose another model.`, { details: { architecture } });
  }
  if (facts.tensors.size === 0) {
    throw invalidGguf('it holds a vocabulary but no weights');
  }
  checkVocabulary(header, facts);
  checkNumbers(header);
  checkComputable(facts);
  checkTensorTypes(facts);
  if (header.architecture === 'llama') {
    checkLlama(header, facts);
  }
}

function checkVocabulary(header: GgufHeader, facts: ModelFacts): void {
  const { metadata, architecture = '' } = header;
  const tokenizer = metadata.get('tokenizer.ggml.model');
  if (typeof tokenizer !== 'string' || !tokenizers.has(tokenizer)) {
    throw invalidGguf('it has no tokenizer that is known', { tokenizer });
  }
  const size = header.vocabularySize ?? 0;
  if (size === 0) {
    throw invalidGguf('its vocabulary is empty');
  }
  if (facts.duplicate !== undefined) {
    throw invalidGguf('a token stands in its vocabulary twice', { token: facts.duplicate });
  }
  if ((trieTokenizers.has(tokenizer) && facts.bytes > trieBytesLimit) || (tokenizer === 'plamo2' && facts.squares > suffixBytesLimit)) {
    throw invalidGguf('its vocabulary would take more memory than any real one', { tokenizer, bytes: facts.bytes });
  }
  for (const key of ['scores', 'token_type']) {
    const list = metadata.get(`tokenizer.ggml.${key}`);
    if (list !== undefined && (!isArray(list) || list.length < size)) {
      throw invalidGguf('a list beside its vocabulary is too short', { key: `tokenizer.ggml.${key}` });
    }
  }
  if (tokenizer === 'rwkv' && !architecture.includes('rwkv')) {
    throw invalidGguf('its tokenizer is for RWKV models only', { architecture });
  }
  if (tokenizer === 'bert' && !architecture.includes('bert')) {
    throw invalidGguf('its tokenizer is for encoders only', { architecture });
  }
  if (facts.namelessByteToken !== undefined || (tokenizer === 'bert' && facts.hasByteTokens)) {
    throw invalidGguf('a token stands for a byte and does not say which', { token: facts.namelessByteToken });
  }
  if (tokenizer === 'llama' && !facts.spellsAllBytes) {
    throw invalidGguf('its vocabulary has no tokens for some bytes');
  }
  checkAddedTokens(metadata, tokenizer, size);
}

/** A token that llama.cpp must put before or after a text has to be one: what is out of range, it takes for none. */
function checkAddedTokens(metadata: ReadonlyMap<string, GgufValue>, tokenizer: string, size: number): void {
  const usual: Readonly<Partial<Record<string, readonly [number, number]>>> = {
    llama: [1, 2], plamo2: [1, 2], gpt2: [11, 11], hybriddna: [11, 11], whitespace: [11, 11], t5: [-1, 1], bert: [101, -1],
  };
  for (const [place, name] of ['bos', 'eos'].entries()) {
    const given = metadata.get(`tokenizer.ggml.${name}_token_id`);
    const id = typeof given === 'number' && given < size ? given : (usual[tokenizer]?.[place] ?? -1);
    if (metadata.get(`tokenizer.ggml.add_${name}_token`) === true && (id < 0 || id >= size)) {
      throw invalidGguf('a token that begins or ends each text is not in its vocabulary', { key: `tokenizer.ggml.${name}_token_id` });
    }
  }
}

function checkNumbers(header: GgufHeader): void {
  const { metadata, architecture, blockCount } = header;
  const count = (key: string): number => {
    const value = metadata.get(`${architecture}.${key}`);
    const values = isArray(value) ? (value.values ?? []) : [value];
    return Math.max(0, ...values.filter((one): one is number => typeof one === 'number'));
  };
  if (blockCount === undefined || blockCount < 1 || blockCount > layerLimit) {
    throw invalidGguf('it claims an impossible number of layers', { blockCount });
  }
  if ((header.contextLength ?? 0) < 1 || (header.embeddingLength ?? 0) < 1) {
    throw invalidGguf('it does not say how wide it is and how long its context');
  }
  const experts = count('expert_count');
  const used = count('expert_used_count');
  const groups = count('expert_group_count');
  const groupsUsed = count('expert_group_used_count');
  // HunYuan's dense models say 1 expert, which llama.cpp takes for none.
  const dense = experts === 0 || (experts === 1 && architecture?.startsWith('hunyuan') === true);
  const groupsFit = groups <= 1 || (experts % groups === 0 && groupsUsed > 0 && groupsUsed < groups);
  if (dense ? experts === 0 && (used > 0 || groups > 0) : experts > expertLimit || used < 1 || used > experts || groups >= experts || !groupsFit) {
    throw invalidGguf('its numbers of experts do not fit each other', { experts, used, groups });
  }
  const ofHeads = layerNumbers(header, 'attention.head_count');
  const ofHeadsKv = layerNumbers(header, 'attention.head_count_kv');
  for (const [layer, heads] of ofHeads?.entries() ?? []) {
    // Layers without attention, or with a linear one, say 0.
    const headsKv = ofHeadsKv?.[layer] ?? heads;
    if (heads > 0 && headsKv > 0 && heads % headsKv !== 0) {
      throw invalidGguf('its numbers of attention heads do not fit each other', { heads, headsKv, layer });
    }
  }
  const pooling = metadata.get(`${architecture}.pooling_type`);
  if (typeof pooling === 'number' && pooling > poolingRank && pooling !== poolingUnspecified && modelPurposes(header).includes('embeddings')) {
    throw invalidGguf('it makes one vector of a text in a way that is not known', { pooling });
  }
  if (count('nextn_predict_layers') > blockCount) {
    throw invalidGguf('it predicts with more layers than it has');
  }
  const scaling = metadata.get(`${architecture}.rope.scaling.type`);
  if (scaling !== undefined && !['none', 'linear', 'yarn', 'longrope'].includes(scaling as string)) {
    throw invalidGguf('it stretches its context in a way that is not known', { scaling });
  }
  for (const [key, value] of metadata) {
    if (typeof value === 'number' && !Number.isFinite(value) && /^[^.]+\.(rope|attention)\./.test(key)) {
      throw invalidGguf('a number in its metadata is infinite or none', { key: key.slice(0, 200) });
    }
    if (/^[^.]+\.attention\.(layer_norm_(rms_)?|group_norm_)epsilon$/.test(key) && !(typeof value === 'number' && value >= 0)) {
      throw invalidGguf('a number in its metadata is negative or none', { key: key.slice(0, 200) });
    }
  }
  for (const key of ['rope.freq_base', 'rope.scaling.factor', 'rope.scale_linear']) {
    const value = metadata.get(`${architecture}.${key}`);
    if (typeof value === 'number' && value < 0) {
      throw invalidGguf('a number in its metadata is negative', { key });
    }
  }
}

/**
 * llama.cpp reads tensors of any type, and ends the process when it computes with one that nothing computes with.
 * @throws JanError `model-invalid`
 */
export function checkComputable(facts: ModelFacts): void {
  for (const [name, { type }] of facts.tensors) {
    if (notComputable.has(type) && !isListOfPlaces(name, type)) {
      throw invalidGguf('a tensor is stored in a form that llama.cpp cannot compute with', { tensor: name, type: ggufTensorTypes[type]?.name });
    }
  }
}

/** Whole numbers that are looked up: the experts of a token (DeepSeek 4), the order of words (Gemma 4), a draft's words. */
function isListOfPlaces(name: string, type: number): boolean {
  return type === int32 ? /(^|\.)(ffn_gate_tid2eid|masked_embd_ordering)(\.weight)?$/.test(name) : type === int64 && name === 'd2t';
}

/** llama.cpp adds and multiplies with norms and biases as they are, which works with floats only. */
function checkTensorTypes(facts: ModelFacts): void {
  for (const [name, { type, shape }] of facts.tensors) {
    const isFlat = shape.slice(1).every((extent) => extent === 1);
    if (type !== float32 && isFlat && /(\.bias|norm(_\d)?\.weight|rope_(freqs|factors_(long|short))\.weight)$/.test(name)) {
      throw invalidGguf('a norm, a bias or a factor of positions is not stored as 32-bit floats', { tensor: name, type: ggufTensorTypes[type]?.name });
    }
  }
}

function checkLlama(header: GgufHeader, facts: ModelFacts): void {
  const { metadata, blockCount: layers = 0, embeddingLength: width = 0, vocabularySize: words = 0 } = header;
  const heads = numberOfAllLayers(header, 'attention.head_count');
  if (heads === undefined || heads < 1 || (header.keyLength === undefined && width % heads !== 0)) {
    throw invalidGguf('its width is not a multiple of its number of attention heads', { width, heads });
  }
  const headsKv = metadata.has('llama.attention.head_count_kv') ? numberOfAllLayers(header, 'attention.head_count_kv') : heads;
  if (headsKv === undefined || headsKv < 1 || headsKv > heads || heads % headsKv !== 0) {
    throw invalidGguf('its numbers of attention heads do not fit each other', { heads, headsKv });
  }
  const headSize = header.keyLength ?? width / heads;
  const rope = metadata.get('llama.rope.dimension_count') ?? headSize;
  if (headSize < 1 || headSize % 2 !== 0 || (header.valueLength ?? width / heads) !== headSize || rope !== headSize) {
    throw invalidGguf('the sizes of its attention heads do not fit each other', { headSize, rope });
  }
  const feedForward = metadata.get('llama.feed_forward_length');
  if (feedForward === undefined || feedForward === 0) {
    throw invalidGguf('it does not say how wide its feed-forward layers are');
  }
  const shapes: (readonly [string, ...number[]])[] = [['token_embd.weight', width, words], ['output_norm.weight', width]];
  for (let layer = 0; layer < layers; layer++) {
    const at = (name: string): string => `blk.${layer}.${name}.weight`;
    shapes.push([at('attn_norm'), width], [at('ffn_norm'), width], [at('attn_output'), headSize * heads, width]);
    if (!facts.tensors.has(at('attn_qkv'))) {
      shapes.push([at('attn_q'), width, headSize * heads], [at('attn_k'), width, headSize * headsKv], [at('attn_v'), width, headSize * headsKv]);
    }
    if (typeof feedForward === 'number' && !facts.tensors.has(at('ffn_gate_inp'))) {
      shapes.push([at('ffn_gate'), width, feedForward], [at('ffn_up'), width, feedForward], [at('ffn_down'), feedForward, width]);
    }
  }
  for (const [name, ...wanted] of shapes) {
    const shape = facts.tensors.get(name)?.shape;
    if (shape === undefined) {
      throw invalidGguf('a tensor that it needs is missing', { tensor: name });
    }
    if (shape.length < wanted.length || shape.some((extent, place) => extent !== (wanted[place] ?? 1))) {
      throw invalidGguf('a tensor does not have the size that its numbers say', { tensor: name, shape, wanted });
    }
  }
}

/** A list may say it, but of this architecture llama.cpp makes all layers with the first one's numbers. */
function numberOfAllLayers(header: GgufHeader, key: string): number | undefined {
  const numbers = layerNumbers(header, key);
  if (numbers?.some((number) => number !== numbers[0]) === true) {
    throw invalidGguf('its layers have different numbers of attention heads, which this architecture has not', { key });
  }
  return numbers?.[0];
}

function isArray(value: GgufValue | undefined): value is GgufArray {
  return typeof value === 'object' && 'elementType' in value;
}
