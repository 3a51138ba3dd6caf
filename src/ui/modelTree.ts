// The Models view: draws the catalog as a tree and takes dropped GGUF files.
// Must not know: how services work, what commands on its items do.

import * as vscode from 'vscode';
import type { JanApi } from '../api/jan';
import { Emitter } from '../common/events';
import { DisposableStore, type Disposable } from '../common/lifecycle';
import type { Logger } from '../common/log';
import { readModelSettings } from './editModelSettings';
import { contextKeys, viewIds } from './ids';
import { estimateRows } from './memoryEstimateText';
import { ModelCatalog, type CatalogChange } from './modelCatalog';
import { describeSettings } from './modelSettingFields';
import { buildModelTree, changedNodes, tooltipMarkdown, walk, type ModelNode } from './modelTreeItems';
import { withErrors } from './showError';
import { setContextKey } from './vscodeIds';

export interface ModelTreeOptions {
  readonly api: JanApi;
  readonly log: Logger;
}

export class ModelTree implements vscode.TreeDataProvider<ModelNode>, vscode.TreeDragAndDropController<ModelNode>, Disposable {
  readonly dragMimeTypes: readonly string[] = [];
  readonly dropMimeTypes: readonly string[] = ['text/uri-list'];
  readonly #store = new DisposableStore();
  readonly #treeChange = this.#store.add(new Emitter<ModelNode[] | undefined>());
  readonly #catalog: ModelCatalog;
  readonly #view: vscode.TreeView<ModelNode>;
  /** By id: how each is now. */
  #nodes = new Map<string, ModelNode>();
  /** By id: the object that VS Code was given last. It knows a node by nothing else when it is to draw it again. */
  readonly #given = new Map<string, ModelNode>();
  #roots: readonly ModelNode[] = [];
  #loaded = false;
  readonly #activeDownloads = new Set<string>();

  readonly onDidChangeTreeData = this.#treeChange.event as vscode.Event<ModelNode[] | undefined>;

  constructor(private readonly options: ModelTreeOptions) {
    this.#catalog = this.#store.add(new ModelCatalog({ api: options.api }));
    this.#view = this.#store.add(
      vscode.window.createTreeView(viewIds.models, { treeDataProvider: this, dragAndDropController: this, showCollapseAll: false }),
    );
    this.#store.add(this.#view.onDidChangeVisibility(({ visible }) => this.#catalog.setWatched(visible)));
    this.#store.add(this.#catalog.onDidChange((change) => this.#onChange(change)));
    this.#store.add(
      this.#catalog.onDidChangeDownload((download) => {
        const active = download.status === 'running' || download.status === 'verifying';
        this.#setActive(download.id, active);
        if (download.status === 'completed') {
          void setContextKey(contextKeys.hasDownloadedModel, true);
        }
      }),
    );
  }

  /** Asks the services again. */
  async refresh(): Promise<void> {
    await this.#catalog.refresh();
  }

  async getChildren(node?: ModelNode): Promise<ModelNode[]> {
    if (node !== undefined) {
      return this.#give(this.#nodes.get(node.id)?.children ?? node.children ?? []);
    }
    if (!this.#loaded) {
      this.#catalog.setWatched(this.#view.visible);
      await this.#catalog.load();
      this.#loaded = true;
      this.#rebuild();
    }
    return this.#give(this.#roots);
  }

  /** Does anyone see it? */
  get isShown(): boolean {
    return this.#view.visible;
  }

  getParent(node: ModelNode): ModelNode | undefined {
    return this.#roots.find((root) => root.children?.some((child) => child.id === node.id));
  }

  getTreeItem(given: ModelNode): vscode.TreeItem {
    const node = this.#nodes.get(given.id) ?? given;
    const state = node.kind === 'group' ? vscode.TreeItemCollapsibleState.Expanded : vscode.TreeItemCollapsibleState.None;
    const item = new vscode.TreeItem(node.label, state);
    item.id = node.id;
    item.contextValue = node.contextValue;
    item.accessibilityInformation = { label: node.spoken };
    if (node.description !== undefined) {
      item.description = node.description;
    }
    if (node.icon !== undefined) {
      const { name, color } = node.icon;
      item.iconPath = new vscode.ThemeIcon(name, color === undefined ? undefined : new vscode.ThemeColor(color));
    }
    if (node.command !== undefined) {
      item.command = { command: node.command, title: node.label };
    }
    return item;
  }

  /** Tooltips are made when the pointer rests on an item, from what is known then. */
  async resolveTreeItem(item: vscode.TreeItem, given: ModelNode): Promise<vscode.TreeItem> {
    const node = this.#nodes.get(given.id) ?? given;
    item.tooltip =
      node.kind === 'group' ? node.label : new vscode.MarkdownString(tooltipMarkdown(node, [...(await this.#memoryRows(node)), ...settingRows(node)]));
    return item;
  }

  /** What loading it would take; while no engine runs none is started for that. */
  async #memoryRows({ kind, modelId, path }: ModelNode): Promise<readonly (readonly [string, string])[]> {
    const { inference } = this.options.api;
    if (kind !== 'model' || modelId === undefined || path === undefined) {
      return [];
    }
    try {
      const { status, models } = await inference.getEngineState();
      const isWorthAsking = status === 'running' && !models.some((model) => model.modelId === modelId);
      return isWorthAsking ? estimateRows(await inference.estimateModelMemory(modelId), vscode.l10n) : [];
    } catch {
      // A file that is gone or broken says so when it is loaded.
      return [];
    }
  }

  async handleDrop(_target: ModelNode | undefined, transfer: vscode.DataTransfer): Promise<void> {
    const list = await transfer.get('text/uri-list')?.asString();
    const uris = (list ?? '').split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#')).map((line) => vscode.Uri.parse(line));
    const files = uris.filter((uri) => uri.scheme === 'file' || uri.scheme === 'vscode-remote').map((uri) => uri.fsPath);
    const models = files.filter((path) => path.toLowerCase().endsWith('.gguf'));
    if (models.length === 0) {
      void vscode.window.showWarningMessage(vscode.l10n.t('Only GGUF files (.gguf) can be added as models.'));
      return;
    }
    for (const path of models) {
      await withErrors(() => this.options.api.models.addModelFile(path), this.options.log);
    }
  }

  #onChange(change: CatalogChange): void {
    if (!this.#loaded) {
      return;
    }
    const before = this.#roots;
    this.#rebuild();
    if (change.kind === 'structure') {
      const changed = changedNodes(before, this.#roots);
      if (changed === 'all') {
        this.#treeChange.fire(undefined);
      } else {
        this.#drawAgain(changed.map(({ id }) => id));
      }
      return;
    }
    const moved = [...change.downloadIds.map((id) => `download:${id}`), ...change.modelIds.flatMap((id) => [`running:${id}`, `model:${id}`])];
    this.#drawAgain(moved.filter((id) => this.#nodes.has(id)));
  }

  #give(nodes: readonly ModelNode[]): ModelNode[] {
    nodes.forEach((node) => this.#given.set(node.id, node));
    return [...nodes];
  }

  #drawAgain(ids: readonly string[]): void {
    const nodes = ids.map((id) => this.#given.get(id)).filter((node) => node !== undefined);
    if (nodes.length > 0) {
      this.#treeChange.fire(nodes);
    }
  }

  #rebuild(): void {
    const { snapshot } = this.#catalog;
    this.#roots = buildModelTree(snapshot, vscode.l10n);
    this.#nodes = new Map([...walk(this.#roots)].map((node) => [node.id, node]));
    void setContextKey(contextKeys.hasModels, snapshot.downloaded.length > 0);
    void setContextKey(contextKeys.hasDownloadedModel, snapshot.downloaded.some((model) => model.source !== 'starter'));
    void setContextKey(contextKeys.hasDownloads, snapshot.downloads.length > 0);
    const active = snapshot.downloads.filter((download) => download.status === 'running' || download.status === 'verifying');
    new Set([...this.#activeDownloads, ...active.map((download) => download.id)]).forEach((id) =>
      this.#setActive(id, active.some((download) => download.id === id)),
    );
  }

  /** While anything downloads: a badge with the count. (The view's own progress would hide it, for hours.) */
  #setActive(downloadId: string, active: boolean): void {
    const before = this.#activeDownloads.size;
    if (active) {
      this.#activeDownloads.add(downloadId);
    } else {
      this.#activeDownloads.delete(downloadId);
    }
    const count = this.#activeDownloads.size;
    if (count === before) {
      return;
    }
    this.#view.badge =
      count === 0
        ? undefined
        : { value: count, tooltip: count === 1 ? vscode.l10n.t('1 model is downloading') : vscode.l10n.t('{0} models are downloading', count) };
  }

  dispose(): void {
    this.#store.dispose();
  }
}

/** What the user set for the model, so that an override is seen where the model is. */
function settingRows({ modelId }: ModelNode): readonly (readonly [string, string])[] {
  return modelId === undefined ? [] : describeSettings(readModelSettings(modelId), vscode.l10n);
}
