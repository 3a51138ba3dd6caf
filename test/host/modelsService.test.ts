import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import type { JanApi } from '../../src/api/jan';
import { apiOfCompanion, rejects } from './support';

describe('Model management service, through the companion', () => {
  let api: JanApi;
  let folder: string;
  before(async () => {
    api = await apiOfCompanion();
    folder = await mkdtemp(path.join(os.tmpdir(), 'jan-models-'));
  });
  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('GET_DOWNLOADED_MODELS has the starter model from the first moment, and nobody deletes it', async () => {
    const models = await api.invoke(api.ModelManagementService.GET_DOWNLOADED_MODELS);
    const starter = models.find(({ id }) => id === 'jan-guide');
    assert.equal(starter?.source, 'starter');
    assert.equal(starter.backendId, 'llama.cpp');
    assert.equal(starter.architecture, 'llama');
    assert.match(starter.description ?? '', /guide/i);
    assert.ok(starter.size! > 100_000 && starter.size! <= 6 * 1024 * 1024);
    await rejects(api.models.deleteModel('jan-guide'), 'unsupported', api);
  });

  it('GET_AVAILABLE_MODELS recommends with what fits this machine', async () => {
    const available = await api.invoke(api.ModelManagementService.GET_AVAILABLE_MODELS);
    assert.ok(available.length >= 3);
    for (const model of available) {
      assert.match(model.repository, /^[\w.-]+\/[\w.-]+$/);
      assert.match(model.fileName, /\.gguf$/);
      assert.ok(model.memoryNeeded > model.size);
      assert.ok(['fits', 'tight', 'too-large'].includes(model.fit));
    }
  });

  it('ADD_MODEL_FILE takes a GGUF where it lies, DELETE_MODEL forgets it and leaves the file', async () => {
    const starter = (await api.models.getDownloadedModels()).find(({ id }) => id === 'jan-guide')!;
    const file = path.join(folder, 'my model.gguf');
    await vscode.workspace.fs.copy(vscode.Uri.file(starter.path!), vscode.Uri.file(file));
    const added = await api.models.addModelFile(file);
    assert.equal(added.source, 'file');
    assert.ok((await api.models.getDownloadedModels()).some(({ id }) => id === added.id));
    let text = '';
    for await (const chunk of await api.inference.createChatCompletion({ modelId: added.id, messages: [{ role: 'user', content: 'What is Jan?' }], temperature: 0 })) {
      text += chunk.text ?? '';
    }
    assert.match(text, /Jan/);
    await api.invoke(api.ModelManagementService.DELETE_MODEL, added.id);
    assert.ok(!(await api.models.getDownloadedModels()).some(({ id }) => id === added.id));
    await vscode.workspace.fs.stat(vscode.Uri.file(file));
  });

  it('refuses files that are no model, and models that are not there', async () => {
    const fake = path.join(folder, 'fake.gguf');
    await writeFile(fake, 'GGUF but not really');
    await rejects(api.models.addModelFile(fake), 'model-invalid', api);
    await rejects(api.models.addModelFile(path.join(folder, 'absent.gguf')), 'model-file-missing', api);
    await rejects(api.models.addModelFile('relative.gguf'), 'invalid-argument', api);
    await rejects(api.models.addModelFile(folder), 'model-invalid', api);
    await rejects(api.models.deleteModel('no/such'), 'model-not-found', api);
    await rejects(api.models.cancelDownload('no-such'), 'download-not-found', api);
    await rejects(api.models.downloadModel({}), 'invalid-argument', api);
    await rejects(api.models.downloadModel({ repository: '../../etc', fileName: 'passwd' }), 'invalid-argument', api);
    await rejects(api.models.downloadModel({ url: 'http://example.com/x.gguf' }), 'invalid-argument', api);
    await rejects(api.models.searchModels({ text: 'x', limit: 0 }), 'invalid-argument', api);
  });
});
