// Deletes conversations by age: once, by a command.
// Must not know: how they are removed.

import * as vscode from 'vscode';
import type { JanApi } from '../../api/jan';
import type { Logger } from '../../common/log';
import { backUpConversations } from './backup';
import { countOld } from './oldConversations';
import { conversationsText, dayText, messagesText } from './texts';

const choices = [30, 90, 180, 365, 730] as const;

export async function deleteOldConversations(api: JanApi, log: Logger): Promise<void> {
  const { l10n } = vscode;
  const title = l10n.t('Delete Old Conversations');
  const now = Date.now();
  const items = Promise.all(
    choices.map(async (days) => {
      const { conversations } = await countOld(api, days, now);
      return {
        label: l10n.t('Not changed for {0} days', days),
        description: conversations === 0 ? l10n.t('none') : conversationsText(conversations, l10n),
        days,
      };
    }),
  );
  const chosen = await vscode.window.showQuickPick(items, { title, placeHolder: l10n.t('Which ones; pinned conversations stay') });
  if (chosen === undefined) {
    return;
  }
  const found = await countOld(api, chosen.days, now);
  if (found.conversations === 0) {
    void vscode.window.showInformationMessage(l10n.t('No conversation is that old, but for pinned ones.'));
    return;
  }
  const [confirm, backUp] = [l10n.t('Delete for Good'), l10n.t('Back Up First…')];
  const answer = await vscode.window.showWarningMessage(
    l10n.t('Delete {0} for good?', conversationsText(found.conversations, l10n)),
    {
      modal: true,
      detail: l10n.t('They hold {0} and were last changed before {1}. Pinned conversations stay. This can’t be undone; only a backup can bring them back.', messagesText(found.messages, l10n), dayText(found.olderThan)),
    },
    confirm,
    backUp,
  );
  if (answer === undefined || (answer === backUp && !(await backUpConversations({ api, log })))) {
    return;
  }
  await api.data.purgeConversations({ olderThan: found.olderThan });
  void vscode.window.showInformationMessage(l10n.t('Deleted {0}.', conversationsText(found.conversations, l10n)));
}
