// Adding a model file the way a user does: the command, VS Code's own file dialog, the notification.
// It must not know which model it is; that is for the tests.

import path from 'node:path';
import { waitUntil } from './waitUntil';
import type { WorkbenchWindow } from './workbenchWindow';

/** VS Code's settings that make its file dialog one of its own, which a test can type into. */
export const simpleDialogSettings = { 'files.simpleDialog.enable': true };

/** Runs the command and chooses this file; what comes of it is for the caller to wait for. */
export async function chooseModelFile(window: WorkbenchWindow, file: string): Promise<void> {
  await window.runCommand('Jan: Add Model File');
  const input = window.quickInput().locator('input').first();
  await input.waitFor();
  // While it lists its first folder the dialog puts that folder's name back over what was typed.
  await waitUntil('the dialog takes the file', async () => {
    await input.fill(file, { timeout: 2_000 });
    await window.quickInput().locator('.monaco-list-row').filter({ hasText: path.basename(file) }).first().waitFor({ timeout: 2_000 });
    if ((await input.inputValue()) !== file) {
      return false;
    }
    await window.quickInput().getByRole('button', { name: 'Add Model' }).click({ timeout: 2_000 });
    await input.waitFor({ state: 'hidden', timeout: 2_000 });
    return true;
  });
}

/** Adds a file, loads it, and makes it the model that the chat uses. */
export async function chatWithModelFile(window: WorkbenchWindow, file: string): Promise<void> {
  await chooseModelFile(window, file);
  await window.notification(/was added/).getByRole('button', { name: 'Load and Chat' }).first().click();
  await window.treeItem('ready').first().waitFor({ timeout: 60_000 });
}
