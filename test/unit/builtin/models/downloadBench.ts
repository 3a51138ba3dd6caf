// Everything a test of downloads needs: a hub with faults, a folder, windows that share a store.
// Must not know: what the tests claim.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import type { Download, JanApi, JanErrorCode } from '../../../../src/api/jan';
import { isJanError } from '../../../../src/common/errors';
import { onceEvent } from '../../../../src/common/events';
import { DisposableStore, type Disposable } from '../../../../src/common/lifecycle';
import { nullLogger } from '../../../../src/common/log';
import { registerModelsPlugin, type ModelsPluginOptions } from '../../../../src/builtin/models/modelsPlugin';
import { createCore } from '../../../../src/core/core';
import { startHuggingFaceServer, type HuggingFaceServer } from '../../../fixtures/huggingFace/huggingFaceServer';
import { buildGguf, buildLanguageModel, kv } from '../../common/gguf/ggufBuilder';
import { registerMemoryStore, type MemoryStore } from './memoryStore';

/** Built by esbuild.mjs before the tests run. */
const downloaderEntry = path.resolve('dist/downloader.mjs');

export const megabyte = 1024 * 1024;
export const repository = 'acme/Tiny-GGUF';
export const fileName = 'tiny-Q8_0.gguf';
export const tiny = { repository, fileName };
export const big = { repository, fileName: 'big.gguf' };

/** A valid model of about `megabytes`, with noise for weights, so that a wrong byte anywhere shows. */
export function bigModel(megabytes: number): Uint8Array {
  const header = buildLanguageModel({ pad: 1 });
  const model = buildGguf({
    entries: [kv.string('general.architecture', 'llama'), kv.uint32('general.file_type', 7), kv.uint32('llama.context_length', 512)],
    tensors: [{ name: 'w', shape: [256, megabytes * 1024] }],
    dataBytes: megabytes * megabyte,
  });
  const noise = randomBytes(model.length - header.length);
  model.set(noise, header.length);
  return model;
}

/** Several of the library's chunks of 5 MiB, so that there is something to resume. */
export const bigBytes = bigModel(24);
export const tinyBytes = buildLanguageModel({ name: 'Tiny', pad: 100_000 });

export const fails = (promise: Promise<unknown>, code: JanErrorCode, words = /./): Promise<void> =>
  assert.rejects(promise, (error) => {
    assert.ok(isJanError(error, code), String(error) + JSON.stringify((error as { details?: unknown }).details));
    assert.match(error.message, words);
    return true;
  });

export const completed = ({ status }: Download): boolean => status === 'completed';
export const failed = ({ status }: Download): boolean => status === 'failed';

/** One VS Code window: its own core and models plugin. */
export interface Window extends Disposable {
  readonly api: JanApi;
  readonly store: MemoryStore;
  readonly downloads: Download[];
  /** The first event of this kind, also when it was already there. */
  reaches(accepts: (download: Download) => boolean): Promise<Download>;
}

export class DownloadBench {
  folder = '';
  hub!: HuggingFaceServer;
  owned = new DisposableStore();

  async setUp(): Promise<void> {
    this.folder = await realpath(await mkdtemp(path.join(os.tmpdir(), 'jan-downloads-')));
    this.hub = await startHuggingFaceServer([{ id: repository, files: { [fileName]: tinyBytes, 'big.gguf': bigBytes } }]);
    this.owned = new DisposableStore();
  }

  async tearDown(): Promise<void> {
    this.owned.dispose();
    await this.hub.close();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }

  at(...names: string[]): string {
    return path.join(this.folder, ...names);
  }

  /** @param models what another window has stored: windows share one store. */
  open(options: Partial<ModelsPluginOptions> = {}, models?: MemoryStore['models']): Window {
    const all = new DisposableStore();
    const core = all.add(createCore({ log: nullLogger }));
    const api = core.api('test');
    const store = all.add(registerMemoryStore(api, models));
    const defaults: ModelsPluginOptions = {
      log: nullLogger,
      modelsDirectory: this.at('models'),
      starterModelPath: this.at('none.gguf'),
      downloaderEntry,
      hubUrl: () => this.hub.url,
      limits: { stallMs: 2_000, patienceMs: 6_000 },
    };
    all.add(registerModelsPlugin(api, { ...defaults, ...options }));
    const downloads: Download[] = [];
    all.add(api.onDidChangeDownloads((download) => downloads.push(download)));
    const reaches = (accepts: (download: Download) => boolean): Promise<Download> => {
      const past = downloads.find(accepts);
      return past === undefined ? onceEvent(api.onDidChangeDownloads, accepts, AbortSignal.timeout(40_000)) : Promise.resolve(past);
    };
    return this.owned.add({ api, store, downloads, reaches, dispose: () => all.dispose() });
  }

  unfinished(): Promise<string[]> {
    return readdir(this.at('models', '.downloads')).catch(() => []);
  }

  async installed(name = fileName): Promise<Uint8Array> {
    return new Uint8Array(await readFile(this.at('models', 'acme', 'Tiny-GGUF', ...name.split('/'))));
  }

  /** The process that downloads. */
  async downloaderPid(downloadId: string): Promise<number> {
    const lock = JSON.parse(await readFile(this.at('models', '.downloads', downloadId, 'lock'), 'utf8')) as { pid: number };
    return lock.pid;
  }

  async nothingVisible(window: Window): Promise<void> {
    assert.deepEqual(await window.api.models.getDownloadedModels(), []);
    const all = await readdir(this.at('models'), { recursive: true }).catch(() => []);
    assert.deepEqual(all.filter((name) => name.endsWith('.gguf') && !name.startsWith('.downloads')), []);
  }
}
