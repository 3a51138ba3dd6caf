import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ChatPanel } from './support/chatPanel';
import { pictureOnFailure } from './support/pictureOnFailure';
import { waitUntil } from './support/waitUntil';
import { startWorkbench, type Workbench } from './support/workbench';
import type { WorkbenchWindow } from './support/workbenchWindow';

const root = process.cwd();
const longQuestion = 'Give me the full tour';

describe('killed processes, end to end', function () {
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

  it('keeps the partial answer when the runtime is killed, says why, and answers the next message', async () => {
    await chat.send(longQuestion);
    const partial = await chat.begun(0, 20);
    const [runtime] = workbench.runtimePids();
    assert.ok(runtime !== undefined);
    await workbench.kill(runtime);
    const error = chat.answers.first().locator('.error');
    await error.waitFor();
    assert.equal(await error.getAttribute('data-code'), 'engine-crashed');
    assert.match(await error.innerText(), /killed|SIGKILL/i);
    const kept = await chat.textOf(0);
    assert.ok(kept.startsWith(partial.slice(0, 15)), `"${kept}" begins with "${partial}"`);
    const next = await chat.ask('What is Jan?');
    assert.match(next, /Jan/);
    const [restarted] = workbench.runtimePids();
    assert.notEqual(restarted, runtime);
  });

  it('leaves no runtime behind a second after the extension host is killed, and loses no message', async () => {
    await chat.newConversation();
    await chat.ask('What is a plugin?');
    await chat.send(longQuestion);
    await chat.begun(1, 20);
    const [runtime] = workbench.runtimePids();
    assert.ok(runtime !== undefined);
    const host = window.extensionHostPid!;
    const restarting = window.killExtensionHost();
    await waitUntil('the extension host has gone', () => !isAlive(host));
    await waitUntil('the runtime has gone', () => !isAlive(runtime), 1000);
    await restarting;

    await window.reload();
    chat = await ChatPanel.open(window);
    await chat.openConversation('What is a plugin?');
    await waitUntil('all four messages are back', async () => (await chat.messages.count()) === 4);
    assert.ok((await chat.textOf(0)).length > 10);
    await chat.answers.nth(1).getByText(/Interrupted/).waitFor();
    assert.match(await chat.ask('What is Jan?'), /Jan/);
  });
});

/** A zombie that waits for its parent to notice counts as gone. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
