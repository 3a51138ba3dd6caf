import assert from 'node:assert/strict';
import type { PluginInfo, ServiceName } from '../../../src/api/jan';
import { serviceConstants } from '../../../src/core/serviceNames';
import { providerChoices, settingAfter } from '../../../src/ui/providerChoices';

function plugin(id: string, providers: ServiceName[], builtin = false): PluginInfo {
  return { id, name: id.toUpperCase(), version: '1.0.0', builtin, providers, backends: [], guards: [] };
}

const plugins = [
  plugin('jan.data', Object.values(serviceConstants.DataService), true),
  plugin('jan.monitoring', Object.values(serviceConstants.MonitoringService), true),
  plugin('acme.sql', ['getConversations', 'createConversation']),
];

describe('providerChoices', () => {
  it('offers only groups that more than one plugin supplies', () => {
    const choices = providerChoices(plugins, serviceConstants, {});
    assert.deepEqual(choices.map(({ group }) => group), ['data']);
    assert.deepEqual(
      choices[0]?.options.map(({ pluginId, chosen }) => [pluginId, chosen]),
      [['jan.data', true], ['acme.sql', false]],
    );
    assert.deepEqual(choices[0]?.options[1]?.services, ['getConversations', 'createConversation']);
  });

  it('knows the choice in force, also when its plugin is gone', () => {
    const chosen = (setting: Record<string, string>): string[] =>
      (providerChoices(plugins, serviceConstants, setting)[0]?.options ?? []).filter((option) => option.chosen).map((option) => option.pluginId);
    assert.deepEqual(chosen({ data: 'acme.sql' }), ['acme.sql']);
    assert.deepEqual(chosen({ data: 'gone' }), ['jan.data']);
  });

  it('writes a choice over entries that would outrank it, and leaves the others', () => {
    const setting = { monitoring: 'x', getConversations: 'old', data: 'old' };
    const [choice] = providerChoices(plugins, serviceConstants, setting);
    assert.ok(choice);
    const [builtin, companion] = choice.options;
    assert.ok(builtin && companion);
    assert.deepEqual(settingAfter(setting, choice, companion), { monitoring: 'x', data: 'acme.sql' });
    assert.deepEqual(settingAfter(setting, choice, builtin), { monitoring: 'x' });
  });
});
