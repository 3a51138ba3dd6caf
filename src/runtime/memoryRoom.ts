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

/** `ram` and `vram` have nothing in common: together they are all that is free. */
export interface FreeBytes {
  readonly ram: number;
  readonly vram: number;
  /** Of `vram`, what lies in the machine's memory and is free to the processor as well; default 0. */
  readonly shared?: number;
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

/**
 * Bytes of the machine and of the graphics card. Where the card uses the machine's memory (Apple silicon, built-in
 * graphics), each byte counts once, as the card's.
 * @param ram what this process may still take
 */
export async function freeBytes(llama: Pick<Llama, 'gpu' | 'getVramState'>, ram = freeMemory()): Promise<FreeBytes> {
  if (llama.gpu === false) {
    return { ram, vram: 0 };
  }
  const { free, unifiedSize } = await llama.getVramState();
  const own = Math.max(0, free - unifiedSize);
  // The card's limit knows nothing of what other programs hold.
  const shared = Math.min(free - own, Math.max(0, ram));
  return { ram: ram - shared, vram: own + shared, shared };
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
  const { ram, vram, shared = 0 } = await free();
  // Loads under way have not taken all of theirs yet.
  const promised = others.reduce((sum, { status, planned, progress }) => sum + (status === 'loading' ? planned * (1 - progress) : 0), 0);
  const taken = others.reduce((sum, other) => sum + residentBytes(other), 0);
  const onProcessor = entry.params.gpuLayers === 0;
  return {
    free: Math.max(0, ram + (onProcessor ? shared : vram) - promised),
    card: onProcessor ? 0 : vram,
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
