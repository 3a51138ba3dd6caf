import assert from 'node:assert/strict';
import { JanError } from '../../../src/common/errors';
import { onceEvent } from '../../../src/common/events';
import { ModelCatalog, type CatalogChange } from '../../../src/ui/modelCatalog';
import { available, download, engine, FakeServices, inferenceModel, model, running } from './fakes';

describe('ModelCatalog', () => {
  let services: FakeServices;
  let catalog: ModelCatalog;
  let changes: CatalogChange[];

  beforeEach(() => {
    services = new FakeServices();
    catalog = new ModelCatalog({ api: services.api, coalesceMs: 5 });
    changes = [];
    catalog.onDidChange((change) => changes.push(change));
  });

  afterEach(() => catalog.dispose());

  const nextChange = (accepts: (change: CatalogChange) => boolean = () => true): Promise<CatalogChange> =>
    onceEvent(catalog.onDidChange, accepts);

  it('asks nothing before someone looks', async () => {
    services.changeModels.fire({ ids: ['qwen'] });
    services.changeDownloads.fire(download());
    await nextChange();
    assert.deepEqual(services.calls, []);
  });

  it('is loaded without waiting for other backends', async () => {
    services.downloaded = async () => [model()];
    services.inference = () => new Promise(() => undefined);
    await catalog.load();
    assert.deepEqual(catalog.snapshot.downloaded.map(({ id }) => id), ['qwen']);
  });

  it('adds what arrives late as a change', async () => {
    let answer: ((models: []) => void) | undefined;
    services.inference = () => new Promise((resolve) => (answer = resolve));
    services.available = async () => [available()];
    await catalog.load();
    await nextChange();
    const change = nextChange();
    answer?.([inferenceModel()] as unknown as []);
    assert.equal((await change).kind, 'structure');
    assert.deepEqual(catalog.snapshot.inference.map(({ id }) => id), ['gpt']);
    assert.deepEqual(catalog.snapshot.available.map(({ id }) => id), ['llama']);
  });

  it('keeps the rest when one source fails, and forgets the problem when it works again', async () => {
    services.downloaded = async () => [model()];
    services.downloads = async () => {
      throw new JanError('store-unavailable', 'The store is gone. Restart.');
    };
    await catalog.load();
    assert.deepEqual(catalog.snapshot.problems, [{ source: 'downloads', code: 'store-unavailable', message: 'The store is gone. Restart.' }]);
    assert.equal(catalog.snapshot.downloaded.length, 1);
    services.downloads = async () => [download()];
    await catalog.refresh();
    assert.deepEqual(catalog.snapshot.problems, []);
    assert.equal(catalog.snapshot.downloads.length, 1);
  });

  it('shows only downloads that are not over', async () => {
    services.downloads = async () => [download({ id: 'a', status: 'paused' }), download({ id: 'b', status: 'completed' }), download({ id: 'c', status: 'cancelled' })];
    await catalog.load();
    assert.deepEqual(catalog.snapshot.downloads.map(({ id }) => id), ['a']);
  });

  it('makes one change of many events', async () => {
    services.downloads = async () => [download()];
    await catalog.load();
    await nextChange();
    changes.length = 0;
    for (let received = 431; received < 600; received++) {
      services.changeDownloads.fire(download({ receivedBytes: received }));
    }
    await nextChange();
    assert.deepEqual(changes, [{ kind: 'progress', downloadIds: ['d1'], modelIds: [] }]);
    assert.equal(catalog.snapshot.downloads[0]?.receivedBytes, 599);
    assert.equal(services.calls.filter((name) => name === 'getDownloads').length, 1);
  });

  it('believes an event over an answer that was asked for before it', async () => {
    let answer: ((downloads: ReturnType<typeof download>[]) => void) | undefined;
    services.downloads = () => new Promise((resolve) => (answer = resolve));
    const loading = catalog.load();
    services.changeDownloads.fire(download({ id: 'new', receivedBytes: 900 }));
    services.changeDownloads.fire(download({ id: 'gone', status: 'completed' }));
    answer?.([download({ id: 'old' }), download({ id: 'new', receivedBytes: 1 }), download({ id: 'gone' })]);
    await loading;
    assert.deepEqual(catalog.snapshot.downloads.map(({ id, receivedBytes }) => [id, receivedBytes]), [['old', 430], ['new', 900]]);
  });

  it('asks for the models again when a download is complete', async () => {
    services.downloads = async () => [download()];
    catalog.setWatched(true);
    await catalog.load();
    services.downloaded = async () => [model({ id: 'gemma' })];
    services.changeDownloads.fire(download({ status: 'completed' }));
    await nextChange(() => catalog.snapshot.downloaded.length === 1);
    assert.deepEqual(catalog.snapshot.downloads, []);
  });

  it('takes the engine’s state from its events', async () => {
    await catalog.load();
    await nextChange();
    changes.length = 0;
    services.changeEngine.fire(engine({ models: [running({ status: 'loading', progress: 0.1 })] }));
    await nextChange();
    services.changeEngine.fire(engine({ models: [running({ status: 'loading', progress: 0.43 })] }));
    await nextChange();
    // How many answers this window waits for is nothing that the tree shows; how many a model writes is.
    services.changeEngine.fire(engine({ models: [running({ status: 'loading', progress: 0.43 })], activeRequests: 1 }));
    services.changeEngine.fire(engine({ models: [running()] }));
    await nextChange();
    services.changeEngine.fire(engine({ models: [running({ activeRequests: 1 })] }));
    await nextChange();
    assert.deepEqual(changes, [
      { kind: 'structure' },
      { kind: 'progress', downloadIds: [], modelIds: ['qwen'] },
      { kind: 'structure' },
      { kind: 'progress', downloadIds: [], modelIds: ['qwen'] },
    ]);
    assert.equal(services.calls.filter((name) => name === 'getEngineState').length, 1);
  });

  it('asks again for what changed while nobody looked', async () => {
    catalog.setWatched(true);
    await catalog.load();
    catalog.setWatched(false);
    await nextChange();
    services.calls.length = 0;
    services.changeModels.fire({ ids: ['qwen'] });
    services.downloaded = async () => [model()];
    catalog.setWatched(true);
    await nextChange(() => catalog.snapshot.downloaded.length === 1);
    assert.deepEqual([...services.calls].sort(), ['getAvailableModels', 'getDownloadedModels', 'getInferenceModels']);
  });
});
