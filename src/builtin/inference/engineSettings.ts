// What the user set for the engine as a whole, in the runtime's words.
// Must not know: where settings are kept, connections.

import type { Event } from '../../common/events';
import type { ConfigureParams } from '../../protocol/runtimeProtocol';

/** As found: hostile until checked. */
export interface EngineSettings {
  /** Minutes after its last use until a model leaves memory; 0: at once; negative: never. */
  readonly keepAlive: unknown;
  /** MB that all models together may take; 0: what is free. */
  readonly memoryBudget: unknown;
}

export interface EngineSettingsSource {
  readonly read: () => EngineSettings;
  readonly onDidChange: Event<void>;
}

export const defaultKeepAliveMinutes = 10;

export function toConfigureParams({ keepAlive, memoryBudget }: EngineSettings): ConfigureParams {
  const minutes = typeof keepAlive === 'number' && Number.isFinite(keepAlive) ? keepAlive : defaultKeepAliveMinutes;
  return {
    keepAliveMs: minutes < 0 ? null : minutes * 60_000,
    ...(typeof memoryBudget === 'number' && Number.isFinite(memoryBudget) && memoryBudget > 0 ? { memoryBudget: memoryBudget * 1024 ** 2 } : {}),
  };
}
