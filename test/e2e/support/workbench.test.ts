import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Frame } from 'playwright-core';
import { repositoryRoot } from './devTools';
import { pictureOnFailure } from './pictureOnFailure';
import { waitUntil } from './waitUntil';
import type { Workbench } from './workbench';
import { startWorkbench } from './workbench';
import type { WorkbenchWindow } from './workbenchWindow';

/** The end-to-end suites stand on this library; here it proves itself with an extension of a few lines. */
describe('the end-to-end test library', () => {
  let workbench: Workbench;
  let window: WorkbenchWindow;

  before(async () => {
    workbench = await startWorkbench({
      extensions: [path.join(repositoryRoot, 'test/e2e/support/helloExtension')],
      settings: { 'hello.word': 'good day' },
    });
    window = await workbench.openWindow();
  });

  after(() => workbench?.stop());

  pictureOnFailure(() => workbench.windows);

  async function ask(frame: Frame): Promise<number> {
    await frame.locator('#ask').click();
    const answer = frame.locator('#answer', { hasText: 'pong from' });
    await answer.waitFor();
    return Number((await answer.innerText()).split(' ').at(-1));
  }

  it('runs a command by its exact title, under the user settings it was given', async () => {
    await window.runCommand('Hello: Greet');
    await window.notification('Greeting: good day').waitFor();
    assert.equal(await window.notification('Not this one').count(), 0);
  });

  it('reaches the inside of a webview, and knows the extension host that answers', async () => {
    const frame = await window.openJanView('Hello');
    assert.equal(await ask(frame), window.extensionHostPid);
  });

  it('collects what the extension prints', async () => {
    await waitUntil('the line is there', () => window.consoleLog.some((line) => line.text.includes('hello is active')));
  });

  it('opens a second window with an extension host of its own', async () => {
    const second = await workbench.openWindow();
    try {
      assert.notEqual(second.extensionHostPid, window.extensionHostPid);
      assert.equal(await ask(await second.openJanView('Hello')), second.extensionHostPid);
      assert.equal(await ask(await window.janFrame('#ask')), window.extensionHostPid);
    } finally {
      await second.close();
    }
  });

  it('reloads a window into a fresh extension host', async () => {
    const before = window.extensionHostPid;
    await window.reload();
    assert.notEqual(window.extensionHostPid, before);
    assert.equal(await ask(await window.openJanView('Hello')), window.extensionHostPid);
  });

  it('kills an extension host, and a reload brings another', async () => {
    const killed = window.extensionHostPid;
    await window.killExtensionHost();
    assert.ok(!workbench.extensionHostPids().includes(killed!));
    await window.reload();
    assert.notEqual(window.extensionHostPid, killed);
    assert.equal(await ask(await window.openJanView('Hello')), window.extensionHostPid);
  });

  it('takes a picture', async () => {
    const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'jan-shot-')), 'window.png');
    await window.screenshot(file);
    assert.equal(fs.readFileSync(file).subarray(1, 4).toString(), 'PNG');
    fs.rmSync(path.dirname(file), { recursive: true });
  });

  it('leaves no process behind', async () => {
    await workbench.stop();
    assert.deepEqual(workbench.server.processes(), []);
    assert.equal(fs.existsSync(workbench.profileDir), false);
  });
});
