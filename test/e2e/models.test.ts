import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { writeGguf } from '../fixtures/gguf/ggufWriter';
import { metadataOf, tensorsOf, testModels } from '../fixtures/gguf/testModels';
import { createTestVocabulary } from '../fixtures/gguf/testVocabulary';
import { startHuggingFaceServer, type HuggingFaceServer } from '../fixtures/huggingFace/huggingFaceServer';
import { ChatPanel } from './support/chatPanel';
import { simpleDialogSettings } from './support/fileDialogs';
import { chooseModelFile } from './support/modelFiles';
import { pictureOnFailure } from './support/pictureOnFailure';
import { waitUntil } from './support/waitUntil';
import { startWorkbench, type Workbench } from './support/workbench';
import type { WorkbenchWindow } from './support/workbenchWindow';

const root = process.cwd();
const starterPath = path.join(root, 'media/starter-model/jan-guide.gguf');

describe('models, end to end', function () {
  this.timeout(180_000);
  let hub: HuggingFaceServer;
  let workbench: Workbench;
  let window: WorkbenchWindow;
  let folder: string;

  pictureOnFailure(() => workbench.windows);
  before(async () => {
    const starter = await readFile(starterPath);
    hub = await startHuggingFaceServer([
      { id: 'acme/tiny-guide-GGUF', files: { 'tiny-guide-Q8_0.gguf': starter, 'README.md': Buffer.from('# Tiny') }, downloads: 4321, likes: 7 },
    ]);
    hub.faults = { bytesPerSecond: 1_000_000 };
    folder = await mkdtemp(path.join(os.tmpdir(), 'jan-e2e-models-'));
    workbench = await startWorkbench({
      extensions: [root, path.join(root, 'companions/sample-plugin')],
      settings: { 'jan.hub.url': hub.url, ...simpleDialogSettings },
    });
    window = await workbench.openWindow();
    await ChatPanel.open(window);
  });
  after(async () => {
    await workbench?.stop();
    await hub?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('shows the starter model, and what a companion adds', async () => {
    await window.treeItem('starter model').first().waitFor();
    await window.treeItem('Echo').first().waitFor();
    await window.treeItem(/Recommended/).waitFor();
  });

  it('loads a model from the tree, shows it in the status bar, and unloads it', async () => {
    const starter = window.treeItem('starter model').first();
    await starter.hover();
    await starter.getByRole('button', { name: 'Load Model' }).click();
    await window.treeItem('ready').first().waitFor();
    await window.statusBarItem('Jan Guide').first().waitFor();
    assert.equal(workbench.runtimePids().length, 1);
    const running = window.treeItem('ready').first();
    await running.hover();
    await running.getByRole('button', { name: 'Unload Model' }).click();
    await waitUntil('it is unloaded', async () => (await window.treeItem('ready').count()) === 0);
  });

  it('shows in a second window, which has not used the engine, what the first one loads, and unloads it from there', async () => {
    const second = await workbench.openWindow();
    await ChatPanel.open(second);
    const loadedHere = second.treeItem(/Jan Guide.*ready/);
    const lineHere = second.statusBarItem('Jan Guide');
    await second.treeItem('starter model').first().waitFor();
    assert.equal((await loadedHere.count()) + (await lineHere.count()), 0);
    const starter = window.treeItem('starter model').first();
    await starter.hover();
    await starter.getByRole('button', { name: 'Load Model' }).click();
    await window.treeItem('ready').first().waitFor();
    await loadedHere.first().waitFor({ timeout: 2000 });
    await lineHere.first().waitFor({ timeout: 2000 });
    await loadedHere.first().hover();
    await loadedHere.first().getByRole('button', { name: 'Unload Model' }).click();
    await waitUntil('it is unloaded in both', async () => (await loadedHere.count()) + (await window.treeItem('ready').count()) === 0);
    await second.close();
  });

  it('keeps settings of a model, and answers by them', async () => {
    await window.runCommand('Jan: Model Settings…');
    await window.pick('Jan Guide');
    await window.pick('Longest answer, tokens');
    // The box of the list before it is still there for a moment.
    await window.quickInput().locator('input[placeholder="to the end of the context"]').fill('none');
    await window.quickInput().getByText(/whole number from 1/).waitFor();
    await window.answer('3');
    await window.quickInput().getByText('Settings of Jan Guide').waitFor();
    await window.page.keyboard.press('Escape');
    const chat = await ChatPanel.open(window);
    const short = await chat.ask('What is Jan?');
    assert.ok(short.length > 0 && short.length < 30, short);
    await window.runCommand('Jan: Model Settings…');
    await window.pick('Jan Guide');
    await window.pick('Reset all');
    await window.page.keyboard.press('Escape');
    await chat.newConversation();
    assert.ok((await chat.ask('What is Jan?')).length > 60);
  });

  it('searches, downloads with progress, verifies, and chats with the result', async () => {
    await window.runCommand('Jan: Search Models');
    const input = window.quickInput().locator('input').first();
    await input.fill('tiny');
    const found = window.quickInput().locator('.monaco-list-row').filter({ hasText: 'acme/tiny-guide-GGUF' }).first();
    await found.waitFor();
    await found.click();
    const file = window.quickInput().locator('.monaco-list-row').filter({ hasText: 'tiny-guide-Q8_0' }).first();
    await file.waitFor();
    await file.click();
    await window.treeItem(/\d ?%/).first().waitFor();
    const done = window.notification(/tiny-guide/i);
    await done.first().waitFor({ timeout: 60_000 });
    await done.getByRole('button', { name: 'Load and Chat' }).first().click();
    // Another model is ready as well: its own row says that the tree has heard of the end of the download.
    await window.treeItem(/tiny-guide.*ready/i).first().waitFor({ timeout: 60_000 });
    const chat = await ChatPanel.open(window);
    assert.match(await chat.ask('What is Jan?'), /Jan/);
    assert.match((await chat.answers.last().getAttribute('aria-label')) ?? '', /tiny-guide/i);
  });

  it('asks before it deletes a downloaded file', async () => {
    const row = window.treeItem(/tiny-guide/i).first();
    await row.click({ button: 'right' });
    await window.page.locator('.context-view .action-item').filter({ hasText: 'Delete Model' }).first().hover();
    await window.page.keyboard.press('Enter');
    await window.page.locator('.monaco-dialog-box').waitFor();
    await window.pressDialogButton('Delete');
    await waitUntil('it is gone from the tree', async () => (await window.treeItem(/tiny-guide/i).count()) === 0);
  });

  it('adds a GGUF file from disk, and says in words why a broken one is refused', async () => {
    const good = path.join(folder, 'mine.gguf');
    const broken = path.join(folder, 'broken.gguf');
    await writeFile(broken, 'GGUF, but no model');
    await copyFile(starterPath, good);
    await chooseModelFile(window, good);
    await window.notification(/was added/).first().waitFor();
    await chooseModelFile(window, broken);
    await window.notification(/not a usable GGUF|GGUF/).first().waitFor();
  });

  it('makes no link of what a file calls itself', async () => {
    const hostile = path.join(folder, 'hostile.gguf');
    const vocabulary = createTestVocabulary();
    const metadata = metadataOf(testModels.null, vocabulary).set('general.name', { string: '[Finish setup](command:workbench.action.togglePanel)' });
    await writeGguf(hostile, metadata, tensorsOf(testModels.null, vocabulary));
    await chooseModelFile(window, hostile);
    const told = window.notification(/Finish setup.*was added/).first();
    await told.waitFor();
    assert.equal(await told.locator('a[data-href], a[href]').filter({ hasText: 'Finish' }).count(), 0);
    assert.equal(await told.getByRole('link').count(), 0);
  });

  it('says what to do when the hub cannot be reached', async () => {
    await hub.close();
    await window.runCommand('Jan: Search Models');
    await window.quickInput().locator('input').first().fill('anything');
    await window.quickInput().locator('.monaco-list-row').filter({ hasText: 'Try again' }).first().waitFor({ timeout: 40_000 });
    await window.page.keyboard.press('Escape');
  });
});
