import assert from 'node:assert/strict';
import { DataStore } from '../../../../src/builtin/data/dataStore';
import type { StoreFiles } from '../../../../src/builtin/data/storeFiles';
import { isJanError } from '../../../../src/common/errors';
import { nullLogger } from '../../../../src/common/log';
import { createFaultyFiles, fileCalls, type FileCall } from '../../../fixtures/data/faultyFiles';
import { MemoryDisk } from '../../../fixtures/data/memoryDisk';
import { soakRounds, soakTimeout } from '../../../fixtures/soak';
import { StoreFixture } from '../../../fixtures/data/storeFixture';

const writing: readonly FileCall[] = ['makeDirectory', 'open-append', 'writeNew', 'publish', 'append', 'replace', 'remove'];

describe('Store on a failing file system', function () {
  this.timeout(soakTimeout(300_000));
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

  it('answers each failing call with a typed error, keeps what was there, and works afterwards, whichever call it is', async () => {
    let failed = 0;
    // Each call with one of the codes, the next round with the next one: all four rounds only in the soak.
    for (let round = 0; round < soakRounds(1, codes.length); round++) {
      for (let failing = 0, calls = Infinity; failing < calls; failing++) {
        const code = codes[(failing + round) % codes.length]!;
        calls = await failOnce(code, (_call, index) => index === failing);
        failed += 1;
      }
    }
    console.log(`      ${failed} calls failed`);
  });

  it('does so with every code for each kind of call, and when the system allows half of a write', async () => {
    for (const kind of fileCalls) {
      for (const code of kind === 'append' ? [...codes, 'short'] : codes) {
        for (let nth = 0; nth < 8; nth += soakRounds(5, 1)) {
          let count = 0;
          await failOnce(code, (call) => call === kind && count++ === nth);
          assert.ok(count > 0, `${kind} was called`);
        }
      }
    }
  });

  it('does so when from some call on nothing can be written any more', async () => {
    const step = soakRounds(9, 1);
    for (let failing = 0, calls = Infinity; failing < calls; failing += step) {
      const code = codes[(failing / step) % codes.length]!;
      calls = await failOnce(code, (call, index) => index >= failing && writing.includes(call));
    }
  });
});

const codes = ['EIO', 'ENOSPC', 'EPERM', 'EBUSY'];
const expected: Readonly<Record<string, RegExp>> = {
  EIO: /^store-unavailable$/,
  ENOSPC: /^(disk-full|attachment-not-found)$/,
  EPERM: /^store-(unavailable|read-only)$/,
  EBUSY: /^store-unavailable$/,
  short: /^disk-full$/,
};

/**
 * Goes through everything a store does with a file system while some calls fail, then checks that what was there and
 * what was acknowledged is there, for this window and for a new one. Resolves with the number of calls.
 */
async function failOnce(code: string, isFailing: (call: FileCall, index: number) => boolean): Promise<number> {
  const disk = new MemoryDisk();
  const open = (files: StoreFiles): DataStore =>
    new DataStore({ directory: '/store', log: nullLogger, files, onEvent: () => undefined });
  const before = open(disk.files);
  const kept = await before.createConversation({ name: 'kept' });
  const first = await before.createMessage({ conversationId: kept.id, role: 'user', content: 'kept' });
  await before.compact();
  await before.close();
  // Calls vary a little with notices of changes, so the last ones may come after the steps: they do not fail.
  let running = true;
  const place = (): string => `${code} at call ${failedAt} (${files.calls[failedAt]})`;
  let failedAt = -1;
  const files = createFaultyFiles((call, index) => {
    if (!running || !isFailing(call, index)) {
      return undefined;
    }
    failedAt = index;
    return code;
  }, disk.files);
  const store = open(files);
  const acknowledged = await runAll(store, kept.id, code, place);
  running = false;
  const calls = files.calls.length;
  const after = await store.createMessage({ conversationId: kept.id, role: 'user', content: 'after' });
  const anew = open(disk.files);
  for (const one of [store, anew]) {
    const found = (await one.getConversationMessages(kept.id, { branch: 'all' })).map(({ id }) => id);
    for (const id of [first.id, ...acknowledged, after.id]) {
      assert.equal(found.filter((other) => other === id).length, 1, place());
    }
  }
  assert.equal(await anew.contentHash(), await store.contentHash(), place());
  const report = await anew.checkStore();
  // A write that was cut short leaves bytes that are no record; nothing else may be found.
  assert.deepEqual(report.findings.filter(({ kind }) => code !== 'short' || kind !== 'record'), [], place());
  await Promise.all([store.close(), anew.close()]);
  return calls;
}

/** Reads, writes, attaches, seals, compacts, purges, checks, backs up. @returns the ids of acknowledged messages */
async function runAll(store: DataStore, conversationId: string, code: string, place: () => string): Promise<string[]> {
  const acknowledged: string[] = [];
  const attempt = async (step: () => Promise<unknown>): Promise<void> => {
    try {
      await step();
    } catch (error) {
      assert.ok(isJanError(error), `${place()}: ${String(error)}`);
      assert.match(error.code, expected[code]!, `${place()}: ${error.message}`);
    }
  };
  const write = async (): Promise<void> => {
    acknowledged.push((await store.createMessage({ conversationId, role: 'user', content: 'x' })).id);
  };
  const attach = async (): Promise<void> => {
    const attachment = await store.storeAttachment(Buffer.from('bytes'), { name: 'n', mediaType: 'text/plain' });
    assert.equal(Buffer.from(await store.getAttachment(attachment.id)).toString(), 'bytes');
    const message = { conversationId, role: 'user', content: 'x', attachments: [attachment] } as const;
    acknowledged.push((await store.createMessage(message)).id);
  };
  await attempt(() => store.getConversations());
  await attempt(write);
  await attempt(attach);
  await attempt(attach);
  await attempt(() => store.compact());
  await attempt(write);
  await attempt(async () => store.deleteConversation((await store.createConversation()).id));
  await attempt(() => store.purgeConversations({ olderThan: Date.now() + 1000, deletedOnly: true }));
  await attempt(() => store.checkStore());
  await attempt(async () => store.restoreStore((await store.backupStore('/backup')).path));
  await attempt(() => store.compact());
  await attempt(() => store.getConversationMessages(conversationId));
  return acknowledged;
}
