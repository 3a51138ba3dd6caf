// Tells the user of a failed action, with its next steps as buttons.
// Must not know: services, what failed.

import * as vscode from 'vscode';
import { toJanError } from '../common/errors';
import type { Logger } from '../common/log';
import { escapeLinks } from './format';
import { nextStepsFor } from './nextSteps';

/**
 * Shows a notification unless the user cancelled. Resolves when it is answered, so callers that need not wait write
 * `void showError(…)`.
 * @param retry does the same again @param anyway does it although it went wrong before
 */
export async function showError(error: unknown, log: Logger, retry?: () => Promise<unknown>, anyway?: () => Promise<unknown>): Promise<void> {
  const { code, message, details } = toJanError(error);
  if (code === 'cancelled') {
    return;
  }
  log.warn(`Shown to the user: ${code}`, message, details);
  const steps = nextStepsFor(code, retry !== undefined, vscode.l10n).filter(({ action }) => action !== 'tryAnyway' || anyway !== undefined);
  const chosen = await vscode.window.showErrorMessage(escapeLinks(message), ...steps.map((step) => step.title));
  const step = steps.find((candidate) => candidate.title === chosen);
  if (step?.action === 'retry') {
    await retry?.();
  } else if (step?.action === 'tryAnyway') {
    await anyway?.();
  } else if (step !== undefined) {
    await vscode.commands.executeCommand(step.action);
  }
}

/** Runs an action; what it throws is shown instead of thrown. @param anyway see {@link showError} */
export async function withErrors(action: () => PromiseLike<unknown>, log: Logger, anyway?: () => PromiseLike<unknown>): Promise<void> {
  try {
    await action();
  } catch (error) {
    void showError(error, log, () => withErrors(action, log, anyway), anyway && ((): Promise<void> => withErrors(anyway, log)));
  }
}
