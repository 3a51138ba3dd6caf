// What the model tree shows: one snapshot of models, downloads and engine, kept fresh by events alone.
// Must not know: VS Code, how anything is drawn.

import type {
  AvailableModel,
  Download,
  EngineState,
  InferenceModel,
  JanApi,
  JanErrorCode,
  Model,
  RunningModel,
} from '../api/jan';
import { toJanError } from '../common/errors';
import { Emitter } from '../common/events';
import { DisposableStore, toDisposable, type Disposable } from '../common/lifecycle';

/** The sources of a snapshot; one that fails leaves the others alone. */
export const catalogSources = ['engine', 'downloaded', 'downloads', 'available', 'inference'] as const;
export type CatalogSource = (typeof catalogSources)[number];

export interface CatalogProblem {
  readonly source: CatalogSource;
  readonly code: JanErrorCode;
  readonly message: string;
}

export interface ModelSnapshot {
  readonly running: readonly RunningModel[];
  readonly downloaded: readonly Model[];
  /** Running, verifying, paused and failed ones. */
  readonly downloads: readonly Download[];
  readonly available: readonly AvailableModel[];
  readonly inference: readonly InferenceModel[];
  readonly problems: readonly CatalogProblem[];
}

export const emptySnapshot: ModelSnapshot = {
  running: [],
  downloaded: [],
  downloads: [],
  available: [],
  inference: [],
  problems: [],
};

/** `structure`: anything may have changed. `progress`: only the numbers of these downloads and models in memory. */
export type CatalogChange =
  | { readonly kind: 'structure' }
  | { readonly kind: 'progress'; readonly downloadIds: readonly string[]; readonly modelIds: readonly string[] };

type CatalogApi = Pick<JanApi, 'models' | 'inference' | 'onDidChangeModels' | 'onDidChangeDownloads' | 'onDidChangeEngine'>;

export interface ModelCatalogOptions {
  readonly api: CatalogApi;
  /** Events within this time become one change, ms. Default 150. */
  readonly coalesceMs?: number;
}

/** Is the download still something to show? Completed and cancelled ones are not. */
export function isOpenDownload(download: Download): boolean {
  return download.status !== 'completed' && download.status !== 'cancelled';
}

export class ModelCatalog implements Disposable {
  readonly #api: CatalogApi;
  readonly #coalesceMs: number;
  readonly #store = new DisposableStore();
  readonly #change = this.#store.add(new Emitter<CatalogChange>());
  readonly #download = this.#store.add(new Emitter<Download>());
  #snapshot: ModelSnapshot = emptySnapshot;
  /** The newest load of each source; an older one that answers later is dropped. */
  readonly #generation = new Map<CatalogSource, number>();
  readonly #stale = new Set<CatalogSource>(catalogSources);
  readonly #progress = { downloadIds: new Set<string>(), modelIds: new Set<string>() };
  /** Downloads that told of themselves while the list of all was being asked for: newer than its answer. */
  readonly #newerDownloads = new Map<string, Download>();
  #structureChanged = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #loading: Promise<void> | undefined;
  #watched = false;

  readonly onDidChange = this.#change.event;
  /** Each change of a download's state, as it comes. */
  readonly onDidChangeDownload = this.#download.event;

  constructor(options: ModelCatalogOptions) {
    this.#api = options.api;
    this.#coalesceMs = options.coalesceMs ?? 150;
    this.#store.add(this.#api.onDidChangeModels(() => this.#invalidate(['downloaded', 'available', 'inference'])));
    this.#store.add(this.#api.onDidChangeDownloads((download) => this.#onDownload(download)));
    this.#store.add(this.#api.onDidChangeEngine((state) => this.#onEngine(state)));
    this.#store.add(toDisposable(() => clearTimeout(this.#timer)));
  }

  get snapshot(): ModelSnapshot {
    return this.#snapshot;
  }

  /** Asks the services only while someone looks; what changed meanwhile is asked when it is shown again. */
  setWatched(watched: boolean): void {
    this.#watched = watched;
    if (watched && this.#stale.size > 0) {
      void this.load();
    }
  }

  /** Asks every service again. */
  async refresh(): Promise<void> {
    catalogSources.forEach((source) => this.#stale.add(source));
    await this.load();
  }

  /**
   * Asks the services whose answer is out of date. Resolves when those of this machine have answered; the advice on
   * what to download and the models of other backends may take longer and arrive as a change.
   */
  async load(): Promise<void> {
    if (this.#stale.size === 0) {
      await this.#loading;
      return;
    }
    const sources = [...this.#stale];
    this.#stale.clear();
    const answers = sources.map((source) => ({ source, done: this.#loadSource(source) }));
    const local = answers.filter(({ source }) => source !== 'available' && source !== 'inference');
    const loading = Promise.all([this.#loading, ...local.map(({ done }) => done)]).then(() => undefined);
    this.#loading = loading;
    await loading;
  }

  async #loadSource(source: CatalogSource): Promise<void> {
    const generation = (this.#generation.get(source) ?? 0) + 1;
    this.#generation.set(source, generation);
    let part: Partial<ModelSnapshot>;
    let problem: CatalogProblem | undefined;
    try {
      part = await this.#ask(source);
    } catch (error) {
      const { code, message } = toJanError(error);
      problem = { source, code, message };
      part = {};
    }
    if (this.#generation.get(source) !== generation || this.#store.isDisposed) {
      return;
    }
    const problems = this.#snapshot.problems.filter((known) => known.source !== source);
    this.#snapshot = { ...this.#snapshot, ...part, problems: problem === undefined ? problems : [...problems, problem] };
    this.#structureChanged = true;
    this.#schedule();
  }

  async #ask(source: CatalogSource): Promise<Partial<ModelSnapshot>> {
    switch (source) {
      case 'engine':
        return { running: (await this.#api.inference.getEngineState()).models };
      case 'downloaded':
        return { downloaded: await this.#api.models.getDownloadedModels() };
      case 'downloads':
        return { downloads: await this.#askDownloads() };
      case 'available':
        return { available: await this.#api.models.getAvailableModels() };
      case 'inference':
        return { inference: await this.#api.inference.getInferenceModels() };
    }
  }

  async #askDownloads(): Promise<Download[]> {
    this.#newerDownloads.clear();
    const answer = await this.#api.models.getDownloads();
    const merged = new Map([...answer.map((download) => [download.id, download] as const), ...this.#newerDownloads]);
    return [...merged.values()].filter(isOpenDownload);
  }

  #onDownload(download: Download): void {
    this.#newerDownloads.set(download.id, download);
    const before = this.#snapshot.downloads.find((known) => known.id === download.id);
    const others = this.#snapshot.downloads.filter((known) => known.id !== download.id);
    if (!isOpenDownload(download)) {
      this.#snapshot = { ...this.#snapshot, downloads: others };
      this.#structureChanged ||= before !== undefined;
      this.#invalidate(['downloaded', 'available', 'inference']);
    } else if (before?.status === download.status) {
      const downloads = this.#snapshot.downloads.map((known) => (known.id === download.id ? download : known));
      this.#snapshot = { ...this.#snapshot, downloads };
      this.#progress.downloadIds.add(download.id);
    } else {
      const downloads = before === undefined ? [...others, download] : this.#snapshot.downloads.map((known) => (known.id === download.id ? download : known));
      this.#snapshot = { ...this.#snapshot, downloads };
      this.#structureChanged = true;
    }
    this.#schedule();
    this.#download.fire(download);
  }

  #onEngine(state: EngineState): void {
    // The event carries the whole state: newer than any answer under way.
    this.#generation.set('engine', (this.#generation.get('engine') ?? 0) + 1);
    this.#stale.delete('engine');
    const key = (models: readonly RunningModel[]): string => models.map((model) => `${model.modelId}\n${model.status}`).join('\n\n');
    const same = key(state.models) === key(this.#snapshot.running);
    const moved = state.models.filter((model, at) => {
      const before = this.#snapshot.running[at];
      return model.progress !== before?.progress || (model.activeRequests ?? 0) !== (before?.activeRequests ?? 0);
    });
    const problems = this.#snapshot.problems.filter((known) => known.source !== 'engine');
    this.#snapshot = { ...this.#snapshot, running: state.models, problems };
    if (!same) {
      this.#structureChanged = true;
      // Whether a backend's model is loaded is told by the backend, not by the engine's state.
      this.#invalidate(['inference']);
    } else if (moved.length === 0) {
      return;
    }
    moved.forEach((model) => this.#progress.modelIds.add(model.modelId));
    this.#schedule();
  }

  #invalidate(sources: readonly CatalogSource[]): void {
    sources.forEach((source) => this.#stale.add(source));
    this.#schedule();
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#store.isDisposed) {
      return;
    }
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#watched && this.#stale.size > 0) {
        void this.load();
      }
      const { downloadIds, modelIds } = this.#progress;
      if (this.#structureChanged) {
        this.#change.fire({ kind: 'structure' });
      } else if (downloadIds.size > 0 || modelIds.size > 0) {
        this.#change.fire({ kind: 'progress', downloadIds: [...downloadIds], modelIds: [...modelIds] });
      }
      this.#structureChanged = false;
      downloadIds.clear();
      modelIds.clear();
    }, this.#coalesceMs);
  }

  dispose(): void {
    this.#store.dispose();
  }
}
