import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { ChatPanel } from './support/chatPanel';
import { openInDialog, saveInDialog, simpleDialogSettings } from './support/fileDialogs';
import { pictureOnFailure } from './support/pictureOnFailure';
import { waitUntil } from './support/waitUntil';
import { startWorkbench, type Workbench } from './support/workbench';
import type { WorkbenchWindow } from './support/workbenchWindow';

const root = process.cwd();
const fixtures = path.join(root, 'test/fixtures/exchange');

interface Exported {
  readonly conversations: readonly { readonly name: string; readonly messages: readonly { readonly content: string }[] }[];
}

describe('export and import, end to end', function () {
  this.timeout(180_000);
  let workbench: Workbench;
  let window: WorkbenchWindow;
  let chat: ChatPanel;
  let folder: string;

  pictureOnFailure(() => workbench.windows);
  before(async () => {
    workbench = await startWorkbench({
      extensions: [root, path.join(root, 'companions/sample-plugin')],
      settings: { ...simpleDialogSettings },
    });
    folder = workbench.workspaceFolder;
    window = await workbench.openWindow();
    chat = await ChatPanel.open(window);
    await chat.ask('What is Jan?');
  });
  after(async () => {
    await workbench?.stop();
  });

  const names = async (): Promise<string[]> => {
    const list = await chat.openHistory();
    const found = await list.locator('.row-name').allInnerTexts();
    await chat.button('Close the list of conversations').first().click();
    return found;
  };
  const exportAll = async (file: string): Promise<Exported> => {
    await window.runCommand('Jan: Export All Conversations…');
    await window.pick('JSON');
    await saveInDialog(window, file);
    await window.notification(/Exported/).first().waitFor();
    return JSON.parse(fs.readFileSync(file, 'utf8')) as Exported;
  };
  const previewFile = async (file: string): Promise<void> => {
    await window.runCommand('Jan: Import Conversations…');
    await window.pick('Choose Files…');
    await openInDialog(window, file, 'Preview Import');
    await window.quickInput().getByText(/nothing is imported before you choose/).or(window.quickInput().locator('input[placeholder*="nothing is imported"]')).first().waitFor();
  };
  const row = (text: string | RegExp) => window.quickInput().locator('.monaco-list-row').filter({ hasText: text });

  it('exports everything to JSON, and its import knows that it is all here', async () => {
    const file = path.join(folder, 'all.json');
    const exported = await exportAll(file);
    assert.equal(exported.conversations.length, 1);
    assert.equal(exported.conversations[0]!.messages[0]!.content, 'What is Jan?');
    await window.page.keyboard.press('Escape');
    await previewFile(file);
    await row('everything is here already').waitFor();
    await row(/here already · 2 messages/).waitFor();
    await window.page.keyboard.press('Escape');
  });

  it('previews an export of ChatGPT, and gives it up without a trace', async () => {
    const before = await names();
    await previewFile(path.join(fixtures, 'chatgpt/conversations.json'));
    await window.quickInput().getByText(/Import from ChatGPT: \d+ conversations?/).waitFor();
    await row(/^.?Import \d+ conversations?/).first().waitFor();
    await window.screenshot(path.join(root, 'test-results/exchange-preview.png'));
    await window.page.keyboard.press('Escape');
    await window.quickInput().waitFor({ state: 'hidden' });
    assert.deepEqual(await names(), before);
  });

  it('imports it, and Undo takes exactly that back', async () => {
    const before = await names();
    await previewFile(path.join(fixtures, 'chatgpt/conversations.json'));
    await row(/Import \d+ conversations?/).first().click();
    const done = window.notification(/Imported \d+ conversations? with \d+ messages? from ChatGPT/).first();
    await done.waitFor();
    await window.screenshot(path.join(root, 'test-results/exchange-imported.png'));
    // It was archived there, so it is here.
    let list = await chat.openHistory();
    await list.getByRole('button', { name: 'Archive', exact: true }).click();
    await list.locator('.row').filter({ hasText: 'Sorting a list in Python' }).waitFor();
    // A toast goes after some seconds; what it offered is still behind the bell.
    await window.runCommand('Notifications: Show Notifications');
    const kept = (text: RegExp) => window.page.locator('.notifications-center .notification-list-item').filter({ hasText: text }).first();
    await kept(/Imported \d+/).getByRole('button', { name: 'Undo' }).click();
    await kept(/The import was undone/).waitFor();
    list = await chat.openHistory();
    await waitUntil('the archive is empty again', async () => (await list.locator('.row').count()) === 0);
    await list.getByRole('button', { name: 'Archive', exact: true }).click();
    await list.locator('.row').first().waitFor();
    assert.deepEqual(await names(), before);
    // While the list is open, what comes next is put into it and shows no toast.
    await window.runCommand('Notifications: Clear All Notifications');
  });

  it('checks the conversations and opens the report', async () => {
    await window.runCommand('Jan: Check Conversations');
    await window.notification(/Checked \d+ conversations? with \d+ messages? .*Everything is in order/).getByRole('button', { name: 'Show Report' }).first().click();
    await window.page.locator('.monaco-editor').getByText('Everything is in order').first().waitFor();
    await window.screenshot(path.join(root, 'test-results/exchange-check.png'));
  });

  it('backs up into a new folder, which holds nothing that is missing here', async () => {
    const parent = path.join(workbench.profileDir, 'backups');
    fs.mkdirSync(parent);
    await window.runCommand('Jan: Back Up Conversations…');
    await openInDialog(window, parent, 'Back Up Here');
    await window.notification(/Backed up \d+ conversations?/).first().waitFor();
    const [folder] = fs.readdirSync(parent);
    assert.match(folder ?? '', /^Jan backup \d{4}-\d\d-\d\d$/);
    await window.runCommand('Jan: Restore Conversations from Backup…');
    await openInDialog(window, path.join(parent, folder!), 'Restore What Is Missing');
    await window.notification(/Nothing was missing/).first().waitFor();
  });

  it('finds nothing old to delete', async () => {
    await window.runCommand('Jan: Delete Old Conversations…');
    await window.quickInput().locator('.monaco-list-row').filter({ hasText: /Not changed for 30 days/ }).filter({ hasText: 'none' }).click();
    await window.notification(/No conversation is that old/).first().waitFor();
  });
});
