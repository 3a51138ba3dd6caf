// The Data service: conversations, messages and models on disk, shared by all windows.
// Checks what callers pass, and tells everyone of changes, also of those that other windows made.
// Must not know: VS Code, who calls, how models run.

import type { JanApi } from '../../api/jan';
import type { Disposable } from '../../common/lifecycle';
import { toDisposable } from '../../common/lifecycle';
import type { Logger } from '../../common/log';
import type { StoreEvent } from './changeEvents';
import { DataStore } from './dataStore';
import { checkInput, inputSchema } from './inputs';

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

/** Supplies every name of the Data service. The store is opened by the first call. */
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
  const store = new DataStore({ ...options, onEvent });

  plugin.registerProvider('getConversations', async (query) =>
    store.getConversations(checkInput(inputSchema.conversationQuery, query, 'query')),
  );
  plugin.registerProvider('getConversation', async (id) => store.getConversation(checkInput(inputSchema.id, id, 'id')));
  plugin.registerProvider('createConversation', async (input) =>
    store.createConversation(checkInput(inputSchema.newConversation, input, 'input')),
  );
  plugin.registerProvider('updateConversation', async (change) =>
    store.updateConversation(checkInput(inputSchema.conversationChange, change, 'change')),
  );
  plugin.registerProvider('deleteConversation', async (id) =>
    store.deleteConversation(checkInput(inputSchema.id, id, 'id')),
  );
  plugin.registerProvider('getConversationMessages', async (conversationId, query) =>
    store.getConversationMessages(
      checkInput(inputSchema.id, conversationId, 'conversationId'),
      checkInput(inputSchema.messageQuery, query, 'query'),
    ),
  );
  plugin.registerProvider('createMessage', async (input) =>
    store.createMessage(checkInput(inputSchema.newMessage, input, 'input')),
  );
  plugin.registerProvider('updateMessage', async (change) =>
    store.updateMessage(checkInput(inputSchema.messageChange, change, 'change')),
  );
  plugin.registerProvider('storeModel', async (model) => store.storeModel(checkInput(inputSchema.model, model, 'model')));
  plugin.registerProvider('updateFinishedDownloadAt', async (modelId, at) =>
    store.finishModel(checkInput(inputSchema.id, modelId, 'modelId'), checkInput(inputSchema.time, at, 'at')),
  );
  plugin.registerProvider('getUnfinishedDownloadModels', async () => store.getModels('unfinished'));
  plugin.registerProvider('getFinishedDownloadModels', async () => store.getModels('finished'));
  plugin.registerProvider('deleteDownloadModel', async (modelId) =>
    store.deleteModel(checkInput(inputSchema.id, modelId, 'modelId')),
  );
  plugin.registerProvider('getModelById', async (modelId) =>
    store.getModel(checkInput(inputSchema.id, modelId, 'modelId')),
  );

  return toDisposable(() => {
    plugin.dispose();
    store.close().catch((error: unknown) => options.log.warn(`store: closing: ${String(error)}`));
  });
}
