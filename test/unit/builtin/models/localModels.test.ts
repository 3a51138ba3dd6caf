import assert from 'node:assert/strict';
import { mkdir, mkdtemp, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import type { JanApi, JanErrorCode } from '../../../../src/api/jan';
import { isJanError } from '../../../../src/common/errors';
import { DisposableStore } from '../../../../src/common/lifecycle';
import { nullLogger } from '../../../../src/common/log';
import { registerModelsPlugin } from '../../../../src/builtin/models/modelsPlugin';
import { createCore } from '../../../../src/core/core';
import { buildGguf, buildLanguageModel, kv } from '../../common/gguf/ggufBuilder';
import { registerMemoryStore, type MemoryStore } from './memoryStore';

const fails = (promise: Promise<unknown>, code: JanErrorCode, words = /./): Promise<void> =>
  assert.rejects(promise, (error) => isJanError(error, code) && words.test(error.message));

describe('models on this machine', () => {
  let folder: string;
  let owned: DisposableStore;
  let api: JanApi;
  let store: MemoryStore;
  let changed: string[];

  const at = (...names: string[]): string => path.join(folder, ...names);
  const start = (starterModelPath = at('extension', 'jan-guide.gguf'), models?: MemoryStore['models']): void => {
    owned = new DisposableStore();
    const core = owned.add(createCore({ log: nullLogger }));
    api = core.api('test');
    store = owned.add(registerMemoryStore(api, models));
    const options = { log: nullLogger, modelsDirectory: at('models'), starterModelPath, downloaderEntry: at('none.mjs') };
    owned.add(registerModelsPlugin(api, options));
    changed = [];
    owned.add(api.onDidChangeModels((event) => changed.push(...event.ids)));
  };

  beforeEach(async () => {
    folder = await realpath(await mkdtemp(path.join(os.tmpdir(), 'jan-models-')));
    await mkdir(at('extension'));
    await mkdir(at('models'));
    await mkdir(at('elsewhere'));
    start();
  });
  afterEach(async () => {
    owned.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  it('has no starter model while its file is missing, and has it as soon as it is there', async () => {
    assert.deepEqual(await api.models.getDownloadedModels(), []);
    await writeFile(at('extension', 'jan-guide.gguf'), buildLanguageModel());
    const [starter, ...others] = await api.models.getDownloadedModels();
    assert.equal(others.length, 0);
    assert.equal(starter?.id, 'jan-guide');
    assert.equal(starter.source, 'starter');
    assert.equal(starter.name, 'Jan Guide');
    assert.equal(starter.path, at('extension', 'jan-guide.gguf'));
    assert.equal(starter.architecture, 'llama');
    assert.equal(starter.contextLength, 2048);
    assert.match(starter.description ?? '', /first minutes.*not a general assistant/);
    assert.ok(starter.finishDownloadAt > 0);
  });

  it('follows the starter model when the extension moved, and never deletes it', async () => {
    await writeFile(at('extension', 'jan-guide.gguf'), buildLanguageModel());
    await api.models.getDownloadedModels();
    const { models } = store;
    owned.dispose();
    await mkdir(at('newer'));
    await writeFile(at('newer', 'jan-guide.gguf'), buildLanguageModel({ pad: 4096 }));
    start(at('newer', 'jan-guide.gguf'), models);
    const [starter] = await api.models.getDownloadedModels();
    assert.equal(starter?.path, at('newer', 'jan-guide.gguf'));
    await fails(api.models.deleteModel('jan-guide'), 'unsupported', /part of the extension/);
  });

  it('adds a file where it lies, once, with what its header says', async () => {
    const file = at('elsewhere', 'My Model (v2) Q4_K_M.gguf');
    await writeFile(file, buildLanguageModel({ name: 'Mine' }));
    const model = await api.models.addModelFile(file);
    assert.equal(model.id, 'My-Model-v2-Q4_K_M');
    assert.equal(model.name, 'Mine');
    assert.equal(model.source, 'file');
    assert.equal(model.path, file);
    assert.equal(model.quantization, 'Q4_K_M');
    assert.equal(model.size, (await stat(file)).size);
    assert.ok(model.finishDownloadAt > 0);
    assert.equal((await api.models.addModelFile(file)).id, model.id);
    await symlink(file, at('elsewhere', 'link.gguf'));
    assert.equal((await api.models.addModelFile(at('elsewhere', 'link.gguf'))).id, model.id);
    assert.deepEqual((await api.models.getDownloadedModels()).map(({ id }) => id), [model.id]);
    assert.ok(changed.includes(model.id));
    await mkdir(at('elsewhere', 'other'));
    await writeFile(at('elsewhere', 'other', path.basename(file)), buildLanguageModel());
    assert.equal((await api.models.addModelFile(at('elsewhere', 'other', path.basename(file)))).id, `${model.id}-2`);
  });

  it('takes the parts of a split model as one, whichever was chosen', async () => {
    const part = (no: number): Uint8Array =>
      no === 0
        ? buildLanguageModel({ entries: [kv.uint16('split.no', 0), kv.uint16('split.count', 2)] })
        : buildGguf({ entries: [kv.uint16('split.no', no), kv.uint16('split.count', 2)], tensors: [{ name: 'more', shape: [10] }] });
    await writeFile(at('elsewhere', 'big-00001-of-00002.gguf'), part(0));
    await fails(api.models.addModelFile(at('elsewhere', 'big-00001-of-00002.gguf')), 'model-file-missing', /00002-of-00002/);
    await writeFile(at('elsewhere', 'big-00002-of-00002.gguf'), part(1));
    const model = await api.models.addModelFile(at('elsewhere', 'big-00002-of-00002.gguf'));
    assert.equal(model.id, 'big');
    assert.equal(model.path, at('elsewhere', 'big-00001-of-00002.gguf'));
    assert.equal(model.size, part(0).length + part(1).length);
    assert.equal(model.parameters, 64 * 3 + 64 + 64 + 10);
    await writeFile(at('elsewhere', 'big-00002-of-00002.gguf'), part(0));
    await fails(api.models.addModelFile(at('elsewhere', 'big-00001-of-00002.gguf')), 'model-invalid', /does not belong/);
  });

  it('says in words why a file cannot be added', async () => {
    const write = async (name: string, bytes: Uint8Array): Promise<string> => {
      await writeFile(at('elsewhere', name), bytes);
      return at('elsewhere', name);
    };
    await fails(api.models.addModelFile('relative.gguf'), 'invalid-argument', /full path/);
    await fails(api.models.addModelFile(undefined as unknown as string), 'invalid-argument');
    await fails(api.models.addModelFile(at('a\0b')), 'invalid-argument');
    await fails(api.models.addModelFile(at('nowhere.gguf')), 'model-file-missing', /not there/);
    await fails(api.models.addModelFile(folder), 'model-invalid', /not a regular file/);
    if (process.platform !== 'win32') {
      await fails(api.models.addModelFile('/dev/null'), 'model-invalid', /not a regular file/);
    }
    await fails(api.models.addModelFile(await write('text.gguf', Buffer.from('hello, this is no model at all'))), 'model-invalid', /does not begin/);
    await fails(api.models.addModelFile(await write('cut.gguf', buildLanguageModel().subarray(0, 700))), 'model-invalid');
    const architecture = (name: string, ...more: Uint8Array[]): Uint8Array =>
      buildGguf({ entries: [kv.string('general.architecture', name), ...more], tensors: [{ name: 'w', shape: [4] }] });
    await fails(api.models.addModelFile(await write('mmproj.gguf', architecture('clip'))), 'model-invalid', /vision part/);
    await fails(
      api.models.addModelFile(await write('lora.gguf', architecture('llama', kv.string('general.type', 'adapter')))),
      'model-invalid',
      /LoRA/,
    );
    await fails(
      api.models.addModelFile(await write('vocab.gguf', buildGguf({ entries: [kv.string('general.architecture', 'llama')] }))),
      'model-invalid',
      /no weights/,
    );
    assert.equal(store.models.size, 0);
  });

  it('leaves out a model whose file is gone, and has it again when the file is back', async () => {
    const file = at('elsewhere', 'here.gguf');
    await writeFile(file, buildLanguageModel());
    await api.models.addModelFile(file);
    await rm(file);
    assert.deepEqual(await api.models.getDownloadedModels(), []);
    await writeFile(file, buildLanguageModel({ pad: 2048 }));
    const [model] = await api.models.getDownloadedModels();
    assert.equal(model?.size, buildLanguageModel({ pad: 2048 }).length);
    await writeFile(file, Buffer.from('overwritten with something that is no model'));
    assert.deepEqual(await api.models.getDownloadedModels(), []);
  });

  it('deletes files in the models folder only, after unloading', async () => {
    const inside = at('models', 'owner', 'repo', 'in.gguf');
    const outside = at('elsewhere', 'out.gguf');
    await mkdir(path.dirname(inside), { recursive: true });
    await writeFile(inside, buildLanguageModel());
    await writeFile(outside, buildLanguageModel());
    await symlink(at('elsewhere'), at('models', 'escape'));
    const first = await api.models.addModelFile(inside);
    const second = await api.models.addModelFile(outside);
    await writeFile(at('elsewhere', 'third.gguf'), buildLanguageModel());
    const third = await api.models.addModelFile(at('models', 'escape', 'third.gguf'));
    for (const model of [first, second, third]) {
      await api.models.deleteModel(model.id);
    }
    await assert.rejects(stat(inside), { code: 'ENOENT' });
    await assert.rejects(stat(at('models', 'owner')), { code: 'ENOENT' });
    assert.ok((await stat(at('models'))).isDirectory());
    assert.ok((await stat(outside)).isFile());
    assert.ok((await stat(at('elsewhere', 'third.gguf'))).isFile());
    assert.deepEqual(store.stopped, [first.id, second.id, third.id]);
    assert.equal(store.models.size, 0);
    await fails(api.models.deleteModel('nothing'), 'model-not-found');
  });
});
