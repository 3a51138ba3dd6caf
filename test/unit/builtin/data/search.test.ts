import assert from 'node:assert/strict';
import type { SearchPage } from '../../../../src/api/jan';
import { findPhrases, parseSearchText } from '../../../../src/builtin/data/searchPhrases';
import { indexText, termsIn } from '../../../../src/builtin/data/searchText';
import { createSnippet } from '../../../../src/builtin/data/snippets';
import { seededRandom, StoreFixture, type TestStore } from '../../../fixtures/data/storeFixture';

describe('Search text', () => {
  const terms = (text: string): string[] => [...termsIn(text)].map(({ term }) => term);

  it('folds case, accents and widths, and keeps what is no accent', () => {
    assert.deepEqual(terms('Crème BRÛLÉE, Straße; Đà Nẵng İstanbul Łódź'), [
      'creme', 'brulee', 'strasse', 'da', 'nang', 'istanbul', 'lodz',
    ]);
    assert.deepEqual(terms('e\u0301te\u0301'), ['ete']);
    assert.deepEqual(terms('ＡＢＣ１２'), ['abc12']);
    assert.notDeepEqual(terms('कि'), terms('की'));
    assert.notDeepEqual(terms('か'), terms('が'));
    assert.deepEqual(terms('か\u3099'), terms('が'));
    assert.deepEqual(terms('ｶﾞｽ'), terms('ガス'));
    assert.deepEqual(terms('한국'.normalize('NFD')), terms('한국'));
  });

  it('takes scripts without spaces apart into pairs, and emoji one by one', () => {
    assert.deepEqual(terms('東京都 Tokyo2020年'), ['東京', '京都', '都', 'tokyo2020', '年']);
    assert.deepEqual(terms('字'), ['字']);
    assert.deepEqual(terms('a😀👍b'), ['a', '😀', '👍', 'b']);
  });

  it('knows where each term stands', () => {
    const text = '𝒳 naïve 日本語。x\u0301';
    for (const { term, start, end, headEnd } of termsIn(text)) {
      assert.ok(start < headEnd && headEnd <= end);
      assert.equal(terms(text.slice(start, end))[0], term);
    }
  });

  it('gives the index the same terms, whether or not a text is plain ASCII', () => {
    for (const text of ['Hello, World_1 x'.repeat(3), 'a'.repeat(200), 'Ünï 東京', '', ' \0\ud800 ']) {
      assert.equal(indexText(text), terms(text).join(' '));
      assert.match(indexText(text), /^[\p{L}\p{N}\p{M}\p{Extended_Pictographic} ]*$/u);
    }
  });

  it('never lets a query out of its quotes', () => {
    const random = seededRandom(5);
    for (let i = 0; i < 300; i++) {
      const text = Array.from({ length: 30 }, () => String.fromCharCode(Math.floor(random() * 0x3100))).join('');
      for (const phrase of parseSearchText(`"${text} OR NEAR/2`)) {
        assert.ok(phrase.terms.every((term) => !/["* ]/.test(term)), JSON.stringify(phrase));
      }
    }
  });

  it('shows the best place, with marks that fit', () => {
    const text = `${'padding '.repeat(100)}one ${'word '.repeat(60)}here two and\none Two together 😀${'. tail'.repeat(80)}`;
    const { snippet, highlights } = createSnippet(text, parseSearchText('one two'));
    assert.ok(snippet.length < 260 && snippet.startsWith('…') && snippet.endsWith('…') && !snippet.includes('\n'));
    assert.deepEqual(highlights.map(([start, end]) => snippet.slice(start, end)), ['two', 'one', 'Two']);
    assert.deepEqual(createSnippet('東京都庁', parseSearchText('京都庁')), { snippet: '東京都庁', highlights: [[1, 4]] });
    assert.deepEqual(createSnippet('日本', parseSearchText('日')).highlights, [[0, 1]]);
    assert.deepEqual(createSnippet('no match', parseSearchText('x')), { snippet: 'no match', highlights: [] });
    assert.equal(findPhrases('a a a a', parseSearchText('a'), 2).length, 2);
  });
});

describe('SEARCH_MESSAGES', function () {
  this.timeout(60_000);
  const fixture = new StoreFixture();
  let store: TestStore;
  let directory: string;
  let clock = 1000;
  afterEach(() => fixture.dispose());
  beforeEach(async () => {
    directory = await fixture.directory();
    store = fixture.open(directory, { now: () => ++clock });
  });

  const say = async (conversationId: string, content: string, extra: object = {}): Promise<string> =>
    (await store.createMessage({ conversationId, role: 'user', content, ...extra })).id;
  const found = async (text: string, query: object = {}): Promise<string[]> =>
    (await store.searchMessages({ text, ...query })).hits.map((hit) => hit.messageId ?? `name of ${hit.conversationId}`);

  it('finds words, prefixes and phrases in any script', async () => {
    const { id } = await store.createConversation({ name: 'untitled' });
    const texts: Record<string, [string, ...string[]]> = {
      'The quick brown fox jumps over the lazy dog': ['quick', 'QUICK fox', '"brown fox"', 'jum*', '"over the la*"'],
      'Ein Café in Zürich': ['cafe', 'zurich', 'CAFÉ', 'zü*'],
      'Мой дядя самых честных правил': ['дядя', 'честн*'],
      '我們在東京吃了壽司': ['東京', '壽司', '在東京吃', '吃', '我'],
      'すしは日本の料理です': ['日本', '料理', 'すし', '日本の料理'],
      '한국어를 공부합니다': ['한국어', '공부', '한국'],
      'ภาษาไทยง่ายมาก': ['ไทย', 'ง่าย'],
      'Great job 😀 team': ['😀', 'job 😀'],
      'const max_value = fooBar(x)': ['max_value', 'foobar', 'max'],
    };
    const ids = new Map<string, string>();
    for (const content of Object.keys(texts)) {
      ids.set(content, await say(id, content));
    }
    for (const [content, queries] of Object.entries(texts)) {
      for (const query of queries) {
        assert.deepEqual(await found(query), [ids.get(content)], `${query} in ${content}`);
      }
    }
    for (const nothing of ['quic', '"fox brown"', '東寿', '京東', '', '   ', '"', '*', '***', "' OR 1=1 --", 'NOT', '\0', '😡']) {
      assert.deepEqual(await store.searchMessages({ text: nothing }), { hits: [], total: 0 }, nothing);
    }
  });

  it('ranks what is about it before what mentions it, and rare words above common ones', async () => {
    const { id } = await store.createConversation({ name: 'x' });
    const mention = await say(id, `apple ${'filler '.repeat(80)}`);
    const about = await say(id, 'apple pie, apple cake');
    assert.deepEqual(await found('apple'), [about, mention]);
    for (let i = 0; i < 20; i++) {
      await say(id, `common thing ${i}`);
    }
    const common = await say(id, `common common common zebra ${'filler '.repeat(5)}`);
    const rare = await say(id, `common zebra zebra zebra ${'filler '.repeat(5)}`);
    assert.deepEqual(await found('common zebra'), [rare, common]);
  });

  it('filters by date, model, role, workspace, archive and conversation, and finds names', async () => {
    const here = await store.createConversation({ name: 'Trip to Málaga', workspace: 'file:///a' });
    const there = await store.createConversation({ name: 'Other', archived: true });
    const one = await say(here.id, 'malaga beaches');
    const two = await say(there.id, 'malaga food', { role: 'assistant', modelId: 'm' });
    const name = `name of ${here.id}`;
    assert.deepEqual(new Set(await found('malaga')), new Set([one, two, name]));
    assert.deepEqual(await found('malaga', { role: 'assistant' }), [two]);
    assert.deepEqual(await found('malaga', { modelId: 'm' }), [two]);
    assert.deepEqual(new Set(await found('malaga', { workspace: 'file:///a' })), new Set([one, name]));
    assert.deepEqual(await found('malaga', { workspace: null }), [two]);
    assert.deepEqual(await found('malaga', { archived: true }), [two]);
    assert.deepEqual(await found('malaga', { conversationId: there.id }), [two]);
    await store.updateConversation({ id: there.id, tags: ['food', 'a"b'] });
    assert.deepEqual([await found('malaga', { tag: 'food' }), await found('malaga', { tag: 'a"b' }), await found('malaga', { tag: 'foo' })], [[two], [two], []]);
    const at = (await store.getConversationMessages(here.id))[0]!.createdAt;
    assert.deepEqual(await found('malaga', { from: at, to: at, role: 'user' }), [one]);
    assert.deepEqual(await found('malaga', { from: clock + 1 }), []);
    await store.updateConversation({ id: here.id, name: 'Renamed' });
    assert.deepEqual(await found('trip'), []);
    assert.deepEqual(await found('renamed'), [name]);
  });

  it('gives pages that hold each hit once', async () => {
    const { id } = await store.createConversation({ name: 'x' });
    for (let i = 0; i < 23; i++) {
      await say(id, `needle ${'hay '.repeat(i % 5)}`);
    }
    const seen: string[] = [];
    for (let offset = 0; offset < 30; offset += 10) {
      const page: SearchPage = await store.searchMessages({ text: 'needle', limit: 10, offset });
      assert.equal(page.total, 23);
      seen.push(...page.hits.map(({ messageId }) => messageId!));
    }
    assert.equal(new Set(seen).size, 23);
  });

  it('ranks the newest 500 of many matches', async () => {
    const { id } = await store.createConversation({ name: 'x' });
    const oldest = await say(id, 'needle needle needle');
    await Promise.all(Array.from({ length: 510 }, (_, i) => say(id, `needle ${i}`)));
    const page = await store.searchMessages({ text: 'needle', limit: 200, offset: 400 });
    assert.deepEqual([page.total, page.hits.length], [500, 100]);
    assert.ok(!(await found('needle', { limit: 200 })).includes(oldest));
    assert.deepEqual(await found('"needle needle"'), [oldest]);
  });

  it('follows every change: streaming, edits, deletion, undo, purge', async () => {
    const { id } = await store.createConversation({ name: 'x' });
    const answer = await say(id, 'first', { role: 'assistant', status: 'streaming' });
    assert.deepEqual(await found('first'), []);
    await store.updateMessage({ id: answer, append: ' second' });
    await store.updateMessage({ id: answer, status: 'complete' });
    assert.deepEqual(await found('first second'), [answer]);
    await store.updateMessage({ id: answer, content: 'third' });
    assert.deepEqual([await found('first'), await found('third')], [[], [answer]]);
    await store.updateMessage({ id: answer, append: ' fourth' });
    assert.deepEqual(await found('fourth'), [answer]);
    await store.updateMessage({ id: answer, status: 'streaming' });
    assert.deepEqual(await found('fourth'), []);
    await store.updateMessage({ id: answer, status: 'stopped' });
    assert.deepEqual(await found('fourth'), [answer]);
    await store.deleteConversation(id);
    assert.deepEqual(await found('fourth'), []);
    await store.restoreConversation(id);
    assert.deepEqual(await found('fourth'), [answer]);
    await store.purgeConversations({ olderThan: clock + 1 });
    assert.deepEqual(await found('fourth'), []);
    await assert.rejects(store.restoreConversation(id), { code: 'conversation-not-found' });
  });

  it('agrees with a plain look at every text, after random changes, compactions and in another window', async () => {
    const random = seededRandom(11);
    const words = ['alpha', 'beta', 'gamma', '東京', '京都', 'café', 'δέλτα', '한국어'];
    const pick = (): string => words[Math.floor(random() * words.length)]!;
    const text = (): string => Array.from({ length: 1 + Math.floor(random() * 6) }, pick).join(' ');
    const { id } = await store.createConversation({ name: '' });
    const ids: string[] = [];
    for (let i = 0; i < 150; i++) {
      const choice = random();
      if (choice < 0.6 || ids.length === 0) {
        ids.push(await say(id, text()));
      } else if (choice < 0.9) {
        const changed = ids[Math.floor(random() * ids.length)]!;
        await store.updateMessage(random() < 0.5 ? { id: changed, content: text() } : { id: changed, append: ` ${text()}` });
      } else if (choice < 0.95) {
        await found(pick());
      } else {
        await store.compact();
      }
    }
    const anew = fixture.open(directory);
    const messages = await store.getConversationMessages(id, { branch: 'all' });
    for (const word of words) {
      const expected = messages.filter(({ content }) => content.split(' ').includes(word)).map((message) => message.id).sort();
      for (const window of [store, anew]) {
        const { hits } = await window.searchMessages({ text: word, limit: 200 });
        assert.deepEqual(hits.map(({ messageId }) => messageId!).sort(), expected, word);
        assert.ok(hits.every(({ highlights, snippet }) => highlights.some(([start, end]) => snippet.slice(start, end) === word)));
      }
    }
  });
});
