// The functions behind the names of the model management service.
// Must not know: how the plugin is registered, how descriptions are stored, how models are run.

import type { ModelManagementService, PluginHandle } from '../../api/jan';
import type { Disposable } from '../../common/lifecycle';
import { Catalogue } from './catalogue';
import { Downloads } from './downloads';
import { HubClient } from './hubClient';
import { defaultHubUrl } from './hubUrl';
import { LocalModels } from './localModels';
import type { ModelsPluginOptions } from './modelsPlugin';

export function createModelProviders(
  plugin: PluginHandle,
  options: ModelsPluginOptions,
): { readonly services: ModelManagementService; readonly downloads: Disposable } {
  const hubUrl = options.hubUrl ?? (() => defaultHubUrl);
  const hubToken = options.hubToken ?? (() => Promise.resolve(undefined));
  const local = new LocalModels({ plugin, ...options });
  const catalogue = new Catalogue(plugin, new HubClient({ hubUrl, hubToken }));
  const downloads = new Downloads({ ...options, plugin, hubUrl, hubToken, describeFile: (file, known) => local.describeFile(file, known) });
  const services: ModelManagementService = {
    getAvailableModels: () => catalogue.getAvailableModels(),
    getDownloadedModels: () => local.getDownloadedModels(),
    searchModels: (query) => catalogue.searchModels(query),
    getModelFiles: (repository) => catalogue.getModelFiles(repository),
    addModelFile: (file) => local.addModelFile(file),
    downloadModel: (request) => downloads.start(request),
    getDownloads: () => downloads.list(),
    cancelDownload: (downloadId, cancelOptions) => downloads.cancel(downloadId, cancelOptions?.keepPartial ?? true),
    deleteModel: async (modelId) => {
      // A model that is still coming is not deleted but cancelled.
      if (!(await downloads.discard(modelId))) {
        await local.deleteModel(modelId);
      }
    },
  };
  return { services, downloads };
}
