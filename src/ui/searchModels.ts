// Search and download in two steps of a quick pick: a repository, then one of its files.
// Must not know: how searching or downloading works.

import * as vscode from 'vscode';
import type { DownloadRequest, JanApi, ModelFile, ModelSearchResult } from '../api/jan';
import { toJanError } from '../common/errors';
import { DisposableStore } from '../common/lifecycle';
import { escapeIcons, formatBytes, formatCount, joinFacts } from './format';
import { fitIcon, fitText } from './modelTreeItems';
import { directTarget, SearchSession, type SearchState } from './searchSession';

interface Choice extends vscode.QuickPickItem {
  readonly repository?: string;
  readonly request?: DownloadRequest;
  readonly action?: 'more' | 'retry' | 'settings' | 'none';
}

type RepositoryAnswer = { readonly repository: string; readonly text: string } | { readonly request: DownloadRequest };

/**
 * Asks for a file to download. @param text what the search begins with
 * @returns undefined when the user backs out
 */
export async function askForDownloadRequest(api: JanApi, openHubSetting: () => void, text = ''): Promise<DownloadRequest | undefined> {
  let typed = text;
  for (;;) {
    const answer = await askForRepository(api, openHubSetting, typed);
    if (answer === undefined || 'request' in answer) {
      return answer?.request;
    }
    typed = answer.text;
    const file = await askForFile(api, answer.repository);
    if (file !== 'back') {
      return file;
    }
  }
}

function askForRepository(api: JanApi, openHubSetting: () => void, text: string): Promise<RepositoryAnswer | undefined> {
  const { l10n } = vscode;
  const owned = new DisposableStore();
  const picker = owned.add(vscode.window.createQuickPick<Choice>());
  const session = owned.add(
    new SearchSession<ModelSearchResult>({
      search: async (query, cursor) => {
        const page = await api.models.searchModels({ text: query, limit: 20, ...(cursor === undefined ? {} : { cursor }) });
        return { items: page.models, ...(page.cursor === undefined ? {} : { cursor: page.cursor }) };
      },
    }),
  );
  picker.title = l10n.t('Search Models');
  picker.placeholder = l10n.t('Search Hugging Face: a name, owner/name, or the address of a GGUF file');
  picker.step = 1;
  picker.totalSteps = 2;
  picker.matchOnDescription = true;
  picker.matchOnDetail = true;
  picker.value = text;

  let recommended: readonly Choice[] = [];
  const draw = (state: SearchState<ModelSearchResult>): void => {
    const active = picker.activeItems[0]?.label;
    picker.busy = state.busy;
    picker.items = [...directChoices(picker.value), ...(state.text === '' ? recommended : searchChoices(state))];
    // Adding a page must not throw the user back to the top.
    const again = picker.items.find((item) => item.label === active);
    if (again !== undefined && again.action === undefined) {
      picker.activeItems = [again];
    }
  };
  owned.add(session.onDidChange(draw));
  if (text === '') {
    picker.busy = true;
  }
  void recommendedChoices(api).then((choices) => {
    recommended = choices;
    if (!owned.isDisposed && session.state.text === '') {
      draw(session.state);
    }
  });

  return new Promise<RepositoryAnswer | undefined>((resolve) => {
    owned.add(picker.onDidChangeValue((value) => session.setText(value)));
    owned.add(
      picker.onDidAccept(() => {
        const choice = picker.selectedItems[0];
        if (choice?.action === 'more') {
          void session.loadMore();
        } else if (choice?.action === 'retry') {
          void session.retry();
        } else if (choice?.action === 'settings') {
          picker.hide();
          openHubSetting();
        } else if (choice?.request !== undefined) {
          resolve({ request: choice.request });
          picker.hide();
        } else if (choice?.repository !== undefined) {
          resolve({ repository: choice.repository, text: picker.value });
          picker.hide();
        }
      }),
    );
    owned.add(
      picker.onDidHide(() => {
        resolve(undefined);
        owned.dispose();
      }),
    );
    session.setText(text);
    picker.show();
  });
}

/** Before anything is typed: what suits this machine. */
async function recommendedChoices(api: JanApi): Promise<readonly Choice[]> {
  const { l10n } = vscode;
  try {
    const models = (await api.models.getAvailableModels()).filter((model) => !model.downloaded);
    const choices = models.map((model) => ({
      label: `$(${fitIcon(model.fit).name}) ${escapeIcons(model.name)}`,
      description: joinFacts(formatBytes(model.size), model.quantization, fitText(model.fit, l10n)),
      detail: model.description,
      request: { repository: model.repository, fileName: model.fileName, ...(model.sha256 === undefined ? {} : { sha256: model.sha256 }) },
    }));
    const separator = { label: l10n.t('Recommended for this machine'), kind: vscode.QuickPickItemKind.Separator };
    return choices.length > 0 ? [separator, ...choices] : [];
  } catch {
    // Advice only: the search works without it.
    return [];
  }
}

function directChoices(value: string): readonly Choice[] {
  const { l10n } = vscode;
  const target = directTarget(value);
  if (target?.kind === 'url') {
    return [{ label: `$(cloud-download) ${l10n.t('Download this file')}`, description: target.url, request: { url: target.url }, alwaysShow: true }];
  }
  if (target?.kind === 'repository') {
    return [{ label: `$(repo) ${target.repository}`, description: l10n.t('show the files of this repository'), repository: target.repository, alwaysShow: true }];
  }
  return [];
}

function searchChoices(state: SearchState<ModelSearchResult>): readonly Choice[] {
  const { l10n } = vscode;
  const choices: Choice[] = state.items.map((model) => ({
    label: `$(${model.gated ? 'lock' : 'repo'}) ${escapeIcons(model.repository)}`,
    description: joinFacts(
      model.gated ? l10n.t('needs an accepted licence') : undefined,
      l10n.t('{0} downloads', formatCount(model.downloads)),
      l10n.t('{0} likes', formatCount(model.likes)),
      model.updatedAt === undefined ? undefined : new Date(model.updatedAt).toLocaleDateString(vscode.env.language, { year: 'numeric', month: 'short' }),
    ),
    repository: model.repository,
    alwaysShow: true,
  }));
  if (state.error !== undefined) {
    choices.push(...errorChoices(state.error));
  } else if (state.hasMore) {
    choices.push({ label: `$(ellipsis) ${l10n.t('Show more')}`, action: 'more', alwaysShow: true });
  } else if (!state.busy && choices.length === 0) {
    choices.push({
      label: `$(info) ${l10n.t('Nothing found')}`,
      detail: l10n.t('Try fewer or other words, for example the name of a model family: qwen, llama, gemma.'),
      action: 'none',
      alwaysShow: true,
    });
  }
  return choices;
}

function errorChoices(error: unknown): Choice[] {
  const { l10n } = vscode;
  const { message } = toJanError(error);
  return [
    { label: `$(refresh) ${l10n.t('Try again')}`, detail: message, action: 'retry', alwaysShow: true },
    { label: `$(gear) ${l10n.t('Check the address in Settings')}`, action: 'settings', alwaysShow: true },
  ];
}

async function askForFile(api: JanApi, repository: string): Promise<DownloadRequest | 'back' | undefined> {
  const { l10n } = vscode;
  const owned = new DisposableStore();
  const picker = owned.add(vscode.window.createQuickPick<Choice>());
  picker.title = repository;
  picker.placeholder = l10n.t('File to download; larger files answer better and need more memory');
  picker.step = 2;
  picker.totalSteps = 2;
  picker.matchOnDescription = true;
  picker.buttons = [vscode.QuickInputButtons.Back];

  const load = async (): Promise<void> => {
    picker.busy = true;
    let items: Choice[];
    try {
      items = fileChoices(await api.models.getModelFiles(repository));
    } catch (error) {
      items = errorChoices(error).slice(0, 1);
    }
    if (!owned.isDisposed) {
      picker.busy = false;
      picker.items = items;
    }
  };
  return new Promise((resolve) => {
    owned.add(
      picker.onDidTriggerButton(() => {
        resolve('back');
        picker.hide();
      }),
    );
    owned.add(
      picker.onDidAccept(() => {
        const choice = picker.selectedItems[0];
        if (choice?.action === 'retry') {
          void load();
        } else if (choice?.request !== undefined) {
          resolve(choice.request);
          picker.hide();
        }
      }),
    );
    owned.add(
      picker.onDidHide(() => {
        resolve(undefined);
        owned.dispose();
      }),
    );
    picker.show();
    void load();
  });
}

function fileChoices(files: readonly ModelFile[]): Choice[] {
  const { l10n } = vscode;
  if (files.length === 0) {
    return [{ label: `$(info) ${l10n.t('This repository has no GGUF file')}`, detail: l10n.t('Go back and choose another one; many have GGUF in their name.'), action: 'none' }];
  }
  return files.map((file) => ({
    label: `$(${fitIcon(file.fit).name}) ${escapeIcons(file.quantization ?? file.fileName)}`,
    description: joinFacts(formatBytes(file.size), fitText(file.fit, l10n), file.parts > 1 ? l10n.t('{0} parts', file.parts) : undefined),
    ...(file.quantization === undefined ? {} : { detail: file.fileName }),
    request: { repository: file.repository, fileName: file.fileName, ...(file.sha256 === undefined ? {} : { sha256: file.sha256 }) },
  }));
}
