// Named choices of sampling settings, offered wherever settings are edited.
// Must not know: models, where settings are kept.

/** What a preset decides; choosing another one replaces all of these. */
export interface SamplingPreset {
  readonly id: 'precise' | 'balanced' | 'creative';
  readonly temperature: number;
  readonly topP: number;
  readonly minP: number;
}

export const samplingPresets: readonly SamplingPreset[] = [
  { id: 'precise', temperature: 0.2, topP: 0.9, minP: 0.1 },
  { id: 'balanced', temperature: 0.7, topP: 0.95, minP: 0.05 },
  { id: 'creative', temperature: 1.1, topP: 1, minP: 0.02 },
];

/** The preset that these settings are, if they are one. */
export function presetOf(settings: { readonly temperature?: number; readonly topP?: number; readonly minP?: number }): SamplingPreset | undefined {
  return samplingPresets.find(
    ({ temperature, topP, minP }) => settings.temperature === temperature && settings.topP === topP && settings.minP === minP,
  );
}
