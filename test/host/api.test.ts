import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { JanExports } from '../../src/api/jan';
import { apiOfCompanion, rejects } from './support';

describe('getAPI(1)', () => {
  it('is the only version, and the same object each time', async () => {
    const jan = vscode.extensions.getExtension<JanExports>('janhq.jan-vscode');
    const exports = await jan!.activate();
    assert.equal(exports.enabled, true);
    assert.equal(exports.getAPI(1), exports.getAPI(1));
    assert.throws(() => exports.getAPI(2 as 1), /version 1/);
  });

  it('cannot be tampered with by another extension', async () => {
    const api = await apiOfCompanion();
    assert.throws(() => {
      (api as { invoke: unknown }).invoke = () => undefined;
    }, TypeError);
    assert.throws(() => {
      (api.data as { getConversations: unknown }).getConversations = () => undefined;
    }, TypeError);
  });

  it('lists the four built-in plugins and the companion', async () => {
    const api = await apiOfCompanion();
    const plugins = api.getPlugins();
    assert.deepEqual(
      plugins.filter(({ builtin }) => builtin).map(({ id }) => id).sort(),
      ['jan.data', 'jan.inference', 'jan.models', 'jan.monitoring'],
    );
    const sample = plugins.find(({ id }) => id === 'janhq.jan-sample-plugin');
    assert.deepEqual(sample?.backends, ['echo']);
  });

  it('supplies every service name', async () => {
    const api = await apiOfCompanion();
    const supplied = new Set<string>(api.getPlugins().flatMap(({ providers }) => providers));
    for (const group of [api.DataService, api.InferenceService, api.ModelManagementService, api.MonitoringService]) {
      for (const name of Object.values(group) as string[]) {
        assert.ok(supplied.has(name), name);
      }
    }
  });

  it('lets a guard of a companion deny, and explains', async () => {
    const api = await apiOfCompanion();
    const plugin = api.registerPlugin({ id: 'test.policy', name: 'Test policy', version: '1.0.0' });
    try {
      plugin.registerGuard({
        id: 'no-deleting',
        check: async ({ name }) => (name === 'deleteConversation' ? { allow: false, reason: 'Deleting is switched off here.' } : { allow: true }),
      });
      const { id } = await api.data.createConversation({ name: 'Kept' });
      await rejects(api.data.deleteConversation(id), 'denied', api);
      assert.equal((await api.data.getConversation(id)).name, 'Kept');
      plugin.dispose();
      await api.data.deleteConversation(id);
    } finally {
      plugin.dispose();
    }
  });
});
