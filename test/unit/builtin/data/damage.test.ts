import assert from 'node:assert/strict';
import { appendFile, chmod, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { encodeFrame, ignorableFlag, type Frame } from '../../../../src/builtin/data/frame';
import { createUuidV7 } from '../../../../src/common/uuid';
import { soakRounds, soakTimeout } from '../../../fixtures/soak';
import { readFrames, seededRandom, storeFileNames, StoreFixture } from '../../../fixtures/data/storeFixture';

describe('Damaged store', function () {
  this.timeout(soakTimeout(60_000));
  const fixture = new StoreFixture();
  let directory: string;
  let journal: string;
  let conversationId: string;

  beforeEach(async () => {
    directory = await fixture.directory();
    journal = path.join(directory, 'journal-1.log');
    const store = fixture.open(directory);
    conversationId = (await store.createConversation({ name: 'kept' })).id;
    for (const content of ['one', 'two', 'three']) {
      await store.createMessage({ conversationId, role: 'user', content });
    }
    await store.close();
  });
  afterEach(() => fixture.dispose());

  const contents = async (store: ReturnType<StoreFixture['open']>): Promise<string[]> =>
    (await store.getConversationMessages(conversationId)).map(({ content }) => content);

  it('is read up to a tail torn at any byte, reports it, and goes on behind it', async () => {
    const whole = await readFile(journal);
    const last = (await readFrames(journal)).at(-1)!;
    for (let cut = last.start; cut < last.end; cut++) {
      await writeFile(journal, whole.subarray(0, cut));
      const store = fixture.open(directory);
      assert.deepEqual(await contents(store), ['one', 'two'], `cut at ${cut}`);
      const expected = cut === last.start ? [] : [{ kind: 'record', file: 'journal-1.log', start: last.start, end: cut }];
      assert.deepEqual(store.damage, expected);
      await store.createMessage({ conversationId, role: 'user', content: 'after' });
      assert.deepEqual(await contents(store), ['one', 'two', 'after']);
      await store.close();
      const anew = fixture.open(directory);
      assert.deepEqual(await contents(anew), ['one', 'two', 'after']);
      assert.deepEqual(anew.damage, expected);
      await anew.close();
    }
  });

  it('passes over any flipped byte in the middle, keeps the rest, and says where', async () => {
    const whole = await readFile(journal);
    const frames = await readFrames(journal);
    const second = frames.at(-2)!;
    for (let byte = second.start; byte < second.end; byte++) {
      const bytes = Buffer.from(whole);
      bytes[byte]! ^= 0x41;
      await writeFile(journal, bytes);
      const store = fixture.open(directory);
      assert.deepEqual(await contents(store), ['one', 'three'], `byte ${byte}`);
      assert.deepEqual(store.damage, [{ kind: 'record', file: 'journal-1.log', start: second.start, end: second.end }]);
      await store.close();
    }
  });

  it('is read whatever a file holds', async () => {
    const random = seededRandom(3);
    const whole = await readFile(journal);
    for (let round = 0; round < soakRounds(60, 20_000); round++) {
      const bytes = Buffer.from(whole);
      for (let i = 0; i < 1 + random() * 6; i++) {
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      }
      await writeFile(journal, bytes.subarray(0, Math.floor(random() * bytes.length)));
      const store = fixture.open(directory);
      await store.getConversations();
      const { id } = await store.createConversation({ name: 'works' });
      assert.equal((await store.getConversation(id)).name, 'works');
      await store.close();
    }
  });

  it('does not trust an intact record either', async () => {
    const hostile: [number, unknown][] = [
      [16, { id: 7, name: 'x', at: 1 }],
      [16, { id: 'a', name: 'x', at: '1' }],
      [32, { id: 'm', conversationId, role: 'god', content: '', status: 'complete', at: 1 }],
      [32, { id: 'm', conversationId, role: 'user', content: { toString: 1 }, status: 'complete', at: 1 }],
      [33, { id: 'm' }],
      [48, { model: { id: 'm', __proto__: null }, at: 1 }],
      [18, null],
      [18, 'x'],
    ];
    const frames = hostile.map(([kind, payload]) => encodeFrame(createUuidV7(), kind, Buffer.from(JSON.stringify(payload))));
    await appendFile(journal, Buffer.concat([...frames, encodeFrame(createUuidV7(), 16, Buffer.from('{not json'))]));
    const store = fixture.open(directory);
    assert.deepEqual(await contents(store), ['one', 'two', 'three']);
    assert.equal(store.damage.length, hostile.length + 1);
    assert.ok(store.damage.every(({ kind }) => kind === 'content'));
  });

  describe('records of a newer version', () => {
    const newer = (flags: number): Uint8Array => encodeFrame(createUuidV7(), 99, Buffer.from('{"new":1}'), flags);

    it('make the store read-only here, with a reason, and are kept', async () => {
      await appendFile(journal, newer(0));
      const store = fixture.open(directory);
      assert.deepEqual(await contents(store), ['one', 'two', 'three']);
      await assert.rejects(store.createConversation(), { code: 'store-read-only', message: /newer version.*update Jan/ });
      await store.compact();
      assert.deepEqual(await storeFileNames(directory), ['journal-1.log']);
      assert.deepEqual(store.damage, []);
    });

    it('that may be passed over do not, and outlive a compaction', async () => {
      await appendFile(journal, newer(ignorableFlag));
      const store = fixture.open(directory);
      await store.createConversation();
      await store.compact();
      const hash = await store.contentHash();
      const anew = fixture.open(directory);
      assert.equal(await anew.contentHash(), hash);
      await appendFile(path.join(directory, 'journal-2.log'), newer(ignorableFlag));
      assert.notEqual(await anew.contentHash(), hash);
    });
  });

  describe('snapshots', () => {
    it('that are damaged give way to the generation before, and nothing is lost', async () => {
      const store = fixture.open(directory);
      await store.compact();
      await store.createMessage({ conversationId, role: 'user', content: 'four' });
      const hash = await store.contentHash();
      await store.close();
      const file = path.join(directory, 'snapshot-2.db');
      const whole = await readFile(file);
      for (const at of [0, 20, 60, 5000, whole.length - 24, whole.length - 1]) {
        const bytes = Buffer.from(whole);
        bytes[at]! ^= 0xff;
        await writeFile(file, bytes);
        const anew = fixture.open(directory);
        assert.equal(await anew.contentHash(), hash, `byte ${at}`);
        assert.deepEqual(anew.damage, [{ kind: 'snapshot', file: 'snapshot-2.db', start: 0, end: 0 }]);
        await anew.close();
      }
      await truncate(file, 1000);
      assert.equal(await fixture.open(directory).contentHash(), hash);
    });

    it('of which none is intact are named, and nothing is written over them', async () => {
      const store = fixture.open(directory);
      await store.compact();
      await store.compact();
      await store.close();
      assert.deepEqual(await storeFileNames(directory), ['journal-2.log', 'journal-3.log', 'snapshot-2.db', 'snapshot-3.db']);
      for (const name of ['snapshot-2.db', 'snapshot-3.db']) {
        await writeFile(path.join(directory, name), 'rubbish');
      }
      const anew = fixture.open(directory);
      await assert.rejects(anew.getConversations(), { code: 'store-damaged', message: /backup/ });
      await assert.rejects(anew.createConversation(), { code: 'store-damaged' });
      assert.equal((await storeFileNames(directory)).length, 4);
    });
  });

  it('says so when a file is where its folder should be', async () => {
    await rm(directory, { recursive: true });
    await writeFile(directory, 'a file');
    const store = fixture.open(directory);
    await assert.rejects(store.getConversations(), { code: 'store-unavailable', message: /is a file/ });
    await assert.rejects(store.createConversation(), { code: 'store-unavailable', message: /Move that file/ });
    await rm(directory);
    await mkdir(directory);
    await chmod(directory, 0o700);
    assert.equal((await store.createConversation({ name: 'works now' })).name, 'works now');
  });

  it('has files that only the user may read', async () => {
    const { stat } = await import('node:fs/promises');
    await fixture.open(directory).compact();
    assert.equal((await stat(directory)).mode & 0o777, 0o700);
    for (const name of await storeFileNames(directory)) {
      assert.equal((await stat(path.join(directory, name))).mode & 0o777, 0o600, name);
    }
  });

  it('has frames as docs/store-format.md says', async () => {
    const frames: readonly Frame[] = await readFrames(journal);
    assert.deepEqual(frames.map(({ kind }) => kind), [1, 16, 32, 32, 32]);
    const bytes = await readFile(journal);
    const { crc32 } = await import('node:zlib');
    const second = bytes.subarray(frames[1]!.start, frames[1]!.end);
    assert.equal(second.subarray(0, 8).toString('latin1'), '\x89JAN\r\n\x1a\n');
    assert.equal(second.readUInt32LE(8), second.length - 36);
    assert.equal(second.readUInt32LE(12), crc32(Buffer.concat([second.subarray(8, 12), second.subarray(16)])));
    assert.equal((JSON.parse(second.subarray(36).toString()) as { name: string }).name, 'kept');
  });
});
