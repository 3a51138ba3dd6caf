// Which next steps a failure offers, likeliest first.
// Must not know: VS Code, what the steps do.

import type { JanErrorCode } from '../api/jan';
import { commandIds, type CommandId } from './ids';
import type { Localise } from './localise';

export interface NextStep {
  readonly title: string;
  /** `retry`: the same again. `tryAnyway`: although it went wrong before. */
  readonly action: CommandId | 'retry' | 'tryAnyway';
}

/** At most two besides the log, so that a notification stays readable. */
export function nextStepsFor(code: JanErrorCode, canRetry: boolean, l10n: Localise): readonly NextStep[] {
  const search: NextStep = { title: l10n.t('Search Models'), action: commandIds.searchModels };
  const add: NextStep = { title: l10n.t('Add Model File'), action: commandIds.addModelFile };
  const pick: NextStep = { title: l10n.t('Choose Model'), action: commandIds.pickModel };
  const restart: NextStep = { title: l10n.t('Restart Engine'), action: commandIds.restartEngine };
  const settings: NextStep = { title: l10n.t('Open Settings'), action: commandIds.openSettings };
  const provider: NextStep = { title: l10n.t('Choose Provider'), action: commandIds.chooseProvider };
  const log: NextStep = { title: l10n.t('Show Log'), action: commandIds.showLog };
  const retry: readonly NextStep[] = canRetry ? [{ title: l10n.t('Try Again'), action: 'retry' }] : [];
  switch (code) {
    case 'no-model':
    case 'model-not-found':
    case 'model-file-missing':
      return [search, add];
    case 'model-invalid':
    case 'unsupported':
      return [search, log];
    case 'model-crashed':
      return [pick, { title: l10n.t('Try Anyway'), action: 'tryAnyway' }, log];
    case 'model-load-failed':
    case 'out-of-memory':
    case 'context-overflow':
      return [pick, ...retry, log];
    case 'engine-crashed':
    case 'engine-unavailable':
      return [restart, log];
    case 'backend-not-found':
      return [pick, log];
    case 'no-provider':
    case 'provider-failed':
      return [provider, log];
    case 'network':
    case 'download-failed':
    case 'timeout':
      return [...retry, settings, log];
    case 'store-damaged':
      return [
        { title: l10n.t('Restore from Backup…'), action: commandIds.restoreConversations },
        { title: l10n.t('Check Conversations'), action: commandIds.checkConversations },
        log,
      ];
    case 'cancelled':
      return [];
    case 'invalid-argument':
    case 'message-not-found':
    case 'conversation-not-found':
    case 'attachment-not-found':
    case 'model-busy':
    case 'backend-failed':
    case 'download-not-found':
    case 'checksum-mismatch':
    case 'disk-full':
    case 'store-unavailable':
    case 'store-read-only':
    case 'plugin-conflict':
    case 'plugin-invalid':
    case 'denied':
    case 'internal':
      return [...retry, log];
  }
}
