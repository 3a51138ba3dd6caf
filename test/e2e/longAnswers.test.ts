import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { testModelPath } from '../fixtures/gguf/testModels';
import { ChatPanel } from './support/chatPanel';
import { simpleDialogSettings } from './support/fileDialogs';
import { chatWithModelFile } from './support/modelFiles';
import { pictureOnFailure } from './support/pictureOnFailure';
import { waitUntil } from './support/waitUntil';
import { startWorkbench, type Workbench } from './support/workbench';
import type { WorkbenchWindow } from './support/workbenchWindow';

const root = process.cwd();
/** Characters. What is shown is saved a quarter of a second later; this many take the model several of them. */
const enoughToBeSaved = 1500;

/** A real model with random weights never ends by itself: its answers last until something stops them. */
describe('long answers, end to end', function () {
  this.timeout(180_000);
  let workbench: Workbench;
  let window: WorkbenchWindow;
  let chat: ChatPanel;

  pictureOnFailure(() => workbench.windows);
  before(async () => {
    workbench = await startWorkbench({
      extensions: [root, path.join(root, 'companions/sample-plugin')],
      settings: simpleDialogSettings,
    });
    window = await workbench.openWindow();
    await ChatPanel.open(window);
    await chatWithModelFile(window, await testModelPath('small'));
    chat = await ChatPanel.open(window);
  });
  after(async () => {
    await workbench?.stop();
  });

  it('stops with Escape and keeps what was written', async () => {
    await chat.send('Go on for ever');
    const early = await chat.begun(0, 20);
    await chat.input.press('Escape');
    const kept = await chat.finished(0);
    await chat.answers.first().getByText('Stopped').waitFor();
    assert.ok(kept.startsWith(early.slice(0, 10)), `"${kept}" begins with "${early}"`);
    await chat.button('Send').first().waitFor();
  });

  it('stops with the button, and with the command', async () => {
    await chat.newConversation();
    await chat.send('Go on');
    await chat.begun(0, 20);
    await chat.button(/^Stop/).click();
    await chat.answers.first().getByText('Stopped').waitFor();
    await chat.button('Send').first().waitFor();
    await chat.send('And on');
    await chat.begun(1, 20);
    await window.runCommand('Jan: Stop Answer');
    await chat.answers.nth(1).getByText('Stopped').waitFor();
  });

  it('is not ended from another window, where it is not seen, without asking', async () => {
    const second = await workbench.openWindow();
    await ChatPanel.open(second);
    await chat.newConversation();
    await chat.send('Keep on');
    const early = await chat.begun(0, 20);
    const dialog = second.page.locator('.monaco-dialog-box');
    const unload = async (): Promise<void> => {
      const loaded = second.treeItem('answering').first();
      await loaded.hover();
      await loaded.getByRole('button', { name: 'Unload Model' }).click();
      await dialog.getByText(/is writing an answer/).waitFor();
    };
    await second.statusBarItem('answering').waitFor();
    await second.screenshot(path.join(root, 'test-results/answering-elsewhere.png'));
    await unload();
    await second.pressDialogButton('Cancel');
    await second.runCommand('Jan: Restart Engine');
    await dialog.getByText(/is writing an answer/).waitFor();
    await second.pressDialogButton('Cancel');
    await chat.begun(0, (await chat.textOf(0)).length + 20);
    assert.equal(await chat.answers.first().getAttribute('aria-busy'), 'true');
    await unload();
    await second.pressDialogButton('Unload');
    const kept = await chat.finished(0);
    assert.ok(kept.startsWith(early.slice(0, 10)), `"${kept}" begins with "${early}"`);
    await chat.answers.first().locator('.error').getByText(/was unloaded/).waitFor();
    // Nothing that nobody asked for, such as counting tokens, has it loaded again.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    assert.equal((await second.treeItem(/ready|answering/).count()) + (await window.treeItem(/ready|answering/).count()), 0);
    await window.screenshot(path.join(root, 'test-results/unloaded-elsewhere.png'));
    await second.close();
  });

  it('goes on while the view is hidden', async () => {
    await chat.newConversation();
    await chat.send('Do not stop while I look away');
    const before = (await chat.begun(0, 20)).length;
    await window.openViewContainer('Explorer');
    chat = await ChatPanel.open(window);
    await chat.begun(0, before + 1);
    assert.equal(await chat.answers.first().getAttribute('aria-busy'), 'true');
    await chat.input.press('Escape');
    await chat.answers.first().getByText('Stopped').waitFor();
  });

  it('keeps the text when the window is reloaded in mid-answer', async () => {
    await chat.newConversation();
    await chat.send('Keep this');
    await chat.begun(0, enoughToBeSaved);
    await window.reload();
    chat = await ChatPanel.open(window);
    const kept = await chat.begun(0, 20);
    assert.ok(kept.length > 20);
    await chat.answers.first().getByText(/Interrupted/).waitFor();
  });

  it('keeps the partial answer when the runtime is killed, says why, and answers the next message', async () => {
    await chat.newConversation();
    await chat.send('Go on');
    const partial = await chat.begun(0, 50);
    const [runtime] = workbench.runtimePids();
    assert.ok(runtime !== undefined);
    await workbench.kill(runtime);
    const error = chat.answers.first().locator('.error');
    await error.waitFor();
    assert.equal(await error.getAttribute('data-code'), 'engine-crashed');
    assert.match((await error.textContent())!, /killed|SIGKILL/i);
    const kept = await chat.textOf(0);
    assert.ok(kept.startsWith(partial.slice(0, 30)), `"${kept}" begins with "${partial}"`);
    await chat.send('And again');
    await chat.begun(1, 20);
    const [restarted] = workbench.runtimePids();
    assert.notEqual(restarted, runtime);
    await chat.input.press('Escape');
    await chat.answers.nth(1).getByText('Stopped').waitFor();
  });

  it('does not load a model again by itself that has ended the runtime twice in a row, but when it is told to', async () => {
    await chat.newConversation();
    const errorOf = (turn: number) => chat.answers.nth(turn).locator('.error');
    let turn = 0;
    // The test before this one has ended it once already, if it ran.
    for (; ; turn++) {
      await chat.send(`Turn ${turn}`);
      await waitUntil('it answers or is refused', async () => (await chat.textOf(turn)).length > 50 || (await errorOf(turn).count()) > 0);
      if ((await errorOf(turn).count()) > 0) {
        break;
      }
      await workbench.kill(workbench.runtimePids()[0]!, 'SIGSEGV');
      await errorOf(turn).waitFor();
      assert.match((await errorOf(turn).textContent())!, /crashed in native code \(SIGSEGV\)/);
    }
    assert.ok(turn === 1 || turn === 2, `refused after ${turn} ends`);
    assert.equal(await errorOf(turn).getAttribute('data-code'), 'model-crashed');
    assert.match((await errorOf(turn).textContent())!, /is not loaded: the engine crashed in native code \(SIGSEGV\).*Try it anyway, choose other settings/s);
    await chat.answers.nth(turn).getByRole('button', { name: 'Try Anyway' }).click();
    await chat.begun(turn, 20);
    await chat.input.press('Escape');
    await chat.answers.nth(turn).getByText('Stopped').waitFor();
  });

  it('leaves no runtime behind a second after the extension host is killed, and loses no message', async () => {
    await chat.newConversation();
    await chat.send('First of two');
    await chat.begun(0, 20);
    await chat.input.press('Escape');
    const first = await chat.finished(0);
    await chat.send('Second of two');
    await chat.begun(1, enoughToBeSaved);
    const [runtime] = workbench.runtimePids();
    const host = window.extensionHostPid;
    assert.ok(runtime !== undefined && host !== undefined);
    process.kill(host, 'SIGKILL');
    await waitUntil('the extension host has gone', () => !isAlive(host));
    await waitUntil('the runtime has gone', () => !isAlive(runtime), 1000);

    await window.reload();
    chat = await ChatPanel.open(window);
    await chat.openConversation('First of two');
    await waitUntil('all four messages are back', async () => (await chat.messages.count()) === 4);
    // A message's text is drawn after its place.
    assert.equal(await chat.begun(0, first.length), first);
    assert.ok((await chat.textOf(1)).length >= 20);
    await chat.answers.nth(1).getByText(/Interrupted/).waitFor();
    await chat.send('Third');
    await chat.begun(2, 20);
    await chat.input.press('Escape');
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
