import assert from 'node:assert/strict';
import { contextBytes, type ContextShape } from '../../../../src/common/gguf/contextBytes';
import { estimateMemory } from '../../../../src/common/gguf/describeModel';
import type { GgufValue } from '../../../../src/common/gguf/ggufMetadata';
import type { GgufHeader } from '../../../../src/common/gguf/readGgufHeader';
import { memoryNeed } from '../../../../src/runtime/memoryPlan';
import { llama8B } from '../../../fixtures/gguf/llamaHeader';

const mib = 1024 ** 2;

/** 12 layers of 4 heads of 16. */
function header(architecture: string, keys: Readonly<Record<string, GgufValue>> = {}, change: Partial<GgufHeader> = {}): GgufHeader {
  const metadata = new Map(Object.entries(keys).map(([key, value]) => [`${architecture}.attention.${key}`, value]));
  return { ...llama8B, architecture, metadata, blockCount: 12, embeddingLength: 64, headCount: 4, headCountKv: 2, ...change };
}

const list = (values: readonly (number | boolean)[]): GgufValue => ({ elementType: 5, length: values.length, values });

function mebibytes(of: GgufHeader, shape: ContextShape): number {
  return contextBytes(of, shape)! / mib;
}

describe('contextBytes', () => {
  // What llama.cpp said it allocated for generated models of these shapes.
  it('is what llama.cpp allocates for layers with a sliding window', () => {
    const gemma3 = header('gemma3', { sliding_window: 1024 });
    assert.equal(mebibytes(gemma3, { contextTokens: 32_768 }), 10.1875);
    assert.equal(mebibytes(gemma3, { contextTokens: 32_768, conversations: 4, batchTokens: 128, padsValues: true }), 38.25);
    assert.equal(mebibytes(gemma3, { contextTokens: 1024, conversations: 2 }), 3);
    assert.equal(mebibytes(gemma3, { contextTokens: 8192, conversations: 2 }), 8.375);
    assert.equal(mebibytes(header('gemma2', { sliding_window: 4096 }), { contextTokens: 32_768 }), 27.5625);
  });

  it('is what llama.cpp allocates for layers that have heads of their own, with and without padding', () => {
    const kv = [1, 1, 2, 2, 4, 4, 1, 1, 2, 2, 4, 4];
    const openElm = header('openelm', { head_count: list(kv.map((count) => (count === 1 ? 4 : count * 2))) }, { headCount: undefined, headCountKv: kv, keyLength: 16, valueLength: 16 });
    assert.equal(mebibytes(openElm, { contextTokens: 8192 }), 14);
    assert.equal(mebibytes(openElm, { contextTokens: 8192, conversations: 2, padsValues: true }), 38);
  });

  it('knows which layers have a window: by architecture, by a period, by a list, or none', () => {
    const all = mebibytes(header('llama'), { contextTokens: 32_768 });
    const layersOfAll = (of: GgufHeader): number => {
      // 500 tokens, a batch of 512 and one more, in steps of 256.
      const short = mebibytes(header('llama'), { contextTokens: 1024 });
      return Math.round(((mebibytes(of, { contextTokens: 32_768 }) - short) / (all - short)) * 12);
    };
    assert.equal(layersOfAll(header('gemma3', { sliding_window: 500 })), 2);
    assert.equal(layersOfAll(header('gemma3', { sliding_window: 500, sliding_window_pattern: 3 })), 4);
    assert.equal(layersOfAll(header('gemma3', { sliding_window: 500, sliding_window_pattern: 1 })), 12);
    assert.equal(layersOfAll(header('gemma3')), 12, 'without a window');
    assert.equal(layersOfAll(header('gpt-oss', { sliding_window: 500 })), 6);
    assert.equal(layersOfAll(header('smallthinker', { sliding_window: 500 })), 3);
    assert.equal(layersOfAll(header('gemma4', { sliding_window: 500, sliding_window_pattern: list(Array.from({ length: 12 }, (_, layer) => layer > 0)) })), 1);
    assert.equal(layersOfAll(header('gemma4', { sliding_window: 500 })), 12, 'without its list');
    assert.equal(layersOfAll(header('exaone4', { sliding_window: 500 })), 12, 'the small one has none');
    for (const architecture of ['llama', 'qwen2', 'phi3', 'mistral3']) {
      assert.equal(layersOfAll(header(architecture, { sliding_window: 500 })), 12, `${architecture} keeps all of it in llama.cpp`);
    }
  });

  it('counts the layers alone that keep something', () => {
    const tokens = { contextTokens: 1024 };
    const one = contextBytes(header('llama', {}, { blockCount: 1 }), tokens)!;
    assert.equal(contextBytes(header('jamba', {}, { headCountKv: [0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2] }), tokens), 3 * one);
    assert.equal(contextBytes(header('deci', { head_count: list([4, 0, 4, 4, 0, 0, 0, 0, 0, 0, 0, 0]) }, { headCount: undefined, headCountKv: [2, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0] }), tokens), 2 * one);
    assert.equal(contextBytes(header('gemma4', { shared_kv_layers: 4 }), tokens), 8 * one);
    assert.equal(contextBytes(header('rwkv7', {}, { headCount: 0 }), tokens), undefined);
    assert.equal(contextBytes(header('llama', {}, { blockCount: 2 ** 31 }), tokens), undefined);
  });

  it('is what plans and estimates count: Gemma 3 12B with 32 768 tokens takes 2.4 GiB, not 12', () => {
    const gemma = header('gemma3', { sliding_window: 1024 }, { blockCount: 48, embeddingLength: 3840, headCount: 16, headCountKv: 8, keyLength: 256, valueLength: 256, vocabularySize: 262_144 });
    const { context } = memoryNeed(gemma, 7e9, { contextLength: 32_768, slots: 1 });
    assert.ok(context > 2.3 * 1024 * mib && context < 2.5 * 1024 * mib, `${context}`);
    assert.ok(estimateMemory(7e9, gemma, 32_768) < 7e9 + 3 * 1024 * mib);
    assert.equal(memoryNeed(gemma, 7e9, { contextLength: 32_768, slots: 2 }).context, 2 * context);
  });
});
