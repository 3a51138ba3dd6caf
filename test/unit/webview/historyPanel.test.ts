// The list of conversations in a real browser: keyboard, search, menu, several at once, pages.

import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { conversation, message, state } from './chatFixtures';
import { usePage } from './pageInBrowser';

describe('The page: the list of conversations', function () {
  this.timeout(30_000);
  const tested = usePage();
  const { show, posted } = tested;
  let page: Page;
  beforeEach(() => {
    page = tested.page;
  });

  it('works the history by keyboard', async () => {
    await show(state([], { conversations: ['One', 'Two', 'Three'].map((name) => conversation(name)) }));
    await page.focus('.history-button');
    await posted();
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.activeElement?.classList.contains('history-search'));
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('F2');
    await page.waitForFunction(() => document.activeElement?.classList.contains('rename'));
    await page.keyboard.press('Control+a');
    await page.keyboard.type('Deux');
    await page.keyboard.press('Enter');
    assert.deepEqual(await posted(), [{ type: 'renameConversation', id: 'Two', name: 'Deux' }]);
    await page.waitForFunction(() => (document.activeElement as HTMLElement | null)?.dataset['id'] === 'Two');
    await page.keyboard.press('Delete');
    assert.deepEqual(await posted(), [{ type: 'deleteConversations', ids: ['Two'] }]);
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => document.activeElement?.classList.contains('history-button'));
  });

  it('limits a search to the days between two', async () => {
    await show(state([]));
    await page.click('.history-button');
    await page.click('[aria-label="Filters"]');
    await page.fill('.history-search input', 'caf');
    await page.selectOption('select[aria-label="Time"]', 'range');
    await posted();
    await page.getByLabel('From').fill('2026-01-31');
    await page.getByLabel('From').dispatchEvent('change');
    await page.waitForFunction(() => window.posted.some((one) => one.type === 'search' && one.from === '2026-01-31' && one.to === null));
    await page.getByLabel('To', { exact: true }).fill('2026-02-01');
    await page.getByLabel('To', { exact: true }).dispatchEvent('change');
    await page.waitForFunction(() => window.posted.some((one) => one.type === 'search' && one.to === '2026-02-01' && one.period === 'range'));
  });

  it('searches as one types, marks what matched, draws nothing of it as HTML, and opens a hit', async () => {
    await show(state([]));
    await page.click('.history-button');
    await page.waitForFunction(() => document.activeElement?.classList.contains('history-search'));
    await posted();
    await page.keyboard.type('caf');
    await page.waitForFunction(() => window.posted.some((one) => one.type === 'search'));
    const [asked] = (await posted()).filter((one) => one.type === 'search');
    assert.ok(asked !== undefined);
    assert.deepEqual(asked, { type: 'search', revision: asked.revision, text: 'caf', period: 'any', from: null, to: null, modelId: null, role: null });
    const snippet = '<img src=x onerror=isHacked=1> A café, 東京';
    const at = snippet.indexOf('café');
    const hit = { conversationId: 'k', conversationName: 'Kinds', messageId: 'm', role: 'assistant' as const, createdAt: Date.now(), snippet };
    const hits = [
      { ...hit, highlights: [[at, at + 4]] as const },
      // What would overlap, or lie outside, is not marked.
      { ...hit, messageId: 'n', highlights: [[3, 5], [4, 9], [40, 4000]] as const },
    ];
    await show(state([], { search: { revision: asked.revision, hits, total: 2, hasMore: false } }));
    await page.waitForSelector('.hit mark');
    assert.deepEqual(await page.locator('.hit').first().locator('mark').allTextContents(), ['café']);
    // Not innerText, which is empty before the first frame has shown that it is in sight (content-visibility).
    assert.match((await page.locator('.hit').nth(1).textContent())!, /<img src=x onerror=isHacked=1> A café, 東京/);
    assert.equal(await page.locator('.hit img').count(), 0);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    assert.deepEqual((await posted()).find((one) => one.type === 'openHit'), { type: 'openHit', conversationId: 'k', messageId: 'm' });
    assert.equal(await page.locator('jan-history').count(), 0);
  });

  it('offers everything that can be done with a conversation in a menu, by keyboard too', async () => {
    await show(state([], { conversations: [conversation('One', { pinned: true, tags: ['work', 'java'] }), conversation('Two')] }));
    await page.click('.history-button');
    await page.waitForSelector('.row');
    assert.deepEqual(await page.locator('.history-group').allTextContents(), ['Pinned', 'Today']);
    assert.equal(await page.locator('.row-name').first().getAttribute('aria-label'), 'One, Pinned, Tagged work, java');
    await posted();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Shift+F10');
    await page.waitForSelector('[role=menu]');
    assert.deepEqual(await page.locator('[role=menuitem]').allInnerTexts(), ['Rename', 'Pin', 'Tags…', 'Archive', 'Export…', 'Delete']);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    assert.deepEqual(await posted(), [{ type: 'pinConversation', id: 'Two', pinned: true }]);
    await page.keyboard.press('ContextMenu');
    await page.waitForSelector('[role=menu]');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.activeElement?.classList.contains('rename'));
    await page.keyboard.type('work, cats , work');
    await page.keyboard.press('Enter');
    assert.deepEqual(await posted(), [{ type: 'tagConversation', id: 'Two', tags: ['work', 'cats'] }]);
    await page.locator('.row-name').first().click({ button: 'right' });
    await page.waitForSelector('[role=menu]');
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('[role=menu]').count(), 0);
    assert.equal(await page.locator('jan-history').count(), 1);
  });

  it('deletes, archives and exports several at once', async () => {
    const conversations = ['One', 'Two', 'Three', 'Four'].map((name) => conversation(name));
    await show(state([], { conversations }));
    await page.click('.history-button');
    await page.click('.history-select');
    await page.locator('.row-name').nth(0).click();
    await page.locator('.row-name').nth(2).click({ modifiers: ['Shift'] });
    await page.waitForFunction(() => document.querySelector('.selection-count')?.textContent === '3 selected');
    await posted();
    await page.locator('.selection [aria-label="Delete"]').click();
    assert.deepEqual(await posted(), [{ type: 'deleteConversations', ids: ['One', 'Two', 'Three'] }]);
    await page.click('.history-select');
    await page.locator('.selection [aria-label="Select all"]').click();
    await page.locator('.selection [aria-label="Archive"]').click();
    assert.deepEqual(await posted(), [{ type: 'archiveConversations', ids: conversations.map((one) => one.id), archived: true }]);
  });

  it('says in words why the list is empty, and offers the way out', async () => {
    const history = { ...state([]).history, hasFolder: true, filter: { scope: 'folder' as const, archived: false, tag: null } };
    await show(state([], { conversations: [], history }));
    await page.click('.history-button');
    await page.waitForSelector('.history-empty');
    assert.match(await page.innerText('.history-empty'), /No conversation has been begun in this folder yet/);
    await posted();
    await page.locator('.history-list .history-more').click();
    assert.deepEqual(await posted(), [{ type: 'filterHistory', filter: { scope: 'all', archived: false, tag: null } }]);
  });

  it('asks for the next page when the end of the list comes near, once', async () => {
    const conversations = Array.from({ length: 100 }, (_, i) => conversation(`c${i}`));
    await show(state([], { conversations, hasMoreConversations: true }));
    await page.click('.history-button');
    await page.waitForSelector('.row');
    await posted();
    await page.evaluate(() => document.querySelector('.history-list')!.scrollTo(0, 1e6));
    await page.waitForFunction(() => window.posted.length > 0);
    await page.evaluate(() => document.querySelector('.history-list')!.scrollTo(0, 1e6 - 1));
    assert.deepEqual(await posted(), [{ type: 'showMoreConversations' }]);
  });

  it('brings the message that was found into sight and marks it, however far up it is', async () => {
    const messages = Array.from({ length: 120 }, (_, i) => message(`m${i}`, `Paragraph ${i}.\n\nMore of it.`));
    await show(state(messages, { reveal: { messageId: 'm7', revision: 1 } }));
    await page.waitForSelector('jan-message.is-found');
    await page.waitForFunction(() => {
      const box = document.querySelector('.is-found')?.getBoundingClientRect();
      return box !== undefined && box.top >= 0 && box.bottom <= window.innerHeight;
    });
    assert.match((await page.textContent('.is-found'))!, /Paragraph 7\./);
    await page.waitForFunction(() => document.activeElement?.localName === 'article');
  });
});
