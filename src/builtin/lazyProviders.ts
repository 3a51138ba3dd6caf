// Registers a group's names with functions whose code is loaded by the first call, so that activation stays cheap.
// Must not know: which group it is, what the functions do.

import type { PluginHandle, ServiceMap, ServiceName } from '../api/jan';

/** @param load called once, by the first call of any of the names */
export function registerLazily<N extends ServiceName>(
  plugin: PluginHandle,
  names: readonly N[],
  load: () => Promise<Pick<ServiceMap, N>>,
): void {
  let loading: Promise<Pick<ServiceMap, N>> | undefined;
  for (const name of names) {
    const provide = async (...args: readonly unknown[]): Promise<unknown> => {
      const providers = await (loading ??= load());
      return (providers[name] as (...args: readonly unknown[]) => unknown)(...args);
    };
    plugin.registerProvider(name, provide as unknown as ServiceMap[N]);
  }
}
