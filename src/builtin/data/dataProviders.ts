// The functions behind the names of the Data service: each checks what it is given and asks the store.
// Must not know: VS Code, who calls, how the plugin is registered.

import type { DataService } from '../../api/jan';
import type { DataStore } from './dataStore';
import { checkInput, inputSchema } from './inputs';

export function createDataProviders(store: DataStore): DataService {
  return {
    getConversations: async (query) => store.getConversations(checkInput(inputSchema.conversationQuery, query, 'query')),
    getConversation: async (id) => store.getConversation(checkInput(inputSchema.id, id, 'id')),
    createConversation: async (input) => store.createConversation(checkInput(inputSchema.newConversation, input, 'input')),
    updateConversation: async (change) => store.updateConversation(checkInput(inputSchema.conversationChange, change, 'change')),
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
