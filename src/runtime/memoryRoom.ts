// Room for a model that is to be loaded: what is free, what the budget leaves, which idle models make way.
// Must not know: how models are loaded and unloaded.

import type { Llama } from 'node-llama-cpp';
import { JanError } from '../common/errors';
import { freeMemory } from './freeMemory';
import { gigabytes, planMemory, type MemoryPlan } from './memoryPlan';
import { isIdle, residentBytes, type ModelEntry } from './modelEntry';

export interface MemoryRoomOptions {
  readonly entry: ModelEntry;
  readonly llama: Pick<Llama, 'gpu' | 'getVramState'>;
  /** Bytes that all models together may take; undefined: what is free. */
  readonly budget: number | undefined;
  /** All models, the one to be loaded among them. */
  readonly entries: () => readonly ModelEntry[];
  readonly unload: (idle: ModelEntry) => Promise<void>;
  /** Default: this machine's and its graphics card's. */
  readonly free?: () => Promise<FreeBytes>;
}

export interface FreeBytes {
  readonly ram: number;
  readonly vram: number;
}

/**
 * Idle models leave, the one unused for longest first, while the new one would not fit; none does when that would not
 * help. A model in use is never touched.
 * @throws JanError `out-of-memory`, saying what would fit
 */
export async function makeRoom(options: MemoryRoomOptions): Promise<MemoryPlan> {
  const { entry, entries, unload } = options;
  for (;;) {
    const others = entries().filter((other) => other !== entry);
    const idle = others.filter(isIdle).sort((a, b) => a.lastUsed - b.lastUsed);
    const room = await roomNow(options, others);
    const plan = planFor(entry, room);
    if (plan.fit !== 'too-large' && plan.notes.length === 0) {
      return plan;
    }
    const released = idle.reduce((sum, other) => sum + residentBytes(other), 0);
    const best = planFor(entry, { ...room, free: room.free + released, limit: room.limit + released });
    if (best.fit === 'too-large') {
      throw tooLarge(entry, best, room.free + released, others.filter((other) => !idle.includes(other)), options.budget);
    }
    if (idle.length === 0) {
      return plan;
    }
    await unload(idle[0]!);
  }
}

/** Bytes of the machine and of the graphics card. */
export async function freeBytes(llama: Pick<Llama, 'gpu' | 'getVramState'>): Promise<FreeBytes> {
  const vram = llama.gpu === false ? 0 : (await llama.getVramState()).free;
  return { ram: freeMemory(), vram };
}

interface Room {
  /** Bytes that nobody has. */
  readonly free: number;
  /** Of them, bytes of the graphics card. */
  readonly card: number;
  /** Bytes that the budget leaves. */
  readonly limit: number;
}

async function roomNow({ entry, llama, budget, free = () => freeBytes(llama) }: MemoryRoomOptions, others: readonly ModelEntry[]): Promise<Room> {
  const { ram, vram } = await free();
  // Loads under way have not taken all of theirs yet.
  const promised = others.reduce((sum, { status, planned, progress }) => sum + (status === 'loading' ? planned * (1 - progress) : 0), 0);
  const taken = others.reduce((sum, other) => sum + residentBytes(other), 0);
  const card = entry.params.gpuLayers === 0 ? 0 : vram;
  return {
    free: Math.max(0, ram + card - promised),
    card,
    limit: budget === undefined ? Infinity : Math.max(0, budget - taken),
  };
}

function planFor({ header, size, beside, params }: ModelEntry, { free, card, limit }: Room): MemoryPlan {
  return planMemory(header, size, { ...params, beside }, free, { card, limit });
}

function tooLarge(entry: ModelEntry, plan: MemoryPlan, free: number, inUse: readonly ModelEntry[], budget: number | undefined): JanError {
  const { need, advice } = plan;
  const held = inUse.reduce((sum, other) => sum + residentBytes(other), 0);
  const limit = budget === undefined ? undefined : Math.max(0, budget - held);
  const sentences = [
    `There is not enough memory for this model: it needs ${gigabytes(need.total)} with a context of ${need.contextLength} tokens, ` +
      (limit !== undefined && limit < free
        ? `and the memory budget for models (jan.engine.memoryBudget, ${gigabytes(budget!)}) leaves ${gigabytes(limit)}.`
        : `and ${gigabytes(free)} are free.`),
    ...(held > 0 ? [`Models in use hold ${gigabytes(held)}: it may fit when their answers have ended.`] : []),
    ...(advice === undefined ? [] : [advice]),
  ];
  return new JanError('out-of-memory', sentences.join(' '), {
    details: { modelId: entry.modelId, path: entry.path, needed: need.total, free: Math.min(free, limit ?? free), advice },
  });
}
