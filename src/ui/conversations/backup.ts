// Back up into a new folder, and bring back from one what is not here.
// Must not know: what a backup's files are.

import * as vscode from 'vscode';
import type { JanApi } from '../../api/jan';
import type { Logger } from '../../common/log';
import { formatBytes } from '../format';
import { withErrors } from '../showError';
import { withLastingProgress } from './lastingProgress';
import { askForFolder, askForNewFolder, showPlace } from './places';
import { conversationsText, dayText, messagesText } from './texts';

export interface BackupOptions {
  readonly api: JanApi;
  readonly log: Logger;
}

/** @returns whether a backup was made */
export async function backUpConversations({ api, log }: BackupOptions): Promise<boolean> {
  const { l10n } = vscode;
  const title = l10n.t('Back Up Conversations');
  const folder = await askForNewFolder(title, l10n.t('Back Up Here'), l10n.t('Jan backup {0}', dayText(Date.now())));
  if (folder === undefined) {
    return false;
  }
  const result = await withLastingProgress(l10n.t('Backing up conversations'), false, () => api.data.backupStore(folder));
  const show = l10n.t('Show Folder');
  const said = l10n.t('Backed up {0} with {1} ({2}) to {3}. The backup was read again and is sound.', conversationsText(result.conversations, l10n), messagesText(result.messages, l10n), formatBytes(result.bytes), result.path);
  void vscode.window.showInformationMessage(said, show).then((chosen) => (chosen === show ? withErrors(() => showPlace(result.path, true), log) : undefined));
  return true;
}

/** @param options.onAdded conversations were added that may belong to another folder */
export async function restoreConversations({ api, onAdded }: BackupOptions & { readonly onAdded: () => Promise<void> }): Promise<void> {
  const { l10n } = vscode;
  const folder = await askForFolder(l10n.t('Choose the Folder of a Backup'), l10n.t('Restore What Is Missing'));
  if (folder === undefined) {
    return;
  }
  const { conversations, messages, attachments, models } = await withLastingProgress(l10n.t('Restoring conversations'), false, () => api.data.restoreStore(folder));
  if (conversations > 0) {
    await onAdded();
  }
  void vscode.window.showInformationMessage(
    conversations + messages + attachments + models === 0
      ? l10n.t('Nothing was missing: all that this backup holds is here.')
      : l10n.t('Restored {0}, {1} and {2} attached files. What was here already stayed as it was.', conversationsText(conversations, l10n), messagesText(messages, l10n), attachments),
  );
}
