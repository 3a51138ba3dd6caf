// What a model would take of this machine's memory, in words, for tooltips and before it is loaded. Pure.
// Must not know: VS Code, how the estimate is made.

import type { MemoryEstimate } from '../api/jan';
import { formatBytes, formatTokens, joinFacts } from './format';
import type { Localise } from './localise';

/** Rows of a tooltip: name and value, as plain text. */
export function estimateRows(estimate: MemoryEstimate, l10n: Localise): readonly (readonly [string, string])[] {
  const { ram, vram, advice } = estimate;
  return [
    [l10n.t('Memory to load it'), neededText(estimate, l10n)],
    [l10n.t('Free memory'), formatBytes(ram.free)],
    ...(vram === undefined
      ? []
      : [[l10n.t('Graphics card'), l10n.t('{0} of {1} free, {2} layers', formatBytes(vram.needed), formatBytes(vram.free), estimate.gpuLayers)] as const]),
    ...(advice === undefined ? [] : [[l10n.t('Advice'), advice] as const]),
  ];
}

/** One sentence: the whole, its parts, and what is free. */
export function estimateSentence(estimate: MemoryEstimate, l10n: Localise): string {
  const free = estimate.ram.free + (estimate.vram?.free ?? 0);
  return l10n.t('It needs {0} of the {1} that are free.', neededText(estimate, l10n), formatBytes(free));
}

function neededText({ weights, context, compute, contextLength, fit }: MemoryEstimate, l10n: Localise): string {
  const parts = joinFacts(
    l10n.t('weights {0}', formatBytes(weights)),
    l10n.t('context of {0} tokens {1}', formatTokens(contextLength), formatBytes(context)),
    l10n.t('working memory {0}', formatBytes(compute)),
  );
  const note = { fits: '', tight: l10n.t('tight'), 'too-large': l10n.t('too large') }[fit];
  return joinFacts(`${formatBytes(weights + context + compute)} (${parts})`, note);
}
