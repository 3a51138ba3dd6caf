// The commands that put files and selections into the chat's box.
// Must not know: the chat, what may be attached.

import * as vscode from 'vscode';
import { JanError } from '../common/errors';
import { DisposableStore, type Disposable } from '../common/lifecycle';
import type { Logger } from '../common/log';
import type { FoundFile } from './chat/composer/attachable';
import { commandIds, type FilesTarget } from './ids';
import { withErrors } from './showError';
import { registerCommand, urisAmong } from './vscodeIds';

export interface AttachCommandsOptions {
  readonly log: Logger;
  /** Shows the chat with these files in its box. */
  readonly attach: (find: () => Promise<readonly FoundFile[]>) => Promise<void>;
}

export function registerAttachCommands({ log, attach }: AttachCommandsOptions): Disposable {
  const owned = new DisposableStore();
  owned.add(
    registerCommand(commandIds.attachFiles, () =>
      withErrors(async () => {
        const { chooseFiles, readFiles } = await import('./chat/composer/attachSources');
        const uris = await chooseFiles();
        if (uris.length > 0) {
          await attach(() => readFiles(uris));
        }
      }, log),
    ),
  );
  owned.add(
    registerCommand(commandIds.addSelectionToChat, () =>
      withErrors(async () => {
        const { selectedText } = await import('./chat/composer/attachSources');
        const selection = selectedText(vscode.window.activeTextEditor);
        if (selection === undefined) {
          throw new JanError('invalid-argument', vscode.l10n.t('Nothing is selected. Select text in an editor first, or use “Jan: Add File to Chat”.'));
        }
        await attach(() => Promise.resolve([selection]));
      }, log),
    ),
  );
  owned.add(
    registerCommand(commandIds.addFileToChat, (target?: FilesTarget, all?: FilesTarget) =>
      withErrors(async () => {
        const { readFiles } = await import('./chat/composer/attachSources');
        const uris = urisOf(target, all);
        if (uris.length === 0) {
          throw new JanError('invalid-argument', vscode.l10n.t('No file is open. Open one, or use “Jan: Attach Files…”.'));
        }
        await attach(() => readFiles(uris));
      }, log),
    ),
  );
  return owned;
}

/** The explorer hands over the clicked file and all that are selected, an editor's tab its own, the palette nothing. */
function urisOf(target: FilesTarget, all: FilesTarget): readonly vscode.Uri[] {
  const list = urisAmong(Array.isArray(all) && all.length > 0 ? all : target);
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  const open = vscode.window.activeTextEditor?.document.uri ?? (input instanceof vscode.TabInputCustom ? input.uri : undefined);
  return list.length > 0 || open === undefined ? list : [open];
}
