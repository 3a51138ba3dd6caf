/// <reference lib="dom" />
import assert from 'node:assert/strict';
import path from 'node:path';
import { ChatPanel } from './support/chatPanel';
import { pictureOnFailure } from './support/pictureOnFailure';
import { waitUntil } from './support/waitUntil';
import { startWorkbench, type Workbench } from './support/workbench';
import type { WorkbenchWindow } from './support/workbenchWindow';

const root = process.cwd();
/** A question whose answer is long. */
const longQuestion = 'Give me the full tour';

describe('chat, end to end', function () {
  this.timeout(180_000);
  let workbench: Workbench;
  let window: WorkbenchWindow;
  let chat: ChatPanel;

  pictureOnFailure(() => workbench.windows);
  before(async () => {
    workbench = await startWorkbench({ extensions: [root, path.join(root, 'companions/sample-plugin')] });
    window = await workbench.openWindow();
    chat = await ChatPanel.open(window);
  });
  after(async () => {
    await workbench?.stop();
  });

  it('answers "What is Jan?" from the starter model in a fresh profile', async () => {
    const answer = await chat.ask('What is Jan?');
    assert.match(answer, /Jan/);
    assert.match(answer, /VS Code|editor|chat|model/i);
    assert.equal(await chat.answers.first().getAttribute('aria-label'), 'Jan Guide');
    await chat.frame.getByText(/tokens\/s/).first().waitFor();
    assert.equal(workbench.runtimePids().length, 1);
  });

  it('puts the cursor into the box with its shortcut, from wherever the focus was', async () => {
    await window.openViewContainer('Explorer');
    await window.page.keyboard.press('Control+Alt+J');
    chat = await ChatPanel.shown(window);
    await waitUntil('the box has the focus', () => chat.input.evaluate((box) => box === document.activeElement && document.hasFocus()));
    await window.page.keyboard.type('typed at once');
    assert.equal(await chat.input.inputValue(), 'typed at once');
    await chat.input.fill('');
  });

  it('streams: the text grows while it is written', async () => {
    await chat.newConversation();
    const lengths = await chat.recordGrowth();
    await chat.send(longQuestion);
    const whole = await chat.finished(0);
    const grew = (await lengths()).filter((length) => length > 0);
    assert.ok(grew.length >= 3, `shown in ${grew.length} steps`);
    // A step may be shorter by some characters: marks of Markdown become formatting when they are closed.
    assert.equal(grew.at(-1), Math.max(...grew));
    assert.ok(whole.length > 200);
  });

  it('regenerates as a branch and switches back', async () => {
    await chat.newConversation();
    const first = await chat.ask('What is a plugin?');
    await chat.answers.first().hover();
    await chat.button('Answer again').last().click();
    await chat.frame.getByText('2/2').or(chat.frame.getByText('2 / 2')).first().waitFor();
    await chat.finished(0);
    await chat.button('Previous version').click();
    await chat.frame.getByText('1/2').or(chat.frame.getByText('1 / 2')).first().waitFor();
    assert.equal(await chat.finished(0), first);
  });

  it('breaks the line with Shift+Enter and does not send while an input method composes', async () => {
    await chat.newConversation();
    await chat.input.fill('one');
    await chat.input.press('Shift+Enter');
    await chat.input.pressSequentially('two');
    assert.equal(await chat.input.inputValue(), 'one\ntwo');
    await chat.input.dispatchEvent('keydown', { key: 'Enter', isComposing: true });
    assert.equal(await chat.input.inputValue(), 'one\ntwo');
    assert.equal(await chat.messages.count(), 0);
    await chat.input.fill('');
  });

  it('renames a conversation in the list', async () => {
    const list = await chat.openHistory();
    const row = list.locator('.row').filter({ hasText: 'What is Jan?' });
    await row.hover();
    await row.getByRole('button', { name: 'Rename' }).click();
    const field = list.locator('.rename');
    await field.waitFor();
    await field.locator('input').fill('My first chat');
    await field.locator('input').press('Enter');
    await list.getByText('My first chat').waitFor();
    await chat.openConversation('My first chat');
    assert.match(await chat.finished(0), /Jan/);
  });

  it('loses nothing when the window is reloaded', async () => {
    const before = await chat.messages.count();
    await window.reload();
    chat = await ChatPanel.open(window);
    await waitUntil('the conversation is back', async () => (await chat.messages.count()) === before);
    await chat.frame.getByText('My first chat').first().waitFor();
    const list = await chat.openHistory();
    assert.ok((await list.locator('.row').count()) >= 3);
    await window.page.keyboard.press('Escape');
  });

  it('shows the same conversations in a second window, live, with one engine', async () => {
    const second = await workbench.openWindow();
    const other = await ChatPanel.open(second);
    await other.openConversation('My first chat');
    await chat.openConversation('My first chat');
    const before = await other.messages.count();
    await chat.ask('How do I stop an answer?');
    await waitUntil('the other window shows the new messages', async () => (await other.messages.count()) === before + 2);
    assert.equal(workbench.runtimePids().length, 1);
    await second.close();
  });

  it('deletes a conversation, after a chance to undo', async () => {
    const list = await chat.openHistory();
    const row = list.locator('.row').filter({ hasText: 'My first chat' });
    await row.hover();
    await row.getByRole('button', { name: 'Delete' }).click();
    await chat.button('Undo').click();
    await list.getByText('My first chat').waitFor();
  });

  it('violates no content security policy and throws nothing in the panel', () => {
    const bad = window.consoleLog.filter(
      ({ type, text }) => type === 'pageerror' || (/Content Security Policy/.test(text) && /webview|fake\.html/.test(text)),
    );
    assert.deepEqual(bad, []);
  });
});
