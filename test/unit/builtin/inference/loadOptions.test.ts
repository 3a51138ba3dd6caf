import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { ModelLoadOptions } from '../../../../src/api/jan';
import { writeLoraAdapter } from '../../../fixtures/gguf/loraAdapter';
import { testModelPath, testModels } from '../../../fixtures/gguf/testModels';
import { ask, createHarness, modelAt, type Harness } from './inferenceHarness';

const messages = [{ role: 'user' as const, content: 'Hello' }];

describe('how a model is loaded, by the real engine', function () {
  this.timeout(90_000);
  let harness: Harness;
  let folder: string;
  let adapter: string;

  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'jan-gguf-'));
    adapter = path.join(folder, 'adapter.gguf');
    await writeLoraAdapter(adapter, testModels.null);
    harness = await createHarness([modelAt('null', await testModelPath('null'))], { starterModelId: 'null' });
  });
  after(async () => {
    await harness.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  const answer = async (load?: ModelLoadOptions): Promise<string> => (await ask(harness.api, { messages, maxTokens: 30, temperature: 0, ...(load === undefined ? {} : { load }) })).text;

  it('follows what a conversation says, and stays so until another says otherwise', async () => {
    await answer();
    const length = async (): Promise<number | undefined> => (await harness.api.inference.getEngineState()).models[0]?.contextLength;
    assert.equal(await length(), 8192);
    await answer({ contextLength: 8192 });
    await answer({ contextLength: 1024, threads: 1, batchSize: 256, gpuLayers: 0, flashAttention: 'auto' });
    assert.equal(await length(), 1024);
    await answer();
    assert.equal(await length(), 1024, 'who asks for nothing takes what there is');
    await answer({ contextLength: 100_000 });
    assert.equal(await length(), 8192, 'no longer than it was trained for');
  });

  it('is not changed under an answer in progress', async () => {
    let refused: Promise<unknown> | undefined;
    const { last } = await ask(harness.api, { messages, maxTokens: 2000, temperature: 0 }, undefined, () => {
      refused ??= assert.rejects(answer({ contextLength: 512 }), { code: 'model-busy', message: /loaded anew/ });
    });
    await refused;
    assert.equal(last.usage!.completionTokens, 2000);
  });

  it('puts LoRA adapters on top of the weights, as strongly as told', async () => {
    const plain = await answer();
    const changed = await answer({ loraAdapters: [{ path: adapter }] });
    assert.notEqual(changed, plain);
    assert.equal(await answer({ loraAdapters: [{ path: adapter, scale: 0 }] }), plain);
    assert.equal(await answer({ loraAdapters: [{ path: adapter }] }), changed);
    assert.equal(await answer({ loraAdapters: [] }), plain);
  });

  it('refuses what is no adapter for it, naming the file, and works on', async () => {
    const { pid } = await harness.api.inference.getEngineState();
    const other = path.join(folder, 'other.gguf');
    await writeLoraAdapter(other, { width: 64, architecture: 'qwen2' });
    const text = path.join(folder, 'text.gguf');
    await writeFile(text, 'no adapter');
    for (const [file, reason] of [[other, /qwen2/], [text, /can’t be used/], [path.join(folder, 'absent.gguf'), /can’t be read/], [await testModelPath('null'), /no adapter/]] as const) {
      await assert.rejects(answer({ loraAdapters: [{ path: file }] }), (error: unknown) => {
        assert.ok(harness.api.isJanError(error, 'invalid-argument'), String(error));
        assert.match(error.message, reason);
        assert.ok(error.message.includes(file));
        return true;
      });
    }
    assert.ok((await answer({ loraAdapters: [] })).length > 0);
    assert.equal((await harness.api.inference.getEngineState()).pid, pid);
  });

  it('takes a chat template for one request, and for all when loaded with it', async () => {
    const chatTemplate = '{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}';
    const shown = async (load?: ModelLoadOptions): Promise<string> => harness.api.inference.applyChatTemplate({ messages, ...(load === undefined ? {} : { load }) });
    const own = await shown();
    assert.equal(await shown({ chatTemplate }), '<user>Hello');
    assert.equal(await shown(), own);
    await harness.api.inference.initModel('null', { chatTemplate });
    assert.equal(await shown(), '<user>Hello');
    await assert.rejects(shown({ chatTemplate: '{% if %}' }), { code: 'invalid-argument', message: /chat template can’t be used/ });
  });
});
