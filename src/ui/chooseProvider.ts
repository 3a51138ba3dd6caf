// `Jan: Choose Provider`: which plugin supplies which group of services; written to the setting jan.providers.
// Must not know: how the core applies the setting.

import * as vscode from 'vscode';
import type { JanApi, ServiceGroup } from '../api/jan';
import { escapeIcons, joinFacts } from './format';
import { settingIds } from './ids';
import { providerChoices, settingAfter, type GroupChoice } from './providerChoices';
import { readSetting, writeSetting } from './vscodeIds';

export async function chooseProvider(api: JanApi): Promise<void> {
  const { l10n } = vscode;
  const groupNames: Readonly<Record<ServiceGroup, string>> = {
    data: l10n.t('Conversations and messages'),
    inference: l10n.t('Running models'),
    models: l10n.t('Finding and downloading models'),
    monitoring: l10n.t('Measuring load'),
  };
  const setting = readSetting(settingIds.providers) ?? {};
  await wakeCompanions(api);
  const choices = providerChoices(api.getPlugins(), api, setting);
  if (choices.length === 0) {
    const find = l10n.t('Find Extensions');
    const message = l10n.t('Jan itself supplies everything: no other plugin is installed that could.');
    if ((await vscode.window.showInformationMessage(message, find)) === find) {
      await vscode.commands.executeCommand('workbench.extensions.search', 'jan');
    }
    return;
  }
  const choice = await askForGroup(choices, groupNames);
  if (choice === undefined) {
    return;
  }
  const picked = await vscode.window.showQuickPick(
    choice.options.map((option) => ({
      label: `$(${option.chosen ? 'check' : 'blank'}) ${escapeIcons(option.name)}`,
      description: joinFacts(option.builtin ? l10n.t('part of Jan') : option.pluginId, option.chosen ? l10n.t('in force') : undefined),
      detail: option.builtin ? undefined : l10n.t('Supplies {0}; Jan does the rest', option.services.join(', ')),
      option,
    })),
    { title: l10n.t('Choose Provider: {0}', groupNames[choice.group]), placeHolder: l10n.t('Plugin that supplies this from now on') },
  );
  if (picked !== undefined) {
    await writeSetting(settingIds.providers, settingAfter(setting, choice, picked.option));
  }
}

async function askForGroup(choices: readonly GroupChoice[], names: Readonly<Record<ServiceGroup, string>>): Promise<GroupChoice | undefined> {
  const items = choices.map((choice) => ({
    label: names[choice.group],
    description: choice.options.find((option) => option.chosen)?.name ?? '',
    choice,
  }));
  const picked = await vscode.window.showQuickPick(items, { title: vscode.l10n.t('Choose Provider'), placeHolder: vscode.l10n.t('Part of Jan to supply') });
  return picked?.choice;
}

/** Companions are activated by the first call to a group that they have a say in: ask each group something cheap. */
async function wakeCompanions(api: JanApi): Promise<void> {
  await Promise.allSettled([
    api.data.getConversations({ limit: 1 }),
    api.inference.getEngineState(),
    api.models.getDownloads(),
    api.monitoring.getResourcesInfo(),
  ]);
}
