// The whole way of an answer, as an HTTP client sees it: gateway, core, inference plugin, socket, runtime process; and
// beside it the same model driven directly with node-llama-cpp, in a process like the runtime's.
// Must not know: which row is measured.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { createCore } from '../src/core/core';
import type { JanApi } from '../src/api/jan';
import { nullLogger } from '../src/common/log';
import { createGateway } from '../src/gateway/gateway';
import { registerInferencePlugin } from '../src/builtin/inference/inferencePlugin';
import { BenchSkipped } from './benchRow';

export interface StreamedAnswer {
  readonly text: string;
  readonly completionTokens: number;
  readonly promptTokens: number;
  /** From the request to the first text, ms. */
  readonly firstTextMs: number;
  /** From the request to the end of the stream, ms. */
  readonly totalMs: number;
  /** When each piece of text came, performance.now(). */
  readonly arrivals: readonly number[];
}

export type AskedMessages = string | readonly { readonly role: 'system' | 'user' | 'assistant'; readonly content: string }[];

export interface EndpointBench {
  /** Greedy, streamed. @param more fields of the request */
  ask(content: AskedMessages, maxTokens: number, more?: Readonly<Record<string, unknown>>): Promise<StreamedAnswer>;
  /** The core behind the endpoint. */
  readonly api: JanApi;
  dispose(): Promise<void>;
}

/** Too small to change a token, and enough that none are guessed: whoever compares steps wants one token in each. */
export const unguessed = { frequency_penalty: 1e-6 };

const runtimeEntry = path.resolve('dist/runtime.mjs');
export const modelId = 'bench';

/** @throws BenchSkipped when the runtime has not been built. */
export async function openEndpoint(modelPath: string): Promise<EndpointBench> {
  if ((await stat(runtimeEntry).catch(() => undefined)) === undefined) {
    throw new BenchSkipped('dist/runtime.mjs is missing: run npm run build first');
  }
  const directory = await mkdtemp(path.join(os.tmpdir(), 'jan-bench-'));
  const core = createCore({ log: nullLogger });
  const api = core.api('builtin');
  const models = api.registerPlugin({ id: 'bench.models', name: 'Models', version: '1.0.0' });
  models.registerProvider('getDownloadedModels', async () => [
    { id: modelId, name: modelId, backendId: 'llama.cpp', source: 'file', path: modelPath, createdAt: 0, startDownloadAt: -1, finishDownloadAt: 0 },
  ]);
  const gateway = createGateway({ api: core.api('gateway'), log: nullLogger });
  const inference = registerInferencePlugin(api, {
    log: nullLogger,
    runtimeEntry,
    runtimeDirectory: directory,
    starterModelId: modelId,
    openEndpoint: () => gateway.start(),
  });
  await api.inference.initModel(modelId);
  const { url, token } = await api.inference.inferenceUrl();
  return {
    api,
    ask: (content, maxTokens, more) => streamAnswer(url, token, content, maxTokens, more),
    async dispose() {
      gateway.dispose();
      inference.dispose();
      core.dispose();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** @param url ends with /v1 */
export async function streamAnswer(url: string, token: string, content: AskedMessages, maxTokens: number, more: Readonly<Record<string, unknown>> = {}): Promise<StreamedAnswer> {
  const began = performance.now();
  const response = await post(`${url}/chat/completions`, token, {
    model: modelId,
    messages: typeof content === 'string' ? [{ role: 'user', content }] : content,
    temperature: 0,
    max_tokens: maxTokens,
    stream: true,
    stream_options: { include_usage: true },
    ...more,
  });
  let firstTextMs = 0;
  const arrivals: number[] = [];
  let text = '';
  let usage: { prompt_tokens: number; completion_tokens: number } | undefined;
  let held = '';
  for await (const piece of response as AsyncIterable<string>) {
    const lines = (held + piece).split('\n');
    held = lines.pop()!;
    for (const line of lines) {
      if (!line.startsWith('data: {')) {
        continue;
      }
      const event = JSON.parse(line.slice('data: '.length)) as {
        choices: { delta: { content?: string } }[];
        usage?: { prompt_tokens: number; completion_tokens: number } | null;
      };
      const delta = event.choices[0]?.delta.content ?? '';
      if (delta !== '' && firstTextMs === 0) {
        firstTextMs = performance.now() - began;
      }
      if (delta !== '') {
        arrivals.push(performance.now());
      }
      text += delta;
      usage = event.usage ?? usage;
    }
  }
  if (usage === undefined) {
    throw new Error('The stream held no usage.');
  }
  return {
    text,
    promptTokens: usage.prompt_tokens,
    completionTokens: usage.completion_tokens,
    firstTextMs,
    totalMs: performance.now() - began,
    arrivals,
  };
}

/**
 * As lean as a client can be: fetch's streams take as long for a token as the endpoint does. Each call has a connection of
 * its own, for llama-server closes those that a next one would use again.
 */
async function post(url: string, token: string, body: object): Promise<IncomingMessage> {
  const call = request(url, { agent: false, method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` } });
  call.end(JSON.stringify(body));
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  response.setEncoding('utf8');
  if (response.statusCode !== 200) {
    throw new Error(`The endpoint answered ${response.statusCode}: ${(await response.toArray()).join('')}`);
  }
  return response;
}

export interface RawAnswer {
  readonly text: string;
  readonly totalMs: number;
  /** Milliseconds from each token to the next. */
  readonly gaps: readonly number[];
}

export interface RawBench {
  /** The same prompt, greedy, `tokens` tokens; ms. */
  ask(content: string, tokens: number): Promise<RawAnswer>;
  dispose(): Promise<void>;
}

/**
 * node-llama-cpp alone: `sequence.evaluate`, as many threads as the runtime takes, a context of the same length.
 * @param attention default: as the runtime computes it
 */
export async function openRaw(modelPath: string, attention: 'same' | 'flash' = 'same'): Promise<RawBench> {
  const child = spawn(process.execPath, [path.resolve('bench/rawLlama.mjs'), modelPath, attention], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // As the runtime: a session of its own.
    detached: true,
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const read = async (): Promise<unknown> => {
    const { value, done } = await lines.next();
    if (done === true) {
      throw new Error('node-llama-cpp ended unexpectedly.');
    }
    return JSON.parse(value) as unknown;
  };
  await read();
  return {
    async ask(content, tokens) {
      child.stdin.write(`${JSON.stringify({ content, tokens })}\n`);
      return (await read()) as RawAnswer;
    },
    async dispose() {
      child.stdin.end();
      child.kill();
    },
  };
}
