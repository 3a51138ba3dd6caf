// Shows how an export or import goes, with Cancel.
// Must not know: what is exported or imported.

import * as vscode from 'vscode';
import type { ExchangeOptions, ExchangeProgress } from '../../api/jan';
import { formatBytes } from '../format';
import { withLastingProgress } from './lastingProgress';
import { conversationsText } from './texts';

/** ms between two reports: more only cost. */
const reportEveryMs = 100;

/** @param stages those that will be met, in order: each takes an equal part of the bar */
export async function withExchangeProgress<T>(
  title: string,
  stages: readonly ExchangeProgress['stage'][],
  act: (options: ExchangeOptions) => Promise<T>,
): Promise<T> {
  return withLastingProgress(title, true, ({ signal, report }) => {
    let shownAt = 0;
    const onProgress = (state: ExchangeProgress): void => {
      const now = performance.now();
      if (now - shownAt < reportEveryMs) {
        return;
      }
      shownAt = now;
      const fraction = state.total === undefined || state.total === 0 ? 0 : state.done / state.total;
      const percent = Math.min(100, (100 * (Math.max(0, stages.indexOf(state.stage)) + fraction)) / stages.length);
      report({ message: progressText(state), percent });
    };
    return act({ signal, onProgress });
  });
}

function progressText({ stage, done, total, conversations }: ExchangeProgress): string {
  const { l10n } = vscode;
  switch (stage) {
    case 'reading':
      return total === undefined || total < 10_000
        ? conversationsText(conversations, l10n)
        : l10n.t('{0} of {1}, {2}', formatBytes(done), formatBytes(total), conversationsText(conversations, l10n));
    case 'comparing':
      return l10n.t('comparing: {0} of {1}', done, total ?? done);
    case 'writing':
    case 'removing':
      return l10n.t('{0} of {1}', done, total ?? done);
  }
}
