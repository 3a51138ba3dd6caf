// A core with the inference plugin, a stand-in for the models plugin, and the real runtime process.
// Must not know: single tests.

import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { ChatChunk, ChatRequest, JanApi, Model } from '../../../../src/api/jan';
import type { EngineSettingsSource } from '../../../../src/builtin/inference/engineSettings';
import { registerInferencePlugin } from '../../../../src/builtin/inference/inferencePlugin';
import { nullLogger, type Logger } from '../../../../src/common/log';
import { createCore } from '../../../../src/core/core';

/** The built runtime: `node esbuild.mjs` has run before the tests. */
export const runtimeEntry = path.resolve('dist/runtime.mjs');

export interface Harness {
  readonly api: JanApi;
  readonly directory: string;
  /** The models on this machine; may be changed. */
  readonly models: Model[];
  /** Ends the window and waits until its engine has gone. */
  dispose(): Promise<void>;
}

export interface HarnessOptions {
  /** Share a runtime with another harness. */
  readonly directory?: string;
  readonly log?: Logger;
  readonly starterModelId?: string;
  readonly runtimeEntry?: string;
  readonly engineSettings?: EngineSettingsSource;
  readonly beatMs?: number;
}

export function modelAt(id: string, file: string): Model {
  return { id, name: id, backendId: 'llama.cpp', source: 'file', path: file, createdAt: 0, startDownloadAt: -1, finishDownloadAt: 0 };
}

export async function createHarness(models: Model[], options: HarnessOptions = {}): Promise<Harness> {
  const log = options.log ?? nullLogger;
  const directory = options.directory ?? (await mkdtemp(path.join(os.tmpdir(), 'jan-rt-')));
  const core = createCore({ log });
  const builtin = core.api('builtin');
  builtin
    .registerPlugin({ id: 'test.models', name: 'Models', version: '1.0.0' })
    .registerProvider('getDownloadedModels', async () => models);
  const plugin = registerInferencePlugin(builtin, {
    log,
    runtimeEntry: options.runtimeEntry ?? runtimeEntry,
    runtimeDirectory: directory,
    starterModelId: options.starterModelId ?? 'starter',
    engineSettings: options.engineSettings,
    beatMs: options.beatMs,
    openEndpoint: async () => ({ url: 'http://127.0.0.1:1/v1', token: 'none' }),
  });
  const api = core.api('test');
  return {
    api,
    directory,
    models,
    async dispose() {
      const pid = (await api.inference.getEngineState()).pid;
      plugin.dispose();
      core.dispose();
      if (options.directory === undefined) {
        await processEnd(pid, 5000);
        await rm(directory, { recursive: true, force: true });
      }
    },
  };
}

export interface Answer {
  readonly text: string;
  readonly chunks: readonly ChatChunk[];
  readonly last: ChatChunk;
}

/** The whole answer; `onChunk` sees each piece when it comes. */
export async function ask(api: JanApi, request: ChatRequest, signal?: AbortSignal, onChunk?: (chunk: ChatChunk) => void): Promise<Answer> {
  const chunks: ChatChunk[] = [];
  for await (const chunk of await api.inference.createChatCompletion(request, { signal })) {
    chunks.push(chunk);
    onChunk?.(chunk);
  }
  return { text: chunks.map(({ text }) => text ?? '').join(''), chunks, last: chunks.at(-1)! };
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Resolves with the time until the process had ended, ms; rejects after `limitMs`. */
export async function processEnd(pid: number | undefined, limitMs: number): Promise<number> {
  const began = performance.now();
  while (pid !== undefined && isAlive(pid)) {
    if (performance.now() - began > limitMs) {
      throw new Error(`Process ${pid} still runs after ${limitMs} ms.`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return performance.now() - began;
}
