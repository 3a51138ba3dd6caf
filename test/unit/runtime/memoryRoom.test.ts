import assert from 'node:assert/strict';
import type { LoadedModel } from '../../../src/runtime/loadedModel';
import { freeBytes, makeRoom, type MemoryRoomOptions } from '../../../src/runtime/memoryRoom';
import type { ModelEntry } from '../../../src/runtime/modelEntry';
import { StallWatch } from '../../../src/runtime/stallWatch';
import { llama8B } from '../../fixtures/gguf/llamaHeader';

const gib = 1024 ** 3;
const header = { ...llama8B, contextLength: 8192 };

function entry(modelId: string, change: Partial<ModelEntry> = {}): ModelEntry {
  const waiting = new Set<() => void>();
  return {
    modelId, path: `/${modelId}.gguf`, params: { modelId, path: `/${modelId}.gguf` }, header, size: 4 * gib, beside: {}, purposes: [], notes: [],
    status: 'loading', progress: 0, planned: 0, users: 0, lastUsed: 0, wasAsked: true, abort: new AbortController(), stall: new StallWatch(60_000, () => undefined), waiting, ready: new Promise(() => undefined),
    ...change,
  };
}

const loaded = (modelId: string, lastUsed: number, users = 0): ModelEntry =>
  entry(modelId, { status: 'ready', lastUsed, users, loaded: { memory: 5 * gib } as LoadedModel });

/** A machine with so much memory, of which loaded models have theirs. */
function machine(total: number, others: ModelEntry[], budget?: number) {
  const wanted = entry('wanted');
  const entries = [...others, wanted];
  const left: string[] = [];
  const room = makeRoom({
    entry: wanted,
    llama: { gpu: false } as MemoryRoomOptions['llama'],
    budget,
    entries: () => entries,
    unload: async (idle) => {
      left.push(idle.modelId);
      entries.splice(entries.indexOf(idle), 1);
    },
    free: async () => ({ ram: total - entries.reduce((sum, { loaded: model }) => sum + (model?.memory ?? 0), 0), vram: 0 }),
  });
  return { room, left };
}

describe('room for a model', () => {
  it('is there beside others while all fit', async () => {
    const { room, left } = machine(32 * gib, [loaded('a', 1), loaded('b', 2)]);
    assert.equal((await room).need.contextLength, 8192);
    assert.deepEqual(left, []);
  });

  it('is made by those unused for longest, and no more of them than it takes', async () => {
    const { room, left } = machine(18 * gib, [loaded('newest', 3), loaded('oldest', 1), loaded('middle', 2)]);
    await room;
    assert.deepEqual(left, ['oldest']);
  });

  it('is never made by one in use, and by none where that would not help', async () => {
    const busy = machine(14 * gib, [loaded('busy', 1, 1), loaded('idle', 2)]);
    await busy.room;
    assert.deepEqual(busy.left, ['idle']);
    const hopeless = machine(8 * gib, [loaded('busy', 1, 1)]);
    await assert.rejects(hopeless.room, (error: Error) => /Models in use hold 5\.0 GB.*(would fit|smaller model)/.test(error.message));
    const tooSmall = machine(6 * gib, [entry('small', { status: 'ready', loaded: { memory: 0.1 * gib } as LoadedModel })], 3 * gib);
    await assert.rejects(tooSmall.room, /jan\.engine\.memoryBudget, 3\.0 GB/);
    assert.deepEqual(tooSmall.left, []);
  });

  it('counts what loads under way will still take', async () => {
    const half = entry('half', { planned: 6 * gib, progress: 0.5 });
    await machine(10 * gib, [half]).room;
    await assert.rejects(machine(10 * gib, [entry('begun', { planned: 6 * gib, progress: 0 })]).room, { code: 'out-of-memory' });
  });

  it('is bounded by the budget, however much is free', async () => {
    const { room, left } = machine(64 * gib, [loaded('a', 1)], 8 * gib);
    await room;
    assert.deepEqual(left, ['a']);
  });

  describe('where the graphics card uses the machine’s memory', () => {
    const card = (free: number, unifiedSize: number): MemoryRoomOptions['llama'] =>
      ({ gpu: 'metal', getVramState: async () => ({ total: 24 * gib, used: 0, free, unifiedSize }) });

    it('counts each byte once, and none that other programs hold', async () => {
      const all = async (...[free, unified, ram]: [number, number, number]): Promise<unknown> => freeBytes(card(free * gib, unified * gib), ram * gib);
      assert.deepEqual(await all(18, 24, 20), { ram: 2 * gib, vram: 18 * gib, shared: 18 * gib });
      assert.deepEqual(await all(18, 24, 5), { ram: 0, vram: 5 * gib, shared: 5 * gib }, 'the card’s limit is above what is free');
      assert.deepEqual(await all(16, 0, 20), { ram: 20 * gib, vram: 16 * gib, shared: 0 }, 'a card with memory of its own');
      assert.deepEqual(await all(28, 8, 20), { ram: 12 * gib, vram: 28 * gib, shared: 8 * gib }, 'one of each');
      assert.deepEqual(await freeBytes({ ...card(gib, gib), gpu: false }, 20 * gib), { ram: 20 * gib, vram: 0 });
    });

    it('a model that is larger than it is refused, and one for the processor has all of it', async () => {
      const makeOn = (gpuLayers?: number): Promise<unknown> => {
        const wanted = entry('wanted', { size: 10 * gib, params: { modelId: 'wanted', path: '/wanted.gguf', gpuLayers } });
        const llama = card(9 * gib, 12 * gib);
        return makeRoom({ entry: wanted, llama, budget: undefined, entries: () => [wanted], unload: async () => undefined, free: () => freeBytes(llama, ram * gib) });
      };
      let ram = 10;
      await assert.rejects(makeOn(), { code: 'out-of-memory' });
      ram = 16;
      await makeOn();
      await makeOn(0);
    });
  });
});
