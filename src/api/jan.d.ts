/**
 * Jan for VS Code: the public contract for companion extensions. This file stands alone: copy it.
 *
 * ```ts
 * import type { JanExports } from './jan';
 * const jan = vscode.extensions.getExtension<JanExports>('janhq.jan-vscode');
 * const api = (await jan!.activate()).getAPI(1);
 * for (const conversation of await api.data.getConversations()) { … }
 * ```
 *
 * A **service** is only a name with a signature; a plugin supplies the function. Every call passes the guards, then
 * reaches the provider in force. All calls are asynchronous and reject with a {@link JanError}, never with
 * `undefined`. Changes within version 1 are additive. Times are Unix milliseconds, sizes are bytes, ids are strings.
 */
import type { Disposable, Event } from 'vscode';

//#region The door

/** What `activate()` of the extension `janhq.jan-vscode` returns. */
export interface JanExports {
  /** False while Jan is switched off (no call is served). Default true. */
  readonly enabled: boolean;
  readonly onDidChangeEnablement: Event<boolean>;
  /** @throws Error when this version is not offered. */
  getAPI(version: 1): JanApi;
}

export interface JanApi extends ServiceConstants {
  readonly version: 1;

  /** Calls a service by name. `api.data.getConversations(q)` is the same call as `api.invoke('getConversations', q)`. */
  invoke<N extends ServiceName>(name: N, ...args: ServiceArguments<N>): Promise<ServiceResult<N>>;

  /** Facades: sugar over {@link JanApi.invoke}. */
  readonly data: DataService;
  readonly inference: InferenceService;
  readonly models: ModelManagementService;
  readonly monitoring: MonitoringService;

  /**
   * Makes the caller a plugin, which may then supply providers, backends and guards. Disposing the handle withdraws
   * everything that it registered.
   * @throws JanError `plugin-conflict` when the id is taken, `plugin-invalid` when the description is malformed.
   */
  registerPlugin(description: PluginDescription): PluginHandle;

  /** All registered plugins, built in and companion. */
  getPlugins(): readonly PluginInfo[];

  readonly onDidChangeConversations: Event<ConversationsChangeEvent>;
  readonly onDidChangeMessages: Event<MessagesChangeEvent>;
  readonly onDidChangeModels: Event<ModelsChangeEvent>;
  readonly onDidChangeDownloads: Event<Download>;
  readonly onDidChangeEngine: Event<EngineState>;
  readonly onDidChangePlugins: Event<void>;
  /**
   * Something in the store of conversations could not be read and was passed over (`record`, `content`, `snapshot`), told
   * once per window and place, when it is met.
   */
  readonly onDidFindDamage: Event<StoreFinding>;

  /** Is `error` a {@link JanError}, optionally with this code? Works across extension bundles. */
  isJanError(error: unknown, code?: JanErrorCode): error is JanError;
  /** Makes an error of the kind that services must reject with. */
  createError(code: JanErrorCode, message: string, details?: Readonly<Record<string, unknown>>): JanError;
}

//#endregion

//#region Errors

export type JanErrorCode =
  | 'invalid-argument'
  | 'conversation-not-found'
  | 'message-not-found'
  | 'attachment-not-found'
  | 'model-not-found'
  | 'model-file-missing'
  | 'model-invalid'
  | 'model-load-failed'
  /** It has ended the engine before and isn't loaded the same way again by itself: `InitModelOptions.retryCrashed`. */
  | 'model-crashed'
  | 'model-busy'
  | 'no-model'
  | 'out-of-memory'
  | 'context-overflow'
  | 'engine-unavailable'
  | 'engine-crashed'
  | 'backend-not-found'
  | 'backend-failed'
  | 'download-failed'
  | 'download-not-found'
  | 'checksum-mismatch'
  | 'disk-full'
  | 'network'
  | 'store-unavailable'
  | 'store-read-only'
  | 'store-damaged'
  | 'no-provider'
  | 'provider-failed'
  | 'plugin-conflict'
  | 'plugin-invalid'
  | 'denied'
  | 'cancelled'
  | 'timeout'
  | 'unsupported'
  | 'internal';

/** `message` names the cause and the next step; `details` holds ids and numbers for programs. */
export interface JanError extends Error {
  readonly name: 'JanError';
  readonly code: JanErrorCode;
  readonly details: Readonly<Record<string, unknown>>;
}

//#endregion

//#region Service names

/** The ADR's constants (ADR 003) and those added since. The values are the service names. */
export interface ServiceConstants {
  readonly DataService: {
    readonly GET_CONVERSATIONS: 'getConversations';
    readonly CREATE_CONVERSATION: 'createConversation';
    readonly DELETE_CONVERSATION: 'deleteConversation';
    readonly GET_CONVERSATION_MESSAGES: 'getConversationMessages';
    readonly CREATE_MESSAGE: 'createMessage';
    readonly UPDATE_MESSAGE: 'updateMessage';
    readonly STORE_MODEL: 'storeModel';
    readonly UPDATE_FINISHED_DOWNLOAD: 'updateFinishedDownloadAt';
    readonly GET_UNFINISHED_DOWNLOAD_MODELS: 'getUnfinishedDownloadModels';
    readonly GET_FINISHED_DOWNLOAD_MODELS: 'getFinishedDownloadModels';
    readonly DELETE_DOWNLOAD_MODEL: 'deleteDownloadModel';
    readonly GET_MODEL_BY_ID: 'getModelById';
    readonly GET_CONVERSATION: 'getConversation';
    readonly UPDATE_CONVERSATION: 'updateConversation';
    readonly DELETE_CONVERSATIONS: 'deleteConversations';
    readonly RESTORE_CONVERSATION: 'restoreConversation';
    readonly FORK_CONVERSATION: 'forkConversation';
    readonly IMPORT_CONVERSATION: 'importConversation';
    readonly PURGE_CONVERSATIONS: 'purgeConversations';
    readonly SEARCH_MESSAGES: 'searchMessages';
    readonly GET_CONVERSATION_TAGS: 'getConversationTags';
    readonly STORE_ATTACHMENT: 'storeAttachment';
    readonly GET_ATTACHMENT: 'getAttachment';
    readonly CHECK_STORE: 'checkStore';
    readonly BACKUP_STORE: 'backupStore';
    readonly RESTORE_STORE: 'restoreStore';
    readonly EXPORT_CONVERSATIONS: 'exportConversations';
    readonly PREVIEW_IMPORT: 'previewImport';
    readonly IMPORT_CONVERSATIONS: 'importConversations';
    readonly UNDO_IMPORT: 'undoImport';
  };
  readonly InferenceService: {
    readonly INFERENCE_URL: 'inferenceUrl';
    readonly INIT_MODEL: 'initModel';
    readonly STOP_MODEL: 'stopModel';
    readonly CREATE_CHAT_COMPLETION: 'createChatCompletion';
    readonly GET_INFERENCE_MODELS: 'getInferenceModels';
    readonly GET_ENGINE_STATE: 'getEngineState';
    readonly RESTART_ENGINE: 'restartEngine';
    readonly CREATE_COMPLETION: 'createCompletion';
    readonly CREATE_EMBEDDINGS: 'createEmbeddings';
    readonly RERANK_DOCUMENTS: 'rerankDocuments';
    readonly TOKENIZE: 'tokenize';
    readonly DETOKENIZE: 'detokenize';
    readonly COUNT_TOKENS: 'countTokens';
    readonly APPLY_CHAT_TEMPLATE: 'applyChatTemplate';
    readonly ESTIMATE_MODEL_MEMORY: 'estimateModelMemory';
  };
  readonly ModelManagementService: {
    readonly GET_AVAILABLE_MODELS: 'getAvailableModels';
    readonly GET_DOWNLOADED_MODELS: 'getDownloadedModels';
    readonly DELETE_MODEL: 'deleteModel';
    readonly DOWNLOAD_MODEL: 'downloadModel';
    readonly SEARCH_MODELS: 'searchModels';
    readonly GET_MODEL_FILES: 'getModelFiles';
    readonly GET_DOWNLOADS: 'getDownloads';
    readonly CANCEL_DOWNLOAD: 'cancelDownload';
    readonly ADD_MODEL_FILE: 'addModelFile';
  };
  readonly MonitoringService: {
    readonly GET_RESOURCES_INFORMATION: 'getResourcesInfo';
    readonly GET_CURRENT_LOAD_INFORMATION: 'getCurrentLoad';
  };
}

export type ServiceGroup = 'data' | 'inference' | 'models' | 'monitoring';

export interface ServiceMap extends DataService, InferenceService, ModelManagementService, MonitoringService {}
export type ServiceName = keyof ServiceMap;
export type ServiceArguments<N extends ServiceName> = Parameters<ServiceMap[N]>;
export type ServiceResult<N extends ServiceName> = Awaited<ReturnType<ServiceMap[N]>>;

//#endregion

//#region Data

export interface DataService {
  /** Newest change first. Default: the first 50. @throws `store-unavailable`, `invalid-argument` */
  getConversations(query?: ConversationQuery): Promise<Conversation[]>;
  /** Resolves when it is on disk. @throws `store-unavailable`, `store-read-only`, `invalid-argument` */
  createConversation(input?: NewConversation): Promise<Conversation>;
  /**
   * Deletes a conversation with its messages. It can be brought back with `restoreConversation` for 30 days, or until
   * it is purged. @throws `conversation-not-found`, `store-unavailable`, `store-read-only`
   */
  deleteConversation(id: string): Promise<void>;
  /** Oldest first. Default: the active branch. @throws `conversation-not-found`, `store-unavailable` */
  getConversationMessages(conversationId: string, query?: MessageQuery): Promise<Message[]>;
  /**
   * Appends a message below `parentId` (default: the end of the active branch) and makes it the end of the active
   * branch. Resolves when it is on disk. @throws `conversation-not-found`, `message-not-found` (parent),
   * `attachment-not-found`, `invalid-argument`, `store-unavailable`, `store-read-only`
   */
  createMessage(input: NewMessage): Promise<Message>;
  /**
   * Changes the named fields; `append` adds to the text already there (streaming: one call per 250 ms, not per
   * token). Resolves when it is on disk. @throws `message-not-found`, `invalid-argument`, `store-…`
   */
  updateMessage(change: MessageChange): Promise<Message>;
  /** Stores or replaces a model's description (its file is not touched). @throws `invalid-argument`, `store-…` */
  storeModel(model: NewModel): Promise<Model>;
  /** Marks a model as downloaded. `at` defaults to now. @throws `model-not-found`, `store-…` */
  updateFinishedDownloadAt(modelId: string, at?: number): Promise<Model>;
  /** Models whose download began and has not finished, newest first. @throws `store-unavailable` */
  getUnfinishedDownloadModels(): Promise<Model[]>;
  /** Models that are on disk, newest first. @throws `store-unavailable` */
  getFinishedDownloadModels(): Promise<Model[]>;
  /** Forgets a model's description (its file is not touched: see `deleteModel`). @throws `model-not-found`, `store-…` */
  deleteDownloadModel(modelId: string): Promise<void>;
  /** @throws `model-not-found`, `store-unavailable` */
  getModelById(modelId: string): Promise<Model>;
  /** @throws `conversation-not-found`, `store-unavailable` */
  getConversation(id: string): Promise<Conversation>;
  /**
   * Rename, pick a model, switch branch (`activeMessageId`), pin, archive, tag. `updatedAt`, so the place in the list,
   * changes only with name, model, system prompt and branch. @throws `conversation-not-found`, `invalid-argument`, `store-…`
   */
  updateConversation(change: ConversationChange): Promise<Conversation>;
  /**
   * As `deleteConversation`, for 1…1000 conversations; those that are gone already are passed over.
   * @returns the ids that this call deleted, for an undo. @throws `invalid-argument`, `store-…`
   */
  deleteConversations(ids: readonly string[]): Promise<string[]>;
  /**
   * Brings a deleted conversation back as it was; one that is not deleted is given back as it is.
   * @throws `conversation-not-found` (never there, purged, or deleted more than 30 days ago), `invalid-argument`, `store-…`
   */
  restoreConversation(id: string): Promise<Conversation>;
  /**
   * Makes a new conversation of the messages from the first one to `messageId`, which the new one ends with. Copies
   * have ids of their own, times as they were; a message still being written is copied as `interrupted`.
   * @throws `conversation-not-found`, `message-not-found` (not one of this conversation), `invalid-argument`, `store-…`
   */
  forkConversation(id: string, messageId: string): Promise<Conversation>;
  /**
   * Adds a conversation with ids and times of its own, as an export holds it. What is there already (by id) stays as it
   * is; missing messages are added to it, so a long conversation may come in several calls (of about 1,000 messages).
   * `activeMessageId` counts when the conversation, or that message, is new. A deleted conversation comes back.
   * @throws `invalid-argument` (also: a parent that neither comes before in `messages` nor is there, a message that
   * another conversation has), `store-…`
   */
  importConversation(input: ConversationImport): Promise<ImportResult>;
  /**
   * Removes for good: conversations whose last change is before `olderThan` (but pinned ones, unless `pinned`), and
   * those deleted before it. Attachments that nothing uses any more follow a day later at the earliest.
   * @throws `invalid-argument`, `store-…`
   */
  purgeConversations(query: PurgeQuery): Promise<PurgeResult>;
  /**
   * Full text over messages and conversations' names. Words are looked for whatever their case and accents; all must
   * occur. `wor*` is a prefix, `"two words"` a phrase; Chinese, Japanese, Korean and Thai are found by any part. Best
   * first (BM25); of more than 500 matches the newest 500 are ranked. Answers being written are found when they end.
   * A text without a letter, digit or emoji finds nothing. @throws `invalid-argument`, `store-unavailable`
   */
  searchMessages(query: SearchQuery): Promise<SearchPage>;
  /** Every tag in use and how many conversations have it, those in the archive included; in the order of the letters. @throws `store-unavailable` */
  getConversationTags(): Promise<TagCount[]>;
  /**
   * Keeps a file's bytes, once however often they are stored; resolves when they are on disk. Name them in a message's
   * `attachments` within a day, or they may be removed. @param bytes at most 64 MiB
   * @throws `invalid-argument`, `disk-full`, `store-…`
   */
  storeAttachment(bytes: Uint8Array, meta: AttachmentInfo): Promise<Attachment>;
  /** The bytes, verified. @param id of an attachment. @throws `attachment-not-found`, `store-damaged`, `store-unavailable` */
  getAttachment(id: string): Promise<Uint8Array>;
  /** Reads everything that is on disk again and says what it found. Changes nothing. @throws `store-unavailable` */
  checkStore(): Promise<StoreReport>;
  /**
   * Copies conversations, models' descriptions and attachments into a new folder, which is verified. The folder is a
   * store itself (docs/store-format.md). @param targetPath absolute; not there yet, or an empty folder
   * @throws `invalid-argument`, `disk-full`, `store-…`
   */
  backupStore(targetPath: string): Promise<BackupResult>;
  /**
   * Adds what a backup holds and this store does not: nothing that is here is changed or removed. Deleted conversations
   * of the backup stay deleted. @param path of a folder made by `backupStore` or of a copied store
   * @throws `invalid-argument` (no store there), `store-damaged`, `disk-full`, `store-…`
   */
  restoreStore(path: string): Promise<RestoreResult>;
  /**
   * Writes conversations into a file or a folder (docs/export-format.md). A file is replaced in one step at the end; when
   * it fails or is cancelled, nothing is left behind. @throws `invalid-argument` (also: a place that can't be written),
   * `disk-full`, `cancelled`, `conversation-not-found` (none of those asked for is there), `store-…`
   */
  exportConversations(request: ExportRequest, options?: ExchangeOptions): Promise<ExportResult>;
  /**
   * Reads files and folders of any known format, and compares them with the store; changes nothing. What a file is, its
   * content says. Entries that can't be read are listed, not thrown. Only the newest preview is kept, for 30 minutes.
   * @param paths absolute, 1…1000 @throws `invalid-argument` (also: can't be read, an archive), `cancelled`, `store-…`
   */
  previewImport(paths: readonly string[], options?: ExchangeOptions): Promise<ImportPreview>;
  /**
   * Adds what a preview showed. An early end is in the receipt, with all that was added until then; no conversation is
   * added in part. @param previewId of the newest preview, which can be imported once
   * @throws `invalid-argument` (no such preview any more)
   */
  importConversations(previewId: string, options?: ImportOptions): Promise<ImportReceipt>;
  /**
   * Takes an import back as one step: deletes what it created, nothing else. What is gone already is passed over.
   * @param conversationIds of the receipt, any number @returns how many were deleted
   * @throws `invalid-argument`, `cancelled`, `store-…`
   */
  undoImport(conversationIds: readonly string[], options?: ExchangeOptions): Promise<number>;
}

export interface ConversationQuery {
  /** 1…500; default 50. */
  readonly limit?: number;
  /** Only those after this one in the list: pass the last of the previous page. */
  readonly after?: { readonly updatedAt: number; readonly id: string; readonly pinned?: boolean };
  /** Pinned ones come before all others. Default false: by last change alone. */
  readonly pinnedFirst?: boolean;
  /** Only those begun in this folder (URI); null: only those begun in none. */
  readonly workspace?: string | null;
  /** Only those that are archived, or only those that are not. Default: both. */
  readonly archived?: boolean;
  readonly pinned?: boolean;
  readonly tag?: string;
  /** Only these, at most 500. */
  readonly ids?: readonly string[];
}

export interface Conversation {
  /** UUIDv7. */
  readonly id: string;
  readonly name: string;
  readonly modelId?: string;
  readonly systemPrompt?: string;
  /** End of the branch that is shown; absent while there is no message. */
  readonly activeMessageId?: string;
  /** Present and true, or absent. */
  readonly pinned?: boolean;
  /** Present and true, or absent. */
  readonly archived?: boolean;
  /** Absent when there are none. */
  readonly tags?: readonly string[];
  /** URI of the folder it was begun in. */
  readonly workspace?: string;
  readonly settings?: ConversationSettings;
  readonly forkedFrom?: { readonly conversationId: string; readonly messageId: string };
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface NewConversation {
  /** Default `''`: views show it as "New conversation" until a name is made from the first exchange. ≤ 500 characters. */
  readonly name?: string;
  readonly modelId?: string;
  readonly systemPrompt?: string;
  readonly pinned?: boolean;
  readonly archived?: boolean;
  /** At most 50, each 1…100 characters; twice the same counts once. */
  readonly tags?: readonly string[];
  /** URI of the folder it is begun in; ≤ 4000 characters. */
  readonly workspace?: string;
  readonly settings?: ConversationSettings;
}

/** What is absent stays as it is. */
export interface ConversationChange {
  readonly id: string;
  readonly name?: string;
  readonly modelId?: string;
  readonly systemPrompt?: string;
  readonly activeMessageId?: string;
  readonly pinned?: boolean;
  readonly archived?: boolean;
  /** At most 50, each 1…100 characters; twice the same counts once. */
  readonly tags?: readonly string[];
  /** `''`: in no folder. */
  readonly workspace?: string;
  /** Replaces all of them; `{}`: none. */
  readonly settings?: ConversationSettings;
}

export interface MessageQuery {
  /** `'active'`: root to the active message. `'all'`: every branch, parents before children. Default `'active'`. */
  readonly branch?: 'active' | 'all';
}

export type MessageRole = 'system' | 'user' | 'assistant';

/**
 * `streaming`: being written now · `complete` · `stopped` by the user · `failed`, see `error` · `interrupted`: the
 * writer (its window) died; what had been written is kept.
 */
export type MessageStatus = 'streaming' | 'complete' | 'stopped' | 'failed' | 'interrupted';

export interface Message {
  /** UUIDv7. */
  readonly id: string;
  readonly conversationId: string;
  /** The message it follows; null for a first one. Messages of a conversation form a tree. */
  readonly parentId: string | null;
  readonly role: MessageRole;
  /** Markdown. */
  readonly content: string;
  /** The model's reasoning, apart from the answer. */
  readonly reasoning?: string;
  readonly status: MessageStatus;
  readonly error?: { readonly code: JanErrorCode; readonly message: string };
  readonly modelId?: string;
  readonly usage?: TokenUsage;
  readonly timings?: Timings;
  /** Absent when there are none. */
  readonly attachments?: readonly Attachment[];
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface NewMessage {
  readonly conversationId: string;
  readonly role: MessageRole;
  /** ≤ 16 Mi characters. */
  readonly content: string;
  /** Default: the end of the active branch. */
  readonly parentId?: string | null;
  readonly reasoning?: string;
  /** Default `'complete'`. */
  readonly status?: MessageStatus;
  readonly error?: { readonly code: JanErrorCode; readonly message: string };
  readonly modelId?: string;
  readonly usage?: TokenUsage;
  readonly timings?: Timings;
  /** ≤ 100; their bytes are stored before (`storeAttachment`). */
  readonly attachments?: readonly Attachment[];
}

export interface MessageChange {
  readonly id: string;
  /** Replaces the text. */
  readonly content?: string;
  /** Adds to the text; not together with `content`. */
  readonly append?: string;
  readonly appendReasoning?: string;
  readonly status?: MessageStatus;
  readonly error?: { readonly code: JanErrorCode; readonly message: string };
  readonly modelId?: string;
  readonly usage?: TokenUsage;
  readonly timings?: Timings;
}

export interface AttachmentInfo {
  /** As shown: a file's name or path; 1…1000 characters. */
  readonly name: string;
  /** e.g. `text/x-python`, `image/png`. */
  readonly mediaType: string;
  /** Of a part of a text file: lines, counted from 1, both included. */
  readonly range?: { readonly startLine: number; readonly endLine: number };
}

export interface Attachment extends AttachmentInfo {
  /** SHA-256 of the bytes, 64 lower-case hexadecimal digits. */
  readonly id: string;
  /** Bytes. */
  readonly size: number;
}

/** As `Conversation` and `Message` are given out; parents come before their children. ≤ 100,000 messages. */
export interface ConversationImport {
  readonly conversation: Conversation;
  readonly messages: readonly Message[];
}

export interface ImportResult {
  readonly conversation: Conversation;
  /** Was the conversation added, or was it there? */
  readonly created: boolean;
  /** Messages that were not there before. */
  readonly messages: number;
}

export interface PurgeQuery {
  /** Unix ms. */
  readonly olderThan: number;
  /** Those that were deleted, only. Default false. */
  readonly deletedOnly?: boolean;
  /** Pinned ones too. Default false. */
  readonly pinned?: boolean;
  /** Only says how many there are. Default false. */
  readonly dryRun?: boolean;
}

export interface PurgeResult {
  readonly conversations: number;
  readonly messages: number;
}

export interface TagCount {
  readonly tag: string;
  readonly conversations: number;
}

export interface SearchQuery {
  /** ≤ 1000 characters. */
  readonly text: string;
  /** Of the messages' creation, Unix ms, both included; names are compared by the conversation's last change. */
  readonly from?: number;
  readonly to?: number;
  /** Names are left out when this or `role` is given. */
  readonly modelId?: string;
  readonly role?: MessageRole;
  /** Of the conversation, as in `ConversationQuery`. */
  readonly workspace?: string | null;
  readonly archived?: boolean;
  readonly tag?: string;
  readonly conversationId?: string;
  /** 1…200; default 50. */
  readonly limit?: number;
  /** 0…500; default 0. */
  readonly offset?: number;
}

export interface SearchHit {
  readonly conversationId: string;
  readonly conversationName: string;
  /** Absent: the conversation's name matches. */
  readonly messageId?: string;
  readonly role?: MessageRole;
  readonly createdAt: number;
  /** About 200 characters of the text around the best place; line breaks are spaces. Not HTML. */
  readonly snippet: string;
  /** What matched in `snippet`: start and end (exclusive), UTF-16 units, in order, apart from each other. */
  readonly highlights: readonly (readonly [number, number])[];
  /** Higher is better; comparable within one search only. */
  readonly score: number;
}

export interface SearchPage {
  readonly hits: readonly SearchHit[];
  /** Of all pages; 500 can mean more. */
  readonly total: number;
}

export interface StoreReport {
  readonly ok: boolean;
  /** What was found, in a few sentences. */
  readonly summary: string;
  readonly conversations: number;
  readonly messages: number;
  readonly attachments: number;
  /** Of all files. */
  readonly bytes: number;
  readonly findings: readonly StoreFinding[];
}

export interface StoreFinding {
  /**
   * `record`, `content`, `snapshot`: passed over in a journal or whole file · `database`: SQLite's integrity check ·
   * `newer`: written by a newer version · `attachment`: missing or changed · `difference`: this window shows something
   * else than the disk holds.
   */
  readonly kind: 'record' | 'content' | 'snapshot' | 'database' | 'newer' | 'attachment' | 'difference';
  readonly message: string;
  readonly file?: string;
  /** Bytes of the file. */
  readonly start?: number;
  readonly end?: number;
}

export interface BackupResult {
  readonly path: string;
  readonly conversations: number;
  readonly messages: number;
  readonly attachments: number;
  readonly bytes: number;
}

export interface RestoreResult {
  /** Added. */
  readonly conversations: number;
  readonly messages: number;
  readonly models: number;
  readonly attachments: number;
}

export interface ExchangeOptions extends CallOptions {
  /** Called at most every few milliseconds. */
  readonly onProgress?: (progress: ExchangeProgress) => void;
}

export interface ExchangeProgress {
  /** What is being done. */
  readonly stage: 'reading' | 'comparing' | 'writing' | 'removing';
  readonly done: number;
  /** Of `done`'s unit (bytes while an import is read, else conversations); absent where unknown. */
  readonly total?: number;
  readonly conversations: number;
}

export interface ExportRequest {
  /** `json` can be imported again; `markdown` is for reading. */
  readonly format: 'json' | 'markdown';
  /** Absolute. Of the file, or (Markdown, a file a conversation) of a folder that is not there yet or empty. */
  readonly path: string;
  /** Default `file`; `folder` for Markdown only. */
  readonly into?: 'file' | 'folder';
  /** At most 100,000. Default: all conversations, archived ones too. */
  readonly conversationIds?: readonly string[];
  /** Of Markdown: the shown branch, or the others behind it. JSON always has all. Default `active`. */
  readonly branches?: 'active' | 'all';
  /** Of JSON: are the attached files' bytes put into it? Default true. */
  readonly attachments?: boolean;
}

export interface ExportResult {
  readonly path: string;
  readonly conversations: number;
  /** Of these conversations, all branches. */
  readonly messages: number;
  readonly files: number;
  readonly bytes: number;
  /** Attachments whose bytes are not in the store any more, or damaged. */
  readonly missingAttachments: number;
}

export type ImportSource = 'jan' | 'chatgpt' | 'claude' | 'jan-desktop' | 'continue';

/** Something of a file that a person should know about: `where` names file and entry, `reason` is a sentence. */
export interface ImportNote {
  readonly where: string;
  readonly reason: string;
}

export interface ImportPreview {
  readonly id: string;
  /** The formats that were met, most conversations first. Empty when nothing was recognised. */
  readonly sources: readonly ImportSource[];
  readonly conversations: number;
  readonly messages: number;
  /** Of `conversations`: not in the store · in it as they are · in it with other messages. */
  readonly fresh: number;
  readonly duplicates: number;
  readonly changed: number;
  /** Unix ms of the oldest creation and the newest change; absent when there is nothing. */
  readonly from?: number;
  readonly to?: number;
  /** The newest first, at most 100. */
  readonly titles: readonly ImportTitle[];
  /** Entries that can't be imported. */
  readonly skipped: readonly ImportNote[];
  /** Entries that are imported, but not quite as they were. */
  readonly adapted: readonly ImportNote[];
  /** Notes beyond the first 1,000 of each list. */
  readonly moreNotes: number;
}

export interface ImportTitle {
  readonly title: string;
  readonly messages: number;
  readonly updatedAt: number;
  readonly standing: 'new' | 'duplicate' | 'changed';
}

export interface ImportOptions extends ExchangeOptions {
  /**
   * What to do with a conversation that is here with other messages: `copy` keeps the imported state beside it; `merge`
   * adds its messages to it, which undo can't take back; `skip`. Default `copy`.
   */
  readonly changed?: 'copy' | 'merge' | 'skip';
}

export interface ImportReceipt {
  readonly outcome: 'complete' | 'cancelled' | 'failed';
  /** Why it ended early. */
  readonly error?: JanError;
  /** Everything that was created, whole conversations only. For `undoImport`. */
  readonly conversationIds: readonly string[];
  readonly messages: number;
  /** Left out as already there. */
  readonly duplicates: number;
  /** Conversations and attachments that the store refused. */
  readonly failed: readonly ImportNote[];
}

export interface TokenUsage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Prompt tokens that were already in the engine's memory and not computed again. */
  readonly cachedTokens?: number;
}

export interface Timings {
  /** Request to first token, ms. */
  readonly firstTokenMs?: number;
  /** Request to end, ms. */
  readonly totalMs?: number;
  /** Decoding speed, tokens/s, first token excluded. */
  readonly tokensPerSecond?: number;
}

//#endregion

//#region Models

export interface ModelManagementService {
  /** Recommended models to download, with fit advice for this machine. @throws `internal` */
  getAvailableModels(): Promise<AvailableModel[]>;
  /** Models whose file is here, the built-in starter model included. @throws `store-unavailable` */
  getDownloadedModels(): Promise<Model[]>;
  /**
   * Unloads the model, deletes its file when it lies in Jan's models folder (a file added from elsewhere is only
   * forgotten), and forgets it. @throws `model-not-found`, `unsupported` (the starter model), `model-busy`
   */
  deleteModel(modelId: string): Promise<void>;
  /**
   * Starts or resumes a download; resolves once it has begun. Progress: `onDidChangeDownloads`, `getDownloads`.
   * The file is visible as a model only after size and checksum were verified.
   * @throws `invalid-argument`, `network`, `disk-full`, `download-failed`
   */
  downloadModel(request: DownloadRequest): Promise<Download>;
  /** Searches Hugging Face for GGUF repositories. @throws `network`, `invalid-argument`, `timeout` */
  searchModels(query: ModelSearchQuery): Promise<ModelSearchPage>;
  /** The GGUF files of a repository. @throws `network`, `model-not-found`, `timeout` */
  getModelFiles(repository: string): Promise<ModelFile[]>;
  /** Running, paused and failed downloads of this machine. */
  getDownloads(): Promise<Download[]>;
  /** Stops a download. `keepPartial` (default true) keeps what has arrived, for `downloadModel` to resume. @throws `download-not-found` */
  cancelDownload(downloadId: string, options?: { readonly keepPartial?: boolean }): Promise<void>;
  /** Adds a GGUF file that is already on this machine; it is used where it lies. @throws `model-file-missing`, `model-invalid` */
  addModelFile(path: string): Promise<Model>;
}

export interface Model {
  /** Stable; letters, digits, `.`, `_`, `-`, `/`. */
  readonly id: string;
  readonly name: string;
  /** The backend that runs it: `'llama.cpp'` for a GGUF file. */
  readonly backendId: string;
  readonly source: 'starter' | 'huggingface' | 'file' | 'backend';
  /** Absolute path of the (first) file, for a model on this machine. */
  readonly path?: string;
  readonly url?: string;
  /** `owner/name` and file within it, for one of Hugging Face. */
  readonly repository?: string;
  readonly fileName?: string;
  /** Bytes. */
  readonly size?: number;
  readonly sha256?: string;
  readonly architecture?: string;
  /** e.g. `Q4_K_M`. */
  readonly quantization?: string;
  /** Number of weights. */
  readonly parameters?: number;
  /** Tokens the model was trained for. */
  readonly contextLength?: number;
  readonly author?: string;
  readonly license?: string;
  /** One or two sentences; may be shown as plain text. */
  readonly description?: string;
  readonly createdAt: number;
  /** −1: never started. */
  readonly startDownloadAt: number;
  /** −1: not finished. A model with a file that did not need a download has its time of adding. */
  readonly finishDownloadAt: number;
}

export type NewModel = Pick<Model, 'id' | 'name' | 'backendId' | 'source'> & Partial<Omit<Model, 'createdAt'>>;

export interface AvailableModel {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly repository: string;
  readonly fileName: string;
  readonly size: number;
  readonly sha256?: string;
  readonly quantization?: string;
  readonly parameters?: number;
  readonly contextLength?: number;
  readonly license?: string;
  readonly downloaded: boolean;
  /** Against this machine's free memory. */
  readonly fit: 'fits' | 'tight' | 'too-large';
  /** Bytes of memory it needs, weights and a 4096-token context. */
  readonly memoryNeeded: number;
}

export interface DownloadRequest {
  /** `owner/name` on Hugging Face … */
  readonly repository?: string;
  /** … and the GGUF file within it. */
  readonly fileName?: string;
  /** Or a direct https URL of a GGUF file. */
  readonly url?: string;
  /** Expected checksum; default: the one the repository states. */
  readonly sha256?: string;
}

export interface Download {
  readonly id: string;
  readonly modelId: string;
  readonly name: string;
  readonly status: 'running' | 'verifying' | 'paused' | 'completed' | 'failed' | 'cancelled';
  readonly totalBytes: number;
  readonly receivedBytes: number;
  /** Bytes per second. */
  readonly speed?: number;
  readonly error?: { readonly code: JanErrorCode; readonly message: string };
}

export interface ModelSearchQuery {
  readonly text: string;
  /** 1…100; default 20. */
  readonly limit?: number;
  /** From the previous page. */
  readonly cursor?: string;
}

export interface ModelSearchPage {
  readonly models: readonly ModelSearchResult[];
  /** Absent on the last page. */
  readonly cursor?: string;
}

export interface ModelSearchResult {
  /** `owner/name`. */
  readonly repository: string;
  readonly author: string;
  readonly name: string;
  readonly downloads: number;
  readonly likes: number;
  readonly updatedAt?: number;
  /** Needs an accepted licence and a token. */
  readonly gated: boolean;
  readonly tags: readonly string[];
}

export interface ModelFile {
  readonly repository: string;
  readonly fileName: string;
  readonly size: number;
  readonly sha256?: string;
  readonly quantization?: string;
  readonly fit: 'fits' | 'tight' | 'too-large';
  /** Parts of one model split over several files; this is the first of them. Default 1. */
  readonly parts: number;
}

//#endregion

//#region Inference

export interface InferenceService {
  /** The OpenAI-compatible endpoint of this window, started on first use. @throws `engine-unavailable` */
  inferenceUrl(): Promise<InferenceEndpoint>;
  /** Loads a model; resolves when it is ready. @throws `model-not-found`, `model-file-missing`, `model-invalid`,
   * `model-load-failed`, `out-of-memory`, `engine-crashed`, `cancelled` */
  initModel(modelId: string, options?: InitModelOptions): Promise<RunningModel>;
  /** Unloads a model and frees its memory. A model that is not loaded is no error. @throws `engine-crashed` */
  stopModel(modelId: string): Promise<void>;
  /**
   * Streams an answer. Loads the model when it is not loaded. Aborting the signal (or leaving the loop) ends the
   * generation within a token. @throws as `initModel`, and `no-model`, `context-overflow`, `unsupported`,
   * `backend-failed`; while iterating too.
   */
  createChatCompletion(request: ChatRequest, options?: CallOptions): Promise<AsyncIterable<ChatChunk>>;
  /** Every model that can be chatted with now, of every backend; those not loaded are loaded on use. */
  getInferenceModels(): Promise<InferenceModel[]>;
  /** The state of the llama.cpp process; never starts it. */
  getEngineState(): Promise<EngineState>;
  /** Stops and starts the llama.cpp process; running answers end with `engine-crashed`. */
  restartEngine(): Promise<void>;
  /**
   * Streams the continuation of a text, as it is: no chat template. Otherwise as `createChatCompletion`.
   * @throws as `createChatCompletion`; `unsupported` when the model's backend can't
   */
  createCompletion(request: CompletionRequest, options?: CallOptions): Promise<AsyncIterable<ChatChunk>>;
  /** One vector a text, in the order given. @throws as `initModel`, `unsupported` (no embedding model), `context-overflow` */
  createEmbeddings(request: EmbeddingRequest, options?: CallOptions): Promise<EmbeddingResult>;
  /** Ranks documents by how well they answer a query. @throws as `initModel`, `unsupported` (no rerank model), `context-overflow` */
  rerankDocuments(request: RerankRequest, options?: CallOptions): Promise<RerankResult>;
  /** The model's tokens of a text. Loads the model when it is not loaded. @throws as `initModel`, `unsupported` */
  tokenize(request: TokenizeRequest, options?: CallOptions): Promise<readonly number[]>;
  /** The text of tokens. @throws as `initModel`, `unsupported`, `invalid-argument` (not a token of this model) */
  detokenize(request: DetokenizeRequest, options?: CallOptions): Promise<string>;
  /** How long the prompt of a chat would be, template included; generates nothing. @throws as `initModel`, `unsupported` */
  countTokens(request: ChatRequest, options?: CallOptions): Promise<TokenCount>;
  /** The prompt of a chat as the model would see it, special tokens as text. @throws as `initModel`, `unsupported` */
  applyChatTemplate(request: ChatRequest, options?: CallOptions): Promise<string>;
  /** What loading a model would take; loads nothing. @throws `model-not-found`, `model-file-missing`, `model-invalid`, `unsupported` */
  estimateModelMemory(modelId: string, options?: ModelLoadOptions): Promise<MemoryEstimate>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /**
   * A model that is not in memory is not loaded for this: the call fails with `model-not-found`. For what nobody waits for.
   * Default: false. The built-in backend keeps to it; others may ignore it.
   */
  readonly onlyLoaded?: boolean;
}

export interface InferenceEndpoint {
  /** e.g. `http://127.0.0.1:43567/v1`. */
  readonly url: string;
  /** Bearer token, valid while this window lives. Keep it out of logs. */
  readonly token: string;
}

/** How a model is loaded. What is absent is as the setting `jan.modelSettings` says for the model, else the default. */
export interface ModelLoadOptions {
  /** Tokens; default: the model's training length, at most 8192, fitted to free memory. */
  readonly contextLength?: number;
  /** Layers on the graphics card; default `'auto'`: as many as fit its free memory with a margin. */
  readonly gpuLayers?: number | 'auto' | 'max';
  /** Tokens a batch; default 512, and 128 where attention is computed without `flashAttention`. */
  readonly batchSize?: number;
  /** Default: all cores but one. While other programs keep cores busy, fewer are used. */
  readonly threads?: number;
  /**
   * Default `'auto'`: where layers are on a graphics card or the context is long. On a processor it reads new long prompts
   * faster, and what follows in long conversations more slowly.
   */
  readonly flashAttention?: boolean | 'auto';
  /** LoRA adapters on top of the weights; at most 8. Default: none. */
  readonly loraAdapters?: readonly LoraAdapter[];
  /** A smaller model of the same vocabulary that drafts tokens. Default: none. */
  readonly draftModelId?: string;
  /** Jinja source instead of the file's own chat template; ≤ 256 Ki characters. */
  readonly chatTemplate?: string;
}

export interface LoraAdapter {
  /** Absolute path of a GGUF adapter. */
  readonly path: string;
  /** 0…2; default 1. */
  readonly scale?: number;
}

export interface InitModelOptions extends CallOptions, ModelLoadOptions {
  /** Load it although it has ended the engine before; what is remembered of that is forgotten. Default false. */
  readonly retryCrashed?: boolean;
  /** 0…1 progress of loading. */
  readonly onProgress?: (fraction: number) => void;
}

export interface RunningModel {
  readonly modelId: string;
  readonly name: string;
  readonly backendId: string;
  readonly status: 'loading' | 'ready' | 'unloading';
  /** 0…1 while loading. */
  readonly progress?: number;
  /** Tokens. */
  readonly contextLength?: number;
  /** Bytes resident, weights and context, as far as known. */
  readonly memory?: number;
  /** Layers on a graphics card; 0 or absent: none. */
  readonly gpuLayers?: number;
  /** What went otherwise than asked, in words: a smaller context, the processor instead of the graphics card. */
  readonly notes?: readonly string[];
  /** Requests that it answers or that wait for it, of all windows and programs, as far as known. */
  readonly activeRequests?: number;
}

export interface EngineState {
  /** The llama.cpp process: `stopped` is normal before first use. */
  readonly status: 'stopped' | 'starting' | 'running' | 'crashed';
  readonly models: readonly RunningModel[];
  /** Process id, while running. */
  readonly pid?: number;
  /** Answers being generated now, by this window. */
  readonly activeRequests: number;
  /** Speed of the newest answer, tokens/s. */
  readonly tokensPerSecond?: number;
  readonly error?: { readonly code: JanErrorCode; readonly message: string };
}

export interface InferenceModel {
  readonly id: string;
  readonly name: string;
  readonly backendId: string;
  readonly loaded: boolean;
  /** Does the backend send text off this machine? */
  readonly remote: boolean;
  readonly contextLength?: number;
  /** What it was made for. Default: `['chat']`. */
  readonly capabilities?: readonly ModelCapability[];
}

/** `chat` and `completion` answer; `tools`: its template has a place for tools; `embeddings`, `rerank`: `createEmbeddings`, `rerankDocuments`. */
export type ModelCapability = 'chat' | 'completion' | 'tools' | 'embeddings' | 'rerank';

export interface ChatMessage {
  /** `tool`: the result of a call that the assistant asked for. */
  readonly role: MessageRole | 'tool';
  readonly content: string;
  /** Of an assistant's earlier turn. */
  readonly reasoning?: string;
  /** The calls that an assistant asked for. */
  readonly toolCalls?: readonly ToolCall[];
  /** Which call a `tool` message answers. */
  readonly toolCallId?: string;
}

/** A function that the model may ask to have called; the caller calls it. */
export interface ToolDefinition {
  /** Letters, digits, `_`, `-`; ≤ 128 characters. */
  readonly name: string;
  readonly description?: string;
  /** JSON Schema of the arguments, an object. Default: no arguments. */
  readonly parameters?: Readonly<Record<string, unknown>>;
}

export interface ToolCall {
  /** ≤ 200 characters. */
  readonly id: string;
  /** 1 to 200 characters. A model may call what is not among the request's tools. */
  readonly name: string;
  /**
   * JSON text of an object. In an answer it is what the model wrote: cut off where the answer is, and sometimes no JSON.
   * Such text may be sent back in a conversation; the model is then shown the object `{"raw": "…"}`.
   */
  readonly arguments: string;
}

/** A piece of a call: `id` and `name` come with the first piece of each `index`; `arguments` add up. */
export interface ToolCallDelta {
  /** From 0, in the order of the calls. */
  readonly index: number;
  readonly id?: string;
  readonly name?: string;
  readonly arguments?: string;
}

/** `auto`: the model decides · `required`: at least one call · `none` · this function. */
export type ToolChoice = 'auto' | 'none' | 'required' | { readonly name: string };

/** Keeps an answer to a form, by a grammar. `json`: any JSON object. */
export type ResponseFormat =
  | { readonly type: 'text' }
  | { readonly type: 'json' }
  | { readonly type: 'json-schema'; readonly schema: Readonly<Record<string, unknown>> }
  /** GBNF, as llama.cpp reads it; the rule `root` is the answer. ≤ 64 Ki characters. */
  | { readonly type: 'grammar'; readonly grammar: string };

/** What is absent is as the model's file recommends (GGUF `general.sampling.*`), else the default named here. */
export interface SamplingOptions {
  /** 0…2; default 0.7; 0 is greedy. */
  readonly temperature?: number;
  /** 0 (exclusive)…1; default 0.95. */
  readonly topP?: number;
  /** 0 (off)…1000; default 40. */
  readonly topK?: number;
  /** 0…1; default 0.05. */
  readonly minP?: number;
  readonly seed?: number;
  /** −2…2; default 0. */
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  /** ≥ 0; 1 is off; default 1. */
  readonly repeatPenalty?: number;
}

/** What is set for one conversation; the rest is as the model's. */
export interface ConversationSettings extends SamplingOptions {
  /** Tokens of an answer; default: to the end of the context. */
  readonly maxTokens?: number;
  /** ≤ 16 strings that end an answer, each ≤ 1000 characters. */
  readonly stop?: readonly string[];
  /** How its model is loaded for it. A model loaded otherwise is loaded anew, when nobody uses it. */
  readonly load?: ModelLoadOptions;
}

/** What chats and plain completions have in common. */
export interface GenerationRequest extends ConversationSettings {
  /** Default: the loaded model, else the starter model. */
  readonly modelId?: string;
  /** Default: text. */
  readonly responseFormat?: ResponseFormat;
  /** 0…20: `ChatChunk.logprobs` with this many alternatives a token. Default: none are given. */
  readonly logprobs?: number;
  /**
   * Are those the probabilities after sampling: of what the settings left to draw from? Default false: those before it.
   * `unsupported` beside a form for the answer, a tool that must be called, or a repeat penalty.
   */
  readonly logprobsAfterSampling?: boolean;
  /** Added to a token's logit, −100…100; −100 forbids it. Keys are token numbers. ≤ 1000 entries. */
  readonly logitBias?: Readonly<Record<string, number>>;
  /**
   * Forbids the model's end tokens: the answer goes on to `maxTokens`, a `stop` string or the context's end. Default
   * false. `invalid-argument` beside a form for the answer, or tools whose calls have one.
   */
  readonly ignoreEnd?: boolean;
  /** Chunks tell how far the answer is: `ChatChunk.promptProgress`, and `usage` and `timings` with each. Default false. */
  readonly tellProgress?: boolean;
}

export interface ChatRequest extends GenerationRequest {
  /** Oldest first. A question whose answer failed without a word is followed by the next: two of a role in a row. */
  readonly messages: readonly ChatMessage[];
  /** ≤ 1024. Default: none. */
  readonly tools?: readonly ToolDefinition[];
  /** Default: `'auto'`. */
  readonly toolChoice?: ToolChoice;
  /** May one turn hold several calls? Default true. */
  readonly parallelToolCalls?: boolean;
  /** Variables for the model's chat template, e.g. `{ enable_thinking: false }`. */
  readonly templateVariables?: Readonly<Record<string, unknown>>;
}

export interface CompletionRequest extends GenerationRequest {
  /** A text, or tokens. */
  readonly prompt: string | readonly number[];
  /** What follows the gap, for a model that can fill in the middle. Default: none. */
  readonly suffix?: string;
}

export interface EmbeddingRequest {
  /** Default: the loaded embedding model, else the first one on this machine. */
  readonly modelId?: string;
  /** 1…2048 texts. */
  readonly input: readonly string[];
}

export interface EmbeddingResult {
  readonly modelId: string;
  /** One a text, of unit length. */
  readonly embeddings: readonly (readonly number[])[];
  readonly usage: TokenUsage;
}

export interface RerankRequest {
  /** Default: the loaded rerank model, else the first one on this machine. */
  readonly modelId?: string;
  readonly query: string;
  /** 1…1000 texts. */
  readonly documents: readonly string[];
  /** Default: all of them. */
  readonly topN?: number;
}

export interface RerankResult {
  readonly modelId: string;
  /** Best first; `index` is the place in `documents`; `score` 0…1. */
  readonly results: readonly { readonly index: number; readonly score: number }[];
  readonly usage: TokenUsage;
}

export interface TokenizeRequest {
  /** Default: as for `createChatCompletion`. */
  readonly modelId?: string;
  readonly text: string;
  /** Is the text of special tokens (`<|im_end|>`) read as them? Default false. */
  readonly special?: boolean;
  /** Are the tokens put before that the model wants first (BOS)? Default false. */
  readonly addSpecial?: boolean;
}

export interface DetokenizeRequest {
  readonly modelId?: string;
  readonly tokens: readonly number[];
}

export interface TokenCount {
  readonly modelId: string;
  readonly tokens: number;
  /** Of the model as it is loaded. */
  readonly contextLength?: number;
}

/** Bytes. An estimate: what the engine takes depends on the graphics driver too. */
export interface MemoryEstimate {
  readonly modelId: string;
  /** Tokens and layers that the estimate is for: what was asked, else what would be chosen. */
  readonly contextLength: number;
  readonly gpuLayers: number;
  /** In this machine's memory and in the graphics card's, summed over both. */
  readonly weights: number;
  readonly context: number;
  readonly compute: number;
  readonly ram: { readonly needed: number; readonly free: number };
  /** Absent where there is no graphics card that the engine can use. */
  readonly vram?: { readonly needed: number; readonly free: number };
  readonly fit: 'fits' | 'tight' | 'too-large';
  /** When it does not fit: what would, in words. */
  readonly advice?: string;
}

/** Pieces of an answer; the last one has `finishReason`. Text pieces may hold several tokens. */
export interface ChatChunk {
  readonly text?: string;
  readonly reasoning?: string;
  readonly finishReason?: 'stop' | 'length' | 'tool-calls' | 'cancelled';
  /** Which of the request's `stop` strings ended it; with the last chunk. */
  readonly stopString?: string;
  readonly toolCalls?: readonly ToolCallDelta[];
  /** Of the tokens of this chunk's text, when they were asked for. */
  readonly logprobs?: readonly TokenLogprob[];
  /** With the first chunk: how many of the oldest messages did not fit into the context and were left out. Absent: none. */
  readonly droppedMessages?: number;
  /** With the first chunk of the answer, where the backend knows: how long its prompt was, and how much needed no reading. */
  readonly prompt?: { readonly tokens: number; readonly cachedTokens: number };
  /** Before the answer, where asked for (`tellProgress`) and the backend knows: how far the prompt has been read. */
  readonly promptProgress?: PromptProgress;
  /** Before the answer, where `ignoreEnd` was asked for and the backend knows: the tokens that are not said. */
  readonly endTokens?: readonly number[];
  /** With the last chunk of an answer that ended by `length`: the context was full. Absent: it was not, or isn't known. */
  readonly contextFull?: boolean;
  /** With the last chunk; with each, so far, where asked for (`tellProgress`). */
  readonly usage?: TokenUsage;
  readonly timings?: Timings;
  /** With the first chunk: the model that answers. */
  readonly modelId?: string;
}

export interface PromptProgress {
  /** Tokens of the prompt. */
  readonly total: number;
  /** How many of them needed no reading. */
  readonly cached: number;
  /** How many are read, those included: from `cached` to `total`. */
  readonly processed: number;
  /** Since reading began. */
  readonly ms: number;
}

export interface TokenLogprob {
  readonly token: number;
  readonly text: string;
  /** Natural logarithm of the probability before sampling, or after it where that was asked for. */
  readonly logprob: number;
  /** The likeliest tokens, likeliest first; as many as were asked for. */
  readonly top: readonly { readonly token: number; readonly text: string; readonly logprob: number }[];
}

//#endregion

//#region Monitoring

export interface MonitoringService {
  /** Total and used memory, processor, graphics. */
  getResourcesInfo(): Promise<ResourcesInfo>;
  /** Load since the previous call (first call: over 100 ms). */
  getCurrentLoad(): Promise<CurrentLoad>;
}

export interface ResourcesInfo {
  /** Bytes. `used` is what programs need: total − available, not counting caches. */
  readonly memory: { readonly total: number; readonly used: number; readonly available: number };
  readonly cpu: { readonly model: string; readonly cores: number };
  readonly gpus: readonly GpuInfo[];
  /** The llama.cpp process, while it runs. Bytes resident. */
  readonly runtime?: { readonly pid: number; readonly memory: number };
}

export interface GpuInfo {
  readonly name: string;
  /** Bytes, where known. */
  readonly memoryTotal?: number;
  readonly memoryUsed?: number;
}

export interface CurrentLoad {
  /** Percent of all cores, 0…100. */
  readonly cpu: number;
  /** Percent, 0…100. */
  readonly memory: number;
  /** The runtime process' share of all cores, 0…100, while it runs. */
  readonly runtimeCpu?: number;
  /** Bytes resident of the runtime process. */
  readonly runtimeMemory?: number;
  /** The time span that was measured, ms. */
  readonly intervalMs: number;
}

//#endregion

//#region Events

export interface ConversationsChangeEvent {
  readonly kind: 'created' | 'updated' | 'deleted';
  readonly ids: readonly string[];
  /** `remote`: another window wrote it. */
  readonly origin: 'local' | 'remote';
}

export interface MessagesChangeEvent extends ConversationsChangeEvent {
  readonly conversationId: string;
}

export interface ModelsChangeEvent {
  readonly ids: readonly string[];
}

/** What a plugin may announce; payload as of the event of that name. */
export interface EventMap {
  onDidChangeConversations: ConversationsChangeEvent;
  onDidChangeMessages: MessagesChangeEvent;
  onDidChangeModels: ModelsChangeEvent;
  onDidChangeDownloads: Download;
  onDidChangeEngine: EngineState;
  onDidFindDamage: StoreFinding;
}

//#endregion

//#region Plugins

export interface PluginDescription {
  /** The extension's id for a companion (`publisher.name`). Letters, digits, `.`, `-`; ≤ 100 characters. */
  readonly id: string;
  readonly name: string;
  /** Semver. */
  readonly version: string;
}

export interface PluginInfo extends PluginDescription {
  readonly builtin: boolean;
  /** Service names it supplies (in force or not). */
  readonly providers: readonly ServiceName[];
  readonly backends: readonly string[];
  readonly guards: readonly string[];
}

export interface PluginHandle extends Disposable {
  readonly id: string;
  /**
   * Supplies the function of a service name. A built-in provider stays in force until the user picks this one
   * (setting `jan.providers`); a name nobody supplies yet is in force at once.
   * @throws JanError `plugin-conflict` when this plugin already supplies the name, `invalid-argument` for an unknown name.
   */
  registerProvider<N extends ServiceName>(name: N, provider: ServiceMap[N]): Disposable;
  /** Adds something that runs models. @throws JanError `plugin-conflict` when the id is taken. */
  registerBackend(backend: ModelBackend): Disposable;
  /** Adds a check that every call passes before its provider. An error, a hang (10 s) or a bad answer is a denial. */
  registerGuard(guard: Guard): Disposable;
  /** Tells everyone of a change, for a plugin whose provider made it. */
  emit<E extends keyof EventMap>(event: E, payload: EventMap[E]): void;
  /** As {@link JanApi.invoke}, with this plugin as the caller on record. */
  invoke<N extends ServiceName>(name: N, ...args: ServiceArguments<N>): Promise<ServiceResult<N>>;
  /** All backends, for a plugin that supplies inference. */
  getBackends(): readonly ModelBackend[];
  readonly onDidChangeBackends: Event<void>;
}

/** Runs models: llama.cpp, RWKV, a remote API. */
export interface ModelBackend {
  /** e.g. `'llama.cpp'`; letters, digits, `.`, `_`, `-`. */
  readonly id: string;
  readonly name: string;
  /** Does it send text off this machine? Shown to the user. */
  readonly remote: boolean;
  getModels(): Promise<readonly InferenceModel[]>;
  /** Makes a model ready. Absent: always ready. */
  initModel?(modelId: string, options?: InitModelOptions): Promise<RunningModel>;
  stopModel?(modelId: string): Promise<void>;
  createChatCompletion(request: ChatRequest & { readonly modelId: string }, options?: CallOptions): AsyncIterable<ChatChunk>;
  // What a backend has no function for, its models answer with `unsupported`.
  createCompletion?(request: CompletionRequest & { readonly modelId: string }, options?: CallOptions): AsyncIterable<ChatChunk>;
  createEmbeddings?(request: EmbeddingRequest & { readonly modelId: string }, options?: CallOptions): Promise<EmbeddingResult>;
  rerankDocuments?(request: RerankRequest & { readonly modelId: string }, options?: CallOptions): Promise<RerankResult>;
  tokenize?(request: TokenizeRequest & { readonly modelId: string }, options?: CallOptions): Promise<readonly number[]>;
  detokenize?(request: DetokenizeRequest & { readonly modelId: string }, options?: CallOptions): Promise<string>;
  countTokens?(request: ChatRequest & { readonly modelId: string }, options?: CallOptions): Promise<TokenCount>;
  applyChatTemplate?(request: ChatRequest & { readonly modelId: string }, options?: CallOptions): Promise<string>;
  estimateModelMemory?(modelId: string, options?: ModelLoadOptions): Promise<MemoryEstimate>;
  readonly onDidChangeModels?: Event<void>;
}

/** Who calls. With no identity plugin everything is the single local user. */
export interface Principal {
  readonly id: string;
  readonly name: string;
}

export interface ServiceCall {
  readonly name: ServiceName;
  readonly group: ServiceGroup;
  readonly args: readonly unknown[];
  /** `ui`, `api` (another extension), `gateway` (HTTP) or `plugin:<id>`. */
  readonly caller: string;
  readonly principal: Principal;
}

export type GuardDecision = { readonly allow: true } | { readonly allow: false; readonly reason: string };

export interface Guard {
  readonly id: string;
  check(call: ServiceCall): Promise<GuardDecision>;
}

//#endregion
