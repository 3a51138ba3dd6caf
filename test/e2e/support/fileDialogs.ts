// VS Code's own file dialogs (`simpleDialogSettings`), driven by typing a path as a user can.
// It must not know what is opened or saved; that is for the tests.

import path from 'node:path';
import { waitUntil } from './waitUntil';
import type { WorkbenchWindow } from './workbenchWindow';

/** VS Code's settings that make its file dialogs ones of its own, which a test can type into. */
export const simpleDialogSettings = { 'files.simpleDialog.enable': true };

/** A dialog that lists a folder on a busy machine takes its time. */
const dialogTimeoutMs = 60_000;

/** Chooses a file or folder that is there, and presses the dialog's button. */
export async function openInDialog(window: WorkbenchWindow, target: string, button: string): Promise<void> {
  const row = window.quickInput().locator('.monaco-list-row').filter({ hasText: path.basename(target) }).first();
  await answerDialog(window, target, button, () => row.isVisible());
}

/** Names a file that is not there yet, and presses the dialog's button. */
export async function saveInDialog(window: WorkbenchWindow, target: string): Promise<void> {
  // A simple dialog that saves has VS Code's own word on its button, whatever the extension wished.
  await answerDialog(window, target, 'OK', (sinceMs) => sinceMs > 500);
}

/** @param isTaken whether what was typed has come through, asked while it still stands there */
async function answerDialog(window: WorkbenchWindow, target: string, buttonName: string, isTaken: (sinceTypedMs: number) => boolean | Promise<boolean>): Promise<void> {
  const input = window.quickInput().locator('input').first();
  // The dialog is gone when its button is: whatever asks next may have the box, but has no such button.
  const button = window.quickInput().getByRole('button', { name: buttonName, exact: true });
  await button.waitFor();
  let isPressed = false;
  await waitUntil(`the dialog takes ${target}`, async () => {
    if (isPressed && !(await button.isVisible())) {
      return true;
    }
    await input.fill(target, { timeout: 2_000 });
    const typedAt = Date.now();
    // While it lists its first folder the dialog puts that folder's name back over what was typed.
    const stays = await waitUntil('the dialog has read what was typed', async () =>
      (await input.inputValue({ timeout: 2_000 })) !== target ? 'replaced' : (await isTaken(Date.now() - typedAt)) && 'taken', 5_000);
    if (stays === 'replaced') {
      return false;
    }
    await button.click({ timeout: 2_000 });
    isPressed = true;
    await button.waitFor({ state: 'hidden', timeout: 2_000 });
    return true;
  }, dialogTimeoutMs);
}
