import assert from 'node:assert/strict';
import { memoryNeed, planMemory } from '../../../src/runtime/memoryPlan';
import { llama8B } from '../../fixtures/gguf/llamaHeader';

const gib = 1024 ** 3;
const file = 4.9 * gib;

describe('memory plan', () => {
  it('knows what keys and values take: 128 KiB a token with 8 of 32 heads', () => {
    assert.equal(memoryNeed(llama8B, file, { contextLength: 8192, slots: 1 }).context, gib);
    assert.equal(memoryNeed(llama8B, file, { contextLength: 8192, slots: 2 }).context, 2 * gib);
    assert.equal(memoryNeed({ ...llama8B, headCountKv: 32 }, file, { contextLength: 8192, slots: 1 }).context, 4 * gib);
    assert.ok(memoryNeed({ ...llama8B, architecture: 'rwkv7', headCount: undefined }, file, { contextLength: 8192, slots: 2 }).context < 0.1 * gib, 'a recurrent state does not grow');
  });

  it('counts what attention takes: scores on a processor where it is plain, a larger batch where it is not', () => {
    const small = { ...llama8B, vocabularySize: 1000, embeddingLength: 1024, headCount: 16 };
    const compute = (more: object) => memoryNeed(small, file, { contextLength: 8192, slots: 1, ...more }).compute;
    const perToken = (1000 + 12 * 1024) * 4;
    assert.equal(compute({}) - compute({ batchSize: 64 }), 64 * (perToken + 8192 * 16 * 4));
    assert.equal(compute({ onCard: true }) - compute({ flashAttention: true }), 0, 'a card computes flash attention');
    assert.equal(compute({}) - compute({ flashAttention: true }), 128 * 8192 * 16 * 4 - 384 * perToken);
  });

  it('counts what is loaded along: a draft model with its own context, and adapters', () => {
    const alone = memoryNeed(llama8B, file, { contextLength: 8192, slots: 2 });
    const drafting = memoryNeed(llama8B, file, { contextLength: 8192, slots: 2, beside: { draft: { header: { ...llama8B, contextLength: 2048 }, size: gib }, adapterBytes: 1000 } });
    assert.equal(drafting.weights - alone.weights, gib + 1000);
    assert.equal(drafting.context - alone.context, gib / 4, 'one conversation, no longer than it was trained for');
    assert.ok(drafting.compute > alone.compute);
    assert.equal(drafting.total, drafting.weights + drafting.context + drafting.compute);
    assert.equal(planMemory(llama8B, file, { beside: { draft: { header: llama8B, size: 30 * gib } } }, 32 * gib).fit, 'too-large');
  });

  it('takes the default where there is room, and says when it is tight', () => {
    const roomy = planMemory(llama8B, file, {}, 32 * gib);
    assert.deepEqual([roomy.fit, roomy.need.contextLength, roomy.need.slots, roomy.notes], ['fits', 8192, 4, []]);
    const tight = planMemory(llama8B, file, {}, 9 * gib);
    assert.deepEqual([tight.fit, tight.need.contextLength, tight.need.slots], ['tight', 8192, 2]);
  });

  it('takes contexts for four conversations only where memory is plenty, and never from a graphics card that weights need', () => {
    assert.equal(planMemory(llama8B, file, {}, 20 * gib).need.slots, 4);
    assert.equal(planMemory(llama8B, file, {}, 16 * gib).need.slots, 2);
    assert.equal(planMemory(llama8B, file, {}, 40 * gib, { card: 8 * gib }).need.slots, 2);
    assert.equal(planMemory(llama8B, file, {}, 40 * gib, { card: 24 * gib }).need.slots, 4);
    assert.equal(planMemory(llama8B, file, { slots: 3 }, 40 * gib).need.slots, 3);
  });

  it('first gives up the second conversation, then some of the context, and says so', () => {
    const single = planMemory(llama8B, file, {}, 7.5 * gib);
    assert.deepEqual([single.need.contextLength, single.need.slots, single.notes], [8192, 1, []]);
    const shorter = planMemory(llama8B, file, {}, 6.5 * gib);
    assert.ok(shorter.need.contextLength < 8192 && shorter.need.contextLength >= 1024, `${shorter.need.contextLength}`);
    assert.equal(shorter.need.contextLength % 256, 0);
    assert.ok(shorter.need.total <= 6.5 * gib * 0.9);
    assert.match(shorter.notes[0]!, new RegExp(`${shorter.need.contextLength} tokens instead of 8192`));
  });

  it('does not change a context that was asked for, and says what would fit', () => {
    const asked = planMemory(llama8B, file, { contextLength: 32_768 }, 7.5 * gib);
    assert.deepEqual([asked.fit, asked.need.contextLength], ['too-large', 32_768]);
    const fitting = Number(/context of (\d+) tokens/.exec(asked.advice!)![1]);
    assert.notEqual(planMemory(llama8B, file, { contextLength: fitting }, 7.5 * gib).fit, 'too-large');
    assert.equal(planMemory(llama8B, file, { contextLength: fitting + 512 }, 7.5 * gib).fit, 'too-large');
  });

  it('does not promise that a shorter context helps where the weights alone are too large', () => {
    const hopeless = planMemory(llama8B, file, {}, 3 * gib);
    assert.equal(hopeless.fit, 'too-large');
    const fitting = Number(/A file of up to (2\.\d) GB would fit\. .*smaller model/.exec(hopeless.advice!)![1]);
    assert.notEqual(planMemory(llama8B, fitting * gib * 0.97, { contextLength: 1024 }, 3 * gib).fit, 'too-large');
    assert.doesNotMatch(planMemory(llama8B, file, {}, 0.3 * gib).advice!, /would fit/, 'nothing worth the name');
  });

  it('keeps within a budget, however much is free', () => {
    assert.deepEqual(planMemory(llama8B, file, {}, 64 * gib, { limit: 7 * gib }).need.slots, 1);
    assert.match(planMemory(llama8B, file, {}, 64 * gib, { limit: 6 * gib }).notes[0]!, /does not fit into the memory budget/);
    assert.equal(planMemory(llama8B, file, {}, 64 * gib, { limit: 4 * gib }).fit, 'too-large');
  });
});
