import assert from 'node:assert/strict';
import * as os from 'node:os';
import type { JanApi, JanErrorCode } from '../../../../src/api/jan';
import { isJanError } from '../../../../src/common/errors';
import { DisposableStore } from '../../../../src/common/lifecycle';
import { nullLogger } from '../../../../src/common/log';
import { HubClient } from '../../../../src/builtin/models/hubClient';
import { fitOf } from '../../../../src/builtin/models/memoryFit';
import { isModelFileName, isRepository } from '../../../../src/builtin/models/modelNames';
import { registerModelsPlugin } from '../../../../src/builtin/models/modelsPlugin';
import { recommendedModels } from '../../../../src/builtin/models/recommendedModels';
import { createCore } from '../../../../src/core/core';
import { sha256Of, startHuggingFaceServer, type HuggingFaceServer } from '../../../fixtures/huggingFace/huggingFaceServer';
import { registerMemoryStore } from './memoryStore';

const fails = (promise: Promise<unknown>, code: JanErrorCode, words = /./): Promise<void> =>
  assert.rejects(promise, (error) => isJanError(error, code) && words.test(error.message));

describe('models that can be had', () => {
  let hub: HuggingFaceServer;
  let owned: DisposableStore;
  let api: JanApi;
  let token: string | undefined;
  let hubUrl: string;
  let memory = { total: 16e9, used: 8e9, available: 8e9 };

  beforeEach(async () => {
    hub = await startHuggingFaceServer(
      Array.from({ length: 45 }, (_, i) => ({ id: `acme/Model-${i}-GGUF`, files: {}, downloads: 1000 - i, likes: i, tags: ['gguf', 'conversational'] })),
    );
    hubUrl = hub.url;
    token = undefined;
    memory = { total: 16e9, used: 8e9, available: 8e9 };
    owned = new DisposableStore();
    const core = owned.add(createCore({ log: nullLogger }));
    api = core.api('test');
    owned.add(registerMemoryStore(api));
    const monitoring = owned.add(api.registerPlugin({ id: 'jan.monitoring', name: 'Monitoring', version: '1.0.0' }));
    monitoring.registerProvider('getResourcesInfo', () => Promise.resolve({ memory, cpu: { model: 'x', cores: 2 }, gpus: [] }));
    owned.add(
      registerModelsPlugin(api, {
        log: nullLogger,
        modelsDirectory: os.tmpdir(),
        starterModelPath: '/none.gguf',
        downloaderEntry: '/none.mjs',
        hubUrl: () => hubUrl,
        hubToken: () => Promise.resolve(token),
      }),
    );
  });
  afterEach(async () => {
    owned.dispose();
    await hub.close();
  });

  it('recommends models with safe names, and says which fit this machine', async () => {
    const models = await api.models.getAvailableModels();
    assert.ok(models.length >= 6);
    assert.equal(new Set(models.map(({ id }) => id)).size, models.length);
    for (const model of models) {
      assert.ok(isRepository(model.repository) && isModelFileName(model.fileName), model.id);
      assert.ok(model.memoryNeeded > model.size && model.memoryNeeded < model.size + 2.5e9, model.id);
      assert.equal(model.downloaded, false);
      assert.equal('contextBytesPerToken' in model, false);
    }
    assert.deepEqual(new Set(models.map(({ fit }) => fit)), new Set(['fits']));
    memory = { total: 4e9, used: 2e9, available: 2e9 };
    const small = await api.models.getAvailableModels();
    assert.deepEqual(new Set(small.map(({ fit }) => fit)), new Set(['fits', 'tight', 'too-large']));
    assert.deepEqual(hub.requests, []);
  });

  it('marks those that are here', async () => {
    const [first] = recommendedModels;
    const id = `${first!.repository}/${first!.fileName.replace('.gguf', '')}`;
    await api.data.storeModel({ id, name: 'x', backendId: 'llama.cpp', source: 'huggingface', path: process.execPath, size: (await import('node:fs')).statSync(process.execPath).size });
    await api.data.updateFinishedDownloadAt(id);
    assert.equal((await api.models.getAvailableModels()).find((model) => model.id === id)?.downloaded, true);
  });

  it('judges fit', () => {
    assert.equal(fitOf(0.9e9, { total: 4e9, available: 1e9 }), 'fits');
    assert.equal(fitOf(0.91e9, { total: 4e9, available: 1e9 }), 'tight');
    assert.equal(fitOf(3.5e9, { total: 4e9, available: 1e9 }), 'too-large');
  });

  it('searches page by page', async () => {
    hub.repositories[3]!.gatedBy = 'x';
    const seen: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await api.models.searchModels({ text: 'model', cursor });
      seen.push(...page.models.map(({ repository }) => repository));
      cursor = page.cursor;
      pages++;
      if (pages === 1) {
        const { updatedAt, ...fourth } = page.models[3]!;
        assert.equal(updatedAt, Date.UTC(2026, 0, 2, 3, 4, 5));
        assert.deepEqual(fourth, { repository: 'acme/Model-3-GGUF', author: 'acme', name: 'Model-3-GGUF', downloads: 997, likes: 3, gated: true, tags: ['gguf', 'conversational'] });
        assert.equal(page.models[2]!.gated, false);
      }
    } while (cursor !== undefined);
    assert.equal(pages, 3);
    assert.deepEqual(seen, Array.from({ length: 45 }, (_, i) => `acme/Model-${i}-GGUF`));
    assert.equal((await api.models.searchModels({ text: 'Model-44', limit: 1 })).models.length, 1);
    assert.deepEqual((await api.models.searchModels({ text: 'nothing' })).models, []);
    assert.ok(hub.requests.every(({ url }) => url.includes('filter=gguf') && url.includes('sort=downloads')));
  });

  it('lists the models of a repository: parts together, vision parts and unsafe names left out', async () => {
    const bytes = new Uint8Array(1000);
    hub.repositories.push({
      id: 'acme/Files-GGUF',
      files: {
        'README.md': bytes,
        'model-Q4_K_M.gguf': bytes.subarray(0, 500),
        'model-q8_0.gguf': bytes,
        'mmproj-model-f16.gguf': bytes,
        'model.imatrix.gguf': bytes,
        'BF16/model-BF16-00001-of-00002.gguf': bytes,
        'BF16/model-BF16-00002-of-00002.gguf': bytes.subarray(0, 700),
        'lonely-00001-of-00002.gguf': bytes,
        '../escape.gguf': bytes,
        'a b.gguf': bytes,
      },
    });
    const files = await api.models.getModelFiles('acme/Files-GGUF');
    assert.deepEqual(
      files.map(({ fileName, size, quantization, parts }) => [fileName, size, quantization, parts]),
      [
        ['model-Q4_K_M.gguf', 500, 'Q4_K_M', 1],
        ['model-q8_0.gguf', 1000, 'Q8_0', 1],
        ['BF16/model-BF16-00001-of-00002.gguf', 1700, 'BF16', 2],
      ],
    );
    assert.equal(files[1]!.sha256, sha256Of(bytes));
    assert.equal(files[1]!.fit, 'fits');
  });

  it('says what went wrong in words', async () => {
    await fails(api.models.getModelFiles('acme/none'), 'model-not-found', /does not exist.*token/);
    await fails(api.models.getModelFiles('../etc'), 'invalid-argument', /owner\/name/);
    await fails(api.models.searchModels({ text: 7 as unknown as string }), 'invalid-argument');
    await fails(api.models.searchModels(undefined as unknown as { text: string }), 'invalid-argument');
    await fails(api.models.searchModels({ text: 'x', limit: 0 }), 'invalid-argument');
    await fails(api.models.searchModels({ text: 'x', cursor: '' }), 'invalid-argument');
    hub.faults = { hubStatus: { status: 429, times: 1, retryAfter: 30 } };
    await fails(api.models.searchModels({ text: 'x' }), 'network', /pause.*30 seconds/);
    hub.faults = { hubStatus: { status: 503, times: 1 } };
    await fails(api.models.searchModels({ text: 'x' }), 'network', /HTTP 503/);
    for (const apiBody of ['<html>', '{}', '[{"id":1}]', '[{"id":"a/b","downloads":-1}]', 'null', '']) {
      hub.faults = { apiBody };
      await fails(api.models.searchModels({ text: 'x' }), 'network', /jan\.hub\.url/);
    }
    hub.faults = { apiHangs: true };
    await fails(new HubClient({ hubUrl: () => hubUrl, hubToken: () => Promise.resolve(undefined), timeoutMs: 200 }).search({ text: 'x' }), 'timeout', /did not answer/);
    await hub.close();
    await fails(api.models.searchModels({ text: 'x' }), 'network', /cannot be reached/);
  });

  it('leaves out results with impossible names', async () => {
    hub.faults = { apiBody: JSON.stringify([{ id: '../../x' }, { id: 'a/b/c' }, { id: 'ok/fine' }, { id: 'a/<script>' }]) };
    assert.deepEqual((await api.models.searchModels({ text: 'x' })).models.map(({ repository }) => repository), ['ok/fine']);
  });

  it('talks to no unsafe hub, and follows it nowhere else', async () => {
    for (const unsafe of ['http://example.com', 'ftp://127.0.0.1', 'https://user:pass@huggingface.co', 'nonsense']) {
      hubUrl = unsafe;
      await fails(api.models.searchModels({ text: 'x' }), 'invalid-argument', /jan\.hub\.url/);
    }
    const other = await startHuggingFaceServer();
    const { createServer } = await import('node:http');
    const redirecting = createServer((_, response) => response.writeHead(302, { location: `${other.url}api/models` }).end());
    await new Promise<void>((resolve) => redirecting.listen(0, '127.0.0.1', resolve));
    hubUrl = `http://127.0.0.1:${(redirecting.address() as { port: number }).port}`;
    token = 'hf_secret';
    await fails(api.models.searchModels({ text: 'x' }), 'network', /another server/);
    assert.deepEqual(other.requests, []);
    redirecting.close();
    await other.close();
  });

  it('sends the token when there is one', async () => {
    token = 'hf_secret';
    await api.models.searchModels({ text: 'x' });
    assert.equal(hub.requests[0]?.authorization, 'Bearer hf_secret');
  });
});
