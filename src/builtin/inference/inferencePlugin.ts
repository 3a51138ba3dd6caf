// The built-in inference plugin: registers the names of the Inference service and the backend `llama.cpp`. Their code
// is loaded by the first call; the engine starts with the first model.
// Must not know: VS Code, HTTP, how other backends work.

import type { InferenceEndpoint, JanApi } from '../../api/jan';
import { Emitter } from '../../common/events';
import { DisposableStore, type Disposable } from '../../common/lifecycle';
import type { Logger } from '../../common/log';
import { registerLazily } from '../lazyProviders';
import type { EngineSettingsSource } from './engineSettings';
import type { InferenceServices } from './inferenceServices';
import type { ReadModelSettings } from './modelSettings';

export interface InferencePluginOptions {
  readonly log: Logger;
  /** Path of runtime.mjs, beside a node_modules with node-llama-cpp. */
  readonly runtimeEntry: string;
  /** A folder for the runtime's socket; the same in every window of a user. */
  readonly runtimeDirectory: string;
  /** Where crashes of the engine are kept in mind, a file. Default: in `runtimeDirectory`, until the machine is off. */
  readonly crashMemoryFile?: string;
  /** The model that answers when none was chosen and none is loaded. */
  readonly starterModelId: string;
  /** What the user set for a model. Default: nothing. */
  readonly modelSettings?: ReadModelSettings;
  /** What the user set for the engine. Default: models stay until they are unloaded, the budget is what is free. */
  readonly engineSettings?: EngineSettingsSource;
  /** Starts the HTTP endpoint of this window. */
  readonly openEndpoint: () => Promise<InferenceEndpoint>;
  /** See RuntimeSupervisorOptions. */
  readonly beatMs?: number;
  /** Default: this process' executable. */
  readonly execPath?: string;
}

export function registerInferencePlugin(api: JanApi, options: InferencePluginOptions): Disposable {
  const owned = new DisposableStore();
  const plugin = owned.add(api.registerPlugin({ id: 'jan.inference', name: 'Inference', version: '1.0.0' }));
  const onDidChangeModels = owned.add(new Emitter<void>());
  let loading: Promise<InferenceServices> | undefined;
  const load = (): Promise<InferenceServices> =>
    (loading ??= import('./inferenceServices').then(({ InferenceServices }) => {
      const services = owned.add(new InferenceServices(api, plugin, options));
      owned.add(services.llama.onDidChangeModels(() => onDidChangeModels.fire()));
      return services;
    }));
  registerLazily(plugin, Object.values(api.InferenceService), load);
  plugin.registerBackend({
    id: 'llama.cpp',
    name: 'llama.cpp',
    remote: false,
    onDidChangeModels: onDidChangeModels.event,
    getModels: async () => (await load()).llama.getModels(),
    initModel: async (modelId, init) => (await load()).llama.initModel(modelId, init),
    estimateModelMemory: async (modelId, wishes) => (await load()).llama.estimateModelMemory(modelId, wishes),
    stopModel: async (modelId) => (await load()).llama.stopModel(modelId),
    async *createChatCompletion(request, call) {
      yield* (await load()).llama.createChatCompletion(request, call);
    },
    async *createCompletion(request, call) {
      yield* (await load()).llama.createCompletion(request, call);
    },
    createEmbeddings: async (request, call) => (await load()).llama.createEmbeddings(request, call),
    rerankDocuments: async (request, call) => (await load()).llama.rerankDocuments(request, call),
    tokenize: async (request, call) => (await load()).llama.tokenize(request, call),
    detokenize: async (request, call) => (await load()).llama.detokenize(request, call),
    countTokens: async (request, call) => (await load()).llama.countTokens(request, call),
    applyChatTemplate: async (request, call) => (await load()).llama.applyChatTemplate(request, call),
  });
  return owned;
}
