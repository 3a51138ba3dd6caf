// Quick picks that ask for a model or a download.
// Must not know: what the answer is for.

import * as vscode from 'vscode';
import type { Download, InferenceModel, JanApi, Model } from '../api/jan';
import { escapeIcons, formatBytes, formatPercent, formatTokens, joinFacts } from './format';
import { isOpenDownload } from './modelCatalog';

interface ModelItem extends vscode.QuickPickItem {
  readonly answer?: ModelAnswer;
}

export type ModelAnswer = { readonly kind: 'model'; readonly modelId: string; readonly ready: boolean } | { readonly kind: 'search' } | { readonly kind: 'add' };

/**
 * Asks which of all backends' models to use; offers to get another one.
 * @param current id of the model in use, marked as such
 * @returns undefined when the user backs out
 */
export async function askForModel(api: JanApi, current?: string): Promise<ModelAnswer | undefined> {
  const items = Promise.all([api.inference.getInferenceModels(), api.models.getDownloadedModels().catch(() => [])]).then(
    ([models, downloaded]) => modelItems(models, downloaded, current),
  );
  const chosen = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t('Choose Model'),
    placeHolder: vscode.l10n.t('Model to chat with'),
    matchOnDescription: true,
    matchOnDetail: true,
  });
  return chosen?.answer;
}

function modelItems(models: readonly InferenceModel[], downloaded: readonly Model[], current: string | undefined): ModelItem[] {
  const { l10n } = vscode;
  const item = (model: InferenceModel): ModelItem => {
    const file = downloaded.find((known) => known.id === model.id);
    return {
      label: `$(${model.remote ? 'cloud' : model.loaded ? 'circle-filled' : 'circle-outline'}) ${escapeIcons(model.name)}`,
      description: joinFacts(
        model.id === current ? l10n.t('in use') : undefined,
        model.loaded && !model.remote ? l10n.t('loaded') : undefined,
        file?.source === 'starter' ? l10n.t('starter model, a guide to Jan') : undefined,
        file?.quantization,
        formatBytes(file?.size),
        model.contextLength === undefined ? undefined : l10n.t('{0} tokens', formatTokens(model.contextLength)),
        model.backendId === 'llama.cpp' ? undefined : model.backendId,
      ),
      answer: { kind: 'model', modelId: model.id, ready: model.loaded || model.remote },
    };
  };
  const separator = (label: string): ModelItem => ({ label, kind: vscode.QuickPickItemKind.Separator });
  const local = models.filter((model) => !model.remote).map(item);
  const remote = models.filter((model) => model.remote).map(item);
  return [
    ...(local.length > 0 ? [separator(l10n.t('On this machine')), ...local] : []),
    ...(remote.length > 0 ? [separator(l10n.t('Remote: text leaves this machine')), ...remote] : []),
    separator(l10n.t('More')),
    { label: `$(cloud-download) ${l10n.t('Download a model…')}`, answer: { kind: 'search' }, alwaysShow: true },
    { label: `$(new-file) ${l10n.t('Add a GGUF file…')}`, answer: { kind: 'add' }, alwaysShow: true },
  ];
}

/** Asks for one of the models on this machine that `accepts` lets through. */
export async function askForDownloadedModel(api: JanApi, title: string, accepts: (model: Model) => boolean): Promise<string | undefined> {
  const models = (await api.models.getDownloadedModels()).filter(accepts);
  if (models.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t('There is no model that this can be done with.'));
    return undefined;
  }
  const items = models.map((model) => ({ label: escapeIcons(model.name), description: joinFacts(model.quantization, formatBytes(model.size)), modelId: model.id }));
  return (await vscode.window.showQuickPick(items, { title, matchOnDescription: true }))?.modelId;
}

/** Asks for one of the loaded models; the only one is taken without asking. */
export async function askForRunningModel(api: JanApi, title: string): Promise<string | undefined> {
  const { models } = await api.inference.getEngineState();
  if (models.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t('No model is loaded.'));
    return undefined;
  }
  if (models.length === 1) {
    return models[0]?.modelId;
  }
  const items = models.map((model) => ({ label: escapeIcons(model.name), description: formatBytes(model.memory), modelId: model.modelId }));
  return (await vscode.window.showQuickPick(items, { title }))?.modelId;
}

/** Asks for one of the downloads that `accepts` lets through; the only one is taken without asking. */
export async function askForDownload(api: JanApi, title: string, accepts: (download: Download) => boolean): Promise<Download | undefined> {
  const downloads = (await api.models.getDownloads()).filter((download) => isOpenDownload(download) && accepts(download));
  if (downloads.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t('There is no download that this can be done with.'));
    return undefined;
  }
  if (downloads.length === 1) {
    return downloads[0];
  }
  const items = downloads.map((download) => ({
    label: escapeIcons(download.name),
    description: formatPercent(download.totalBytes > 0 ? download.receivedBytes / download.totalBytes : undefined),
    download,
  }));
  return (await vscode.window.showQuickPick(items, { title }))?.download;
}
