import assert from 'node:assert/strict';
import path from 'node:path';
import { ChatPanel } from './support/chatPanel';
import { pictureOnFailure } from './support/pictureOnFailure';
import { waitUntil } from './support/waitUntil';
import { startWorkbench, type Workbench } from './support/workbench';
import type { WorkbenchWindow } from './support/workbenchWindow';

const root = process.cwd();

describe('history, end to end', function () {
  this.timeout(180_000);
  let workbench: Workbench;
  let window: WorkbenchWindow;
  let chat: ChatPanel;

  pictureOnFailure(() => workbench?.windows ?? []);
  before(async () => {
    workbench = await startWorkbench({ extensions: [root, path.join(root, 'companions/sample-plugin')] });
    window = await workbench.openWindow();
    chat = await ChatPanel.open(window);
    for (const question of ['What is Jan?', 'Où est le café bleu?', '你好世界，今天天气很好']) {
      await chat.newConversation();
      await chat.ask(question);
    }
  });
  after(async () => {
    await workbench?.stop();
  });

  const row = (name: string) => chat.frame.locator('.row').filter({ hasText: name });
  const menu = async (name: string, entry: string): Promise<void> => {
    await row(name).hover();
    await row(name).getByRole('button', { name: 'More actions' }).click();
    await chat.frame.getByRole('menuitem', { name: entry }).click();
  };

  it('finds messages by the beginning of a word, without accents, and in Chinese', async () => {
    const list = await chat.openHistory();
    const search = list.locator('.history-search input');
    for (const [typed, expected] of [
      ['exten', /extension/],
      ['cafe', /café/],
      ['天气', /天气/],
    ] as const) {
      await search.fill(typed);
      await list.locator('.hit mark').first().waitFor();
      await waitUntil(`"${typed}" is found`, async () => expected.test(await list.locator('.hit').first().innerText()));
    }
    await window.screenshot(path.join(root, 'test-results/history-search.png'));
    await list.locator('.hit').filter({ hasText: '天气' }).first().getByRole('button').first().click();
    await chat.frame.locator('article.message').filter({ hasText: '今天天气很好' }).first().waitFor();
  });

  it('pins, tags and archives, and keeps that over a reload and in another window', async () => {
    await chat.openHistory();
    await menu('What is Jan?', 'Pin');
    await chat.frame.locator('.history-group').filter({ hasText: 'Pinned' }).waitFor();
    await menu('café', 'Archive');
    await waitUntil('it is out of sight', async () => (await row('café').count()) === 0);
    await window.screenshot(path.join(root, 'test-results/history-list.png'));
    await window.reload();
    chat = await ChatPanel.open(window);
    await chat.openHistory();
    await chat.frame.locator('.history-group').filter({ hasText: 'Pinned' }).waitFor();
    assert.equal(await row('café').count(), 0);
    const second = await workbench.openWindow();
    const other = await ChatPanel.open(second);
    await other.openHistory();
    await other.frame.locator('.history-group').filter({ hasText: 'Pinned' }).waitFor();
    await second.close();
  });

  it('continues from an answer in a new conversation', async () => {
    await chat.openConversation('What is Jan?');
    await chat.answers.first().hover();
    await chat.answers.first().getByRole('button', { name: /new conversation/i }).click();
    const list = await chat.openHistory();
    await waitUntil('there are two', async () => (await list.locator('.row').filter({ hasText: 'What is Jan?' }).count()) === 2);
  });

  it('deletes several at once, and has them back with one click', async () => {
    const list = await chat.openHistory();
    const before = await list.locator('.row').count();
    await list.getByRole('button', { name: /select/i }).first().click();
    await list.locator('.row-name').nth(0).click();
    await list.locator('.row-name').nth(1).click();
    await list.getByRole('button', { name: 'Delete' }).last().click();
    await waitUntil('two are gone', async () => (await list.locator('.row').count()) === before - 2);
    await chat.button('Undo').click();
    await waitUntil('they are back', async () => (await list.locator('.row').count()) === before);
  });

  it('keeps settings of a conversation, and answers by them', async () => {
    await window.page.keyboard.press('Escape');
    await chat.button('Settings of this conversation').click();
    await window.pick('Longest answer, tokens');
    await window.answer('3');
    await window.quickInput().getByText(/Settings of “/).waitFor();
    await window.page.keyboard.press('Escape');
    const short = await chat.ask('Give me the full tour');
    assert.ok(short.length < 40, short);
    await chat.newConversation();
    assert.ok((await chat.ask('What is Jan?')).length > 60);
  });
});
