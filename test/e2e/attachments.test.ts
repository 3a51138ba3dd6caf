// Files, selections and pictures that go with a message, in the real VS Code.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ChatPanel } from './support/chatPanel';
import { pictureOnFailure } from './support/pictureOnFailure';
import { waitUntil } from './support/waitUntil';
import { startWorkbench, type Workbench } from './support/workbench';
import type { WorkbenchWindow } from './support/workbenchWindow';

const root = process.cwd();
const code = 'export function add(a: number, b: number): number {\n  return a + b;\n}\n';

describe('attached files, end to end', function () {
  this.timeout(180_000);
  let workspaceFolder: string;
  let workbench: Workbench;
  let window: WorkbenchWindow;
  let chat: ChatPanel;

  pictureOnFailure(() => workbench?.windows ?? []);
  before(async () => {
    workspaceFolder = fs.mkdtempSync(path.join(os.tmpdir(), 'jan-attach-'));
    fs.mkdirSync(path.join(workspaceFolder, 'src'));
    fs.writeFileSync(path.join(workspaceFolder, 'src/add.ts'), code);
    fs.writeFileSync(path.join(workspaceFolder, 'notes.md'), '# Notes\n\nThe sum is tested nowhere.\n');
    fs.copyFileSync(path.join(root, 'media/icon.png'), path.join(workspaceFolder, 'picture.png'));
    fs.writeFileSync(path.join(workspaceFolder, 'archive.bin'), Buffer.from([0, 1, 2, 3]));
    workbench = await startWorkbench({ extensions: [root], workspaceFolder });
    window = await workbench.openWindow();
    chat = await ChatPanel.open(window);
  });
  after(async () => {
    await workbench?.stop();
    fs.rmSync(workspaceFolder, { recursive: true, force: true });
  });

  const chips = () => chat.frame.locator('jan-composer .chip-open');
  const chipTexts = async (): Promise<string[]> => (await chips().allInnerTexts()).map((text) => text.replace(/\s+/g, ' ').trim());
  const isAttached = (...expected: string[]) =>
    waitUntil(`attached: ${expected.join(', ')}`, async () => JSON.stringify(await chipTexts()) === JSON.stringify(expected));
  const openFile = async (name: string): Promise<void> => {
    await window.page.keyboard.press('ControlOrMeta+P');
    await window.quickInput().locator('input').first().fill(name);
    await window.quickInput().locator('.monaco-list-row').filter({ hasText: path.basename(name) }).first().click();
    await window.page.locator('.tab.active').filter({ hasText: path.basename(name) }).waitFor();
  };

  it('adds what is selected in an editor, saved or not, with its lines', async () => {
    await openFile('add.ts');
    await window.page.locator('.monaco-editor .view-lines').first().click();
    await window.page.keyboard.press('ControlOrMeta+Home');
    await window.page.keyboard.type('// ');
    await window.page.keyboard.press('Home');
    await window.page.keyboard.press('Shift+ArrowDown');
    await window.page.keyboard.press('Shift+ArrowDown');
    await window.page.keyboard.press('ControlOrMeta+Alt+K');
    await isAttached('add.ts lines 1–2');
    await window.runCommand('Jan: Add File to Chat');
    await isAttached('add.ts lines 1–2', 'add.ts');
  });

  it('offers the files of the workspace', async () => {
    await chat.frame.getByRole('button', { name: 'Attach files…' }).click();
    for (const name of ['notes.md', 'picture.png']) {
      await window.quickInput().locator('input[type=text]').first().fill(name);
      await window.quickInput().locator('.monaco-list-row').filter({ hasText: name }).first().locator('.monaco-checkbox, input').first().click();
    }
    await window.quickInput().getByRole('button', { name: 'OK' }).click();
    await isAttached('add.ts lines 1–2', 'add.ts', 'notes.md', 'picture.png');
    await window.screenshot(path.join(root, 'test-results/attachments.png'));
  });

  it('says of what it cannot take why, and takes the rest', async () => {
    await chat.frame.getByRole('button', { name: 'Remove picture.png' }).click();
    await isAttached('add.ts lines 1–2', 'add.ts', 'notes.md');
    await chat.frame.getByRole('button', { name: 'Attach files…' }).click();
    await window.quickInput().locator('input[type=text]').first().fill('archive.bin');
    await window.quickInput().locator('.monaco-list-row').first().locator('.monaco-checkbox, input').first().click();
    await window.quickInput().getByRole('button', { name: 'OK' }).click();
    await chat.frame.locator('.notice').filter({ hasText: 'archive.bin was not attached: it is neither text nor an image' }).waitFor();
    await chat.frame.locator('.notice').getByRole('button', { name: 'Dismiss' }).click();
  });

  it('keeps them while nothing is sent, over a reload', async () => {
    await chat.input.fill('What does this do?');
    const kept = (fs.readdirSync(workbench.profileDir, { recursive: true }) as string[]).filter((file) => path.basename(file) === 'chat-view.json');
    assert.equal(kept.length, 1);
    await waitUntil('the draft and its files are kept', () => {
      const text = fs.readFileSync(path.join(workbench.profileDir, kept[0]!), 'utf8');
      return text.includes('What does this do?') && text.includes('notes.md');
    });
    await window.reload();
    chat = await ChatPanel.open(window);
    await isAttached('add.ts lines 1–2', 'add.ts', 'notes.md');
    assert.equal(await chat.input.inputValue(), 'What does this do?');
  });

  it('takes what is dropped and pasted into the view', async () => {
    await chat.frame.evaluate(() => {
      const data = new DataTransfer();
      data.items.add(new File(['dropped text'], 'dropped.txt'));
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    });
    await isAttached('add.ts lines 1–2', 'add.ts', 'notes.md', 'dropped.txt');
    await chat.frame.evaluate((uri) => {
      const data = new DataTransfer();
      data.setData('application/vnd.code.uri-list', uri);
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    }, 'file:///etc/passwd');
    await chat.frame.locator('.notice').filter({ hasText: 'outside of the folders that are open' }).waitFor();
    await chat.frame.locator('.notice').getByRole('button', { name: 'Dismiss' }).click();
  });

  it('goes with the message, is counted, and opens as it was attached', async () => {
    await chat.input.press('Enter');
    await chat.finished(0);
    assert.deepEqual(await chipTexts(), []);
    const sent = chat.frame.locator('.message.user .chip-open');
    assert.equal(await sent.count(), 4);
    await chat.frame.locator('.token-count').waitFor();
    await sent.first().click();
    const editor = window.page.locator('.monaco-editor[data-uri^="jan-attachment:"] .view-lines');
    await waitUntil('the attached lines are shown', async () => {
      const text = (await editor.innerText()).replace(/\s+/g, ' ');
      return text.includes('// export function add') && !text.includes('}');
    });
    await window.screenshot(path.join(root, 'test-results/attachments-sent.png'));
  });
});
