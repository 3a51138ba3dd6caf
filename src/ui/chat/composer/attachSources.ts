// Where files to attach come from in VS Code: the selection, an editor, the workspace, the disk. A file that is open is
// taken as it stands in its editor, saved or not.
// Must not know: the chat, what may be attached.

import * as path from 'node:path';
import * as vscode from 'vscode';
import { JanError } from '../../../common/errors';
import { attachmentScheme } from '../../ids';
import { maxImageSize, type FoundFile } from './attachable';

const mostListed = 5000;

/** The selected text of the active editor with its lines; `undefined`: nothing is selected. */
export function selectedText(editor: vscode.TextEditor | undefined): FoundFile | undefined {
  if (editor === undefined || editor.selection.isEmpty) {
    return undefined;
  }
  const { document, selection } = editor;
  // Of a selection that ends at the start of a line, that line is no part.
  const endLine = selection.end.character === 0 && selection.end.line > selection.start.line ? selection.end.line : selection.end.line + 1;
  return {
    name: nameOf(document.uri),
    bytes: new TextEncoder().encode(document.getText(selection)),
    range: { startLine: selection.start.line + 1, endLine },
  };
}

/** @throws JanError `invalid-argument` for what cannot be read */
export async function readFile(uri: vscode.Uri): Promise<FoundFile> {
  const name = nameOf(uri);
  const open = vscode.workspace.textDocuments.find((document) => document.uri.toString() === uri.toString());
  if (open !== undefined) {
    return { name, bytes: new TextEncoder().encode(open.getText()) };
  }
  try {
    const { size } = await vscode.workspace.fs.stat(uri);
    if (size > maxImageSize) {
      throw new JanError('invalid-argument', vscode.l10n.t('{0} was not attached: files can have up to 16 MB. Attach a smaller version.', name));
    }
    return { name, bytes: await vscode.workspace.fs.readFile(uri) };
  } catch (error) {
    throw error instanceof JanError
      ? error
      : new JanError('invalid-argument', vscode.l10n.t('{0} was not attached: it cannot be read. Is it a folder, or was it moved?', name));
  }
}

export async function readFiles(uris: readonly vscode.Uri[]): Promise<readonly FoundFile[]> {
  return Promise.all(uris.map((uri) => readFile(uri)));
}

/** What a page says was dragged onto it: a page gets no file that is not in this window's folders or editors. */
export async function readDragged(texts: readonly string[]): Promise<readonly FoundFile[]> {
  const uris = texts.map((text) => {
    const uri = parse(text);
    const isOpen = uri !== undefined && vscode.workspace.textDocuments.some((document) => document.uri.toString() === uri.toString());
    if (uri === undefined || (!isOpen && vscode.workspace.getWorkspaceFolder(uri) === undefined)) {
      throw new JanError(
        'denied',
        vscode.l10n.t('{0} was not attached: it is outside of the folders that are open in this window. Use “Attach files…”.', text.slice(-100)),
      );
    }
    return uri;
  });
  return readFiles(uris);
}

/** Asks for files: those in editors first, then all of the workspace, or any of the disk. `[]`: none were chosen. */
export async function chooseFiles(): Promise<readonly vscode.Uri[]> {
  const pick = vscode.window.createQuickPick<FileItem>();
  pick.canSelectMany = true;
  pick.matchOnDescription = true;
  pick.title = vscode.l10n.t('Attach Files');
  pick.placeholder = vscode.l10n.t('Choose files; more of them: the folder button above');
  const browse: vscode.QuickInputButton = { iconPath: new vscode.ThemeIcon('folder-opened'), tooltip: vscode.l10n.t('Any file of this computer…') };
  pick.buttons = [browse];
  const open = openFiles();
  pick.items = open.map(fileItem);
  pick.busy = true;
  const cancelling = new vscode.CancellationTokenSource();
  vscode.workspace.findFiles('**/*', undefined, mostListed, cancelling.token).then(
    (found) => {
      const listed = new Set(open.map(String));
      const rest = found.filter((uri) => !listed.has(uri.toString())).sort((a, b) => (a.path < b.path ? -1 : 1));
      const chosen = pick.selectedItems;
      pick.items = [...open, ...rest].map(fileItem);
      pick.selectedItems = pick.items.filter((item) => chosen.some((one) => one.uri.toString() === item.uri.toString()));
      pick.busy = false;
    },
    () => (pick.busy = false),
  );
  const chosen = await new Promise<readonly vscode.Uri[] | 'browse'>((resolve) => {
    pick.onDidAccept(() => resolve(pick.selectedItems.map(({ uri }) => uri)));
    pick.onDidTriggerButton(() => resolve('browse'));
    pick.onDidHide(() => resolve([]));
    pick.show();
  });
  cancelling.cancel();
  cancelling.dispose();
  pick.dispose();
  if (chosen === 'browse') {
    return (await vscode.window.showOpenDialog({ canSelectMany: true, openLabel: vscode.l10n.t('Attach') })) ?? [];
  }
  return chosen;
}

interface FileItem extends vscode.QuickPickItem {
  readonly uri: vscode.Uri;
}

function fileItem(uri: vscode.Uri): FileItem {
  const folder = path.posix.dirname(nameOf(uri));
  return { uri, label: path.posix.basename(uri.path), description: folder === '.' ? '' : folder, iconPath: vscode.ThemeIcon.File };
}

/** Of all tabs, the newest group's first; without those that are no files. */
function openFiles(): readonly vscode.Uri[] {
  const uris = vscode.window.tabGroups.all.flatMap((group) =>
    group.tabs.map(({ input }) => (input instanceof vscode.TabInputText || input instanceof vscode.TabInputCustom || input instanceof vscode.TabInputNotebook ? input.uri : undefined)),
  );
  const files = uris.filter((uri) => uri !== undefined && uri.scheme !== attachmentScheme).map((uri) => [String(uri), uri] as const);
  return [...new Map(files).values()].filter((uri) => uri !== undefined);
}

function nameOf(uri: vscode.Uri): string {
  const name = vscode.workspace.getWorkspaceFolder(uri) === undefined ? path.posix.basename(uri.path) : vscode.workspace.asRelativePath(uri);
  return name === '' ? uri.toString() : name.replaceAll('\\', '/');
}

function parse(text: string): vscode.Uri | undefined {
  try {
    return vscode.Uri.parse(text, true);
  } catch {
    return undefined;
  }
}
