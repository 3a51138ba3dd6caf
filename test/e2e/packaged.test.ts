import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { ChatPanel } from './support/chatPanel';
import { pictureOnFailure } from './support/pictureOnFailure';
import { startWorkbench, type Workbench } from './support/workbench';
import type { WorkbenchWindow } from './support/workbenchWindow';

/** What users get is the .vsix, not this folder: minified, with a node_modules of its own, files left out by a list. */
describe('the package, installed', function () {
  this.timeout(180_000);
  let folder: string;
  let workbench: Workbench;
  let window: WorkbenchWindow;

  pictureOnFailure(() => workbench?.windows ?? []);
  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'jan-vsix-'));
    await promisify(execFile)(process.execPath, ['scripts/package.mjs', '--out', folder], { maxBuffer: 16 * 1024 * 1024 });
    const packages = fs.readdirSync(folder).map((name) => path.join(folder, name));
    workbench = await startWorkbench({ extensions: [], packages });
    window = await workbench.openWindow();
  });
  after(async () => {
    await workbench?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  it('answers from the starter model, in a process from the package', async () => {
    const chat = await ChatPanel.open(window);
    assert.match(await chat.ask('What is Jan?'), /Jan/);
    const [pid] = workbench.runtimePids();
    const command = workbench.server.processes().find((entry) => entry.pid === pid)?.command.join(' ') ?? '';
    assert.ok(command.includes(path.join(workbench.profileDir, 'extensions')), command);
  });

  it('keeps what was said, and shows its models and its load', async () => {
    await window.reload();
    const chat = await ChatPanel.open(window);
    await chat.openConversation('What is Jan?');
    assert.match(await chat.textOf(0), /Jan/);
    await window.treeItem('Jan Guide').first().waitFor();
    await window.statusBarItem('Jan').first().waitFor();
  });

  it('opens its endpoint from the palette', async () => {
    await window.runCommand('Jan: Copy Endpoint');
    await window.quickInput().or(window.notification(/endpoint/i)).first().waitFor();
  });
});
