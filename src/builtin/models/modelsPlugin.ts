// The built-in models plugin: what is on this machine, what can be had, downloading, adding and deleting.
// Must not know: how descriptions are stored, how models are run; both are asked for by service name.

import type { JanApi } from '../../api/jan';
import { DisposableStore, type Disposable } from '../../common/lifecycle';
import type { Logger } from '../../common/log';
import { Catalogue } from './catalogue';
import { Downloads, type DownloadsOptions } from './downloads';
import { HubClient } from './hubClient';
import { defaultHubUrl } from './hubUrl';
import { LocalModels } from './localModels';

export interface ModelsPluginOptions {
  readonly log: Logger;
  /** Downloads go here, as `owner/repository/file`; created on first use. */
  readonly modelsDirectory: string;
  readonly starterModelPath: string;
  /** Path of dist/downloader.mjs. */
  readonly downloaderEntry: string;
  /** Default https://huggingface.co. Plain http only to loopback. */
  readonly hubUrl?: () => string;
  /** Sent to the hub's own host and no other. */
  readonly hubToken?: () => Promise<string | undefined>;
  /** Program that runs the downloader; default the one that runs this code. */
  readonly execPath?: string;
  /** Of the downloader; tests only. */
  readonly limits?: DownloadsOptions['limits'];
}

export function registerModelsPlugin(api: JanApi, options: ModelsPluginOptions): Disposable {
  const owned = new DisposableStore();
  const plugin = owned.add(api.registerPlugin({ id: 'jan.models', name: 'Models', version: '0.1.0' }));
  const hubUrl = options.hubUrl ?? (() => defaultHubUrl);
  const hubToken = options.hubToken ?? (() => Promise.resolve(undefined));
  const local = new LocalModels({ plugin, ...options });
  const catalogue = new Catalogue(plugin, new HubClient({ hubUrl, hubToken }));
  const downloads = owned.add(
    new Downloads({ ...options, plugin, hubUrl, hubToken, describeFile: (file, known) => local.describeFile(file, known) }),
  );

  plugin.registerProvider('getAvailableModels', () => catalogue.getAvailableModels());
  plugin.registerProvider('getDownloadedModels', () => local.getDownloadedModels());
  plugin.registerProvider('searchModels', (query) => catalogue.searchModels(query));
  plugin.registerProvider('getModelFiles', (repository) => catalogue.getModelFiles(repository));
  plugin.registerProvider('addModelFile', (file) => local.addModelFile(file));
  plugin.registerProvider('downloadModel', (request) => downloads.start(request));
  plugin.registerProvider('getDownloads', () => downloads.list());
  plugin.registerProvider('cancelDownload', (downloadId, cancelOptions) => downloads.cancel(downloadId, cancelOptions?.keepPartial ?? true));
  plugin.registerProvider('deleteModel', async (modelId) => {
    // A model that is still coming is not deleted but cancelled.
    if (!(await downloads.discard(modelId))) {
      await local.deleteModel(modelId);
    }
  });
  return owned;
}
