// The chat's list, search and deletions against the real store.

import assert from 'node:assert/strict';
import type { Conversation, JanApi, Message } from '../../../../src/api/jan';
import { registerDataPlugin } from '../../../../src/builtin/data/dataPlugin';
import type { Disposable } from '../../../../src/common/lifecycle';
import { nullLogger } from '../../../../src/common/log';
import { createCore } from '../../../../src/core/core';
import { asTyped } from '../../../../src/ui/chat/conversationSearch';
import { StoreFixture } from '../../../fixtures/data/storeFixture';
import { ChatPage, eventually } from './chatPage';

const here = 'file:///home/me/here';

describe('The chat and its library of conversations', () => {
  const fixture = new StoreFixture();
  const owned: Disposable[] = [];
  let api: JanApi;
  let page: ChatPage;

  beforeEach(async () => {
    const core = createCore({ log: nullLogger });
    const plugin = registerDataPlugin(core.api('builtin'), { directory: await fixture.directory(), log: nullLogger });
    owned.push(core, plugin);
    // The engine is not what is tested: there is none.
    const engine = core.api('builtin').registerPlugin({ id: 'jan.none', name: 'None', version: '1.0.0' });
    engine.registerProvider('getInferenceModels', async () => []);
    engine.registerProvider('getDownloadedModels', async () => []);
    engine.registerProvider('getEngineState', async () => ({ status: 'stopped', models: [], activeRequests: 0 }));
    api = core.api('ui');
    page = new ChatPage({ api }, new Map(), here, 60_000);
    owned.push(page.controller);
  });
  afterEach(async () => {
    owned.splice(0).reverse().forEach((item) => item.dispose());
    await fixture.dispose();
  });

  const make = (name: string, extra: object = {}): Promise<Conversation> => api.data.createConversation({ name, workspace: here, ...extra });
  const say = (conversationId: string, content: string, extra: object = {}): Promise<Message> =>
    api.data.createMessage({ conversationId, role: 'user', content, ...extra });
  const names = (): string[] => page.state.conversations.map((one) => one.name);
  const search = (text: string, revision: number, extra: object = {}): void =>
    page.say({ type: 'search', revision, text, period: 'any', from: null, to: null, modelId: null, role: null, ...extra });

  it('shows this folder first and all with a click, which the next window remembers', async () => {
    await make('here');
    await make('elsewhere', { workspace: 'file:///home/me/Other%20one' });
    await page.show();
    assert.deepEqual(names(), ['here']);
    page.say({ type: 'filterHistory', filter: { scope: 'all', archived: false, tag: null } });
    await page.until((state) => state.conversations.length === 2);
    assert.deepEqual(page.state.conversations.map((one) => one.folder), ['Other one', null]);
    const next = await new ChatPage({ api }, page.memory, here).show();
    owned.push(next.controller);
    assert.equal(next.state.history.filter.scope, 'all');
    assert.equal(next.state.conversations.length, 2);
  });

  it('pins, archives, tags and filters by tag, and follows what other windows do', async () => {
    const [a, b] = [await make('a'), await make('b')];
    await page.show();
    assert.deepEqual(names(), ['b', 'a']);
    page.say({ type: 'pinConversation', id: a.id, pinned: true });
    await page.until((state) => state.conversations[0]?.name === 'a' && state.conversations[0].pinned);
    page.say({ type: 'tagConversation', id: b.id, tags: ['work'] });
    await page.until((state) => state.history.tags.includes('work'));
    page.say({ type: 'filterHistory', filter: { scope: 'folder', archived: false, tag: 'work' } });
    await page.until((state) => state.conversations.length === 1 && state.conversations[0]!.name === 'b');
    page.say({ type: 'filterHistory', filter: { scope: 'folder', archived: false, tag: null } });
    await page.until((state) => state.conversations.length === 2);
    page.say({ type: 'archiveConversations', ids: [b.id], archived: true });
    await page.until((state) => state.conversations.length === 1);
    page.say({ type: 'filterHistory', filter: { scope: 'folder', archived: true, tag: null } });
    await page.until((state) => state.conversations.length === 1 && state.conversations[0]!.archived);
    await api.data.updateConversation({ id: b.id, archived: false });
    await page.until((state) => state.conversations.length === 0);
  });

  it('offers the tags of conversations that are not listed, and searches within one', async () => {
    const old = await make('elsewhere', { workspace: 'file:///other', tags: ['old'], archived: true });
    const here = await make('here', { tags: ['new'] });
    await say(old.id, 'zebra');
    await say(here.id, 'zebra');
    await page.show();
    assert.deepEqual(page.state.history.tags, ['new', 'old']);
    page.say({ type: 'filterHistory', filter: { scope: 'all', archived: true, tag: 'old' } });
    await page.until((state) => state.history.filter.tag === 'old');
    search('zebra', 1);
    assert.equal((await page.until((state) => state.search?.revision === 1)).search!.total, 1);
    page.say({ type: 'filterHistory', filter: { scope: 'all', archived: false, tag: 'old' } });
    await page.until((state) => state.search?.total === 0);
  });

  it('searches between two days, both included, either of them open', async () => {
    const { id } = await make('here');
    await say(id, 'zebra');
    const now = new Date();
    const day = (days: number): string => {
      const date = new Date(now.getFullYear(), now.getMonth(), now.getDate() + days);
      return [date.getFullYear(), String(date.getMonth() + 1).padStart(2, '0'), String(date.getDate()).padStart(2, '0')].join('-');
    };
    await page.show();
    const total = async (revision: number, from: string | null, to: string | null): Promise<number> => {
      search('zebra', revision, { period: 'range', from, to });
      return (await page.until((state) => state.search?.revision === revision)).search!.total;
    };
    assert.equal(await total(1, day(0), day(0)), 1);
    assert.equal(await total(2, day(1), null), 0);
    assert.equal(await total(3, null, day(-1)), 0);
    assert.equal(await total(4, day(-1), null), 1);
    assert.equal(await total(5, null, null), 1);
  });

  it('reads page after page, each conversation once, also while others are written', async function () {
    this.timeout(20_000);
    for (let i = 0; i < 230; i++) {
      await make(`n${i}`);
    }
    await page.show();
    assert.equal(page.state.conversations.length, 100);
    assert.ok(page.state.hasMoreConversations);
    await make('new');
    await page.until((state) => state.conversations[0]?.name === 'new');
    page.say({ type: 'showMoreConversations' });
    await page.until((state) => state.conversations.length === 201);
    page.say({ type: 'showMoreConversations' });
    const { conversations } = await page.until((state) => !state.hasMoreConversations);
    assert.deepEqual(conversations.map((one) => one.name), ['new', ...Array.from({ length: 230 }, (_, i) => `n${229 - i}`)]);
  });

  it('finds by the beginning of a word, without accents, in Chinese, and by author; the newest search counts', async () => {
    const { id } = await make('Kitchen');
    await say(id, 'A café in 東京都 serves Crème brûlée.');
    await say(id, 'Nothing of the kind, but a cafeteria', { role: 'assistant' });
    await page.show();
    search('caf', 1);
    await page.until((state) => state.search?.revision === 1);
    assert.equal(page.state.search!.total, 2);
    search('creme', 2);
    const { search: found } = await page.until((state) => state.search?.revision === 2);
    const [hit] = found!.hits;
    assert.deepEqual(hit!.highlights.map(([start, end]) => hit!.snippet.slice(start, end)), ['Crème']);
    search('京都', 3);
    assert.equal((await page.until((state) => state.search?.revision === 3)).search!.total, 1);
    search('caf', 4, { role: 'assistant' });
    assert.deepEqual((await page.until((state) => state.search?.revision === 4)).search!.hits.map((one) => one.role), ['assistant']);
    search('', 5);
    await page.until((state) => state.search === null);
  });

  it('opens a hit on the branch that it is on, which stays the one that is shown', async () => {
    const { id } = await make('Branches');
    const question = await say(id, 'A question');
    const old = await say(id, 'The needle', { role: 'assistant', parentId: question.id });
    const shown = await say(id, 'Another answer', { role: 'assistant', parentId: question.id });
    await page.show();
    page.say({ type: 'openConversation', id });
    await page.until((state) => state.messages.at(-1)?.id === shown.id);
    page.say({ type: 'openHit', conversationId: id, messageId: old.id });
    const state = await page.until((one) => one.reveal?.messageId === old.id && one.messages.at(-1)?.id === old.id);
    assert.deepEqual(state.messages.map((one) => one.content), ['A question', 'The needle']);
    await eventually(() => page.state.messages.at(-1)?.id === old.id);
    assert.equal((await api.data.getConversation(id)).activeMessageId, old.id);
  });

  it('goes on from a message in a new conversation; the old one stays as it is', async () => {
    const { id } = await make('Original');
    await say(id, 'one');
    const second = await say(id, 'two', { role: 'assistant' });
    await say(id, 'three');
    await page.show();
    page.say({ type: 'openConversation', id });
    await page.until((state) => state.messages.length === 3);
    page.say({ type: 'fork', messageId: second.id });
    const state = await page.until((one) => one.conversationId !== id && one.messages.length === 2);
    assert.deepEqual(state.messages.map((one) => one.content), ['one', 'two']);
    assert.equal((await api.data.getConversationMessages(id)).length, 3);
    assert.equal(state.conversations.length, 2);
  });

  it('deletes many at once and brings all of them back', async () => {
    const ids: string[] = [];
    for (const name of ['a', 'b', 'c', 'd']) {
      ids.push((await make(name)).id);
    }
    await page.show();
    page.say({ type: 'deleteConversations', ids: ids.slice(0, 3) });
    await page.until((state) => state.undo?.count === 3 && state.conversations.length === 1);
    await eventually(() => page.state.conversations.length === 1);
    page.say({ type: 'undoDelete' });
    await page.until((state) => state.conversations.length === 4 && state.undo === null);
    assert.equal((await api.data.getConversations()).length, 4);
  });

  it('takes the last word of a search for one that is still being typed', () => {
    assert.equal(asTyped('two wor'), 'two wor*');
    assert.equal(asTyped('two words '), 'two words ');
    assert.equal(asTyped('"exact wor'), '"exact wor');
    assert.equal(asTyped('"exact words"'), '"exact words"');
  });
});
