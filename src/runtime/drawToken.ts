// Draws a token from probabilities: bias, penalties, top-k, top-p, min-p, temperature, in llama.cpp's order. Pure.
// Must not know: llama.cpp, text.

import type { ResolvedSampling } from './samplingDefaults';

export type DrawSampling = Pick<ResolvedSampling, 'temperature' | 'topK' | 'topP' | 'minP' | 'frequencyPenalty' | 'presencePenalty'>;

/**
 * What is left to draw from, with the probabilities that the draw has, likeliest first.
 * @param probabilities of all tokens, likeliest first
 * @param recent tokens that the penalties are for
 */
export function candidatesOf<T extends number>(
  probabilities: ReadonlyMap<T, number>,
  sampling: DrawSampling,
  recent: readonly T[],
  bias: ReadonlyMap<T, number> | undefined,
): ReadonlyMap<T, number> {
  const { temperature, topK, topP, minP } = sampling;
  let candidates = adjusted(probabilities, sampling, recent, bias);
  if (temperature === 0) {
    return new Map([[candidates[0]![0], 1]]);
  }
  if (topK > 0) {
    candidates = candidates.slice(0, topK);
  }
  candidates = candidates.slice(0, countFor(candidates, topP));
  const least = Math.log(Math.max(minP, Number.MIN_VALUE)) + candidates[0]![1];
  candidates = minP > 0 ? candidates.filter(([, logit]) => logit >= least) : candidates;
  const weights = candidates.map(([, logit]) => Math.exp((logit - candidates[0]![1]) / temperature));
  const sum = weights.reduce((all, weight) => all + weight, 0);
  return new Map(candidates.map(([token], index) => [token, weights[index]! / sum]));
}

/** One of them. @param random 0…1, exclusive */
export function drawToken<T extends number>(candidates: ReadonlyMap<T, number>, random: () => number): T {
  let left = random();
  for (const [token, probability] of candidates) {
    left -= probability;
    if (left < 0) {
      return token;
    }
  }
  return candidates.keys().next().value as T;
}

/** Numbers between 0 and 1 that depend on the seed alone (splitmix32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** Tokens with their logits (up to a constant), highest first; those that can't be said are left out. */
function adjusted<T extends number>(
  probabilities: ReadonlyMap<T, number>,
  { frequencyPenalty, presencePenalty }: DrawSampling,
  recent: readonly T[],
  bias: ReadonlyMap<T, number> | undefined,
): (readonly [T, number])[] {
  const change = new Map<T, number>(bias);
  if (frequencyPenalty !== 0 || presencePenalty !== 0) {
    const counts = new Map<T, number>();
    recent.forEach((token) => counts.set(token, (counts.get(token) ?? 0) + 1));
    counts.forEach((count, token) => change.set(token, (change.get(token) ?? 0) - count * frequencyPenalty - presencePenalty));
  }
  const all = [...probabilities].map(([token, probability]) => [token, Math.log(probability) + (change.get(token) ?? 0)] as const);
  const possible = all.filter(([, logit]) => logit > -Infinity);
  if (possible.length === 0) {
    return [[probabilities.keys().next().value as T, 0]];
  }
  return change.size === 0 ? possible : possible.sort((a, b) => b[1] - a[1]);
}

/** How many of the likeliest make up `share` of all. */
function countFor(candidates: readonly (readonly [number, number])[], share: number): number {
  if (share >= 1) {
    return candidates.length;
  }
  const weights = candidates.map(([, logit]) => Math.exp(logit - candidates[0]![1]));
  const wanted = share * weights.reduce((sum, weight) => sum + weight, 0);
  let sum = 0;
  for (const [index, weight] of weights.entries()) {
    sum += weight;
    if (sum >= wanted) {
      return index + 1;
    }
  }
  return candidates.length;
}
