// Asks where to write and what to read, through VS Code's file dialogs.
// Must not know: what is written or read.

import { access } from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { JanError } from '../../common/errors';

/** @param name suggested, with its ending @returns undefined when the user backs out */
export async function askForFile(title: string, name: string, filters: Record<string, string[]>): Promise<string | undefined> {
  const uri = await vscode.window.showSaveDialog({ title, filters, saveLabel: vscode.l10n.t('Export'), defaultUri: vscode.Uri.joinPath(startFolder(), name) });
  return uri === undefined ? undefined : pathOf(uri);
}

/** Asks for a folder, and names one within it that is not there yet. */
export async function askForNewFolder(title: string, openLabel: string, name: string): Promise<string | undefined> {
  const parent = await askForFolder(title, openLabel);
  if (parent === undefined) {
    return undefined;
  }
  for (let n = 1; ; n++) {
    const folder = path.join(parent, n === 1 ? name : `${name} (${n})`);
    if (!(await exists(folder))) {
      return folder;
    }
  }
}

export async function askForFolder(title: string, openLabel: string, start?: string): Promise<string | undefined> {
  const defaultUri = start === undefined ? startFolder() : vscode.Uri.file(start);
  const uris = await vscode.window.showOpenDialog({ title, openLabel, canSelectFiles: false, canSelectFolders: true, defaultUri });
  return uris?.[0] === undefined ? undefined : pathOf(uris[0]);
}

export async function askForFiles(title: string, openLabel: string, filters: Record<string, string[]>): Promise<string[] | undefined> {
  const uris = await vscode.window.showOpenDialog({ title, openLabel, canSelectMany: true, filters, defaultUri: startFolder() });
  return uris === undefined || uris.length === 0 ? undefined : uris.map(pathOf);
}

/** @throws JanError `unsupported` for a place that is no file of this machine */
export function pathOf(uri: vscode.Uri): string {
  if (uri.scheme !== 'file') {
    throw new JanError('unsupported', vscode.l10n.t('Jan reads and writes files of the machine that it runs on only. Choose a folder of that machine.'));
  }
  return uri.fsPath;
}

export async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/** Shows a file in an editor, and a folder in the file manager where there is one. */
export async function showPlace(place: string, isFolder: boolean): Promise<void> {
  const uri = vscode.Uri.file(place);
  if (!isFolder) {
    await vscode.commands.executeCommand('vscode.open', uri);
    return;
  }
  try {
    await vscode.commands.executeCommand('revealFileInOS', uri);
  } catch {
    // VS Code in a browser has no file manager to show it in.
    await vscode.env.clipboard.writeText(place);
    void vscode.window.showInformationMessage(vscode.l10n.t('The folder can’t be shown here. Its path was copied: {0}', place));
  }
}

function startFolder(): vscode.Uri {
  const folder = vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === 'file');
  return folder?.uri ?? vscode.Uri.file(os.homedir());
}
