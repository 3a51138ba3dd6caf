import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { untranslated } from '../../../src/ui/localise';
import { emptySnapshot, type ModelSnapshot } from '../../../src/ui/modelCatalog';
import { buildModelTree, changedNodes, tooltipMarkdown, walk, type ModelNode } from '../../../src/ui/modelTreeItems';
import { available, download, inferenceModel, model, running } from './fakes';

const starter = model({ id: 'jan-guide', name: 'Jan Guide', source: 'starter', quantization: 'F16', size: 4_000_000 });

function build(change: Partial<ModelSnapshot>): readonly ModelNode[] {
  return buildModelTree({ ...emptySnapshot, ...change }, untranslated);
}

function outline(nodes: readonly ModelNode[]): Record<string, string[]> {
  return Object.fromEntries(nodes.map((node) => [node.label, (node.children ?? []).map((child) => `${child.label}: ${child.description ?? ''}`)]));
}

function node(nodes: readonly ModelNode[], id: string): ModelNode {
  const found = [...walk(nodes)].find((candidate) => candidate.id === id);
  assert.ok(found, `no node ${id} among ${[...walk(nodes)].map((candidate) => candidate.id).join(', ')}`);
  return found;
}

describe('changedNodes', () => {
  const of = (change: Partial<ModelSnapshot>) => build({ downloaded: [starter], ...change });

  const labels = (before: Partial<ModelSnapshot>, after: Partial<ModelSnapshot>): unknown => {
    const changed = changedNodes(of(before), of(after));
    return changed === 'all' ? changed : changed.map(({ label }) => label);
  };

  it('are the items that are otherwise, a branch whose items are others, and none when nothing is', () => {
    assert.deepEqual(labels({}, {}), []);
    assert.deepEqual(labels({}, { downloaded: [starter, model()] }), ['Downloaded']);
    assert.deepEqual(labels({ running: [running()] }, { running: [running({ memory: 7e9 })] }), ['Qwen 3']);
  });

  it('are all when a branch comes or goes', () => {
    assert.equal(changedNodes(of({}), of({ running: [running()] })), 'all');
    assert.equal(changedNodes([], of({})), 'all');
  });
});

describe('buildModelTree', () => {
  it('is empty without models, so that the welcome view shows, whatever could be recommended', () => {
    assert.deepEqual(build({}), []);
    assert.deepEqual(build({ available: [available()] }), []);
  });

  it('groups what there is, in reading order, and leaves out empty groups', () => {
    const tree = build({
      running: [running({ memory: 5_000_000_000 })],
      downloaded: [starter, model()],
      downloads: [download()],
      available: [available(), available({ id: 'big', name: 'Big', fit: 'too-large', size: 70e9 })],
      inference: [inferenceModel(), inferenceModel({ id: 'qwen', backendId: 'llama.cpp', remote: false })],
    });
    assert.deepEqual(outline(tree), {
      Running: ['Qwen 3: ready · 5 GB'],
      Downloading: ['Gemma: 43 % · 100 B/s'],
      Downloaded: ['Jan Guide: starter model · 4 MB', 'Qwen 3: loaded · Q4_K_M · 4.37 GB'],
      'Other Backends': ['GPT: acme · remote'],
      Recommended: ['Llama: 2 GB · fits', 'Big: 70 GB · too large'],
    });
    assert.deepEqual(Object.keys(outline(build({ downloaded: [starter] }))), ['Downloaded']);
  });

  it('says of a model in memory what it does', () => {
    const description = (over: Parameters<typeof running>[0]): unknown => build({ running: [running(over)] })[0]?.children?.[0]?.description;
    assert.equal(description({ status: 'loading', progress: 0.43 }), 'loading 43 %');
    assert.equal(description({ activeRequests: 0 }), 'ready');
    assert.equal(description({ activeRequests: 1 }), 'answering');
    assert.equal(description({ activeRequests: 3, memory: 5_000_000_000 }), 'answering (3) · 5 GB');
    assert.equal(description({ status: 'unloading', activeRequests: 1 }), 'unloading');
  });

  it('does not recommend what is here or on its way', () => {
    const tree = build({
      downloaded: [model({ id: 'here' })],
      downloads: [download({ modelId: 'coming' })],
      available: [available({ id: 'here' }), available({ id: 'coming' }), available({ id: 'done', downloaded: true })],
    });
    assert.deepEqual(Object.keys(outline(tree)), ['Downloading', 'Downloaded']);
  });

  it('shows every state of a download', () => {
    const states = [
      download({ id: '1', receivedBytes: 0, totalBytes: 0, speed: 0 }),
      download({ id: '2', status: 'verifying', receivedBytes: 1000 }),
      download({ id: '3', status: 'paused' }),
      download({ id: '4', status: 'failed', error: { code: 'network', message: 'The connection broke. Resume.' } }),
    ];
    const tree = build({ downloads: states });
    assert.deepEqual(tree[0]?.children?.map((child) => child.description), ['starting', 'verifying checksum', 'paused · 43 %', 'failed · 43 %']);
    assert.match(tooltipMarkdown(node(tree, 'download:4')), /The connection broke/);
  });

  it('shows loading and unloading models', () => {
    const tree = build({ running: [running({ status: 'loading', progress: 0.43 }), running({ modelId: 'b', status: 'unloading' })] });
    assert.deepEqual(tree[0]?.children?.map((child) => child.description), ['loading 43 %', 'unloading']);
    assert.equal(tree[0]?.children?.[0]?.spoken, 'Qwen 3, loading 43 %');
  });

  it('turns a problem into an item with its next step', () => {
    const tree = build({ problems: [{ source: 'engine', code: 'engine-crashed', message: 'The engine stopped.' }] });
    assert.equal(tree[0]?.label, 'The engine stopped.');
    assert.equal(tree[0]?.command, 'jan.restartEngine');
    assert.equal(build({ problems: [{ source: 'downloaded', code: 'internal', message: 'x' }] })[0]?.command, 'jan.refreshModels');
  });

  it('gives every item an id of its own and words for a screen reader', () => {
    const tree = build({
      running: [running()],
      downloaded: [starter, model()],
      downloads: [download({ modelId: 'qwen' })],
      inference: [inferenceModel()],
      available: [available()],
      problems: [{ source: 'engine', code: 'internal', message: 'x' }],
    });
    const ids = [...walk(tree)].map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    assert.ok([...walk(tree)].every(({ spoken }) => spoken !== ''));
  });

  it('has tooltips in which names are only text', () => {
    const evil = model({ name: '[click](command:evil)', architecture: '<img src=x>', description: '**bold** $(alert)' });
    const text = tooltipMarkdown(node(build({ downloaded: [evil] }), 'model:qwen'));
    assert.ok(text.includes('\\[click\\]\\(command:evil\\)'), text);
    assert.ok(text.includes('\\<img src=x\\>'), text);
    assert.ok(text.includes('\\*\\*bold\\*\\* \\$\\(alert\\)'), text);
    const facts = node(build({ downloaded: [model({ architecture: 'qwen3', contextLength: 40_960, parameters: 8.19e9 })] }), 'model:qwen').facts?.();
    assert.deepEqual(facts, [
      ['Size', '4.37 GB'],
      ['Quantisation', 'Q4_K_M'],
      ['Architecture', 'qwen3'],
      ['Parameters', '8.19B'],
      ['Trained context', '40k tokens'],
      ['File', '/models/qwen.gguf'],
    ]);
  });
});

describe('menus of the model tree', () => {
  const { contributes } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    contributes: { menus: Record<string, { command: string; when: string; group: string }[]> };
  };
  const entries = contributes.menus['view/item/context'] ?? [];
  const commandsOn = (contextValue: string, inline: boolean): string[] =>
    entries
      .filter(({ group, when }) => {
        const pattern = /viewItem =~ \/(.*)\//.exec(when)?.[1];
        return pattern !== undefined && group.startsWith('inline') === inline && new RegExp(pattern).test(contextValue);
      })
      .map(({ command }) => command.replace('jan.', ''));
  const contextOf = (id: string, change: Partial<ModelSnapshot>): string => node(build(change), id).contextValue;

  const cases: readonly (readonly [string, string, string[], string[]])[] = [
    ['a model on disk', contextOf('model:qwen', { downloaded: [model()] }), ['loadModel'], ['loadModel', 'modelSettings', 'revealModelFile', 'copyModelId', 'deleteModel']],
    ['a loaded model on disk', contextOf('model:qwen', { downloaded: [model()], running: [running()] }), [], ['unloadModel', 'modelSettings', 'revealModelFile', 'copyModelId', 'deleteModel']],
    ['a running model', contextOf('running:qwen', { downloaded: [model()], running: [running()] }), ['unloadModel'], ['unloadModel', 'modelSettings', 'revealModelFile', 'copyModelId', 'deleteModel']],
    ['the starter model', contextOf('model:jan-guide', { downloaded: [starter] }), ['loadModel'], ['loadModel', 'modelSettings', 'revealModelFile', 'copyModelId']],
    ['an added file', contextOf('model:qwen', { downloaded: [model({ source: 'file' })] }), ['loadModel'], ['loadModel', 'modelSettings', 'revealModelFile', 'copyModelId', 'forgetModel']],
    ['a running download', contextOf('download:d1', { downloads: [download()] }), ['cancelDownload'], ['cancelDownload', 'discardDownload']],
    ['a paused download', contextOf('download:d1', { downloads: [download({ status: 'paused' })] }), ['resumeDownload', 'discardDownload'], ['resumeDownload', 'discardDownload']],
    ['a failed download', contextOf('download:d1', { downloads: [download({ status: 'failed' })] }), ['resumeDownload', 'discardDownload'], ['resumeDownload', 'discardDownload']],
    ['a recommendation', contextOf('available:llama', { downloaded: [starter], available: [available()] }), ['downloadModel'], ['downloadModel']],
    ['a model that is always ready', contextOf('backend:acme:gpt', { inference: [inferenceModel()] }), [], ['modelSettings', 'copyModelId']],
    ['a backend’s model to load', contextOf('backend:acme:gpt', { inference: [inferenceModel({ loaded: false })] }), ['loadModel'], ['loadModel', 'modelSettings', 'copyModelId']],
    ['a group', 'group', [], []],
  ];
  for (const [what, contextValue, inline, menu] of cases) {
    it(`fit ${what}`, () => {
      assert.deepEqual(commandsOn(contextValue, true), inline);
      assert.deepEqual(commandsOn(contextValue, false), menu);
    });
  }

  it('have at most three inline actions on anything', () => {
    assert.ok(cases.every(([, contextValue]) => commandsOn(contextValue, true).length <= 3));
  });
});
