// What a model in memory is doing, in a word or two. Pure.
// Must not know: VS Code, where it is shown.

import type { EngineState, RunningModel } from '../api/jan';
import { formatPercent } from './format';
import type { Localise } from './localise';

/** @returns undefined while it is ready and nobody asks it anything, in whichever window or program */
export function modelActivity({ status, progress, activeRequests = 0 }: RunningModel, l10n: Localise): string | undefined {
  switch (status) {
    case 'loading':
      return progress === undefined ? l10n.t('loading') : l10n.t('loading {0}', formatPercent(progress));
    case 'unloading':
      return l10n.t('unloading');
    case 'ready':
      return activeRequests > 1 ? l10n.t('answering ({0})', activeRequests) : activeRequests === 1 ? l10n.t('answering') : undefined;
  }
}

/** Does the engine answer anyone, here or elsewhere? */
export function isAnswering(engine: EngineState | undefined): boolean {
  return engine !== undefined && (engine.activeRequests > 0 || engine.models.some((model) => (model.activeRequests ?? 0) > 0));
}
