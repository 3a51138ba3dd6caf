// Which slot (sequence of a context) answers a request: the one that has to forget and to compute least. Pure.
// Must not know: llama.cpp, what tokens mean, who asks.

export interface SlotView {
  readonly busy: boolean;
  /** Tokens in its memory. */
  readonly length: number;
  /** How many of them, from the first, are the request's own first tokens. */
  readonly sharedPrefix: number;
  /** Any increasing number; the least was unused for longest. */
  readonly lastUsed: number;
}

/**
 * Index of the slot to use, or undefined when all are busy.
 *
 * The longest shared prefix wins. Two exceptions, because nearly all requests share a few tokens (start token, system
 * prompt): when the best slot would lose more than half of what it holds, an empty slot is taken instead; and when
 * there is none, the slot unused for longest among those that share about as much (within 10% of the request).
 */
export function chooseSlot(slots: readonly SlotView[], promptLength: number): number | undefined {
  const free = slots.map((slot, index) => ({ ...slot, index })).filter((slot) => !slot.busy);
  const best = maxBy(free, (slot) => slot.sharedPrefix);
  if (best === undefined) {
    return undefined;
  }
  const kept = best.length === 0 ? 0 : best.sharedPrefix / best.length;
  if (best.sharedPrefix > 0 && kept >= 0.5) {
    return best.index;
  }
  const empty = free.find((slot) => slot.length === 0);
  if (empty !== undefined) {
    return empty.index;
  }
  const alike = free.filter((slot) => best.sharedPrefix - slot.sharedPrefix <= promptLength * 0.1);
  return maxBy(alike, (slot) => -slot.lastUsed)?.index;
}

function maxBy<T>(items: readonly T[], score: (item: T) => number): T | undefined {
  let best: T | undefined;
  let bestScore = -Infinity;
  for (const item of items) {
    const itsScore = score(item);
    if (itsScore > bestScore) {
      best = item;
      bestScore = itsScore;
    }
  }
  return best;
}
