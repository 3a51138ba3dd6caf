import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import type { Conversation, JanApi, JanErrorCode, Message } from '../../../../src/api/jan';
import { registerDataPlugin } from '../../../../src/builtin/data/dataPlugin';
import { isJanError } from '../../../../src/common/errors';
import type { Disposable } from '../../../../src/common/lifecycle';
import { nullLogger } from '../../../../src/common/log';
import { createUuidV7 } from '../../../../src/common/uuid';
import { createCore } from '../../../../src/core/core';
import { readFrames, storeFileNames, StoreFixture } from '../../../fixtures/data/storeFixture';

const rejects = (promise: Promise<unknown>, code: JanErrorCode, text?: RegExp): Promise<void> =>
  assert.rejects(promise, (error) => {
    assert.ok(isJanError(error, code), `${code} expected, not ${String(error)}`);
    assert.match(error.message, text ?? /\S.*\.$/);
    return true;
  });
const day = 24 * 60 * 60 * 1000;

describe('Data service: a library of conversations', () => {
  const fixture = new StoreFixture();
  const owned: Disposable[] = [];
  let api: JanApi;
  let directory: string;
  let clock: number;
  const unknownId = createUuidV7();

  beforeEach(async () => {
    const core = createCore({ log: nullLogger });
    clock = 1_800_000_000_000;
    directory = await fixture.directory();
    owned.push(core, registerDataPlugin(core.api('builtin'), { directory, log: nullLogger, now: () => ++clock }));
    api = core.api('test');
  });
  afterEach(async () => {
    owned.splice(0).reverse().forEach((item) => item.dispose());
    await fixture.dispose();
  });

  const make = (name: string, extra: object = {}): Promise<Conversation> => api.data.createConversation({ name, ...extra });
  const say = (conversationId: string, content: string, extra: object = {}): Promise<Message> =>
    api.data.createMessage({ conversationId, role: 'user', content, ...extra });
  const names = async (query: object): Promise<string[]> => (await api.data.getConversations(query)).map(({ name }) => name);

  describe('pins, archive, tags, folder, settings', () => {
    it('are kept, changed and taken away, without moving the conversation in the list', async () => {
      const settings = { temperature: 0.2, seed: -3 };
      const made = await make('a', { pinned: true, tags: ['x', 'y', 'x'], workspace: 'file:///w', settings });
      assert.deepEqual(made, {
        id: made.id, name: 'a', pinned: true, tags: ['x', 'y'], workspace: 'file:///w', settings,
        createdAt: made.createdAt, updatedAt: made.updatedAt,
      });
      await make('b');
      const { id } = made;
      const changed = await api.data.updateConversation({ id, pinned: false, archived: true, tags: [], workspace: '', settings: {} });
      assert.deepEqual(changed, { id, name: 'a', archived: true, createdAt: made.createdAt, updatedAt: made.updatedAt });
      assert.deepEqual(await names({}), ['b', 'a']);
      await api.data.updateConversation({ id, name: 'c' });
      assert.deepEqual(await names({}), ['c', 'b']);
    });

    it('select and sort what is listed', async () => {
      await make('one', { workspace: 'file:///w', tags: ['t,"u"'] });
      await make('two', { pinned: true });
      await make('three', { archived: true, tags: ['t', 'u'] });
      await make('four', { workspace: 'file:///w', pinned: true });
      const last = await make('five');
      assert.deepEqual(await names({ workspace: 'file:///w' }), ['four', 'one']);
      assert.deepEqual(await names({ workspace: null, archived: false }), ['five', 'two']);
      assert.deepEqual(await names({ archived: true }), ['three']);
      assert.deepEqual(await names({ pinned: false }), ['five', 'three', 'one']);
      assert.deepEqual([await names({ tag: 't' }), await names({ tag: 't,"u"' }), await names({ tag: ',' })], [['three'], ['one'], []]);
      assert.deepEqual(await names({ ids: [last.id, unknownId] }), ['five']);
      await api.data.deleteConversation((await make('gone', { tags: ['gone'] })).id);
      assert.deepEqual(await api.data.getConversationTags(), [
        { tag: 't', conversations: 1 },
        { tag: 't,"u"', conversations: 1 },
        { tag: 'u', conversations: 1 },
      ]);
      const paged: string[] = [];
      let page = await api.data.getConversations({ limit: 2, pinnedFirst: true });
      while (page.length > 0) {
        paged.push(...page.map(({ name }) => name));
        page = await api.data.getConversations({ limit: 2, pinnedFirst: true, after: page.at(-1)! });
      }
      assert.deepEqual(paged, ['four', 'two', 'five', 'three', 'one']);
    });

    it('refuse what is wrong', async () => {
      const wrong: object[] = [
        { tags: [''] }, { tags: ['a\0'] }, { tags: 'a' }, { tags: Array.from({ length: 51 }, (_, i) => `${i}`) },
        { pinned: 1 }, { archived: 'no' }, { workspace: 'x'.repeat(4001) }, { settings: { temperature: 3 } },
        { settings: { topP: 0 } }, { settings: { other: 1 } }, { settings: null }, { workspace: null },
      ];
      for (const fields of wrong) {
        await rejects(make('x', fields), 'invalid-argument');
      }
      for (const query of [{ ids: 'x' }, { tag: '' }, { workspace: 1 }, { pinnedFirst: 'yes' }]) {
        await rejects(api.data.getConversations(query as never), 'invalid-argument');
      }
    });
  });

  describe('DELETE_CONVERSATIONS, RESTORE_CONVERSATION, PURGE_CONVERSATIONS', () => {
    it('delete many, and bring back as it was', async () => {
      const [one, two] = [await make('one', { tags: ['t'] }), await make('two')];
      const message = await say(one.id, 'text');
      const before = await api.data.getConversation(one.id);
      assert.deepEqual(await api.data.deleteConversations([one.id, two.id, unknownId, one.id]), [one.id, two.id]);
      assert.deepEqual(await api.data.getConversations(), []);
      await rejects(api.data.updateMessage({ id: message.id, content: 'x' }), 'message-not-found');
      await rejects(say(one.id, 'x'), 'conversation-not-found');
      assert.deepEqual(await api.data.restoreConversation(one.id), before);
      assert.deepEqual(await api.data.restoreConversation(one.id), before);
      assert.deepEqual(await api.data.getConversationMessages(one.id), [message]);
      assert.deepEqual(await names({}), ['one']);
    });

    it('forget for good: what was deleted long ago, and what a purge names', async () => {
      const [old, pinned, deleted] = [await make('old'), await make('pinned', { pinned: true }), await make('deleted')];
      await say(old.id, 'text');
      await api.data.deleteConversation(deleted.id);
      assert.deepEqual(await api.data.purgeConversations({ olderThan: clock + 1, deletedOnly: true }), { conversations: 1, messages: 0 });
      await rejects(api.data.restoreConversation(deleted.id), 'conversation-not-found');
      assert.deepEqual(await api.data.purgeConversations({ olderThan: old.createdAt }), { conversations: 0, messages: 0 });
      assert.deepEqual(await api.data.purgeConversations({ olderThan: clock + 1 }), { conversations: 1, messages: 1 });
      assert.deepEqual(await names({}), ['pinned']);
      await api.data.deleteConversation(pinned.id);
      clock += 30 * day + 10;
      await rejects(api.data.restoreConversation(pinned.id), 'conversation-not-found', /30 days/);
    });

    it('leave nothing of a deleted conversation in a snapshot after 30 days', async () => {
      const store = fixture.open(directory, { now: () => clock });
      const { id } = await store.createConversation({ name: 'x' });
      await store.createMessage({ conversationId: id, role: 'user', content: 'verysecretword' });
      await store.searchMessages({ text: 'verysecretword' });
      await store.deleteConversation(id);
      await store.compact();
      assert.ok((await readFile(path.join(directory, 'snapshot-2.db'))).includes('verysecretword'));
      clock += 31 * day;
      await store.compact();
      assert.ok(!(await readFile(path.join(directory, 'snapshot-3.db'))).includes('verysecretword'));
    });

    it('refuse what is wrong', async () => {
      await rejects(api.data.deleteConversations([]), 'invalid-argument');
      await rejects(api.data.deleteConversations('x' as never), 'invalid-argument');
      await rejects(api.data.restoreConversation(unknownId), 'conversation-not-found');
      await rejects(api.data.restoreConversation(1 as never), 'invalid-argument');
      await rejects(api.data.purgeConversations({} as never), 'invalid-argument', /olderThan/);
      await rejects(api.data.purgeConversations({ olderThan: -1 }), 'invalid-argument');
    });
  });

  it('FORK_CONVERSATION copies the way to a message', async () => {
    const source = await make('source', { tags: ['t'], pinned: true, systemPrompt: 'Be brief.' });
    const question = await say(source.id, 'Q');
    const answer = await say(source.id, 'A', { role: 'assistant', status: 'streaming' });
    await say(source.id, 'other', { parentId: question.id });
    const fork = await api.data.forkConversation(source.id, answer.id);
    assert.notEqual(fork.id, source.id);
    assert.deepEqual([fork.name, fork.tags, fork.pinned, fork.systemPrompt], ['source', ['t'], undefined, 'Be brief.']);
    assert.deepEqual(fork.forkedFrom, { conversationId: source.id, messageId: answer.id });
    const copied = await api.data.getConversationMessages(fork.id, { branch: 'all' });
    assert.deepEqual(copied.map(({ content, status, createdAt }) => [content, status, createdAt]), [
      ['Q', 'complete', question.createdAt],
      ['A', 'interrupted', answer.createdAt],
    ]);
    assert.deepEqual([copied[1]!.parentId, fork.activeMessageId], [copied[0]!.id, copied[1]!.id]);
    await api.data.updateMessage({ id: copied[0]!.id, content: 'changed' });
    assert.equal((await api.data.getConversationMessages(source.id))[0]!.content, 'Q');
    await rejects(api.data.forkConversation(unknownId, answer.id), 'conversation-not-found');
    await rejects(api.data.forkConversation(source.id, copied[0]!.id), 'message-not-found');
    await rejects(api.data.forkConversation(source.id, 5 as never), 'invalid-argument');
  });

  it('IMPORT_CONVERSATION keeps everything, adds what is missing, and changes nothing that is there', async () => {
    const conversation: Conversation = {
      id: 'c1', name: 'imported', modelId: 'm', pinned: true, tags: ['t'], workspace: 'file:///w', settings: { topK: 1 },
      activeMessageId: 'm1', forkedFrom: { conversationId: 'x', messageId: 'y' }, createdAt: 5, updatedAt: 7,
    };
    const message = (id: string, parentId: string | null, content: string): Message => ({
      id, conversationId: 'c1', parentId, role: 'user', content, reasoning: 'r', status: 'complete', createdAt: 5, updatedAt: 6,
    });
    const messages = [message('m1', null, 'x'.repeat(300_000)), message('m2', 'm1', 'y'.repeat(300_000)), message('m3', 'm1', 'z')];
    assert.deepEqual(await api.data.importConversation({ conversation, messages }), { conversation, created: true, messages: 3 });
    assert.deepEqual(await api.data.getConversationMessages('c1', { branch: 'all' }), messages);
    assert.ok((await readFrames(path.join(directory, 'journal-1.log'))).length >= 4, 'in several records');
    await api.data.updateConversation({ id: 'c1', tags: ['mine'] });
    const again = await api.data.importConversation({ conversation, messages: [...messages, message('m4', 'm3', 'new')] });
    assert.deepEqual([again.created, again.messages, again.conversation.tags], [false, 1, ['mine']]);
    await api.data.deleteConversation('c1');
    assert.equal((await api.data.importConversation({ conversation, messages })).created, true);
    assert.equal((await api.data.getConversationMessages('c1', { branch: 'all' })).length, 4);
    await rejects(api.data.importConversation({ conversation, messages: [message('m9', 'nobody', '')] }), 'invalid-argument', /parent/);
    const other = { ...conversation, id: 'c2' };
    await rejects(
      api.data.importConversation({ conversation: other, messages: [{ ...message('m1', null, ''), conversationId: 'c2' }] }),
      'invalid-argument',
      /another conversation/,
    );
    await rejects(api.data.importConversation({ conversation: { ...conversation, id: '' }, messages }), 'invalid-argument');
    await rejects(api.data.importConversation({ conversation } as never), 'invalid-argument');
    assert.equal((await api.data.getConversations()).length, 1);
  });

  it('SEARCH_MESSAGES refuses what is wrong', async () => {
    for (const query of [undefined, {}, { text: 5 }, { text: 'x'.repeat(1001) }, { text: 'x', limit: 0 }, { text: 'x', offset: 501 },
      { text: 'x', role: 'god' }, { text: 'x', from: 'today' }, { text: 'x', workspace: 3 }]) {
      await rejects(api.data.searchMessages(query as never), 'invalid-argument');
    }
    assert.deepEqual(await api.data.searchMessages({ text: 'x' }), { hits: [], total: 0 });
  });

  describe('STORE_ATTACHMENT, GET_ATTACHMENT', () => {
    const bytes = Buffer.from('print(1)\n');
    const id = createHash('sha256').update(bytes).digest('hex');
    const info = { name: 'src/a b.py', mediaType: 'text/x-python', range: { startLine: 1, endLine: 3 } };

    it('keep bytes once, and messages name them', async () => {
      const attachment = await api.data.storeAttachment(bytes, info);
      assert.deepEqual(attachment, { ...info, id, size: bytes.length });
      await api.data.storeAttachment(new Uint8Array(bytes), { ...info, name: 'again' });
      assert.deepEqual(await readdir(path.join(directory, 'blobs')), [id]);
      assert.deepEqual(Buffer.from(await api.data.getAttachment(id)), bytes);
      const conversation = await make('x');
      const message = await say(conversation.id, 'see', { attachments: [attachment] });
      assert.deepEqual(message.attachments, [attachment]);
      assert.deepEqual(await api.data.getConversationMessages(conversation.id), [message]);
      assert.equal('attachments' in (await say(conversation.id, 'none', { attachments: [] })), false);
    });

    it('refuse what is wrong, missing, or changed on disk', async () => {
      await rejects(api.data.storeAttachment('text' as never, info), 'invalid-argument', /Uint8Array/);
      await rejects(api.data.storeAttachment(bytes, { ...info, name: '' }), 'invalid-argument');
      await rejects(api.data.storeAttachment(bytes, { ...info, mediaType: 'x' }), 'invalid-argument');
      await rejects(api.data.storeAttachment(bytes, { ...info, range: { startLine: 3, endLine: 1 } }), 'invalid-argument');
      for (const wrong of ['../../etc/passwd', id.toUpperCase(), `${id}/..`, '', 3]) {
        await rejects(api.data.getAttachment(wrong as string), 'invalid-argument');
      }
      await rejects(api.data.getAttachment(id), 'attachment-not-found');
      const { id: conversationId } = await make('x');
      const attachment = { ...info, id, size: bytes.length };
      await rejects(say(conversationId, 'x', { attachments: [attachment] }), 'attachment-not-found');
      await api.data.storeAttachment(bytes, info);
      await rejects(say(conversationId, 'x', { attachments: [{ ...attachment, size: 1 }] }), 'attachment-not-found');
      await writeFile(path.join(directory, 'blobs', id), 'print(2)\n');
      await rejects(api.data.getAttachment(id), 'store-damaged');
    });

    it('are removed a day after nothing uses them any more', async () => {
      const used = await api.data.storeAttachment(bytes, info);
      const unused = await api.data.storeAttachment(Buffer.from('old'), info);
      const young = await api.data.storeAttachment(Buffer.from('young'), info);
      const { id: conversationId } = await make('x', { pinned: true });
      await say(conversationId, 'x', { attachments: [used] });
      await make('to purge');
      for (const { id: name } of [used, unused]) {
        await utimes(path.join(directory, 'blobs', name), 1, 1);
      }
      await api.data.purgeConversations({ olderThan: clock + 1 });
      assert.deepEqual((await readdir(path.join(directory, 'blobs'))).sort(), [used.id, young.id].sort());
    });
  });

  describe('CHECK_STORE, BACKUP_STORE, RESTORE_STORE', () => {
    const fill = async (): Promise<Conversation> => {
      const conversation = await make('kept', { tags: ['t'] });
      const attachment = await api.data.storeAttachment(Buffer.from('bytes'), { name: 'n', mediaType: 'text/plain' });
      await say(conversation.id, 'with a file', { attachments: [attachment] });
      await say(conversation.id, 'answer', { role: 'assistant' });
      await api.data.storeModel({ id: 'm', name: 'M', backendId: 'llama.cpp', source: 'file', finishDownloadAt: 3 });
      return api.data.getConversation(conversation.id);
    };

    it('say that all is well, or what is not', async () => {
      await fill();
      const report = await api.data.checkStore();
      assert.deepEqual([report.ok, report.conversations, report.messages, report.attachments, report.findings], [true, 1, 2, 1, []]);
      assert.match(report.summary, /1 conversation with 2 messages.*in order/);
      const journal = path.join(directory, 'journal-1.log');
      const whole = await readFile(journal);
      const frames = await readFrames(journal);
      const damaged = Buffer.from(whole);
      damaged[frames[2]!.start + 40]! ^= 1;
      await writeFile(journal, damaged);
      const [blob] = await readdir(path.join(directory, 'blobs'));
      await writeFile(path.join(directory, 'blobs', blob!), 'other');
      await writeFile(path.join(directory, 'snapshot-1.db'), 'junk');
      const bad = await api.data.checkStore();
      assert.equal(bad.ok, false);
      assert.deepEqual([...new Set(bad.findings.map(({ kind }) => kind))].sort(), ['difference', 'record', 'snapshot'].sort());
      assert.match(bad.summary, /Found \d problems: .*journal-1\.log/);
    });

    it('find a changed attachment', async () => {
      await fill();
      const [blob] = await readdir(path.join(directory, 'blobs'));
      await writeFile(path.join(directory, 'blobs', blob!), 'other');
      const { findings } = await api.data.checkStore();
      assert.deepEqual(findings.map(({ kind, file }) => [kind, file]), [['attachment', blob]]);
    });

    it('copy into a folder that is a store, and bring back from it what is missing', async () => {
      const conversation = await fill();
      const messages = await api.data.getConversationMessages(conversation.id);
      const target = path.join(directory, '..', 'backup');
      const result = await api.data.backupStore(target);
      assert.deepEqual([result.path, result.conversations, result.messages, result.attachments], [target, 1, 2, 1]);
      assert.deepEqual(await storeFileNames(target), ['blobs', 'journal-2.log', 'snapshot-2.db']);
      await rejects(api.data.backupStore(target), 'invalid-argument', /not empty/);
      const copy = path.join(directory, '..', 'copy');
      await cp(target, copy, { recursive: true });
      assert.deepEqual(await fixture.open(copy).getConversationMessages(conversation.id), messages);

      const fresh = createCore({ log: nullLogger });
      const freshDirectory = await fixture.directory();
      owned.push(fresh, registerDataPlugin(fresh.api('builtin'), { directory: freshDirectory, log: nullLogger }));
      const { data } = fresh.api('test');
      await data.createConversation({ name: 'stays' });
      assert.deepEqual(await data.restoreStore(target), { conversations: 1, messages: 2, models: 1, attachments: 1 });
      assert.deepEqual(await data.getConversation(conversation.id), conversation);
      assert.deepEqual(await data.getConversationMessages(conversation.id), messages);
      assert.equal(Buffer.from(await data.getAttachment(messages[0]!.attachments![0]!.id)).toString(), 'bytes');
      assert.equal((await data.getConversations()).length, 2);
      assert.deepEqual(await data.restoreStore(target), { conversations: 0, messages: 0, models: 0, attachments: 0 });
      assert.deepEqual(await storeFileNames(target), ['blobs', 'journal-2.log', 'snapshot-2.db']);
    });

    it('refuse what is wrong', async () => {
      await rejects(api.data.backupStore('relative'), 'invalid-argument', /absolute/);
      await rejects(api.data.backupStore(''), 'invalid-argument');
      await rejects(api.data.restoreStore(path.join(directory, 'nowhere')), 'invalid-argument', /no backup/);
      const junk = path.join(directory, '..', 'junk');
      await mkdir(junk);
      await writeFile(path.join(junk, 'snapshot-2.db'), 'x');
      await rejects(api.data.restoreStore(junk), 'store-damaged');
      await rejects(api.data.restoreStore(directory), 'invalid-argument', /itself/);
      await writeFile(path.join(directory, '..', 'file'), '');
      await rejects(api.data.backupStore(path.join(directory, '..', 'file', 'x')), 'store-unavailable');
    });
  });

  describe('a store of version 1', () => {
    const version1 = path.resolve('test/fixtures/data/version1');
    const expected = async (): Promise<{ conversations: Conversation[]; messages: Message[] }> =>
      JSON.parse(await readFile(path.join(version1, 'expected.json'), 'utf8')) as never;

    it('is opened, searched, written to and carried over, with its files kept until the new ones are proven', async () => {
      await cp(version1, directory, { recursive: true });
      const store = fixture.open(directory);
      const { conversations, messages } = await expected();
      const found = await store.getConversations();
      assert.deepEqual(found, conversations);
      const read = await Promise.all(found.map(({ id }) => store.getConversationMessages(id, { branch: 'all' })));
      assert.deepEqual(read.flat(), messages);
      assert.deepEqual((await store.searchMessages({ text: '東京' })).hits.length, 2);
      await store.updateConversation({ id: found[0]!.id, pinned: true });
      assert.deepEqual(await storeFileNames(directory), ['expected.json', 'journal-2.log', 'snapshot-2.db']);
      assert.deepEqual(await readFile(path.join(directory, 'snapshot-2.db')), await readFile(path.join(version1, 'snapshot-2.db')));
      await store.compact();
      assert.ok((await storeFileNames(directory)).includes('snapshot-2.db'), 'the generation before is kept');
      const anew = fixture.open(directory);
      assert.equal(await anew.contentHash(), await store.contentHash());
      assert.equal((await anew.getConversation(found[0]!.id)).pinned, true);
      assert.equal((await anew.checkStore()).ok, true);
    });

    it('stays one that older windows can write to, until something new is used', async () => {
      await cp(version1, directory, { recursive: true });
      const store = fixture.open(directory);
      const versions = async (): Promise<number[]> =>
        (await readFrames(path.join(directory, 'journal-2.log'))).map(({ version }) => version);
      const { id } = await store.createConversation({ name: 'plain' });
      await store.createMessage({ conversationId: id, role: 'user', content: 'x' });
      await store.updateConversation({ id, name: 'y' });
      assert.ok((await versions()).every((version) => version === 1));
      await store.deleteConversation(id);
      assert.equal((await versions()).at(-1), 2);
    });

    it('is refused when its tables are not ours', async () => {
      await mkdir(directory, { recursive: true });
      const { default: initialise } = await import('sql.js');
      const sqlite = await initialise();
      const { View } = await import('../../../../src/builtin/data/view');
      const database = new sqlite.Database(await readFile(path.join(version1, 'snapshot-2.db')).then((bytes) => bytes.subarray(0, -24)));
      database.run('CREATE VIEW extra AS SELECT 1');
      assert.throws(() => new View(sqlite, database.export()), /other tables/);
      database.run('DROP VIEW extra');
      const view = new View(sqlite, database.export());
      assert.deepEqual(view.integrityProblems(), []);
      view.close();
    });
  });
});
