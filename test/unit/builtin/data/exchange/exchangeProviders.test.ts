import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { DataService, ExchangeProgress } from '../../../../../src/api/jan';
import { registerDataPlugin } from '../../../../../src/builtin/data/dataPlugin';
import { isJanError, type JanErrorCode } from '../../../../../src/common/errors';
import type { Disposable } from '../../../../../src/common/lifecycle';
import { nullLogger } from '../../../../../src/common/log';
import { createCore } from '../../../../../src/core/core';
import { StoreFixture } from '../../../../fixtures/data/storeFixture';

const fixtures = path.resolve('test/fixtures/exchange');

describe('Export and import as services', function () {
  this.timeout(30_000);
  const fixture = new StoreFixture();
  const owned: Disposable[] = [];
  let folder: string;
  let data: DataService;

  const open = async (): Promise<DataService> => {
    const core = createCore({ log: nullLogger });
    owned.push(core, registerDataPlugin(core.api('builtin'), { directory: await fixture.directory(), log: nullLogger }));
    return core.api('test').data;
  };
  const rejects = (call: Promise<unknown>, code: JanErrorCode, message?: RegExp): Promise<void> =>
    assert.rejects(call, (error) => isJanError(error, code) && (message?.test(error.message) ?? true));
  const talk = async (name: string, ...texts: string[]): Promise<string> => {
    const { id } = await data.createConversation({ name });
    for (const [index, content] of texts.entries()) {
      await data.createMessage({ conversationId: id, role: index % 2 === 0 ? 'user' : 'assistant', content });
    }
    return id;
  };

  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'jan-exchange-'));
    data = await open();
  });
  afterEach(async () => {
    owned.splice(0).reverse().forEach((item) => item.dispose());
    await rm(folder, { recursive: true, force: true });
    await fixture.dispose();
  });

  it('exports everything to JSON with attachments, which another store takes in and gives back', async () => {
    const id = await talk('With a file', 'look', 'seen');
    const bytes = Buffer.from('const a = 1;\n'.repeat(10_000));
    const attachment = await data.storeAttachment(bytes, { name: 'a.ts', mediaType: 'text/plain' });
    await data.createMessage({ conversationId: id, role: 'user', content: 'this one', attachments: [attachment] });
    await talk('Other', 'hello');
    const target = path.join(folder, 'all.json');
    const written = await data.exportConversations({ format: 'json', path: target });
    assert.deepEqual([written.conversations, written.messages, written.files, written.missingAttachments], [2, 4, 1, 0]);
    assert.equal((await readFile(target)).length, written.bytes);

    const other = await open();
    const preview = await other.previewImport([target]);
    assert.deepEqual([preview.sources, preview.fresh, preview.messages, preview.skipped], [['jan'], 2, 4, []]);
    assert.deepEqual(await other.getConversations(), [], 'a preview changes nothing');
    const receipt = await other.importConversations(preview.id);
    assert.deepEqual([receipt.outcome, receipt.messages, receipt.failed], ['complete', 4, []]);
    assert.deepEqual(Buffer.from(await other.getAttachment(attachment.id)), bytes);
    assert.deepEqual(await other.getConversationMessages(id), await data.getConversationMessages(id));

    const again = await other.previewImport([target]);
    assert.deepEqual([again.fresh, again.duplicates], [0, 2]);
    assert.equal(await other.undoImport(receipt.conversationIds), 2);
    assert.deepEqual(await other.getConversations(), []);
  });

  it('undo takes back what an import made, and nothing else', async () => {
    const mine = await talk('Mine', 'stays');
    const preview = await data.previewImport([path.join(fixtures, 'chatgpt/conversations.json')]);
    assert.deepEqual(preview.sources, ['chatgpt']);
    const receipt = await data.importConversations(preview.id);
    assert.equal(receipt.conversationIds.length, preview.fresh);
    assert.ok(preview.fresh > 0);
    await data.undoImport(receipt.conversationIds);
    assert.deepEqual((await data.getConversations()).map(({ id }) => id), [mine]);
  });

  it('reads a folder of threads, and says of each file what is wrong with it', async () => {
    const preview = await data.previewImport([path.join(fixtures, 'jan-desktop'), path.join(fixtures, 'continue')]);
    assert.deepEqual([...preview.sources].sort(), ['continue', 'jan-desktop']);
    assert.ok(preview.conversations >= 2);
    await writeFile(path.join(folder, 'bad.json'), '{"conversations": [nonsense');
    const bad = await data.previewImport([path.join(folder, 'bad.json')]);
    assert.equal(bad.conversations, 0);
    assert.match(bad.skipped[0]!.where, /bad\.json/);
  });

  it('exports one as Markdown, several as one document, all as a folder', async () => {
    const one = await talk('First', 'Q1', 'A1');
    await talk('Second: a/b', 'Q2', 'A2');
    const single = path.join(folder, 'one.md');
    await data.exportConversations({ format: 'markdown', path: single, conversationIds: [one] });
    assert.match(await readFile(single, 'utf8'), /^---\ntitle: "First"\n[^]*# First\n[^]*Q1[^]*A1/);
    const both = path.join(folder, 'both.md');
    await data.exportConversations({ format: 'markdown', path: both });
    const text = await readFile(both, 'utf8');
    assert.match(text, /^# Second: a\/b\n\n\*.+\*\n[^]*\n---\n\n# First\n/);
    assert.doesNotMatch(text, /title:/);
    const many = path.join(folder, 'out', 'deep');
    const result = await data.exportConversations({ format: 'markdown', into: 'folder', path: many });
    assert.deepEqual([result.conversations, result.files], [2, 2]);
    const names = await readdir(many);
    assert.ok(names.some((name) => /^\d{4}-\d\d-\d\d First\.md$/.test(name)) && names.some((name) => /Second a b\.md$/.test(name)), names.join());
    await rejects(data.exportConversations({ format: 'markdown', into: 'folder', path: many }), 'invalid-argument', /not empty/);
  });

  it('leaves nothing behind when it is cancelled or fails', async () => {
    for (let n = 0; n < 5; n++) {
      await talk(`C${n}`, 'x'.repeat(1000));
    }
    for (const into of ['file', 'folder'] as const) {
      const abort = new AbortController();
      const onProgress = ({ done }: ExchangeProgress): void => void (done === 3 && abort.abort());
      const target = path.join(folder, into);
      await rejects(data.exportConversations({ format: 'markdown', into, path: target }, { signal: abort.signal, onProgress }), 'cancelled');
    }
    assert.deepEqual(await readdir(folder), []);
    const kept = path.join(folder, 'kept.json');
    await writeFile(kept, 'mine');
    const abort = new AbortController();
    await rejects(data.exportConversations({ format: 'json', path: kept }, { signal: abort.signal, onProgress: () => abort.abort() }), 'cancelled');
    assert.equal(await readFile(kept, 'utf8'), 'mine');
    assert.deepEqual(await readdir(folder), ['kept.json']);
  });

  it('a cancelled import says what it added, and that can be undone', async () => {
    for (let n = 0; n < 30; n++) {
      await talk(`C${n}`, 'x');
    }
    const file = path.join(folder, 'all.json');
    await data.exportConversations({ format: 'json', path: file });
    const other = await open();
    const preview = await other.previewImport([file]);
    const abort = new AbortController();
    const receipt = await other.importConversations(preview.id, {
      signal: abort.signal,
      onProgress: ({ stage, done }) => void (stage === 'writing' && done === 5 && abort.abort()),
    });
    const added = (await other.getConversations()).map(({ id }) => id);
    assert.equal(receipt.outcome, 'cancelled');
    assert.ok(added.length >= 5 && added.length < 30, String(added.length));
    assert.deepEqual([...receipt.conversationIds].sort(), added.sort());
    await other.undoImport(receipt.conversationIds);
    assert.deepEqual(await other.getConversations(), []);
  });

  it('refuses in words what is no place, no file and no preview', async () => {
    const id = await talk('One', 'x');
    await rejects(data.exportConversations({ format: 'json', path: 'relative.json' }), 'invalid-argument', /absolute/);
    await rejects(data.exportConversations({ format: 'json', into: 'folder', path: folder }), 'invalid-argument');
    await rejects(data.exportConversations({ format: 'xml' as never, path: '/tmp/x' }), 'invalid-argument');
    await rejects(data.exportConversations({ format: 'json', path: path.join(folder, 'none', 'x.json') }), 'invalid-argument', /not there/);
    await rejects(data.exportConversations({ format: 'json', path: path.join(folder, 'x.json'), conversationIds: ['gone'] }), 'conversation-not-found');
    assert.deepEqual(await readdir(folder), []);
    if (process.getuid?.() !== 0) {
      await mkdir(path.join(folder, 'closed'));
      await chmod(path.join(folder, 'closed'), 0o500);
      await rejects(data.exportConversations({ format: 'json', path: path.join(folder, 'closed', 'x.json') }), 'invalid-argument', /permission/);
    }
    await rejects(data.previewImport([]), 'invalid-argument');
    await rejects(data.previewImport(['relative.json']), 'invalid-argument', /absolute/);
    await rejects(data.previewImport([path.join(folder, 'none.json')]), 'invalid-argument', /not there/);
    await rejects(data.previewImport([folder]), 'invalid-argument', /no \.json/);
    await writeFile(path.join(folder, 'export.zip'), Buffer.from('PK\u0003\u0004rest'));
    await rejects(data.previewImport([path.join(folder, 'export.zip')]), 'invalid-argument', /damaged/);
    await rejects(data.importConversations('nothing'), 'invalid-argument');
    await rejects(data.undoImport('all' as never), 'invalid-argument');

    const file = path.join(folder, 'one.json');
    await data.exportConversations({ format: 'json', path: file, conversationIds: [id] });
    const first = await data.previewImport([file]);
    const second = await data.previewImport([file]);
    await rejects(data.importConversations(first.id), 'invalid-argument', /newest/);
    assert.equal((await data.importConversations(second.id)).duplicates, 1);
    await rejects(data.importConversations(second.id), 'invalid-argument');
  });

  it('counts what a purge would remove without removing it', async () => {
    await talk('Old', 'a', 'b');
    const query = { olderThan: Date.now() + 1000 };
    assert.deepEqual(await data.purgeConversations({ ...query, dryRun: true }), { conversations: 1, messages: 2 });
    assert.equal((await data.getConversations()).length, 1);
    assert.deepEqual(await data.purgeConversations(query), { conversations: 1, messages: 2 });
    assert.deepEqual(await data.getConversations(), []);
  });
});
