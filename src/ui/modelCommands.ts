// Commands on models: load, unload, add, delete, forget, reveal, copy id.
// Must not know: how models are drawn, how backends load them.

import * as vscode from 'vscode';
import type { InitModelOptions, JanApi, Model } from '../api/jan';
import { JanError } from '../common/errors';
import type { Disposable } from '../common/lifecycle';
import { DisposableStore } from '../common/lifecycle';
import type { Logger } from '../common/log';
import { askForDownloadedModel, askForModel, askForRunningModel } from './askForModel';
import { editModelSettings } from './editModelSettings';
import { mayEndAnswers } from './endAnswers';
import { escapeLinks } from './format';
import { commandIds, viewIds, type ModelTarget } from './ids';
import { estimateSentence } from './memoryEstimateText';
import { withErrors } from './showError';
import { registerCommand, runCommand } from './vscodeIds';

export interface ModelCommandsOptions {
  readonly api: JanApi;
  readonly log: Logger;
  /** Loads a model and opens the chat with it. */
  readonly chatWith: (modelId: string) => Promise<void>;
}

export function registerModelCommands({ api, log, chatWith }: ModelCommandsOptions): Disposable {
  const { l10n } = vscode;
  const owned = new DisposableStore();
  /** Loads under way from this window, to be given up when the model is unloaded meanwhile. */
  const loading = new Map<string, AbortController>();

  const load = async (modelId: string, options: Pick<InitModelOptions, 'retryCrashed'> = {}): Promise<void> => {
    if (loading.has(modelId)) {
      return;
    }
    const abort = new AbortController();
    loading.set(modelId, abort);
    try {
      if (!(await sayWhatItTakes(modelId))) {
        return;
      }
      // The view's bar only says that something goes on; percent stand in the tree and in the status bar.
      await vscode.window.withProgress({ location: { viewId: viewIds.models } }, () => api.inference.initModel(modelId, { signal: abort.signal, ...options }));
    } finally {
      loading.delete(modelId);
    }
  };

  /** Before a load: in passing where it fits, and asked where others would suffer. What does not fit is refused by the engine. */
  const sayWhatItTakes = async (modelId: string): Promise<boolean> => {
    const { models } = await api.inference.getEngineState();
    const estimate = models.some((model) => model.modelId === modelId) ? undefined : await api.inference.estimateModelMemory(modelId).catch(() => undefined);
    if (estimate?.fit === 'fits') {
      vscode.window.setStatusBarMessage(estimateSentence(estimate, l10n), 5000);
    }
    if (estimate?.fit !== 'tight') {
      return true;
    }
    const loadAnyway = l10n.t('Load');
    const detail = `${estimateSentence(estimate, l10n)} ${l10n.t('Other programs may become slow while it is loaded.')}`;
    return (await vscode.window.showWarningMessage(l10n.t('This model nearly fills the free memory.'), { modal: true, detail }, loadAnyway)) === loadAnyway;
  };

  const addFiles = async (): Promise<void> => {
    const uris = await vscode.window.showOpenDialog({
      title: l10n.t('Add Model File'),
      openLabel: l10n.t('Add Model'),
      canSelectMany: true,
      filters: { [l10n.t('GGUF models')]: ['gguf'] },
    });
    for (const uri of uris ?? []) {
      await withErrors(async () => {
        const model = await api.models.addModelFile(uri.fsPath);
        void offerToChat(model.id, l10n.t('{0} was added. Its file stays where it is.', model.name));
      }, log);
    }
  };

  const offerToChat = async (modelId: string, message: string): Promise<void> => {
    const chat = l10n.t('Load and Chat');
    if ((await vscode.window.showInformationMessage(escapeLinks(message), chat)) === chat) {
      await withErrors(() => chatWith(modelId), log);
    }
  };

  const findModel = async (modelId: string): Promise<Model> => {
    const model = (await api.models.getDownloadedModels()).find((known) => known.id === modelId);
    if (model === undefined) {
      throw new JanError('model-not-found', l10n.t('The model “{0}” is not on this machine any more. Refresh the list of models.', modelId));
    }
    return model;
  };

  const deleteModel = async (modelId: string): Promise<void> => {
    const model = await findModel(modelId);
    if (model.source === 'file') {
      if (await mayEndAnswers(api, l10n.t('Remove'), modelId)) {
        await api.models.deleteModel(modelId);
      }
      return;
    }
    const confirm = l10n.t('Delete');
    const answer = await vscode.window.showWarningMessage(
      l10n.t('Delete the model “{0}”?', model.name),
      { modal: true, detail: l10n.t('Its file is deleted from this machine. Conversations stay. To have it again it must be downloaded again.') },
      confirm,
    );
    if (answer === confirm && (await mayEndAnswers(api, confirm, modelId))) {
      await api.models.deleteModel(modelId);
    }
  };

  const reveal = async (modelId: string): Promise<void> => {
    const { path } = await findModel(modelId);
    if (path === undefined) {
      throw new JanError('unsupported', l10n.t('This model has no file on this machine.'));
    }
    // In a remote window this shows the file as far as VS Code can; it says so itself when it cannot.
    await vscode.commands.executeCommand('revealFileInOS', vscode.Uri.file(path));
  };

  const removable = (model: Model): boolean => model.source !== 'starter' && model.source !== 'backend';
  const on = (
    id: 'jan.loadModel' | 'jan.unloadModel' | 'jan.deleteModel' | 'jan.forgetModel' | 'jan.revealModelFile' | 'jan.copyModelId' | 'jan.modelSettings',
    ask: () => Promise<string | undefined>,
    act: (modelId: string) => Promise<unknown>,
    anyway?: (modelId: string) => Promise<unknown>,
  ): void => {
    owned.add(
      registerCommand(id, async (target?: ModelTarget) => {
        let modelId = modelIdOf(target);
        const withModel = async (what: (modelId: string) => Promise<unknown>): Promise<void> => {
          modelId ??= await ask();
          if (modelId !== undefined) {
            await what(modelId);
          }
        };
        await withErrors(() => withModel(act), log, anyway && ((): Promise<void> => withModel(anyway)));
      }),
    );
  };
  on(commandIds.loadModel, () => askToLoad(api), load, (modelId) => load(modelId, { retryCrashed: true }));
  on(
    commandIds.unloadModel,
    () => askForRunningModel(api, l10n.t('Unload Model')),
    async (modelId) => {
      if (await mayEndAnswers(api, l10n.t('Unload'), modelId)) {
        loading.get(modelId)?.abort();
        await api.inference.stopModel(modelId);
      }
    },
  );
  on(commandIds.deleteModel, () => askForDownloadedModel(api, l10n.t('Delete Model'), removable), deleteModel);
  on(
    commandIds.forgetModel,
    () => askForDownloadedModel(api, l10n.t('Remove from Jan'), (model) => model.source === 'file'),
    deleteModel,
  );
  on(commandIds.revealModelFile, () => askForDownloadedModel(api, l10n.t('Reveal File'), (model) => model.path !== undefined), reveal);
  on(
    commandIds.copyModelId,
    () => askForDownloadedModel(api, l10n.t('Copy Model Id'), () => true),
    async (modelId) => {
      await vscode.env.clipboard.writeText(modelId);
      vscode.window.setStatusBarMessage(l10n.t('Copied: {0}', modelId), 3000);
    },
  );
  on(
    commandIds.modelSettings,
    () => askForDownloadedModel(api, l10n.t('Model Settings'), () => true),
    async (modelId) => {
      const models = await api.inference.getInferenceModels();
      await editModelSettings(api, modelId, models.find(({ id }) => id === modelId)?.name ?? modelId);
    },
  );
  owned.add(registerCommand(commandIds.addModelFile, () => withErrors(addFiles, log)));
  return owned;
}

/** Asks for any model to load; the other answers of the picker lead to their commands. */
async function askToLoad(api: JanApi): Promise<string | undefined> {
  const answer = await askForModel(api);
  if (answer?.kind === 'search') {
    await runCommand(commandIds.searchModels);
  } else if (answer?.kind === 'add') {
    await runCommand(commandIds.addModelFile);
  }
  return answer?.kind === 'model' ? answer.modelId : undefined;
}

/** Commands may be called with anything, by anyone. */
export function modelIdOf(target: unknown): string | undefined {
  const id = typeof target === 'object' && target !== null ? (target as { modelId?: unknown }).modelId : target;
  return typeof id === 'string' && id !== '' ? id : undefined;
}
