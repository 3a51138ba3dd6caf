// How many conversations are older than some days, and the daily removal that a setting asks for.
// Must not know: VS Code (what it needs of it is handed in), how conversations are removed.

import type { JanApi } from '../../api/jan';
import { toJanError } from '../../common/errors';
import { toDisposable, type Disposable } from '../../common/lifecycle';
import type { Logger } from '../../common/log';
import type { Localise } from '../localise';
import { conversationsText } from './texts';

export const dayMs = 24 * 60 * 60 * 1000;
/** More is as good as off. */
const mostDays = 36_500;
const doneKey = 'jan.retention.doneAt';
const agreedKey = 'jan.retention.agreedDays';

type Data = Pick<JanApi, 'data'>;

/** Pinned ones do not count, nor those that the user deleted already. */
export async function countOld(api: Data, days: number, now: number): Promise<{ readonly conversations: number; readonly messages: number; readonly olderThan: number }> {
  const olderThan = Math.max(0, now - days * dayMs);
  const [all, deleted] = await Promise.all([
    api.data.purgeConversations({ olderThan, dryRun: true }),
    api.data.purgeConversations({ olderThan, deletedOnly: true, dryRun: true }),
  ]);
  return { conversations: all.conversations - deleted.conversations, messages: all.messages - deleted.messages, olderThan };
}

export interface RetentionOptions {
  readonly api: Data;
  readonly log: Logger;
  readonly l10n: Localise;
  /** The setting: 0 is off. */
  readonly days: () => unknown;
  readonly onDidChangeDays: (listener: () => void) => Disposable;
  /** Kept for all windows of the user. */
  readonly memory: { get(key: string): unknown; update(key: string, value: unknown): PromiseLike<void> };
  /** Resolves with the button that was chosen. */
  ask(message: string, ...buttons: string[]): PromiseLike<string | undefined>;
  turnOff(): PromiseLike<void>;
  readonly now?: () => number;
  /** ms after the start, when a window has better things to do. Default two minutes. */
  readonly delayMs?: number;
}

/** Asks before the first removal, and again when fewer days are set; then removes once a day without a word. */
export function registerRetention(options: RetentionOptions): Disposable {
  const { log } = options;
  const delayMs = options.delayMs ?? 2 * 60 * 1000;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running = false;
  const schedule = (afterMs: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      schedule(dayMs / 24);
      if (!running) {
        running = true;
        applyRetention(options)
          .catch((error: unknown) => log.warn('Old conversations were not removed', toJanError(error).code))
          .finally(() => (running = false));
      }
    }, afterMs);
    timer.unref();
  };
  const changed = options.onDidChangeDays(() => schedule(Math.min(delayMs, 5000)));
  schedule(delayMs);
  return toDisposable(() => {
    clearTimeout(timer);
    changed.dispose();
  });
}

/** @returns how many conversations were removed */
export async function applyRetention(options: RetentionOptions): Promise<number> {
  const { api, l10n, memory, log } = options;
  const now = (options.now ?? Date.now)();
  const days = options.days();
  if (typeof days !== 'number' || !Number.isFinite(days) || days < 1 || days > mostDays) {
    return 0;
  }
  const agreed = memory.get(agreedKey);
  const isAgreed = typeof agreed === 'number' && days >= agreed;
  const doneAt = memory.get(doneKey);
  // A clock that was set back must not stop it for ever.
  if (isAgreed && typeof doneAt === 'number' && now - doneAt < dayMs && now >= doneAt) {
    return 0;
  }
  const { conversations, olderThan } = await countOld(api, days, now);
  if (conversations === 0) {
    return 0;
  }
  if (!isAgreed) {
    const [agree, later, off] = [l10n.t('Delete Daily'), l10n.t('Not Now'), l10n.t('Turn Off')];
    const answer = await options.ask(
      l10n.t('{0} not changed for {1} days would be deleted for good, and later ones daily, as the setting jan.conversations.retentionDays says. Pinned conversations stay.', conversationsText(conversations, l10n), days),
      agree,
      later,
      off,
    );
    if (answer === off) {
      await options.turnOff();
    }
    if (answer !== agree) {
      return 0;
    }
    await memory.update(agreedKey, days);
  }
  await memory.update(doneKey, now);
  await api.data.purgeConversations({ olderThan });
  log.info(`Removed ${conversations} conversations not changed for ${days} days, as jan.conversations.retentionDays says`);
  return conversations;
}
