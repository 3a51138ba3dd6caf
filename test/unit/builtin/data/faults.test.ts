import assert from 'node:assert/strict';
import type { TestStore } from '../../../fixtures/data/storeFixture';
import { StoreFixture } from '../../../fixtures/data/storeFixture';
import { createFaultyFiles, type FileCall } from '../../../fixtures/data/faultyFiles';
import { isJanError } from '../../../../src/common/errors';

const writing: readonly FileCall[] = ['makeDirectory', 'open-append', 'writeNew', 'publish', 'append', 'replace', 'remove'];

describe('Store on a failing file system', function () {
  this.timeout(60_000);
  const fixture = new StoreFixture();
  afterEach(() => fixture.dispose());

  it('can be read where it may not be written, says so, and writes once it may', async () => {
    const directory = await fixture.directory();
    const kept = await fixture.open(directory).createConversation({ name: 'kept' });
    for (const code of ['EACCES', 'EPERM', 'EROFS']) {
      let refused = true;
      const files = createFaultyFiles((call) => (refused && writing.includes(call) ? code : undefined));
      const store = fixture.open(directory, { files });
      assert.ok((await store.getConversations()).some(({ id }) => id === kept.id));
      await assert.rejects(store.createConversation(), (error: Error) => {
        assert.ok(isJanError(error, 'store-read-only'), String(error));
        assert.match(error.message, /earlier conversations can still be read.*permission/);
        return true;
      });
      refused = false;
      const { id } = await store.createConversation({ name: code });
      assert.equal((await store.getConversation(id)).name, code);
    }
  });

  it('shows an interrupted answer as such where it cannot be stored', async () => {
    const directory = await fixture.directory();
    const writer = fixture.open(directory);
    const { id } = await writer.createConversation();
    await writer.createMessage({ conversationId: id, role: 'assistant', content: 'half', status: 'streaming' });
    await writer.close();
    const files = createFaultyFiles((call) => (writing.includes(call) ? 'EROFS' : undefined));
    const store = fixture.open(directory, { files });
    assert.equal((await store.getConversationMessages(id))[0]!.status, 'interrupted');
  });

  it('is empty, not broken, where it cannot be made', async () => {
    const files = createFaultyFiles((call) => (writing.includes(call) ? 'EACCES' : undefined));
    const store = fixture.open(await fixture.directory(), { files });
    assert.deepEqual(await store.getConversations(), []);
    await assert.rejects(store.createConversation(), { code: 'store-read-only' });
  });

  it('names a full disk, loses nothing that was acknowledged, and goes on when there is room', async () => {
    for (const code of ['ENOSPC', 'EDQUOT', 'short']) {
      let full = false;
      const files = createFaultyFiles((call) => (full && call === 'append' ? code : undefined));
      const directory = await fixture.directory();
      const store = fixture.open(directory, { files });
      const { id } = await store.createConversation({ name: 'kept' });
      full = true;
      const writes = Array.from({ length: 5 }, () => store.createMessage({ conversationId: id, role: 'user', content: 'x' }));
      for (const result of await Promise.allSettled(writes)) {
        assert.ok(result.status === 'fulfilled' || isJanError(result.reason, 'disk-full'), JSON.stringify(result));
      }
      const acknowledged = (await Promise.allSettled(writes)).filter(({ status }) => status === 'fulfilled').length;
      assert.equal((await store.getConversationMessages(id)).length, acknowledged);
      assert.equal((await store.getConversation(id)).name, 'kept');
      full = false;
      await store.createMessage({ conversationId: id, role: 'user', content: 'room again' });
      const anew = fixture.open(directory);
      assert.equal((await anew.getConversationMessages(id)).length, acknowledged + 1);
      assert.equal(await anew.contentHash(), await store.contentHash());
    }
  });

  it('does not call saved what may not be on the disk', async () => {
    let failing = false;
    const files = createFaultyFiles((call) => (failing && call === 'sync' ? 'EIO' : undefined));
    const store = fixture.open(await fixture.directory(), { files });
    const { id } = await store.createConversation();
    failing = true;
    await assert.rejects(store.createMessage({ conversationId: id, role: 'user', content: 'x' }), (error: Error) => {
      assert.ok(isJanError(error, 'store-unavailable'));
      assert.equal(error.details['outcome'], 'unknown');
      return true;
    });
    failing = false;
    await store.createMessage({ conversationId: id, role: 'user', content: 'y' });
    const texts = (await store.getConversationMessages(id)).map(({ content }) => content);
    assert.deepEqual(texts, ['x', 'y'], 'it is in the file, and the view shows what the file holds');
  });

  it('answers each failing call with a typed error and works afterwards, whichever call it is', async () => {
    for (const code of ['EIO', 'EPERM']) {
      for (let failing = 0, calls = Infinity; failing < calls; failing++) {
        const directory = await fixture.directory();
        const before = fixture.open(directory);
        const kept = await before.createConversation({ name: 'kept' });
        await before.createMessage({ conversationId: kept.id, role: 'user', content: 'kept' });
        await before.close();
        // Calls vary a little with notices of changes, so the last ones may come after the steps: they do not fail.
        let running = true;
        const files = createFaultyFiles((_call, index) => (running && index === failing ? code : undefined));
        const store = fixture.open(directory, { files });
        const acknowledged = await runAll(store, kept.id, `${code} at call ${failing}`);
        running = false;
        calls = files.calls.length;
        const place = `${code} at call ${failing} (${files.calls[failing]})`;
        const after = await store.createMessage({ conversationId: kept.id, role: 'user', content: 'after' });
        const anew = fixture.open(directory);
        for (const one of [store, anew]) {
          const found = (await one.getConversationMessages(kept.id, { branch: 'all' })).map(({ id }) => id);
          for (const id of [...acknowledged, after.id]) {
            assert.equal(found.filter((other) => other === id).length, 1, place);
          }
        }
        assert.equal(await anew.contentHash(), await store.contentHash(), place);
        await fixture.dispose();
      }
    }
  });
});

/** Reads, writes, seals and compacts. @returns the ids of messages whose saving was acknowledged */
async function runAll(store: TestStore, conversationId: string, place: string): Promise<string[]> {
  const acknowledged: string[] = [];
  const attempt = async (step: () => Promise<unknown>): Promise<void> => {
    try {
      await step();
    } catch (error) {
      assert.ok(isJanError(error), `${place}: ${String(error)}`);
      assert.match(error.code, /^(disk-full|store-(unavailable|read-only))$/, place);
    }
  };
  const write = async (): Promise<void> => {
    acknowledged.push((await store.createMessage({ conversationId, role: 'user', content: 'x' })).id);
  };
  await attempt(() => store.getConversations());
  await attempt(write);
  await attempt(() => store.compact());
  await attempt(write);
  await attempt(() => store.getConversationMessages(conversationId));
  return acknowledged;
}
