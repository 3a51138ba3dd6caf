// The functions behind the names of the Data service: each checks what it is given and asks the store.
// Must not know: VS Code, who calls, how the plugin is registered.

import type { DataService } from '../../api/jan';
import type { ExchangeName } from './exchange/exchangeNames';
import { checkInput, inputSchema } from './inputs';
import type { Store } from './storeThreadMessages';

export function createDataProviders(store: Store): Omit<DataService, ExchangeName> {
  return {
    getConversations: async (query) => store.getConversations(checkInput(inputSchema.conversationQuery, query, 'query')),
    getConversation: async (id) => store.getConversation(checkInput(inputSchema.id, id, 'id')),
    createConversation: async (input) => store.createConversation(checkInput(inputSchema.newConversation, input, 'input')),
    updateConversation: async (change) => store.updateConversation(checkInput(inputSchema.conversationChange, change, 'change')),
    deleteConversations: async (ids) => store.deleteConversations(checkInput(inputSchema.ids, ids, 'ids')),
    restoreConversation: async (id) => store.restoreConversation(checkInput(inputSchema.id, id, 'id')),
    forkConversation: async (id, messageId) =>
      store.forkConversation(checkInput(inputSchema.id, id, 'id'), checkInput(inputSchema.id, messageId, 'messageId')),
    importConversation: async (input) =>
      store.importConversation(checkInput(inputSchema.conversationImport, input, 'input')),
    purgeConversations: async (query) => store.purgeConversations(checkInput(inputSchema.purgeQuery, query, 'query')),
    searchMessages: async (query) => store.searchMessages(checkInput(inputSchema.searchQuery, query, 'query')),
    getConversationTags: async () => store.getConversationTags(),
    storeAttachment: async (bytes, meta) =>
      store.storeAttachment(checkInput(inputSchema.bytes, bytes, 'bytes'), checkInput(inputSchema.attachmentInfo, meta, 'meta')),
    getAttachment: async (id) => store.getAttachment(checkInput(inputSchema.attachmentId, id, 'id')),
    checkStore: async () => store.checkStore(),
    backupStore: async (targetPath) => store.backupStore(checkInput(inputSchema.path, targetPath, 'targetPath')),
    restoreStore: async (path) => store.restoreStore(checkInput(inputSchema.path, path, 'path')),
    deleteConversation: async (id) => store.deleteConversation(checkInput(inputSchema.id, id, 'id')),
    getConversationMessages: async (conversationId, query) =>
      store.getConversationMessages(
        checkInput(inputSchema.id, conversationId, 'conversationId'),
        checkInput(inputSchema.messageQuery, query, 'query'),
      ),
    createMessage: async (input) => store.createMessage(checkInput(inputSchema.newMessage, input, 'input')),
    updateMessage: async (change) => store.updateMessage(checkInput(inputSchema.messageChange, change, 'change')),
    storeModel: async (model) => store.storeModel(checkInput(inputSchema.model, model, 'model')),
    updateFinishedDownloadAt: async (modelId, at) =>
      store.finishModel(checkInput(inputSchema.id, modelId, 'modelId'), checkInput(inputSchema.time, at, 'at')),
    getUnfinishedDownloadModels: async () => store.getModels('unfinished'),
    getFinishedDownloadModels: async () => store.getModels('finished'),
    deleteDownloadModel: async (modelId) => store.deleteModel(checkInput(inputSchema.id, modelId, 'modelId')),
    getModelById: async (modelId) => store.getModel(checkInput(inputSchema.id, modelId, 'modelId')),
  };
}
