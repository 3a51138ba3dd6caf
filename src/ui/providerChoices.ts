// Which services have more than one supplier, and what choosing one does to the setting. Pure.
// Must not know: VS Code, how the core applies the setting.

import type { PluginInfo, ServiceConstants, ServiceGroup, ServiceName } from '../api/jan';

export interface ProviderOption {
  readonly pluginId: string;
  readonly name: string;
  readonly builtin: boolean;
  /** Of the group, the names it supplies. */
  readonly services: readonly ServiceName[];
  readonly chosen: boolean;
}

export interface GroupChoice {
  readonly group: ServiceGroup;
  readonly options: readonly ProviderOption[];
}

export type ProvidersSetting = Readonly<Record<string, string>>;

/** Service groups that at least one plugin besides the built-in one supplies, wholly or in part. */
export function providerChoices(plugins: readonly PluginInfo[], constants: ServiceConstants, setting: ProvidersSetting): readonly GroupChoice[] {
  const groups: Readonly<Record<ServiceGroup, readonly ServiceName[]>> = {
    data: Object.values(constants.DataService),
    inference: Object.values(constants.InferenceService),
    models: Object.values(constants.ModelManagementService),
    monitoring: Object.values(constants.MonitoringService),
  };
  return (Object.keys(groups) as ServiceGroup[])
    .map((group) => {
      const names = groups[group];
      const suppliers = plugins
        .map((plugin) => ({ plugin, services: plugin.providers.filter((name) => names.includes(name)) }))
        .filter(({ services }) => services.length > 0);
      const chosenId = setting[group];
      const known = suppliers.some(({ plugin }) => plugin.id === chosenId);
      const options = suppliers.map(({ plugin, services }) => ({
        pluginId: plugin.id,
        name: plugin.name,
        builtin: plugin.builtin,
        services,
        // A choice of a plugin that is not there has no effect: Jan itself supplies the service.
        chosen: known ? plugin.id === chosenId : plugin.builtin,
      }));
      return { group, options };
    })
    .filter(({ options }) => options.length > 1);
}

/**
 * The setting after choosing a plugin for a group. A built-in one needs no entry. Entries for single services of the
 * group would outrank the choice, so they go.
 */
export function settingAfter(setting: ProvidersSetting, choice: GroupChoice, option: ProviderOption): ProvidersSetting {
  const ofGroup = new Set<string>(choice.options.flatMap(({ services }) => services));
  const others = Object.entries(setting).filter(([key]) => key !== choice.group && !ofGroup.has(key));
  return Object.fromEntries(option.builtin ? others : [...others, [choice.group, option.pluginId]]);
}
