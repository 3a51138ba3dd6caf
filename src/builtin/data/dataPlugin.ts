// The Data service: conversations, messages and models on disk, shared by all windows.
// Loaded by the first call; tells everyone of changes, also of those that other windows made.
// Must not know: VS Code, who calls, how models run.

import type { DataService, JanApi, PluginHandle } from '../../api/jan';
import type { Disposable } from '../../common/lifecycle';
import { toDisposable } from '../../common/lifecycle';
import type { Logger } from '../../common/log';
import type { StoreEvent } from './changeEvents';
import { exchangeNames, type ExchangeName } from './exchange/exchangeNames';
import type { ExchangeTarget } from './exchange/exchangeProviders';
import type { Store } from './storeThreadMessages';
import { registerLazily } from '../lazyProviders';

export interface DataPluginOptions {
  /** Holds the store; all windows of a user share it. Made (mode 0700) when missing. */
  readonly directory: string;
  readonly log: Logger;
  /** Unix ms. Default: the system's clock. */
  readonly now?: () => number;
  /** Of sql-wasm.wasm. Default: beside the sql.js code, which in the bundled extension is dist/. */
  readonly wasmPath?: string;
  /** Of the bundled snapshotWorker.ts. Without it snapshots are built on this thread, which blocks 3 ms per MB. */
  readonly snapshotWorkerPath?: string;
  /** Of the bundled storeWorker.ts. Without it the store runs on this thread, with this {@link now}. */
  readonly storeWorkerPath?: string;
  /** Does anyone look at what other windows change? Else the store is let go after five idle minutes. */
  readonly isObserved?: () => boolean;
  /** Of the store's thread, ms. Default five minutes. */
  readonly idleMs?: number;
}

/** Supplies every name of the Data service. The store's code is loaded, and the store opened, by the first call. */
export function registerDataPlugin(api: JanApi, options: DataPluginOptions): Disposable {
  const plugin = api.registerPlugin({ id: 'jan.data', name: 'Conversations on this machine', version: '1.0.0' });
  const onEvent = (change: StoreEvent): void => {
    switch (change.topic) {
      case 'conversations':
        return plugin.emit('onDidChangeConversations', change.event);
      case 'messages':
        return plugin.emit('onDidChangeMessages', change.event);
      case 'models':
        return plugin.emit('onDidChangeModels', change.event);
      case 'damage':
        return plugin.emit('onDidFindDamage', change.event);
    }
  };
  let store: Store | undefined;
  registerLazily(plugin, exchangeNames, async () => {
    const { createExchangeProviders } = await import('./exchange/exchangeProviders');
    return createExchangeProviders(byName(plugin));
  });
  const storeNames = Object.values(api.DataService).filter((name): name is StoreName => !(exchangeNames as readonly string[]).includes(name));
  registerLazily(plugin, storeNames, async () => {
    const { storeWorkerPath } = options;
    const [made, { createDataProviders }] = await Promise.all([
      storeWorkerPath === undefined
        ? import('./dataStore').then(({ DataStore }) => new DataStore({ ...options, onEvent }))
        : import('./threadedStore').then((code) => code.createThreadedStore({ ...options, storeWorkerPath, onEvent }).store),
      import('./dataProviders'),
    ]);
    store = made;
    return createDataProviders(store);
  });

  return toDisposable(() => {
    plugin.dispose();
    store?.close().catch((error: unknown) => options.log.warn(`store: closing: ${String(error)}`));
  });
}

type StoreName = Exclude<keyof DataService, ExchangeName>;

/** The names that export and import call, in whoever's hands they are. */
function byName(plugin: PluginHandle): ExchangeTarget {
  return {
    getConversations: (query) => plugin.invoke('getConversations', query),
    getConversation: (id) => plugin.invoke('getConversation', id),
    getConversationMessages: (id, query) => plugin.invoke('getConversationMessages', id, query),
    importConversation: (input) => plugin.invoke('importConversation', input),
    deleteConversations: (ids) => plugin.invoke('deleteConversations', ids),
    storeAttachment: (bytes, meta) => plugin.invoke('storeAttachment', bytes, meta),
    getAttachment: (id) => plugin.invoke('getAttachment', id),
  };
}
