// Checks the store and tells the result in words, with next steps where something is wrong.
// Must not know: how the store is checked.

import * as vscode from 'vscode';
import type { JanApi } from '../../api/jan';
import type { Logger } from '../../common/log';
import { commandIds } from '../ids';
import { withErrors } from '../showError';
import { runCommand } from '../vscodeIds';
import { checkReport, checkSummary } from './checkReport';
import { withLastingProgress } from './lastingProgress';
import type { ReportDocuments } from './reportDocuments';

export async function checkConversations(api: JanApi, log: Logger, reports: ReportDocuments): Promise<void> {
  const { l10n } = vscode;
  const report = await withLastingProgress(l10n.t('Checking conversations'), false, () => api.data.checkStore());
  const show = (): Promise<void> => reports.show(l10n.t('Check of Conversations'), checkReport(report, Date.now(), l10n));
  if (report.ok) {
    const details = l10n.t('Show Report');
    void vscode.window.showInformationMessage(checkSummary(report, l10n), details).then((chosen) => (chosen === details ? withErrors(show, log) : undefined));
    return;
  }
  log.warn('The check found problems', report.summary);
  await show();
  const [restore, showLog] = [l10n.t('Restore from Backup…'), l10n.t('Show Log')];
  void vscode.window.showWarningMessage(l10n.t('The check found problems. The report says what they are and what to do.'), restore, showLog).then((chosen) =>
    chosen === undefined ? undefined : withErrors(() => runCommand(chosen === restore ? commandIds.restoreConversations : commandIds.showLog), log),
  );
}
