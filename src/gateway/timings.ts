// How long an answer took, in llama-server's form, which its tools and several chat programs show.
// Source: llama-server's README, "timings". Must not know: routes.

import type { Timings, TokenUsage } from '../api/jan';

/** Rates leave the first token out, as there: it comes with the prompt. */
export function toWireTimings({ promptTokens, completionTokens, cachedTokens = 0 }: TokenUsage, { firstTokenMs, totalMs, tokensPerSecond }: Timings): unknown {
  const promptMs = firstTokenMs ?? totalMs ?? 0;
  const read = promptTokens - cachedTokens;
  const rate = tokensPerSecond ?? 0;
  return {
    cache_n: cachedTokens,
    prompt_n: read,
    prompt_ms: promptMs,
    prompt_per_token_ms: ratio(promptMs, read),
    prompt_per_second: ratio(read * 1000, promptMs),
    predicted_n: completionTokens,
    predicted_ms: decodingMs(completionTokens, rate),
    predicted_per_token_ms: ratio(1000, rate),
    predicted_per_second: rate,
  };
}

/** From the first token to the last. */
export function decodingMs(tokens: number, tokensPerSecond: number | undefined): number {
  return ratio(Math.max(0, tokens - 1) * 1000, tokensPerSecond ?? 0);
}

function ratio(of: number, to: number): number {
  return to > 0 ? of / to : 0;
}
