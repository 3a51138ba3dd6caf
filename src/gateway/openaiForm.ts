// Pieces of OpenAI's answers that several of its APIs share. Source: OpenAI API reference.
// Must not know: routes, sockets.

import type { TokenLogprob, TokenUsage, ToolCall } from '../api/jan';
import type { FinishReason } from './answer';

export function toWireUsage({ promptTokens, completionTokens, cachedTokens }: TokenUsage): unknown {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: cachedTokens === undefined ? undefined : { cached_tokens: cachedTokens },
  };
}

/** Of what reads and writes nothing. */
export function promptUsage(promptTokens: number): unknown {
  return { prompt_tokens: promptTokens, total_tokens: promptTokens };
}

export function toWireFinish(reason: FinishReason): 'stop' | 'length' | 'tool_calls' {
  return reason === 'tool-calls' ? 'tool_calls' : reason;
}

export function toWireCall({ id, name, arguments: json }: ToolCall): unknown {
  return { id, type: 'function', function: { name, arguments: json } };
}

export function toWireLogprobs(logprobs: readonly TokenLogprob[]): readonly unknown[] {
  const one = ({ text, logprob }: { readonly text: string; readonly logprob: number }) => ({ token: text, logprob: finiteLogprob(logprob), bytes: [...Buffer.from(text)] });
  return logprobs.map((token) => ({ ...one(token), top_logprobs: token.top.map(one) }));
}

/** JSON has no −∞; OpenAI says −9999 of what is as good as impossible. */
export function finiteLogprob(logprob: number): number {
  return Number.isFinite(logprob) ? logprob : -9999;
}
