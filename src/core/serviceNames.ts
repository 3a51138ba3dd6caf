// The service names: ADR 003's constants as values, and the group each name belongs to.
// Must not know: who supplies or calls them.

import type { ServiceConstants, ServiceGroup, ServiceName } from '../api/jan';

export const serviceConstants: ServiceConstants = {
  DataService: {
    GET_CONVERSATIONS: 'getConversations',
    CREATE_CONVERSATION: 'createConversation',
    DELETE_CONVERSATION: 'deleteConversation',
    GET_CONVERSATION_MESSAGES: 'getConversationMessages',
    CREATE_MESSAGE: 'createMessage',
    UPDATE_MESSAGE: 'updateMessage',
    STORE_MODEL: 'storeModel',
    UPDATE_FINISHED_DOWNLOAD: 'updateFinishedDownloadAt',
    GET_UNFINISHED_DOWNLOAD_MODELS: 'getUnfinishedDownloadModels',
    GET_FINISHED_DOWNLOAD_MODELS: 'getFinishedDownloadModels',
    DELETE_DOWNLOAD_MODEL: 'deleteDownloadModel',
    GET_MODEL_BY_ID: 'getModelById',
    GET_CONVERSATION: 'getConversation',
    UPDATE_CONVERSATION: 'updateConversation',
    DELETE_CONVERSATIONS: 'deleteConversations',
    RESTORE_CONVERSATION: 'restoreConversation',
    FORK_CONVERSATION: 'forkConversation',
    IMPORT_CONVERSATION: 'importConversation',
    PURGE_CONVERSATIONS: 'purgeConversations',
    SEARCH_MESSAGES: 'searchMessages',
    GET_CONVERSATION_TAGS: 'getConversationTags',
    STORE_ATTACHMENT: 'storeAttachment',
    GET_ATTACHMENT: 'getAttachment',
    CHECK_STORE: 'checkStore',
    BACKUP_STORE: 'backupStore',
    RESTORE_STORE: 'restoreStore',
    EXPORT_CONVERSATIONS: 'exportConversations',
    PREVIEW_IMPORT: 'previewImport',
    IMPORT_CONVERSATIONS: 'importConversations',
    UNDO_IMPORT: 'undoImport',
  },
  InferenceService: {
    INFERENCE_URL: 'inferenceUrl',
    INIT_MODEL: 'initModel',
    STOP_MODEL: 'stopModel',
    CREATE_CHAT_COMPLETION: 'createChatCompletion',
    GET_INFERENCE_MODELS: 'getInferenceModels',
    GET_ENGINE_STATE: 'getEngineState',
    RESTART_ENGINE: 'restartEngine',
    CREATE_COMPLETION: 'createCompletion',
    CREATE_EMBEDDINGS: 'createEmbeddings',
    RERANK_DOCUMENTS: 'rerankDocuments',
    TOKENIZE: 'tokenize',
    DETOKENIZE: 'detokenize',
    COUNT_TOKENS: 'countTokens',
    APPLY_CHAT_TEMPLATE: 'applyChatTemplate',
    ESTIMATE_MODEL_MEMORY: 'estimateModelMemory',
  },
  ModelManagementService: {
    GET_AVAILABLE_MODELS: 'getAvailableModels',
    GET_DOWNLOADED_MODELS: 'getDownloadedModels',
    DELETE_MODEL: 'deleteModel',
    DOWNLOAD_MODEL: 'downloadModel',
    SEARCH_MODELS: 'searchModels',
    GET_MODEL_FILES: 'getModelFiles',
    GET_DOWNLOADS: 'getDownloads',
    CANCEL_DOWNLOAD: 'cancelDownload',
    ADD_MODEL_FILE: 'addModelFile',
  },
  MonitoringService: {
    GET_RESOURCES_INFORMATION: 'getResourcesInfo',
    GET_CURRENT_LOAD_INFORMATION: 'getCurrentLoad',
  },
};

const groups: Readonly<Record<ServiceGroup, readonly ServiceName[]>> = {
  data: Object.values(serviceConstants.DataService),
  inference: Object.values(serviceConstants.InferenceService),
  models: Object.values(serviceConstants.ModelManagementService),
  monitoring: Object.values(serviceConstants.MonitoringService),
};

const groupByName = new Map<string, ServiceGroup>(
  Object.entries(groups).flatMap(([group, names]) => names.map((name) => [name, group as ServiceGroup])),
);

/** Services that resolve with nothing; for every other one `undefined` is a provider's failure. */
const voidServices: ReadonlySet<ServiceName> = new Set([
  'deleteConversation',
  'deleteDownloadModel',
  'stopModel',
  'restartEngine',
  'deleteModel',
  'cancelDownload',
] as const);

export function serviceNamesOf(group: ServiceGroup): readonly ServiceName[] {
  return groups[group];
}

/** The group of a name, or undefined when `name` is no service. */
export function groupOfService(name: string): ServiceGroup | undefined {
  return groupByName.get(name);
}

export function isServiceName(name: unknown): name is ServiceName {
  return typeof name === 'string' && groupByName.has(name);
}

export function returnsNothing(name: ServiceName): boolean {
  return voidServices.has(name);
}
