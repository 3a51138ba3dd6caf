// The Data service: conversations, messages and models on disk, shared by all windows.
// Loaded by the first call; tells everyone of changes, also of those that other windows made.
// Must not know: VS Code, who calls, how models run.

import type { JanApi } from '../../api/jan';
import type { Disposable } from '../../common/lifecycle';
import { toDisposable } from '../../common/lifecycle';
import type { Logger } from '../../common/log';
import type { StoreEvent } from './changeEvents';
import type { DataStore } from './dataStore';
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
    }
  };
  let store: DataStore | undefined;
  registerLazily(plugin, Object.values(api.DataService), async () => {
    const [{ DataStore }, { createDataProviders }] = await Promise.all([import('./dataStore'), import('./dataProviders')]);
    store = new DataStore({ ...options, onEvent });
    return createDataProviders(store);
  });

  return toDisposable(() => {
    plugin.dispose();
    store?.close().catch((error: unknown) => options.log.warn(`store: closing: ${String(error)}`));
  });
}
