// What can be had: the recommended models and the search of the hub, with advice for this machine.
// Must not know: downloading, how descriptions are stored.

import type { AvailableModel, ModelFile, ModelSearchPage, ModelSearchQuery, PluginHandle } from '../../api/jan';
import { estimateMemory } from '../../common/gguf/describeModel';
import type { HubClient } from './hubClient';
import { currentMemory, fitOf } from './memoryFit';
import { baseName, quantizationFromName } from './modelNames';
import { recommendedModels, type RecommendedModel } from './recommendedModels';

/** Beside weights and context, as in `estimateMemory`. */
const contextTokens = 4096;

export function hubModelId(repository: string, fileName: string): string {
  return `${repository}/${baseName(fileName)}`;
}

export class Catalogue {
  constructor(
    private readonly plugin: Pick<PluginHandle, 'invoke'>,
    private readonly hub: HubClient,
  ) {}

  /** Asks nobody but this machine. */
  async getAvailableModels(): Promise<AvailableModel[]> {
    const [memory, downloaded] = await Promise.all([currentMemory(this.plugin), this.#downloadedIds()]);
    return recommendedModels.map((model) => {
      const id = hubModelId(model.repository, model.fileName);
      const memoryNeeded = recommendedMemory(model);
      const { name, description, repository, fileName, size, quantization, parameters, contextLength, license } = model;
      const shown = { name, description, repository, fileName, size, quantization, parameters, contextLength, license };
      return { ...shown, id, downloaded: downloaded.has(id), memoryNeeded, fit: fitOf(memoryNeeded, memory) };
    });
  }

  searchModels(query: ModelSearchQuery): Promise<ModelSearchPage> {
    return this.hub.search(query);
  }

  async getModelFiles(repository: string): Promise<ModelFile[]> {
    const [memory, files] = await Promise.all([currentMemory(this.plugin), this.hub.files(repository)]);
    return files.map((file) => ({
      repository,
      ...file,
      quantization: quantizationFromName(file.fileName),
      fit: fitOf(estimateMemory(file.size), memory),
    }));
  }

  async #downloadedIds(): Promise<ReadonlySet<string>> {
    try {
      return new Set((await this.plugin.invoke('getDownloadedModels')).map((model) => model.id));
    } catch {
      return new Set(); // the list is useful without the store
    }
  }
}

function recommendedMemory(model: RecommendedModel): number {
  const context = model.contextBytesPerToken * Math.min(contextTokens, model.contextLength);
  // estimateMemory counts a tenth of the weights where the context is not known; here it is.
  return Math.round(estimateMemory(model.size) - model.size / 10 + context);
}
