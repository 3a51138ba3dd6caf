// Adding a model file the way a user does: the command, VS Code's own file dialog, the notification.
// It must not know which model it is; that is for the tests.

import { openInDialog } from './fileDialogs';
import type { WorkbenchWindow } from './workbenchWindow';

/** Runs the command and chooses this file; what comes of it is for the caller to wait for. */
export async function chooseModelFile(window: WorkbenchWindow, file: string): Promise<void> {
  await window.runCommand('Jan: Add Model File');
  await openInDialog(window, file, 'Add Model');
}

/** Adds a file, loads it, and makes it the model that the chat uses. */
export async function chatWithModelFile(window: WorkbenchWindow, file: string): Promise<void> {
  await chooseModelFile(window, file);
  await window.notification(/was added/).getByRole('button', { name: 'Load and Chat' }).first().click();
  await window.treeItem('ready').first().waitFor({ timeout: 60_000 });
}
