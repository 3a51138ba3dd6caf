// The registered model backends, each wrapped once so that no caller holds a plugin's raw object.
// Must not know: llama.cpp or any other backend, which plugin routes requests to them.

import type { ChatChunk, ModelBackend } from '../api/jan';
import { JanError, toJanError } from '../common/errors';
import { Emitter, type Event } from '../common/events';
import { DisposableStore, toDisposable, type Disposable } from '../common/lifecycle';

export class Backends {
  readonly #backends = new Map<string, { readonly pluginId: string; readonly backend: ModelBackend }>();
  readonly #onDidChange = new Emitter<void>();
  readonly onDidChange: Event<void> = this.#onDidChange.event;

  list(): readonly ModelBackend[] {
    return [...this.#backends.values()].map(({ backend }) => backend);
  }

  idsOf(pluginId: string): readonly string[] {
    return [...this.#backends].filter(([, entry]) => entry.pluginId === pluginId).map(([id]) => id);
  }

  register(pluginId: string, backend: ModelBackend): Disposable {
    if (typeof backend?.id !== 'string' || !/^[A-Za-z0-9._-]{1,64}$/.test(backend.id)) {
      throw new JanError('plugin-invalid', 'A backend needs an id of letters, digits, ".", "_" and "-".');
    }
    if (this.#backends.has(backend.id)) {
      throw new JanError('plugin-conflict', `A backend named "${backend.id}" is already registered.`);
    }
    const owned = new DisposableStore();
    const entry = { pluginId, backend: wrapBackend(backend) };
    this.#backends.set(backend.id, entry);
    owned.add(
      toDisposable(() => {
        this.#backends.delete(backend.id);
        this.#onDidChange.fire();
      }),
    );
    if (backend.onDidChangeModels !== undefined) {
      owned.add(backend.onDidChangeModels(() => this.#onDidChange.fire()));
    }
    this.#onDidChange.fire();
    return owned;
  }
}

/** Same behaviour, but every failure is a JanError that names the backend. */
function wrapBackend(backend: ModelBackend): ModelBackend {
  const failed = (error: unknown): JanError => toJanError(error, 'backend-failed', `${backend.name} failed: ${textOf(error)}`);
  return {
    id: backend.id,
    name: backend.name,
    remote: backend.remote,
    onDidChangeModels: backend.onDidChangeModels,
    getModels: () => attempt(() => backend.getModels(), failed),
    initModel:
      typeof backend.initModel === 'function' ? (id, options) => attempt(() => backend.initModel!(id, options), failed) : undefined,
    stopModel: typeof backend.stopModel === 'function' ? (id) => attempt(() => backend.stopModel!(id), failed) : undefined,
    createChatCompletion: (request, options) => rethrowing(() => backend.createChatCompletion(request, options), failed),
    createCompletion:
      typeof backend.createCompletion === 'function'
        ? (request, options) => rethrowing(() => backend.createCompletion!(request, options), failed)
        : undefined,
    ...wrapCalls(backend, failed),
  };
}

/** The functions that a backend may lack and that answer once. */
const optionalCalls = [
  'createEmbeddings',
  'rerankDocuments',
  'tokenize',
  'detokenize',
  'countTokens',
  'applyChatTemplate',
  'estimateModelMemory',
] as const;

function wrapCalls(backend: ModelBackend, failed: (error: unknown) => JanError): Pick<ModelBackend, (typeof optionalCalls)[number]> {
  const present = optionalCalls.filter((name) => typeof backend[name] === 'function');
  return Object.fromEntries(
    present.map((name) => [
      name,
      (...args: unknown[]) => attempt(() => (backend[name] as (...args: unknown[]) => Promise<unknown>).apply(backend, args), failed),
    ]),
  );
}

async function attempt<T>(run: () => Promise<T>, failed: (error: unknown) => JanError): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw failed(error);
  }
}

async function* rethrowing(open: () => AsyncIterable<ChatChunk>, failed: (error: unknown) => JanError): AsyncGenerator<ChatChunk> {
  try {
    yield* open();
  } catch (error) {
    throw failed(error);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
