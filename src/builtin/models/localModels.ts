// The models on this machine: the starter model, files added from disk, finished downloads; listing and deleting.
// Must not know: how descriptions are stored (asked for by service name), the network, llama.cpp.

import { realpath, rm, rmdir } from 'node:fs/promises';
import * as path from 'node:path';
import type { Model, NewModel, PluginHandle } from '../../api/jan';
import { isJanError, JanError } from '../../common/errors';
import { describeModel } from '../../common/gguf/describeModel';
import type { Logger } from '../../common/log';
import { ModelFiles, partPaths, type ModelFileInfo } from './modelFiles';
import { baseName, idFromFileName } from './modelNames';

export const starterModelId = 'jan-guide';

const starterDescription =
  'A guide for your first minutes with Jan: it answers questions about this extension. It is not a general assistant.';

export interface LocalModelsOptions {
  readonly plugin: Pick<PluginHandle, 'invoke' | 'emit'>;
  readonly log: Logger;
  readonly modelsDirectory: string;
  readonly starterModelPath: string;
}

export class LocalModels {
  readonly #files = new ModelFiles();
  #starter: Promise<void> | undefined;
  #starterWarned = false;

  constructor(private readonly options: LocalModelsOptions) {}

  /**
   * Newest first, the starter model where its age puts it. A model whose file is gone (a drive that is not connected)
   * is left out and not forgotten: it is back when its file is.
   */
  async getDownloadedModels(): Promise<Model[]> {
    await this.ensureStarter();
    const stored = await this.options.plugin.invoke('getFinishedDownloadModels');
    const here = await Promise.all(stored.map((model) => this.#present(model)));
    return here.filter((model) => model !== undefined);
  }

  async addModelFile(file: string): Promise<Model> {
    if (typeof file !== 'string' || file.includes('\0') || !path.isAbsolute(file)) {
      throw new JanError('invalid-argument', 'Give the full path of a GGUF file on this machine.', {
        details: { path: String(file).slice(0, 1000) },
      });
    }
    await this.ensureStarter();
    const { plugin } = this.options;
    const info = await this.#files.inspect(path.resolve(file));
    const known = [
      ...(await plugin.invoke('getFinishedDownloadModels')),
      ...(await plugin.invoke('getUnfinishedDownloadModels')),
    ];
    const existing = await findByPath(known, info.path);
    if (existing !== undefined && existing.source !== 'file') {
      return existing;
    }
    const id = existing?.id ?? idFromFileName(path.basename(info.path), new Set(known.map((model) => model.id)));
    await plugin.invoke('storeModel', this.#describe(info, { ...existing, id, source: 'file', name: existing?.name }));
    const model = await plugin.invoke('updateFinishedDownloadAt', id);
    plugin.emit('onDidChangeModels', { ids: [id] });
    return model;
  }

  /** Unloads, deletes files in the models folder, forgets. */
  async deleteModel(modelId: string): Promise<void> {
    if (modelId === starterModelId) {
      throw new JanError('unsupported', 'The starter model is part of the extension and stays. Choose another model as your default instead.');
    }
    const { plugin, log } = this.options;
    const model = await plugin.invoke('getModelById', modelId);
    await this.#unload(modelId);
    if (model.path !== undefined) {
      await this.#deleteFiles(model.path);
    }
    await plugin.invoke('deleteDownloadModel', modelId);
    log.info(`Deleted model ${modelId}`);
    plugin.emit('onDidChangeModels', { ids: [modelId] });
  }

  /** What is stored of a model whose file lies at `file`. @throws JanError `model-file-missing`, `model-invalid` */
  async describeFile(file: string, known: Partial<NewModel> & Pick<NewModel, 'id' | 'source'>): Promise<NewModel> {
    return this.#describe(await this.#files.inspect(file), known);
  }

  /** Stores the starter model once per window, or again after a failure; a missing file is no failure. */
  ensureStarter(): Promise<void> {
    this.#starter ??= this.#storeStarter().catch((error: unknown) => {
      this.#starter = undefined;
      throw error;
    });
    return this.#starter;
  }

  async #storeStarter(): Promise<void> {
    const { plugin, log, starterModelPath } = this.options;
    const stored = await plugin.invoke('getModelById', starterModelId).catch((error: unknown) => {
      if (isJanError(error, 'model-not-found')) {
        return undefined;
      }
      throw error;
    });
    let info: ModelFileInfo;
    try {
      info = await this.#files.inspect(starterModelPath);
    } catch (error) {
      // Without the file there is simply no starter model. Looked for again at the next call, said once.
      if (!this.#starterWarned) {
        this.#starterWarned = true;
        log.warn('The starter model cannot be used', error);
      }
      this.#starter = undefined;
      return;
    }
    if (stored?.path === info.path && stored.size === info.size && stored.finishDownloadAt >= 0) {
      return;
    }
    await plugin.invoke(
      'storeModel',
      this.#describe(info, { id: starterModelId, source: 'starter', name: 'Jan Guide', description: starterDescription }),
    );
    await plugin.invoke('updateFinishedDownloadAt', starterModelId);
    plugin.emit('onDidChangeModels', { ids: [starterModelId] });
  }

  #describe(info: ModelFileInfo, known: Partial<NewModel> & Pick<NewModel, 'id' | 'source'>): NewModel {
    const said = describeModel(info.header);
    return {
      ...known,
      name: known.name ?? said.name ?? baseName(path.basename(info.path)),
      backendId: 'llama.cpp',
      path: info.path,
      size: info.size,
      architecture: said.architecture,
      quantization: said.quantization,
      parameters: info.parameters,
      contextLength: said.contextLength,
      author: known.author ?? said.author,
      license: known.license ?? said.license,
      startDownloadAt: known.startDownloadAt ?? -1,
    };
  }

  /** The model when its files are here (described anew when they changed), else undefined. */
  async #present(model: Model): Promise<Model | undefined> {
    if (model.path === undefined) {
      return model.source === 'backend' ? model : undefined;
    }
    try {
      const size = await this.#files.sizeOnDisk(model.path);
      if (size === undefined || size === model.size) {
        return size === undefined ? undefined : model;
      }
      const described = await this.describeFile(model.path, model);
      return { ...model, ...described, createdAt: model.createdAt, startDownloadAt: model.startDownloadAt, finishDownloadAt: model.finishDownloadAt };
    } catch (error) {
      this.options.log.warn(`The file of model ${model.id} cannot be used`, error);
      return undefined;
    }
  }

  async #unload(modelId: string): Promise<void> {
    try {
      await this.options.plugin.invoke('stopModel', modelId);
    } catch (error) {
      // No engine, or one that just died, holds no model.
      const harmless = ['no-provider', 'engine-crashed', 'engine-unavailable', 'model-not-found', 'backend-not-found'] as const;
      if (!harmless.some((code) => isJanError(error, code))) {
        throw error;
      }
    }
  }

  async #deleteFiles(file: string): Promise<void> {
    const root = await realpath(this.options.modelsDirectory).catch(() => undefined);
    if (root === undefined) {
      return;
    }
    for (const part of partPaths(file)) {
      const real = await realpath(part).catch(() => undefined);
      if (real !== undefined && isInside(root, real)) {
        await rm(real, { force: true });
        await removeEmptyFolders(path.dirname(real), root);
      }
    }
  }
}

function isInside(root: string, file: string): boolean {
  const relative = path.relative(root, file);
  return relative !== '' && !relative.startsWith(`..${path.sep}`) && relative !== '..' && !path.isAbsolute(relative);
}

async function removeEmptyFolders(folder: string, root: string): Promise<void> {
  for (let current = folder; isInside(root, current); current = path.dirname(current)) {
    try {
      await rmdir(current);
    } catch {
      return; // not empty
    }
  }
}

async function findByPath(models: readonly Model[], file: string): Promise<Model | undefined> {
  const real = await realpath(file);
  for (const model of models) {
    if (model.path !== undefined && (model.path === file || (await realpath(model.path).catch(() => undefined)) === real)) {
      return model;
    }
  }
  return undefined;
}
