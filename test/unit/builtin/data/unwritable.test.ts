import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { isJanError } from '../../../../src/common/errors';
import { StoreFixture } from '../../../fixtures/data/storeFixture';

/** Real file systems: root, as whom tests often run, is refused by nothing less. */
describe('Store on a file system of its own', function () {
  this.timeout(60_000);
  const fixture = new StoreFixture();
  let mounted: string | undefined;

  const mount = (...args: readonly string[]): string | undefined => {
    const { status, stderr, error } = spawnSync('mount', [...args], { encoding: 'utf8' });
    return status === 0 ? undefined : (error?.message ?? stderr).trim();
  };

  beforeEach(async function () {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'jan-mount-'));
    const refused = process.platform === 'linux' ? mount('-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder) : 'this is not Linux';
    if (refused !== undefined) {
      await rm(folder, { recursive: true });
      console.log(`      skipped: nothing may be mounted here (${refused})`);
      this.skip();
    }
    mounted = folder;
  });
  afterEach(async () => {
    await fixture.dispose();
    if (mounted !== undefined) {
      spawnSync('umount', [mounted]);
      await rm(mounted, { recursive: true, force: true });
      mounted = undefined;
    }
  });

  it('that becomes full says so, keeps all that was acknowledged readable, and goes on when there is room', async () => {
    const directory = path.join(mounted!, 'store');
    const store = fixture.open(directory);
    const { id } = await store.createConversation({ name: 'kept' });
    const ballast = path.join(mounted!, 'ballast');
    await writeFile(ballast, randomBytes(64 * 1024));
    const acknowledged: string[] = [];
    let refusals = 0;
    for (let n = 0; n < 200; n++) {
      try {
        const content = `${n} ${'word '.repeat(700 + n)}`;
        acknowledged.push((await store.createMessage({ conversationId: id, role: 'user', content })).id);
      } catch (error) {
        refusals += 1;
        assert.ok(isJanError(error, 'disk-full'), String(error));
        assert.match(error.message, /full, so the last change was not saved. Free some space/);
      }
    }
    assert.ok(acknowledged.length > 20 && refusals > 20, `${acknowledged.length} saved, ${refusals} refused`);
    const holds = async (): Promise<void> => {
      for (const one of [store, fixture.open(directory)]) {
        assert.deepEqual((await one.getConversationMessages(id)).map((message) => message.id), acknowledged);
      }
    };
    await holds();
    // There is no room for a snapshot either; nothing is lost by trying.
    await store.compact();
    await holds();
    await rm(ballast);
    acknowledged.push((await store.createMessage({ conversationId: id, role: 'user', content: 'room again' })).id);
    await holds();
    const { findings } = await store.checkStore();
    assert.deepEqual(findings.filter(({ kind }) => kind !== 'record'), []);
  });

  it('that becomes read-only is read, says so on writing, and is written to once it may be', async () => {
    const directory = path.join(mounted!, 'store');
    const before = fixture.open(directory);
    const { id } = await before.createConversation({ name: 'kept' });
    await before.createMessage({ conversationId: id, role: 'user', content: 'text' });
    await before.close();
    assert.equal(mount('-o', 'remount,ro', mounted!), undefined);
    const store = fixture.open(directory);
    assert.equal((await store.getConversation(id)).name, 'kept');
    assert.equal((await store.searchMessages({ text: 'text' })).hits.length, 1);
    for (const change of [
      () => store.createMessage({ conversationId: id, role: 'user', content: 'x' }),
      () => store.updateConversation({ id, name: 'x' }),
      () => store.storeAttachment(Buffer.from('x'), { name: 'n', mediaType: 'text/plain' }),
    ]) {
      await assert.rejects(change, { code: 'store-read-only', message: /may not write to .* earlier conversations can still be read/ });
    }
    assert.equal((await store.getConversationMessages(id)).length, 1);
    assert.equal(mount('-o', 'remount,rw', mounted!), undefined);
    await store.createMessage({ conversationId: id, role: 'user', content: 'works again' });
    assert.equal((await fixture.open(directory).getConversationMessages(id)).length, 2);
  });

  it('that is read-only and has no store is empty, and says so on writing', async () => {
    assert.equal(mount('-o', 'remount,ro', mounted!), undefined);
    const store = fixture.open(path.join(mounted!, 'store'));
    assert.deepEqual(await store.getConversations(), []);
    await assert.rejects(store.createConversation(), { code: 'store-read-only' });
  });
});
