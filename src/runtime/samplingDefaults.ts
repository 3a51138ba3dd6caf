// How a model's answers are drawn when the caller does not say: what the model's file recommends, else the product's
// defaults. Must not know: callers, generation.

import type { Sampling } from '../protocol/runtimeProtocol';

export type ResolvedSampling = Required<Omit<Sampling, 'seed'>> & Pick<Sampling, 'seed'>;

/** As documented at SamplingOptions in src/api/jan.d.ts. */
const productDefaults: ResolvedSampling = {
  temperature: 0.7,
  topP: 0.95,
  topK: 40,
  minP: 0.05,
  frequencyPenalty: 0,
  presencePenalty: 0,
  repeatPenalty: 1,
};

/** llama.cpp's metadata keys below `general.sampling.`, with the ranges that we accept. */
const recommendations = [
  ['temp', 'temperature', 0, 2],
  ['top_p', 'topP', Number.MIN_VALUE, 1],
  ['top_k', 'topK', 0, 1000],
  ['min_p', 'minP', 0, 1],
  ['penalty_repeat', 'repeatPenalty', 0, 100],
] as const;

/** @param metadata of a GGUF file, nested by the dots of its keys; anything may stand in it */
export function defaultSampling(metadata: unknown): ResolvedSampling {
  const recommended = property(property(metadata, 'general'), 'sampling');
  const found = recommendations.flatMap(([key, name, min, max]) => {
    const value = property(recommended, key);
    return typeof value === 'number' && value >= min && value <= max ? [[name, value] as const] : [];
  });
  return { ...productDefaults, ...Object.fromEntries(found) };
}

/** The caller's wishes over the model's defaults. */
export function resolveSampling(wished: Sampling, defaults: ResolvedSampling): ResolvedSampling {
  const stated = Object.entries(wished).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(stated) };
}

function property(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}
