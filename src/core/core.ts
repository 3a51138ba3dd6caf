// The bus: guards → provider → audit. The one place that sees every call, whoever makes it.
// Must not know: VS Code, any implementation of a service, how plugins are found.

import type {
  EventMap,
  JanApi,
  PluginDescription,
  PluginHandle,
  PluginInfo,
  Principal,
  ServiceCall,
  ServiceGroup,
  ServiceName,
} from '../api/jan';
import { isJanError, JanError, toJanError, type JanErrorCode } from '../common/errors';
import { Emitter } from '../common/events';
import { DisposableStore, toDisposable, type Disposable } from '../common/lifecycle';
import type { Logger } from '../common/log';
import { Backends } from './backends';
import { Guards } from './guards';
import { Providers, type ProviderChoice, type ProviderFunction } from './providers';
import { groupOfService, isServiceName, returnsNothing, serviceConstants, serviceNamesOf } from './serviceNames';

/** One finished call, for whoever keeps records. Holds no arguments: they may hold the user's text. */
export interface CallRecord {
  readonly name: ServiceName;
  readonly caller: string;
  readonly principal: string;
  readonly provider?: string;
  readonly outcome: 'ok' | JanErrorCode;
  /** To the result (of a stream: to its start), ms. */
  readonly durationMs: number;
}

export interface CoreOptions {
  readonly log: Logger;
  /**
   * Called before a call is checked: activates the plugins that have a say in this group and are not active yet.
   * Returns undefined when there are none, which is the usual case and costs nothing.
   */
  readonly prepare?: (group: ServiceGroup) => Promise<void> | undefined;
}

/** With no identity plugin everything is done by the one local user. */
const localUser: Principal = { id: 'local', name: 'Local user' };

export interface Core extends Disposable {
  /** The API as one caller sees it: `ui`, `gateway`, `api` (other extensions), `builtin`. */
  api(caller: string): JanApi;
  setProviderChoice(choice: ProviderChoice): void;
  readonly onDidCall: (listener: (record: CallRecord) => unknown) => Disposable;
}

export function createCore(options: CoreOptions): Core {
  return new Bus(options);
}

interface Plugin {
  readonly description: PluginDescription;
  readonly builtin: boolean;
  readonly guards: Set<string>;
}

class Bus implements Core {
  readonly #providers = new Providers();
  readonly #guards = new Guards();
  readonly #backends = new Backends();
  readonly #plugins = new Map<string, Plugin>();
  readonly #owned = new DisposableStore();
  readonly #onDidCall: Emitter<CallRecord>;
  readonly #onDidChangePlugins: Emitter<void>;
  readonly #events: { readonly [E in keyof EventMap]: Emitter<EventMap[E]> };

  constructor(private readonly options: CoreOptions) {
    const emitter = <T>(name: string): Emitter<T> =>
      this.#owned.add(new Emitter<T>((error) => options.log.error(`A listener of ${name} failed`, error)));
    this.#onDidCall = emitter('onDidCall');
    this.#onDidChangePlugins = emitter('onDidChangePlugins');
    this.#events = {
      onDidChangeConversations: emitter('onDidChangeConversations'),
      onDidChangeMessages: emitter('onDidChangeMessages'),
      onDidChangeModels: emitter('onDidChangeModels'),
      onDidChangeDownloads: emitter('onDidChangeDownloads'),
      onDidChangeEngine: emitter('onDidChangeEngine'),
      onDidFindDamage: emitter('onDidFindDamage'),
    };
  }

  readonly onDidCall = (listener: (record: CallRecord) => unknown): Disposable => this.#onDidCall.event(listener);

  setProviderChoice(choice: ProviderChoice): void {
    this.#providers.setChoice(choice);
  }

  api(caller: string): JanApi {
    const invoke = ((name: ServiceName, ...args: readonly unknown[]) => this.#invoke(caller, name, args)) as JanApi['invoke'];
    return Object.freeze({
      version: 1 as const,
      ...serviceConstants,
      invoke,
      data: facade<JanApi['data']>('data', invoke),
      inference: facade<JanApi['inference']>('inference', invoke),
      models: facade<JanApi['models']>('models', invoke),
      monitoring: facade<JanApi['monitoring']>('monitoring', invoke),
      registerPlugin: (description: PluginDescription) => this.#registerPlugin(caller, description),
      getPlugins: () => this.#pluginInfos(),
      onDidChangeConversations: this.#events.onDidChangeConversations.event as JanApi['onDidChangeConversations'],
      onDidChangeMessages: this.#events.onDidChangeMessages.event as JanApi['onDidChangeMessages'],
      onDidChangeModels: this.#events.onDidChangeModels.event as JanApi['onDidChangeModels'],
      onDidChangeDownloads: this.#events.onDidChangeDownloads.event as JanApi['onDidChangeDownloads'],
      onDidChangeEngine: this.#events.onDidChangeEngine.event as JanApi['onDidChangeEngine'],
      onDidChangePlugins: this.#onDidChangePlugins.event as JanApi['onDidChangePlugins'],
      onDidFindDamage: this.#events.onDidFindDamage.event as JanApi['onDidFindDamage'],
      isJanError: isJanError,
      createError: (code: JanErrorCode, message: string, details?: Readonly<Record<string, unknown>>) =>
        new JanError(code, message, { details }),
    });
  }

  dispose(): void {
    this.#plugins.clear();
    this.#owned.dispose();
  }

  async #invoke(caller: string, name: ServiceName, args: readonly unknown[]): Promise<unknown> {
    const started = performance.now();
    let provider: string | undefined;
    const record = (outcome: CallRecord['outcome']): void => {
      const durationMs = performance.now() - started;
      this.#onDidCall.fire({ name, caller, principal: localUser.id, provider, outcome, durationMs });
    };
    try {
      const group = groupOfService(name);
      if (group === undefined) {
        throw new JanError('invalid-argument', `There is no service named "${String(name)}".`, { details: { service: String(name) } });
      }
      const preparing = this.options.prepare?.(group);
      if (preparing !== undefined) {
        await preparing;
      }
      const call: ServiceCall = Object.freeze({ name, group, args, caller, principal: localUser });
      await this.#guards.check(call);
      const registration = this.#providers.resolve(name);
      provider = registration.pluginId;
      const result = await registration.provide(...args);
      if (result === undefined && !returnsNothing(name)) {
        throw new JanError('provider-failed', `${provider} gave no result for "${name}".`, { details: { service: name, plugin: provider } });
      }
      record('ok');
      return isAsyncIterable(result) ? normalisingErrors(result, provider) : result;
    } catch (error) {
      const failure = toJanError(error, 'provider-failed');
      record(failure.code);
      throw failure;
    }
  }

  #registerPlugin(caller: string, description: PluginDescription): PluginHandle {
    const { id, name, version } = validDescription(description);
    const reserved = id.startsWith('jan.');
    if (reserved && caller === 'api') {
      throw new JanError('plugin-invalid', 'Plugin ids that begin with "jan." are reserved. Use your extension\'s id.');
    }
    if (this.#plugins.has(id)) {
      throw new JanError('plugin-conflict', `A plugin named "${id}" is already registered.`);
    }
    const plugin: Plugin = { description: { id, name, version }, builtin: reserved, guards: new Set() };
    this.#plugins.set(id, plugin);
    const owned = this.#owned.add(new DisposableStore());
    const changed = (): void => this.#onDidChangePlugins.fire();
    owned.add(
      toDisposable(() => {
        this.#plugins.delete(id);
        changed();
      }),
    );
    /** Ties a registration to the plugin's life, and tells listeners at both ends. */
    const tracked = (registration: Disposable): Disposable => {
      changed();
      return owned.add(
        toDisposable(() => {
          registration.dispose();
          changed();
        }),
      );
    };
    changed();
    return {
      id,
      registerProvider: (service, provide) => {
        if (!isServiceName(service)) {
          throw new JanError('invalid-argument', `There is no service named "${String(service)}".`);
        }
        if (typeof provide !== 'function') {
          throw new JanError('plugin-invalid', `The provider of "${service}" must be a function.`);
        }
        const registration = { pluginId: id, builtin: reserved, provide: provide as unknown as ProviderFunction };
        return tracked(this.#providers.register(service, registration));
      },
      registerBackend: (backend) => tracked(this.#backends.register(id, backend)),
      registerGuard: (guard) => {
        const registration = this.#guards.register(guard);
        plugin.guards.add(guard.id);
        return tracked(
          toDisposable(() => {
            plugin.guards.delete(guard.id);
            registration.dispose();
          }),
        );
      },
      emit: (event, payload) => {
        const emitter = this.#events[event] as Emitter<typeof payload> | undefined;
        if (emitter === undefined) {
          throw new JanError('invalid-argument', `There is no event named "${String(event)}".`);
        }
        emitter.fire(payload);
      },
      invoke: ((service: ServiceName, ...args: readonly unknown[]) => this.#invoke(`plugin:${id}`, service, args)) as PluginHandle['invoke'],
      getBackends: () => this.#backends.list(),
      onDidChangeBackends: this.#backends.onDidChange as PluginHandle['onDidChangeBackends'],
      dispose: () => owned.dispose(),
    };
  }

  #pluginInfos(): readonly PluginInfo[] {
    return [...this.#plugins.values()].map(({ description, builtin, guards }) => ({
      ...description,
      builtin,
      providers: this.#providers.namesOf(description.id),
      backends: this.#backends.idsOf(description.id),
      guards: [...guards],
    }));
  }
}

/** One method per service name of the group, each a call of `invoke`. */
function facade<F>(group: ServiceGroup, invoke: JanApi['invoke']): F {
  const call = invoke as (name: ServiceName, ...args: readonly unknown[]) => Promise<unknown>;
  const methods = serviceNamesOf(group).map((name) => [name, (...args: readonly unknown[]) => call(name, ...args)]);
  return Object.freeze(Object.fromEntries(methods)) as F;
}

function validDescription(description: PluginDescription): PluginDescription {
  const { id, name, version } = (description ?? {}) as Partial<Record<keyof PluginDescription, unknown>>;
  if (typeof id !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9.-]{0,99}$/.test(id)) {
    throw new JanError('plugin-invalid', 'A plugin needs an id of letters, digits, "." and "-", at most 100 characters.');
  }
  if (typeof name !== 'string' || name.trim() === '' || typeof version !== 'string' || !/^\d+\.\d+\.\d+/.test(version)) {
    throw new JanError('plugin-invalid', `The plugin "${id}" needs a name and a version such as 1.0.0.`);
  }
  return { id, name, version };
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

async function* normalisingErrors(source: AsyncIterable<unknown>, provider: string): AsyncGenerator<unknown> {
  try {
    yield* source;
  } catch (error) {
    throw toJanError(error, 'provider-failed', isJanError(error) ? undefined : `${provider} failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}
