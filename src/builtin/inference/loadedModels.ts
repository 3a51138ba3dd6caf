// What is in the engine's memory, as far as this window knows: told by its lease or, while it has none, by watching.
// Must not know: how models are loaded, what is asked of them.

import type { Model, RunningModel } from '../../api/jan';
import { Emitter, type Event } from '../../common/events';
import { DisposableStore, type Disposable } from '../../common/lifecycle';
import { getStateRequest, stateNotification, type RuntimeModel } from '../../protocol/runtimeProtocol';
import { definedOnly } from './llamaRequests';
import type { RuntimeConnection } from './runtimeConnection';
import type { RuntimeWatch } from './runtimeWatch';

export class LoadedModels implements Disposable {
  readonly #owned = new DisposableStore();
  readonly #onDidChangeReady = this.#owned.add(new Emitter<void>());
  /** Other models are ready. */
  readonly onDidChangeReady: Event<void> = this.#onDidChangeReady.event;
  readonly #onDidChange = this.#owned.add(new Emitter<void>());
  /** Anything: loading progress, activity, a name. */
  readonly onDidChange: Event<void> = this.#onDidChange.event;
  #models: readonly RuntimeModel[] = [];
  /** What each engine told last: asked for when it has crashed, and another one may run already. */
  readonly #told = new WeakMap<RuntimeConnection, readonly RuntimeModel[]>();
  readonly #names = new Map<string, string>();
  /** Loaded by other windows under ids whose names were asked for. */
  readonly #asked = new Set<string>();

  constructor(
    private readonly backendId: string,
    private readonly watch: RuntimeWatch,
    private readonly getDownloadedModels: () => Promise<readonly Model[]>,
  ) {
    this.#owned.add(watch.onDidChange(() => this.#set(watch.state?.models ?? [])));
  }

  /** In memory or on their way. */
  get running(): RunningModel[] {
    return this.#models.map(({ modelId, status, progress, contextLength, memory, gpuLayers, notes, activeRequests, queuedRequests }) => ({
      modelId,
      name: this.#names.get(modelId) ?? modelId,
      backendId: this.backendId,
      status,
      activeRequests: activeRequests + queuedRequests,
      ...definedOnly({ progress, contextLength, memory, gpuLayers, notes }),
    }));
  }

  find(modelId: string): RuntimeModel | undefined {
    return this.#models.find((model) => model.modelId === modelId);
  }

  ready(modelId: string): RuntimeModel | undefined {
    const model = this.find(modelId);
    return model?.status === 'ready' ? model : undefined;
  }

  /** As the engine at the other end told last, also after its end. */
  told(connection: RuntimeConnection, modelId: string): RuntimeModel | undefined {
    return this.#told.get(connection)?.find((model) => model.modelId === modelId);
  }

  setName({ id, name }: Pick<Model, 'id' | 'name'>): void {
    this.#names.set(id, name);
  }

  /** Resolves when it is known what other windows have loaded. Never rejects. */
  look(): Promise<void> {
    return this.watch.look();
  }

  /** From now on the lease tells, until it ends; then watching goes on. */
  follow(connection: RuntimeConnection): void {
    if (this.watch.state?.pid !== connection.pid) {
      this.#set([]);
    }
    this.watch.pause();
    const hear = (models: readonly RuntimeModel[]): void => {
      this.#told.set(connection, models);
      this.#set(models);
    };
    this.#told.set(connection, this.#models);
    connection.onNotification(stateNotification, ({ models }) => hear(models));
    // Told only of changes, it would not know what others have loaded. When the connection ends, so do all models.
    connection.request(getStateRequest, {}).then(({ models }) => hear(models), () => undefined);
    connection.onDidClose(() => {
      this.#set([]);
      this.watch.resume();
    });
  }

  add(connection: RuntimeConnection, loaded: RuntimeModel): void {
    const others = this.#models.filter(({ modelId }) => modelId !== loaded.modelId);
    this.#told.set(connection, [...others, loaded]);
    this.#set([...others, loaded]);
  }

  remove(modelId: string): void {
    this.#set(this.#models.filter((model) => model.modelId !== modelId));
  }

  dispose(): void {
    this.#owned.dispose();
  }

  #set(models: readonly RuntimeModel[]): void {
    const readyBefore = readyIds(this.#models);
    this.#models = models;
    this.#onDidChange.fire();
    if (readyIds(models) !== readyBefore) {
      this.#onDidChangeReady.fire();
    }
    void this.#learnNames();
  }

  /** Of what other windows have loaded, before anyone here has asked what models there are. */
  async #learnNames(): Promise<void> {
    const unknown = this.#models.filter(({ modelId }) => !this.#names.has(modelId) && !this.#asked.has(modelId));
    if (unknown.length > 0) {
      unknown.forEach(({ modelId }) => this.#asked.add(modelId));
      const known = await this.getDownloadedModels().catch(() => []);
      known.forEach((model) => this.setName(model));
      this.#onDidChange.fire();
    }
  }
}

function readyIds(models: readonly RuntimeModel[]): string {
  return models
    .filter(({ status }) => status === 'ready')
    .map(({ modelId }) => modelId)
    .sort()
    .join('\n');
}
