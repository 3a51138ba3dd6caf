// The chat in the four kinds of theme of the real VS Code: text can be read, by the measure of WCAG AA.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { ChatPanel } from './support/chatPanel';
import { pictureOnFailure } from './support/pictureOnFailure';
import { waitUntil } from './support/waitUntil';
import { startWorkbench, type Workbench } from './support/workbench';
import type { WorkbenchWindow } from './support/workbenchWindow';

const root = process.cwd();
const themes = [
  ['vscode-light', 'Light 2026'],
  ['vscode-dark', 'Dark 2026'],
  ['vscode-high-contrast', 'Default High Contrast'],
  ['vscode-high-contrast-light', 'Default High Contrast Light'],
] as const;

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

describe('the chat in every kind of theme, end to end', function () {
  this.timeout(180_000);
  let workspaceFolder: string;
  let workbench: Workbench;
  let window: WorkbenchWindow;
  let chat: ChatPanel;
  const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

  pictureOnFailure(() => workbench?.windows ?? []);
  before(async () => {
    workspaceFolder = fs.mkdtempSync(path.join(os.tmpdir(), 'jan-themes-'));
    workbench = await startWorkbench({ extensions: [root], workspaceFolder });
    window = await workbench.openWindow();
    chat = await ChatPanel.open(window);
    await chat.ask('Write a hello world in JavaScript.');
    await chat.newConversation();
    await chat.ask('What is Jan?');
    await chat.frame.evaluate(() => {
      const data = new DataTransfer();
      data.items.add(new File(['some text'], 'notes.txt'));
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    });
    await chat.frame.locator('jan-composer .chip').waitFor();
    await chat.frame.locator('.token-count').waitFor();
  });
  after(async () => {
    await workbench?.stop();
    fs.rmSync(workspaceFolder, { recursive: true, force: true });
  });

  const isReadable = async (what: string): Promise<void> => {
    const found = await chat.frame.evaluate<{ violations: Violation[] }>(
      `${axe}; axe.run({ runOnly: ['color-contrast', 'button-name', 'aria-allowed-attr', 'aria-required-children', 'label', 'list'] })`,
    );
    assert.deepEqual(
      found.violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 160)} ${node.failureSummary}`)),
      [],
      what,
    );
  };

  for (const [kind, theme] of themes) {
    it(`can be read in ${theme}`, async () => {
      await window.setTheme(theme);
      await waitUntil(`the page knows ${kind}`, () => chat.frame.evaluate((name) => document.body.classList.contains(name), kind));
      await window.page.mouse.move(700, 400);
      // The side bar lies behind the page, which has no ground of its own: axe sees only the page.
      await chat.frame.evaluate(() => (document.documentElement.style.background = 'var(--vscode-sideBar-background)'));
      await isReadable('messages');
      await window.screenshot(path.join(root, `test-results/theme-${kind}.png`));
      await chat.openHistory();
      await isReadable('history');
      await window.screenshot(path.join(root, `test-results/theme-${kind}-history.png`));
      await chat.closeHistory();
    });
  }
});
