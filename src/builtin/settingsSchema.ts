// The shape of ConversationSettings, as callers may hand it to the Data service (which keeps it) and to the Inference
// service (which obeys it). Source of the ranges: src/api/jan.d.ts.
// Must not know: the store, backends.

import * as v from 'valibot';
import type { ConversationSettings } from '../api/jan';

const text = (limit: number) => v.pipe(v.string(), v.maxLength(limit, `at most ${limit} characters`));

/** A finite number within both limits, or absent. */
export const numberWithin = (least: number, most: number) =>
  v.optional(v.pipe(v.number(), v.finite(), v.minValue(least), v.maxValue(most)));

/** A whole number within both limits, or absent. */
export const wholeWithin = (least: number, most: number) =>
  v.optional(v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most)));

export const loadOptionsEntries = {
  contextLength: wholeWithin(1, 2 ** 24),
  gpuLayers: v.optional(v.union([v.picklist(['auto', 'max']), v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(10_000))])),
  batchSize: wholeWithin(1, 65_536),
  threads: wholeWithin(1, 1024),
  flashAttention: v.optional(v.union([v.boolean(), v.literal('auto')])),
  loraAdapters: v.optional(
    v.pipe(
      v.array(v.strictObject({ path: v.pipe(text(4000), v.minLength(1)), scale: numberWithin(0, 2) })),
      v.maxLength(8, 'at most 8 adapters'),
    ),
  ),
  draftModelId: v.optional(text(500)),
  chatTemplate: v.optional(text(256 * 1024)),
};

const settingsEntries = {
  temperature: numberWithin(0, 2),
  topP: v.optional(v.pipe(v.number(), v.gtValue(0), v.maxValue(1))),
  topK: wholeWithin(0, 1000),
  minP: numberWithin(0, 1),
  seed: v.optional(v.pipe(v.number(), v.safeInteger())),
  frequencyPenalty: numberWithin(-2, 2),
  presencePenalty: numberWithin(-2, 2),
  repeatPenalty: numberWithin(0, 1000),
  maxTokens: wholeWithin(1, 2 ** 31 - 1),
  stop: v.optional(v.pipe(v.array(v.pipe(text(1000), v.minLength(1))), v.maxLength(16, 'at most 16 stop strings'))),
};

/** For the store: nothing that this version does not know. */
export const conversationSettingsSchema = v.strictObject({
  ...settingsEntries,
  load: v.optional(v.strictObject(loadOptionsEntries)),
});

/** The settings that are valid, each by itself; the others are left out. @param value from a file, or a user's setting */
export function validSettings(value: Readonly<Record<string, unknown>>): ConversationSettings {
  return validEntries(conversationSettingsSchema.entries, value);
}

function validEntries(entries: Readonly<Record<string, v.GenericSchema>>, value: Readonly<Record<string, unknown>>): ConversationSettings {
  const valid: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries(entries)) {
    const entry = value[key];
    if (entry !== undefined && v.is(schema, entry)) {
      valid[key] = entry;
    } else if (key === 'load' && isRecord(entry)) {
      valid[key] = validEntries(loadOptionsEntries, entry);
    }
  }
  return valid;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** For a request, which has more fields than these. */
export const requestSettingsEntries = {
  ...settingsEntries,
  load: v.optional(v.object(loadOptionsEntries)),
};
