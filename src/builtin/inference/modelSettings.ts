// What the user set for a model, below what a request or a load says itself.
// Must not know: where settings are kept.

import type { ConversationSettings, ModelLoadOptions } from '../../api/jan';
import { validSettings } from '../settingsSchema';

/** What is set for a model, as it was found: hostile until checked. `undefined`: nothing. */
export type ReadModelSettings = (modelId: string) => unknown;

/** The request, completed by the model's settings; what the request says wins, each load option by itself. */
export function withModelSettings<R extends ConversationSettings>(request: R, found: unknown): R {
  const settings = checked(found);
  const load = { ...settings.load, ...definedOnly(request.load ?? {}) };
  return { ...settings, ...definedOnly(request), ...(Object.keys(load).length > 0 ? { load } : {}) } as R;
}

/** Options of a load, completed by the model's settings. */
export function withModelLoadOptions<O extends ModelLoadOptions>(options: O | undefined, found: unknown): O {
  return { ...checked(found).load, ...definedOnly(options ?? {}) } as O;
}

function checked(found: unknown): ConversationSettings {
  return typeof found === 'object' && found !== null ? validSettings(found as Record<string, unknown>) : {};
}

/** A caller may pass `undefined` where it means "default". */
function definedOnly<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as Partial<T>;
}
