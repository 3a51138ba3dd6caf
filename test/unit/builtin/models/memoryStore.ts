// Supplies the data services that the models plugin asks for, in memory; also records calls of stopModel.
// Must not know: the models plugin.

import type { JanApi, Model } from '../../../../src/api/jan';
import { JanError } from '../../../../src/common/errors';
import type { Disposable } from '../../../../src/common/lifecycle';

export interface MemoryStore extends Disposable {
  readonly models: Map<string, Model>;
  readonly stopped: string[];
}

export function registerMemoryStore(api: JanApi, models = new Map<string, Model>()): MemoryStore {
  const plugin = api.registerPlugin({ id: 'jan.data', name: 'Data in memory', version: '1.0.0' });
  const stopped: string[] = [];
  let clock = 1_700_000_000_000;
  const get = (id: string): Model => {
    const model = models.get(id);
    if (model === undefined) {
      throw new JanError('model-not-found', `No model ${id}`);
    }
    return model;
  };
  const newestFirst = (finished: boolean): Model[] =>
    [...models.values()].filter((model) => model.finishDownloadAt >= 0 === finished).sort((a, b) => b.createdAt - a.createdAt);
  plugin.registerProvider('storeModel', (model) => {
    const stored: Model = {
      startDownloadAt: -1,
      finishDownloadAt: -1,
      createdAt: models.get(model.id)?.createdAt ?? ++clock,
      ...(JSON.parse(JSON.stringify(model)) as typeof model),
    };
    models.set(model.id, stored);
    return Promise.resolve<Model>(stored);
  });
  plugin.registerProvider('updateFinishedDownloadAt', async (id, at) => {
    models.set(id, { ...get(id), finishDownloadAt: at ?? ++clock });
    return get(id);
  });
  plugin.registerProvider('getFinishedDownloadModels', () => Promise.resolve(newestFirst(true)));
  plugin.registerProvider('getUnfinishedDownloadModels', () => Promise.resolve(newestFirst(false)));
  plugin.registerProvider('getModelById', async (id) => get(id));
  plugin.registerProvider('deleteDownloadModel', async (id) => {
    get(id);
    models.delete(id);
  });
  plugin.registerProvider('stopModel', async (id) => {
    stopped.push(id);
  });
  return { models, stopped, dispose: () => void plugin.dispose() };
}
