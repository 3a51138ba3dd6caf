import assert from 'node:assert/strict';
import { Emitter } from '../../../src/common/events';
import { nullLogger } from '../../../src/common/log';
import { hasSayIn, readCompanionManifest } from '../../../src/plugins/companionManifest';
import { Companions, type InstalledExtension } from '../../../src/plugins/companions';

const manifest = (provides: unknown, apiVersion: unknown = 1): unknown => ({ contributes: { 'x-jan': { apiVersion, provides } } });

describe('companion manifests', () => {
  it('are read without trusting anything', () => {
    assert.equal(readCompanionManifest(undefined).kind, 'none');
    assert.equal(readCompanionManifest({ contributes: null }).kind, 'none');
    assert.equal(readCompanionManifest({ contributes: { commands: [] } }).kind, 'none');
    assert.equal(readCompanionManifest(manifest(['backend'])).kind, 'companion');
    for (const bad of [manifest('backend'), manifest(['root']), manifest(['backend'], 2), manifest(undefined), { contributes: { 'x-jan': 7 } }]) {
      assert.equal(readCompanionManifest(bad).kind, 'malformed');
    }
  });

  it('say which calls they have a say in', () => {
    assert.ok(hasSayIn({ provides: ['guard'] }, 'data'));
    assert.ok(hasSayIn({ provides: ['backend'] }, 'inference'));
    assert.ok(!hasSayIn({ provides: ['backend'] }, 'data'));
    assert.ok(!hasSayIn({ provides: ['app'] }, 'inference'));
  });
});

describe('Companions', () => {
  const changed = new Emitter<void>();
  const start = (installed: () => readonly InstalledExtension[], deadlineMs = 1000): Companions =>
    new Companions({ log: nullLogger, installed, onDidChangeInstalled: changed.event, deadlineMs });
  const extension = (id: string, packageJSON: unknown, activate: () => Promise<unknown>): InstalledExtension => ({ id, packageJSON, activate });

  it('activates only what has a say, once, on first use', async () => {
    let backend = 0;
    let app = 0;
    const companions = start(() => [
      extension('a.backend', manifest(['backend']), async () => (backend += 1)),
      extension('a.app', manifest(['app']), async () => (app += 1)),
      extension('a.other', {}, async () => assert.fail('not a companion')),
    ]);
    assert.equal(companions.prepare('data'), undefined);
    await Promise.all([companions.prepare('inference'), companions.prepare('inference')]);
    assert.equal(companions.prepare('inference'), undefined);
    assert.deepEqual([backend, app], [1, 0]);
    assert.deepEqual(companions.list(), [{ id: 'a.backend', state: 'active' }, { id: 'a.app', state: 'installed' }]);
  });

  it('goes on without one that fails or hangs', async () => {
    const companions = start(
      () => [
        extension('a.fails', manifest(['backend']), async () => Promise.reject(new Error('broken'))),
        extension('a.hangs', manifest(['backend']), () => new Promise(() => undefined)),
        extension('a.works', manifest(['backend']), async () => undefined),
      ],
      50,
    );
    await companions.prepare('inference');
    assert.deepEqual(companions.list().map(({ state }) => state), ['failed', 'failed', 'active']);
    assert.equal(companions.prepare('inference'), undefined);
  });

  it('notices companions that are installed later', async () => {
    const installed: InstalledExtension[] = [];
    const companions = start(() => installed);
    assert.equal(companions.prepare('inference'), undefined);
    let active = false;
    installed.push(extension('a.late', manifest(['backend']), async () => (active = true)));
    changed.fire();
    await companions.prepare('inference');
    assert.ok(active);
  });
});
