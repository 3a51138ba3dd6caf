// Which models there are to chat with, and how the one in use is doing.
// Must not know: conversations, the view, VS Code.

import type { EngineState, InferenceModel, JanApi } from '../../api/jan';
import { toJanError } from '../../common/errors';
import type { Logger } from '../../common/log';
import type { ModelItem } from '../../protocol/chatProtocol';
import type { ChatMemory } from './composer/drafts';

const storageKey = 'jan.chat.model';

export class ModelStatus {
  #models: readonly InferenceModel[] | undefined;
  #names: readonly { readonly id: string; readonly name: string }[] = [];
  #engine: EngineState | undefined;
  #starterIds = new Set<string>();
  #refreshing: Promise<void> | undefined;
  #isStale = false;
  #chosen: string | undefined;

  constructor(
    private readonly api: Pick<JanApi, 'inference' | 'models'>,
    private readonly log: Logger,
    private readonly memory: ChatMemory,
  ) {
    const kept = memory.get(storageKey);
    this.#chosen = typeof kept === 'string' && kept !== '' ? kept : undefined;
  }

  /** What the user picked last, while it exists, or may: the model of new conversations. */
  get choice(): string | undefined {
    // Not known yet is no reason to ask another one: who is gone says so.
    return this.#models === undefined || this.#models.some((model) => model.id === this.#chosen) ? this.#chosen : undefined;
  }

  /** The same array until it is asked again what there is. */
  get all(): readonly { readonly id: string; readonly name: string }[] {
    return this.#names;
  }

  choose(modelId: string): void {
    this.#chosen = modelId;
    this.memory.update(storageKey, modelId).then(undefined, () => undefined);
  }

  setEngine(state: EngineState): void {
    this.#engine = state;
  }

  /** Asks again what there is. Never rejects: an unknown state is shown as such, and sending says why. */
  refresh(): Promise<void> {
    this.#isStale = true;
    this.#refreshing ??= this.#refreshAll().finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  async #refreshAll(): Promise<void> {
    while (this.#isStale) {
      this.#isStale = false;
      const [models, downloaded, engine] = await Promise.allSettled([
        this.api.inference.getInferenceModels(),
        this.api.models.getDownloadedModels(),
        this.api.inference.getEngineState(),
      ]);
      if (models.status === 'fulfilled') {
        this.#models = models.value;
        this.#names = models.value.map(({ id, name }) => ({ id, name }));
      } else {
        this.log.debug('chat: the models are unknown', toJanError(models.reason).code);
      }
      if (downloaded.status === 'fulfilled') {
        this.#starterIds = new Set(downloaded.value.filter((one) => one.source === 'starter').map((one) => one.id));
      }
      if (engine.status === 'fulfilled') {
        this.#engine = engine.value;
      }
    }
  }

  nameOf(modelId: string | undefined): string {
    return modelId === undefined ? '' : (this.#models?.find((model) => model.id === modelId)?.name ?? modelId);
  }

  /** @param ownId the conversation's own model; absent: the user's choice, else the loaded, starter or first one */
  item(ownId: string | undefined): ModelItem {
    const modelId = ownId ?? this.choice;
    if (this.#models === undefined) {
      return {
        id: modelId ?? null,
        name: modelId ?? '',
        remote: false,
        starter: false,
        state: 'unknown',
        progress: null,
      };
    }
    const chosen =
      modelId === undefined
        ? // The engine's, not any that calls itself loaded: a companion's backend is used when the user picks it.
          (this.#models.find((model) => this.#runningOf(model.id)?.status === 'ready') ??
          this.#models.find((model) => this.#starterIds.has(model.id)) ??
          this.#models[0])
        : this.#models.find((model) => model.id === modelId);
    if (chosen === undefined) {
      const state = modelId === undefined ? 'none' : 'idle';
      return { id: modelId ?? null, name: modelId ?? '', remote: false, starter: false, state, progress: null };
    }
    const running = this.#runningOf(chosen.id);
    const isLoading = running?.status === 'loading';
    return {
      id: chosen.id,
      name: chosen.name,
      remote: chosen.remote,
      starter: this.#starterIds.has(chosen.id),
      state: isLoading ? 'loading' : running?.status === 'ready' || chosen.loaded ? 'ready' : 'idle',
      progress: isLoading ? (running.progress ?? null) : null,
    };
  }

  #runningOf(modelId: string): EngineState['models'][number] | undefined {
    return this.#engine?.models.find((model) => model.modelId === modelId);
  }
}
