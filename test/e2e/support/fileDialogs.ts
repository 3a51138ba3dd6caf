// VS Code's own file dialogs (`simpleDialogSettings`), driven by typing a path as a user can.
// It must not know what is opened or saved; that is for the tests.

import path from 'node:path';
import { waitUntil } from './waitUntil';

/** A dialog that lists a folder on a busy machine takes its time. */
const dialogTimeoutMs = 60_000;
import type { WorkbenchWindow } from './workbenchWindow';

/** Chooses a file or folder that is there, and presses the dialog's button. */
export async function openInDialog(window: WorkbenchWindow, target: string, button: string): Promise<void> {
  const input = window.quickInput().locator('input').first();
  await input.waitFor();
  // While it lists its first folder the dialog puts that folder's name back over what was typed.
  await waitUntil(`the dialog takes ${target}`, async () => {
    await input.fill(target, { timeout: 2_000 });
    await window.quickInput().locator('.monaco-list-row').filter({ hasText: path.basename(target) }).first().waitFor({ timeout: 5_000 });
    if ((await input.inputValue()) !== target) {
      return false;
    }
    await window.quickInput().getByRole('button', { name: button }).click({ timeout: 2_000 });
    await input.waitFor({ state: 'hidden', timeout: 2_000 });
    return true;
  }, dialogTimeoutMs);
}

/** Names a file that is not there yet, and presses the dialog's button. */
export async function saveInDialog(window: WorkbenchWindow, target: string): Promise<void> {
  const input = window.quickInput().locator('input').first();
  // A simple dialog that saves has VS Code's own word on its button, whatever the extension wished.
  const button = window.quickInput().getByRole('button', { name: 'OK' });
  await input.waitFor();
  await waitUntil(`the dialog takes ${target}`, async () => {
    await input.fill(target, { timeout: 2_000 });
    await new Promise((resolve) => setTimeout(resolve, 500));
    if ((await input.inputValue({ timeout: 2_000 })) !== target) {
      return false;
    }
    await button.click({ timeout: 2_000 });
    await button.waitFor({ state: 'hidden', timeout: 2_000 });
    return true;
  }, dialogTimeoutMs);
}
