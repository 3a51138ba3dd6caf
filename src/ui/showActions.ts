// What a click on the status bar offers.
// Must not know: what the commands do.

import * as vscode from 'vscode';
import type { JanApi } from '../api/jan';
import { escapeIcons } from './format';
import { commandIds, type CommandId, type ModelTarget } from './ids';

interface ActionItem extends vscode.QuickPickItem {
  readonly command?: CommandId;
  readonly argument?: ModelTarget;
}

export async function showActions(api: JanApi): Promise<void> {
  const { l10n } = vscode;
  // The list is useful without the state: an engine that cannot be asked must not hide its restart.
  const engine = await api.inference.getEngineState().catch(() => undefined);
  const separator = (label: string): ActionItem => ({ label, kind: vscode.QuickPickItemKind.Separator });
  const loaded = (engine?.models ?? []).map((model) => ({
    label: `$(debug-stop) ${l10n.t('Unload {0}', escapeIcons(model.name))}`,
    command: commandIds.unloadModel,
    argument: model.modelId,
  }));
  const items: ActionItem[] = [
    { label: `$(comment-discussion) ${l10n.t('Open Chat')}`, command: commandIds.openChat },
    separator(l10n.t('Conversations')),
    { label: `$(export) ${l10n.t('Export Conversation…')}`, command: commandIds.exportConversation },
    { label: `$(cloud-upload) ${l10n.t('Import Conversations…')}`, command: commandIds.importConversations },
    { label: `$(archive) ${l10n.t('Back Up Conversations…')}`, command: commandIds.backUpConversations },
    { label: `$(checklist) ${l10n.t('Check Conversations')}`, command: commandIds.checkConversations },
    separator(l10n.t('Models')),
    { label: `$(list-selection) ${l10n.t('Choose Model…')}`, command: commandIds.pickModel },
    ...loaded,
    { label: `$(search) ${l10n.t('Search Models…')}`, command: commandIds.searchModels },
    { label: `$(new-file) ${l10n.t('Add Model File…')}`, command: commandIds.addModelFile },
    separator(l10n.t('Engine')),
    { label: `$(debug-restart) ${l10n.t('Restart Engine')}`, command: commandIds.restartEngine, ...(engine?.error === undefined ? {} : { detail: engine.error.message }) },
    { label: `$(plug) ${l10n.t('Copy Endpoint…')}`, command: commandIds.copyEndpoint },
    separator(l10n.t('Jan')),
    { label: `$(gear) ${l10n.t('Open Settings')}`, command: commandIds.openSettings },
    { label: `$(output) ${l10n.t('Show Log')}`, command: commandIds.showLog },
    { label: `$(book) ${l10n.t('Get Started')}`, command: commandIds.openWalkthrough },
  ];
  const chosen = await vscode.window.showQuickPick(items, { title: l10n.t('Jan'), placeHolder: l10n.t('What to do') });
  if (chosen?.command !== undefined) {
    await vscode.commands.executeCommand(chosen.command, ...(chosen.argument === undefined ? [] : [chosen.argument]));
  }
}
