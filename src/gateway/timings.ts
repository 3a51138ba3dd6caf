// How long an answer took, in llama-server's form, which its tools and several chat programs show.
// Source: llama-server's README, "timings", "return_progress", "timings_per_token". Must not know: routes.

import type { ChatChunk, PromptProgress, Timings, TokenUsage } from '../api/jan';

/** What a stream tells beside the answer, where a request asks for it. */
export interface StreamExtras {
  /** `return_progress` */
  readonly progress: boolean;
  /** `timings_per_token` */
  readonly timings: boolean;
}

interface ExtraFields {
  readonly stream?: boolean | undefined;
  readonly return_progress?: boolean | undefined;
  readonly timings_per_token?: boolean | undefined;
}

export function extrasOf({ stream = false, return_progress: progress = false, timings_per_token: timings = false }: ExtraFields): StreamExtras {
  return { progress: stream && progress, timings: stream && timings };
}

export function tellsMore({ progress, timings }: StreamExtras): boolean {
  return progress || timings;
}

/** What is told of a chunk; `prompt_progress` stands in events of its own, before the answer. */
export function extrasOfChunk({ promptProgress: read, usage, timings }: ChatChunk, wanted: StreamExtras): { readonly prompt_progress?: unknown; readonly timings?: unknown } {
  if (read !== undefined) {
    const soFar = { promptTokens: read.processed, completionTokens: 0, cachedTokens: read.cached };
    return {
      ...(wanted.progress ? { prompt_progress: toWireProgress(read) } : {}),
      ...(wanted.timings ? { timings: toWireTimings(soFar, { firstTokenMs: read.ms }) } : {}),
    };
  }
  return wanted.timings && usage !== undefined && timings !== undefined ? { timings: toWireTimings(usage, timings) } : {};
}

function toWireProgress({ total, cached, processed, ms }: PromptProgress): unknown {
  return { total, cache: cached, processed, time_ms: Math.round(ms) };
}

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
