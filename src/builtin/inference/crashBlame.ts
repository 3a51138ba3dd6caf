// Says which model, loaded how, has to do with the engine's end, and asks whether that has ended it before. What was in force
// is what the engine told last, of whichever window it was asked for.
// Must not know: how a model is loaded, how crashes are kept.

import type { Model } from '../../api/jan';
import { crashOf, type CrashMemory, type CrashPhase } from './crashMemory';
import { definedOnly } from './llamaRequests';
import type { LoadedModels } from './loadedModels';
import type { RuntimeConnection } from './runtimeConnection';

export type ModelWithFile = Model & { readonly path: string };

export class CrashBlame {
  constructor(
    private readonly crashes: CrashMemory,
    private readonly loaded: LoadedModels,
    /** Rejects when it is not on this machine any more. */
    private readonly findModel: (modelId: string) => Promise<ModelWithFile>,
  ) {}

  /**
   * To be called before a load. @returns how the engine will load it, for `noteLoadCrash`
   * @throws JanError `model-crashed` as CrashMemory.check
   */
  async check(model: ModelWithFile, wishes: object): Promise<object> {
    const now = this.loaded.find(model.id);
    // What a model in memory was asked for before stays, unless it is asked for otherwise.
    const kept = now?.path === model.path && now.status !== 'unloading' ? now.loadOptions : undefined;
    // Which template writes the prompt has nothing to do with how native code fares.
    const settings = { ...kept, ...definedOnly({ ...wishes, chatTemplate: undefined }) };
    await this.crashes.check({ modelId: model.id, name: model.name, path: model.path, settings });
    return settings;
  }

  /** @param expected how it was to be loaded; the engine may have ended before it could tell */
  noteLoadCrash(modelId: string, connection: RuntimeConnection, error: unknown, expected: object): Promise<void> {
    const told = this.loaded.told(connection, modelId);
    // Perhaps another window's load, which this one waited for.
    return this.#note(modelId, connection, error, 'loading', (told?.status === 'loading' ? told.loadOptions : undefined) ?? expected);
  }

  noteAnswerCrash(modelId: string, connection: RuntimeConnection, error: unknown): Promise<void> {
    return this.#note(modelId, connection, error, 'answering', this.loaded.told(connection, modelId)?.loadOptions);
  }

  async noteSuccess(modelId: string, connection: RuntimeConnection): Promise<void> {
    const settings = this.loaded.told(connection, modelId)?.loadOptions;
    if (this.crashes.isAnyKnown && settings !== undefined) {
      const model = await this.#modelIfThere(modelId);
      await (model && this.crashes.noteSuccess({ modelId, name: model.name, path: model.path, settings }));
    }
  }

  /** @param settings where an older engine does not tell them, none are blamed */
  async #note(modelId: string, connection: RuntimeConnection, error: unknown, phase: CrashPhase, settings: object | undefined): Promise<void> {
    const crash = crashOf(error, phase, connection.pid);
    if (crash !== undefined && settings !== undefined) {
      const model = await this.#modelIfThere(modelId);
      await (model && this.crashes.note({ modelId, name: model.name, path: model.path, settings }, crash));
    }
  }

  /** `undefined`: it was deleted meanwhile. */
  #modelIfThere(modelId: string): Promise<ModelWithFile | undefined> {
    return this.findModel(modelId).catch(() => undefined);
  }
}
