// Every id that the manifest and the code share: commands, views, settings, context keys. A check
// (scripts/checkManifest.mjs) fails when this file, package.json and package.nls.json disagree.
// Must not know: VS Code, services, what the commands do.

/** The view container, its views, and what else the manifest names once. */
export const viewContainerId = 'jan';
export const viewIds = { chat: 'jan.chat', models: 'jan.models' } as const;
export const walkthroughId = 'jan.gettingStarted';
export const languageModelVendor = 'jan';
/** Of attached files when they are opened. */
export const attachmentScheme = 'jan-attachment';

/** Commands of the palette and of menus. A handler's signature is in {@link CommandSignatures}. */
export const commandIds = {
  openChat: 'jan.openChat',
  newConversation: 'jan.newConversation',
  stopAnswer: 'jan.stopAnswer',
  pickModel: 'jan.pickModel',
  searchModels: 'jan.searchModels',
  addModelFile: 'jan.addModelFile',
  loadModel: 'jan.loadModel',
  unloadModel: 'jan.unloadModel',
  downloadModel: 'jan.downloadModel',
  cancelDownload: 'jan.cancelDownload',
  resumeDownload: 'jan.resumeDownload',
  discardDownload: 'jan.discardDownload',
  deleteModel: 'jan.deleteModel',
  forgetModel: 'jan.forgetModel',
  revealModelFile: 'jan.revealModelFile',
  copyModelId: 'jan.copyModelId',
  modelSettings: 'jan.modelSettings',
  refreshModels: 'jan.refreshModels',
  showActions: 'jan.showActions',
  copyEndpoint: 'jan.copyEndpoint',
  newEndpointToken: 'jan.newEndpointToken',
  revokeEndpointToken: 'jan.revokeEndpointToken',
  restartEngine: 'jan.restartEngine',
  chooseProvider: 'jan.chooseProvider',
  setHubToken: 'jan.setHubToken',
  conversationSettings: 'jan.conversationSettings',
  attachFiles: 'jan.attachFiles',
  addSelectionToChat: 'jan.addSelectionToChat',
  addFileToChat: 'jan.addFileToChat',
  exportConversation: 'jan.exportConversation',
  exportAllConversations: 'jan.exportAllConversations',
  importConversations: 'jan.importConversations',
  backUpConversations: 'jan.backUpConversations',
  restoreConversations: 'jan.restoreConversations',
  checkConversations: 'jan.checkConversations',
  deleteOldConversations: 'jan.deleteOldConversations',
  showLog: 'jan.showLog',
  openSettings: 'jan.openSettings',
  openWalkthrough: 'jan.openWalkthrough',
} as const;

export type CommandId = (typeof commandIds)[keyof typeof commandIds];

/** A model: its id, or an item of the model tree. Absent: the command asks. */
export type ModelTarget = string | { readonly modelId: string };
/** A download: its id, or an item of the model tree. Absent: the command asks. */
export type DownloadTarget = string | { readonly downloadId: string };
/** A file to download: of a Hugging Face repository, or an item of the model tree. */
export interface FileTarget {
  readonly repository: string;
  readonly fileName: string;
}

/** One conversation or several, by id. Absent: the command asks. */
export type ConversationTarget = string | { readonly conversationId: string } | readonly string[];
/** Files or folders, as VS Code's explorer hands them over. Absent: the command asks. */
export type FilesTarget = unknown;

/** What each command takes. VS Code and other extensions may pass anything: handlers validate. */
export interface CommandSignatures {
  [commandIds.openChat]: () => Promise<void>;
  [commandIds.newConversation]: () => Promise<void>;
  [commandIds.stopAnswer]: () => Promise<void>;
  [commandIds.pickModel]: () => Promise<void>;
  [commandIds.searchModels]: (text?: string) => Promise<void>;
  [commandIds.addModelFile]: () => Promise<void>;
  [commandIds.loadModel]: (target?: ModelTarget) => Promise<void>;
  [commandIds.unloadModel]: (target?: ModelTarget) => Promise<void>;
  [commandIds.downloadModel]: (target?: FileTarget) => Promise<void>;
  [commandIds.cancelDownload]: (target?: DownloadTarget) => Promise<void>;
  [commandIds.resumeDownload]: (target?: DownloadTarget) => Promise<void>;
  [commandIds.discardDownload]: (target?: DownloadTarget) => Promise<void>;
  [commandIds.deleteModel]: (target?: ModelTarget) => Promise<void>;
  [commandIds.forgetModel]: (target?: ModelTarget) => Promise<void>;
  [commandIds.revealModelFile]: (target?: ModelTarget) => Promise<void>;
  [commandIds.copyModelId]: (target?: ModelTarget) => Promise<void>;
  [commandIds.modelSettings]: (target?: ModelTarget) => Promise<void>;
  [commandIds.refreshModels]: () => Promise<void>;
  [commandIds.showActions]: () => Promise<void>;
  [commandIds.copyEndpoint]: () => Promise<void>;
  [commandIds.newEndpointToken]: () => Promise<void>;
  [commandIds.revokeEndpointToken]: () => Promise<void>;
  [commandIds.restartEngine]: () => Promise<void>;
  [commandIds.chooseProvider]: () => Promise<void>;
  [commandIds.setHubToken]: () => Promise<void>;
  [commandIds.conversationSettings]: () => Promise<void>;
  [commandIds.attachFiles]: () => Promise<void>;
  [commandIds.addSelectionToChat]: () => Promise<void>;
  [commandIds.addFileToChat]: (target?: FilesTarget, all?: FilesTarget) => Promise<void>;
  [commandIds.exportConversation]: (target?: ConversationTarget) => Promise<void>;
  [commandIds.exportAllConversations]: () => Promise<void>;
  [commandIds.importConversations]: (target?: FilesTarget) => Promise<void>;
  [commandIds.backUpConversations]: () => Promise<void>;
  [commandIds.restoreConversations]: () => Promise<void>;
  [commandIds.checkConversations]: () => Promise<void>;
  [commandIds.deleteOldConversations]: () => Promise<void>;
  [commandIds.showLog]: () => Promise<void>;
  [commandIds.openSettings]: () => Promise<void>;
  [commandIds.openWalkthrough]: () => Promise<void>;
}

/** Settings by full id. Defaults and ranges stand in package.json. */
export const settingIds = {
  systemPrompt: 'jan.chat.systemPrompt',
  temperature: 'jan.chat.temperature',
  retentionDays: 'jan.conversations.retentionDays',
  modelSettings: 'jan.modelSettings',
  modelsDirectory: 'jan.models.directory',
  hubUrl: 'jan.hub.url',
  endpointPort: 'jan.endpoint.port',
  engineKeepAlive: 'jan.engine.keepAlive',
  engineMemoryBudget: 'jan.engine.memoryBudget',
  statusBarShow: 'jan.statusBar.show',
  providers: 'jan.providers',
} as const;

export type SettingId = (typeof settingIds)[keyof typeof settingIds];

export type StatusBarShow = 'model' | 'load' | 'off';

export interface SettingTypes {
  /** Empty: none. */
  [settingIds.systemPrompt]: string;
  /** 0…2. */
  [settingIds.temperature]: number;
  /** 0: off. */
  [settingIds.retentionDays]: number;
  /** Model id → its settings; unchecked. */
  [settingIds.modelSettings]: Readonly<Record<string, unknown>>;
  /** Absolute path. Empty: the extension's own storage. */
  [settingIds.modelsDirectory]: string;
  [settingIds.hubUrl]: string;
  /** 0: any free one. */
  [settingIds.endpointPort]: number;
  /** Minutes. 0: at once; negative: never. */
  [settingIds.engineKeepAlive]: number;
  /** MB. 0: what is free. */
  [settingIds.engineMemoryBudget]: number;
  [settingIds.statusBarShow]: StatusBarShow;
  /** Service group (`data`, …) or service name → plugin id. A name wins over its group. */
  [settingIds.providers]: Readonly<Record<string, string>>;
}

/** Context keys for `when` clauses of the manifest. */
export const contextKeys = {
  /** An answer is being written in the chat view. Set by the chat view. */
  answering: 'jan.answering',
  /** A model other than the starter model is on this machine. */
  hasDownloadedModel: 'jan.hasDownloadedModel',
  /** At least one model is loaded or loading. */
  hasLoadedModel: 'jan.hasLoadedModel',
  /** At least one model on this machine, downloaded or added. */
  hasModels: 'jan.hasModels',
  /** Downloads of this machine, running or paused. */
  hasDownloads: 'jan.hasDownloads',
} as const;

export type ContextKey = (typeof contextKeys)[keyof typeof contextKeys];

export interface ContextKeyTypes {
  [contextKeys.answering]: boolean;
  [contextKeys.hasDownloadedModel]: boolean;
  [contextKeys.hasLoadedModel]: boolean;
  [contextKeys.hasModels]: boolean;
  [contextKeys.hasDownloads]: boolean;
}
