// Asks before answers under way are ended, also those of other windows and programs, which nobody here sees.
// Must not know: what ends them.

import * as vscode from 'vscode';
import type { JanApi } from '../api/jan';

/**
 * @param modelId only its answers; absent: all
 * @param title what is about to be done, as it is on the button
 * @returns is there nothing to end as far as known, or may it be?
 */
export async function mayEndAnswers({ inference }: Pick<JanApi, 'inference'>, title: string, modelId?: string): Promise<boolean> {
  // An engine that cannot be asked must not hinder its restart.
  const models = await inference.getEngineState().then((state) => state.models, () => []);
  const answering = models.filter((model) => (modelId === undefined || model.modelId === modelId) && (model.activeRequests ?? 0) > 0);
  if (answering.length === 0) {
    return true;
  }
  const count = answering.reduce((sum, model) => sum + model.activeRequests!, 0);
  const names = answering.map(({ name }) => name).join(', ');
  const question = count === 1 ? vscode.l10n.t('{0} is writing an answer.', names) : vscode.l10n.t('{0}: {1} answers are being written or wait.', names, count);
  const detail = vscode.l10n.t('This may be for another window or program. What has been written so far is kept; the rest will not be written.');
  return (await vscode.window.showWarningMessage(question, { modal: true, detail }, title)) === title;
}
