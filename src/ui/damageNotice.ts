// Tells the user, once per window, what of the saved conversations could not be read, and offers to check them.
// Must not know: how conversations are stored, how a notification looks.

import type { JanApi, StoreFinding } from '../api/jan';
import { toJanError } from '../common/errors';
import { toDisposable, type Disposable } from '../common/lifecycle';
import type { Logger } from '../common/log';
import type { Localise } from './localise';

/** Damage is found while a file is read, so what is found together is told together, ms. */
const gatherMs = 300;

export interface DamageNoticeOptions {
  readonly api: Pick<JanApi, 'data' | 'onDidFindDamage'>;
  readonly log: Logger;
  readonly l10n: Localise;
  /** Shows a warning with buttons; resolves with the button that was chosen. */
  warn(message: string, ...buttons: string[]): PromiseLike<string | undefined>;
  inform(message: string): unknown;
  showLog(): unknown;
}

export function registerDamageNotice(options: DamageNoticeOptions): Disposable {
  const { api, l10n, log } = options;
  const found: StoreFinding[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const subscription = api.onDidFindDamage((finding) => {
    found.push(finding);
    timer ??= setTimeout(() => {
      timer = undefined;
      void tell(found.splice(0)).catch((error: unknown) => log.error(`Damage could not be told: ${String(error)}`));
    }, gatherMs);
  });

  const tell = async (findings: readonly StoreFinding[]): Promise<void> => {
    const first = findings[0]!.message;
    const message =
      findings.length === 1
        ? l10n.t('A part of your saved conversations could not be read. {0}', first)
        : l10n.t('{0} parts of your saved conversations could not be read. The first: {1}', findings.length, first);
    const [check, showLog] = [l10n.t('Check Conversations'), l10n.t('Show Log')];
    const chosen = await options.warn(message, check, showLog);
    if (chosen === showLog) {
      options.showLog();
    } else if (chosen === check) {
      try {
        options.inform((await api.data.checkStore()).summary);
      } catch (error) {
        void options.warn(toJanError(error).message);
      }
    }
  };

  return toDisposable(() => {
    clearTimeout(timer);
    subscription.dispose();
  });
}
