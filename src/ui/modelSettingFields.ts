// The settings of a model that can be edited by a quick pick: names, how a value reads, what may be typed. Pure.
// Must not know: VS Code, where settings are kept.

import type { ModelLoadOptions, SamplingOptions } from '../api/jan';
import { presetOf, type SamplingPreset } from '../common/samplingPresets';
import type { Localise } from './localise';

/** One model's entry of the setting `jan.modelSettings`, as far as it is edited here; the rest of it is kept. */
export type ModelSettings = { readonly [key: string]: unknown } & SamplingOptions & {
    readonly systemPrompt?: string;
    readonly maxTokens?: number;
    readonly load?: ModelLoadOptions;
  };

export interface NumberField {
  readonly kind: 'number';
  /** `load.x` lies in `load`. */
  readonly key: string;
  readonly label: string;
  readonly least: number;
  readonly most: number;
  readonly whole?: boolean;
  /** Words that are taken instead of a number. */
  readonly words?: readonly string[];
  /** What holds while it is not set. */
  readonly fallback: string;
}

export interface OtherField {
  readonly kind: 'text' | 'preset' | 'adapters' | 'model' | 'template';
  readonly key: string;
  readonly label: string;
  readonly fallback: string;
}

export type ModelSettingField = NumberField | OtherField;

export function modelSettingFields(l10n: Localise): readonly ModelSettingField[] {
  const recommended = l10n.t('as the model recommends');
  return [
    { kind: 'text', key: 'systemPrompt', label: l10n.t('Instructions'), fallback: l10n.t('none of its own') },
    { kind: 'preset', key: 'preset', label: l10n.t('Sampling preset'), fallback: recommended },
    { kind: 'number', key: 'temperature', label: l10n.t('Temperature'), least: 0, most: 2, fallback: recommended },
    { kind: 'number', key: 'topP', label: 'Top P', least: 0.001, most: 1, fallback: recommended },
    { kind: 'number', key: 'topK', label: 'Top K', least: 0, most: 1000, whole: true, fallback: recommended },
    { kind: 'number', key: 'minP', label: 'Min P', least: 0, most: 1, fallback: recommended },
    { kind: 'number', key: 'repeatPenalty', label: l10n.t('Repeat penalty'), least: 0, most: 100, fallback: recommended },
    { kind: 'number', key: 'maxTokens', label: l10n.t('Longest answer, tokens'), least: 1, most: 2 ** 31 - 1, whole: true, fallback: l10n.t('to the end of the context') },
    { kind: 'number', key: 'load.contextLength', label: l10n.t('Context length, tokens'), least: 16, most: 2 ** 24, whole: true, fallback: l10n.t('fitted to free memory') },
    { kind: 'number', key: 'load.gpuLayers', label: l10n.t('Layers on the graphics card'), least: 0, most: 10_000, whole: true, words: ['auto', 'max'], fallback: l10n.t('as many as fit') },
    { kind: 'number', key: 'load.threads', label: l10n.t('Processor threads'), least: 1, most: 1024, whole: true, fallback: l10n.t('all cores but one') },
    { kind: 'adapters', key: 'load.loraAdapters', label: l10n.t('LoRA adapters'), fallback: l10n.t('none') },
    { kind: 'model', key: 'load.draftModelId', label: l10n.t('Draft model'), fallback: l10n.t('none') },
    { kind: 'template', key: 'load.chatTemplate', label: l10n.t('Chat template'), fallback: l10n.t('the file’s own') },
  ];
}

export function valueOf(settings: ModelSettings, key: string): unknown {
  return key.startsWith('load.') ? (settings.load as Record<string, unknown> | undefined)?.[key.slice(5)] : settings[key];
}

/** With the value at `key`; `undefined` takes it away, and what is empty then. */
export function withValue(settings: ModelSettings, key: string, value: unknown): ModelSettings {
  const { load, ...rest } = settings;
  const next: Record<string, unknown> = { ...rest };
  const nextLoad: Record<string, unknown> = typeof load === 'object' ? { ...load } : {};
  const [target, name] = key.startsWith('load.') ? [nextLoad, key.slice(5)] : [next, key];
  if (value === undefined) {
    delete target[name];
  } else {
    target[name] = value;
  }
  return { ...next, ...(Object.keys(nextLoad).length > 0 ? { load: nextLoad } : {}) };
}

/** With a preset's values; `undefined`: as the model recommends. */
export function withPreset(settings: ModelSettings, preset: SamplingPreset | undefined): ModelSettings {
  return (['temperature', 'topP', 'minP'] as const).reduce((changed, key) => withValue(changed, key, preset?.[key]), settings);
}

/** A value in words; `''` when it is not set. */
export function describeValue(field: ModelSettingField, settings: ModelSettings, l10n: Localise): string {
  if (field.kind === 'preset') {
    const preset = presetOf(settings);
    return preset === undefined ? '' : presetName(preset.id, l10n);
  }
  const value = valueOf(settings, field.key);
  if (value === undefined) {
    return '';
  }
  const text = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  switch (field.kind) {
    case 'adapters':
      return Array.isArray(value) ? value.map((adapter: { path?: unknown }) => String(adapter?.path).split(/[\\/]/).at(-1)).join(', ') : '';
    case 'template':
      return l10n.t('overridden, {0} characters', text.length);
    case 'text':
      return text.replace(/\s+/g, ' ').slice(0, 80);
    case 'model':
    case 'number':
      return text;
  }
}

/** Name and value of everything that is set. */
export function describeSettings(settings: ModelSettings, l10n: Localise): readonly (readonly [string, string])[] {
  return modelSettingFields(l10n)
    .map((field) => [field.label, describeValue(field, settings, l10n)] as const)
    .filter(([, value]) => value !== '');
}

export function presetName(id: SamplingPreset['id'], l10n: Localise): string {
  return { precise: l10n.t('Precise'), balanced: l10n.t('Balanced'), creative: l10n.t('Creative') }[id];
}

/** What was typed, as a value; empty: not set. @returns a sentence when it can't be one */
export function parseNumber(field: NumberField, typed: string, l10n: Localise): { readonly value: number | string | undefined } | { readonly problem: string } {
  const text = typed.trim();
  if (text === '') {
    return { value: undefined };
  }
  if (field.words?.includes(text) === true) {
    return { value: text };
  }
  const value = Number(text.replace(',', '.'));
  const valid = Number.isFinite(value) && value >= field.least && value <= field.most && (field.whole !== true || Number.isInteger(value));
  if (valid) {
    return { value };
  }
  const words = field.words === undefined ? '' : ` ${l10n.t('Or: {0}.', field.words.join(', '))}`;
  return {
    problem:
      (field.whole === true
        ? l10n.t('A whole number from {0} to {1}. Empty: {2}.', field.least, field.most, field.fallback)
        : l10n.t('A number from {0} to {1}. Empty: {2}.', field.least, field.most, field.fallback)) + words,
  };
}
