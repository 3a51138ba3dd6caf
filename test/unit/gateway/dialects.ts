// Answers that several forms are tried with, and clients for them.
// Must not know: assertions.

import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import type { Answer, EchoCore } from './echoCore';

export const usage = { promptTokens: 10, completionTokens: 4, cachedTokens: 6 };

/** Thinks, says a word, and asks for two tools at once. */
export const thinkAndCall: Answer = async function* () {
  yield { droppedMessages: 1, modelId: 'test/echo' };
  yield { reasoning: 'let me ', prompt: { tokens: 9, cachedTokens: 3 } };
  yield { reasoning: 'see' };
  yield { text: 'One moment.' };
  yield { toolCalls: [{ index: 0, id: 'call_a', name: 'get_time', arguments: '' }] };
  yield { toolCalls: [{ index: 0, arguments: '{"zone":' }] };
  yield { toolCalls: [{ index: 0, arguments: '"UTC"}' }] };
  yield { toolCalls: [{ index: 1, id: 'call_b', name: 'get_weather', arguments: '{}' }] };
  yield { finishReason: 'tool-calls', usage };
};

/** Two pieces, then the failure that is given. */
export function failing(error: Error): Answer {
  return async function* () {
    yield { text: 'one' };
    yield { text: ' two' };
    await Promise.resolve();
    throw error;
  };
}

export function openaiClient({ endpoint }: EchoCore): OpenAI {
  return new OpenAI({ baseURL: endpoint.url, apiKey: endpoint.token, maxRetries: 0 });
}

export function anthropicClient({ endpoint }: EchoCore, key = endpoint.token): Anthropic {
  return new Anthropic({ baseURL: endpoint.url.replace(/\/v1$/, ''), apiKey: key, maxRetries: 0 });
}

export function post({ endpoint }: EchoCore, path: string, body: unknown): Promise<Response> {
  return fetch(new URL(path, endpoint.url), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${endpoint.token}` },
    body: JSON.stringify(body),
  });
}

export async function gather<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) {
    all.push(item);
  }
  return all;
}
