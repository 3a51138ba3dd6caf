// Everything that the extension host and the chat webview say to each other.
// The host is the truth: it sends a whole `state`, then numbered `delta`s; a gap makes the webview ask again.
// Must not know: services, VS Code, how either side is built.

import * as v from 'valibot';

//#region What is shown

export type MessageItemStatus = 'streaming' | 'complete' | 'stopped' | 'failed' | 'interrupted';

/** The next step that an error offers. What each one does is the controller's business: none carries a command. */
export const chatActions = [
  'retry',
  'tryAnyway',
  'pickModel',
  'downloadModel',
  'addModelFile',
  'newConversation',
  'restartEngine',
  'showLog',
] as const;

export type ChatAction = (typeof chatActions)[number];

export interface ErrorItem {
  /** A JanError code, for tests and styling. */
  readonly code: string;
  /** Cause and next step, in the user's words; plain text. */
  readonly message: string;
  /** First one is the likeliest. */
  readonly actions: readonly ChatAction[];
}

export interface MessageStats {
  /** Tokens per second; an estimate while `live`. */
  readonly tokensPerSecond?: number;
  readonly tokens?: number;
  /** ms */
  readonly firstTokenMs?: number;
  /** ms */
  readonly totalMs?: number;
  readonly live: boolean;
}

/** Place among the messages that follow the same parent. */
export interface BranchItem {
  /** From 1. */
  readonly index: number;
  readonly count: number;
  readonly previousId: string | null;
  readonly nextId: string | null;
}

/** A file that goes with a message, or will. */
export interface AttachmentItem {
  readonly id: string;
  /** Text, hostile. */
  readonly name: string;
  /** Lines from 1, both included; `null`: the whole file. */
  readonly range: { readonly startLine: number; readonly endLine: number } | null;
  readonly kind: 'text' | 'image' | 'other';
  /** Bytes. */
  readonly size: number;
}

/** What the next request would fill of the model's context. */
export interface TokenCountItem {
  readonly count: number;
  /** Of the model as it is loaded; `null`: not known. */
  readonly limit: number | null;
  /** Of what is written alone, with what always goes with it; counted where the whole is over the limit, else `null`. */
  readonly newest: number | null;
}

export interface MessageItem {
  readonly id: string;
  readonly role: 'system' | 'user' | 'assistant';
  /** Markdown, hostile. */
  readonly content: string;
  readonly reasoning: string;
  readonly status: MessageItemStatus;
  /** `streaming`, but not by this window, which therefore cannot stop it. */
  readonly elsewhere: boolean;
  readonly error: ErrorItem | null;
  readonly modelName: string;
  readonly stats: MessageStats | null;
  readonly branch: BranchItem | null;
  readonly attachments: readonly AttachmentItem[];
  /** So many of the oldest messages did not fit into the model's context when this was answered. Known while the window lives. */
  readonly dropped: number;
  /** What cut the answer off: the length that was allowed, or the end of the context. Known while the window lives. */
  readonly cut: 'length' | 'context' | null;
  /** Unix ms. */
  readonly createdAt: number;
}

export interface ConversationItem {
  readonly id: string;
  /** `''`: not named yet. */
  readonly name: string;
  /** Unix ms. */
  readonly updatedAt: number;
  /** An answer is being written in this window. */
  readonly answering: boolean;
  readonly pinned: boolean;
  readonly archived: boolean;
  readonly tags: readonly string[];
  /** Name of the folder that it was begun in, when that is another one than this window's. */
  readonly folder: string | null;
}

/** Which conversations are listed, and searched. */
export interface HistoryFilter {
  /** Of this window's folder only, or all. */
  readonly scope: 'folder' | 'all';
  /** Those that are archived, or those that are not. */
  readonly archived: boolean;
  readonly tag: string | null;
}

export interface HistoryItem {
  readonly filter: HistoryFilter;
  /** Has this window a folder? Without one there is nothing but `all`. */
  readonly hasFolder: boolean;
  /** Tags that are in use, as far as the list is known. */
  readonly tags: readonly string[];
  /** To search for the answers of. */
  readonly models: readonly { readonly id: string; readonly name: string }[];
  /** The list is being read for the first time with this filter. */
  readonly loading: boolean;
}

/** `range`: between two days. */
export const searchPeriods = ['any', 'day', 'week', 'month', 'year', 'range'] as const;
export type SearchPeriod = (typeof searchPeriods)[number];

export interface SearchHitItem {
  readonly conversationId: string;
  readonly conversationName: string;
  /** `null`: the conversation's name matches. */
  readonly messageId: string | null;
  readonly role: 'system' | 'user' | 'assistant' | null;
  /** Unix ms. */
  readonly createdAt: number;
  /** Text, hostile. */
  readonly snippet: string;
  /** Start and end (exclusive) of what matched, UTF-16 units, in order. */
  readonly highlights: readonly (readonly [number, number])[];
}

export interface SearchItem {
  /** Of the page's `search` that this answers. */
  readonly revision: number;
  readonly hits: readonly SearchHitItem[];
  readonly total: number;
  readonly hasMore: boolean;
}

/** A message to bring into sight: where a search has led. */
export interface RevealItem {
  readonly messageId: string;
  /** Raised each time. */
  readonly revision: number;
}

export interface ModelItem {
  /** `null`: nothing to chat with. */
  readonly id: string | null;
  readonly name: string;
  /** Its backend sends text off this machine. */
  readonly remote: boolean;
  /** The built-in guide to Jan, not a general assistant. */
  readonly starter: boolean;
  readonly state: 'unknown' | 'none' | 'idle' | 'loading' | 'ready';
  /** 0…1 while loading, when known. */
  readonly progress: number | null;
}

export interface DraftItem {
  readonly text: string;
  /** Raised when the host sets the text (another conversation, a failed send): only then does the box follow. */
  readonly revision: number;
}

export interface ChatState {
  /** Pinned ones first, then the newest change first; as many as were asked for. */
  readonly conversations: readonly ConversationItem[];
  readonly hasMoreConversations: boolean;
  readonly history: HistoryItem;
  /** `null`: nothing was searched for. */
  readonly search: SearchItem | null;
  /** `null`: a new one, created with its first message. */
  readonly conversationId: string | null;
  /** `''`: not named yet. */
  readonly title: string;
  readonly reveal: RevealItem | null;
  /** The active branch, oldest first; at most the last ones of it. */
  readonly messages: readonly MessageItem[];
  /** How many of the branch come before the first of `messages`. */
  readonly earlier: number;
  /** The conversation is being opened: its messages are on the way. */
  readonly loading: boolean;
  /** This window is writing an answer here. */
  readonly answering: boolean;
  /** The conversation has settings of its own. */
  readonly hasSettings: boolean;
  readonly draft: DraftItem;
  /** What goes with the next message. */
  readonly attachments: readonly AttachmentItem[];
  /** `null`: not known, as while the model is not loaded. */
  readonly tokens: TokenCountItem | null;
  readonly model: ModelItem;
  /** Something outside of any message failed. */
  readonly notice: ErrorItem | null;
  /** What was just deleted and can be had back with a click. `name`: of the only one. */
  readonly undo: { readonly count: number; readonly name: string } | null;
}

/** The texts of the view; `{0}` … are places for values. The host localises them. */
export interface ChatStrings {
  readonly newConversation: string;
  readonly history: string;
  readonly closeHistory: string;
  readonly searchHistory: string;
  readonly noConversations: string;
  readonly noMatches: string;
  readonly showMore: string;
  readonly rename: string;
  readonly renameHint: string;
  readonly pinned: string;
  readonly pin: string;
  readonly unpin: string;
  readonly archive: string;
  readonly unarchive: string;
  readonly archivedOnly: string;
  readonly tags: string;
  readonly tagsHint: string;
  readonly tagged: string;
  readonly moreActions: string;
  readonly fork: string;
  readonly export: string;
  readonly deletedMany: string;
  readonly scopeFolder: string;
  readonly scopeAll: string;
  readonly scopeLabel: string;
  readonly noFolderConversations: string;
  readonly noArchived: string;
  readonly noTagged: string;
  readonly showAll: string;
  readonly filters: string;
  readonly anyTime: string;
  readonly lastDay: string;
  readonly lastWeekFilter: string;
  readonly lastMonth: string;
  readonly lastYear: string;
  readonly dateRange: string;
  readonly fromDay: string;
  readonly toDay: string;
  readonly anyModel: string;
  readonly anyRole: string;
  readonly anyTag: string;
  readonly period: string;
  readonly model: string;
  readonly role: string;
  readonly tag: string;
  readonly searching: string;
  readonly hits: string;
  readonly oneHit: string;
  readonly inName: string;
  readonly select: string;
  readonly selectAll: string;
  readonly selected: string;
  readonly clearSelection: string;
  readonly found: string;
  readonly dropped: string;
  readonly droppedOne: string;
  readonly cutByLength: string;
  readonly cutByContext: string;
  readonly delete: string;
  readonly deleted: string;
  readonly undo: string;
  readonly today: string;
  readonly yesterday: string;
  readonly lastWeek: string;
  readonly older: string;
  readonly answering: string;
  readonly welcomeTitle: string;
  readonly welcomeText: string;
  readonly welcomeStarter: string;
  readonly welcomeNoModel: string;
  readonly suggestions: string;
  readonly suggestionWhat: string;
  readonly suggestionDownload: string;
  readonly suggestionPrivacy: string;
  readonly suggestionStop: string;
  readonly conversation: string;
  readonly showEarlier: string;
  readonly jumpToLatest: string;
  readonly you: string;
  readonly assistant: string;
  readonly loadingModel: string;
  readonly loadingModelPercent: string;
  readonly thinking: string;
  readonly reasoning: string;
  readonly stopped: string;
  readonly interrupted: string;
  readonly emptyAnswer: string;
  readonly elsewhere: string;
  readonly tokensPerSecond: string;
  readonly tokens: string;
  readonly firstToken: string;
  readonly copy: string;
  readonly copied: string;
  readonly copyCode: string;
  readonly insertCode: string;
  readonly wrapCode: string;
  readonly plainText: string;
  readonly regenerate: string;
  readonly edit: string;
  readonly cancel: string;
  readonly sendEdited: string;
  readonly branchOf: string;
  readonly previousBranch: string;
  readonly nextBranch: string;
  readonly placeholder: string;
  readonly messageInput: string;
  readonly attach: string;
  readonly attachments: string;
  readonly removeAttachment: string;
  readonly openAttachment: string;
  readonly attachmentLines: string;
  readonly attachmentLine: string;
  readonly imageHint: string;
  readonly dropHint: string;
  readonly tokenCount: string;
  readonly tokenCountOf: string;
  readonly tokenCountOver: string;
  readonly tokenCountTooLong: string;
  readonly textTooLong: string;
  readonly send: string;
  readonly stop: string;
  readonly settings: string;
  readonly pickModel: string;
  readonly noModel: string;
  readonly local: string;
  readonly remote: string;
  readonly starter: string;
  readonly localTag: string;
  readonly remoteTag: string;
  readonly starterTag: string;
  readonly dismiss: string;
  readonly announceGenerating: string;
  readonly announceComplete: string;
  readonly announceStopped: string;
  readonly announceFailed: string;
  readonly announceCopied: string;
  readonly announceAttached: string;
  readonly actionRetry: string;
  readonly actionTryAnyway: string;
  readonly actionPickModel: string;
  readonly actionDownloadModel: string;
  readonly actionAddModelFile: string;
  readonly actionNewConversation: string;
  readonly actionRestartEngine: string;
  readonly actionShowLog: string;
  /** Used by the host for errors that it finds itself. */
  readonly linkRefused: string;
  readonly noEditor: string;
  readonly notSaved: string;
  readonly noModelError: string;
  readonly attachNotText: string;
  readonly attachTooLarge: string;
  readonly attachImageTooLarge: string;
  readonly attachEmpty: string;
  readonly attachTooMany: string;
}

//#endregion

//#region Host to webview

export type StateChange =
  /** Adds to the end of a message; `stats` replace those that it has. */
  | {
      readonly kind: 'text';
      readonly id: string;
      readonly content?: string;
      readonly reasoning?: string;
      readonly stats?: MessageStats | null;
    }
  /** Replaces one message. */
  | { readonly kind: 'message'; readonly message: MessageItem }
  /** Replaces whole fields. */
  | { readonly kind: 'fields'; readonly fields: Partial<Omit<ChatState, 'messages'>> };

export interface StateMessage {
  readonly type: 'state';
  /** The first `delta` after this one has `sequence + 1`. */
  readonly sequence: number;
  readonly state: ChatState;
  /** With the answer to `ready`. */
  readonly strings?: ChatStrings;
}

export interface DeltaMessage {
  readonly type: 'delta';
  readonly sequence: number;
  readonly changes: readonly StateChange[];
}

export type ToWebview =
  | StateMessage
  | DeltaMessage
  | { readonly type: 'focusInput' }
  | { readonly type: 'showHistory' };

//#endregion

//#region Webview to host

const id = v.pipe(v.string(), v.minLength(1), v.maxLength(100));
/** Longest text that the box sends, characters. */
export const maxTextLength = 1 << 20;
const text = v.pipe(v.string(), v.maxLength(maxTextLength));
const conversationId = v.nullable(id);
const ids = v.pipe(v.array(id), v.minLength(1), v.maxLength(100_000));
const tag = v.pipe(v.string(), v.minLength(1), v.maxLength(100));
const day = v.pipe(v.string(), v.isoDate());

/** Of one message. */
export const maxAttachments = 20;
/** Bytes. Of a larger file the page sends one byte more, so that the host can say so. */
export const maxPageFile = 16 * 1024 * 1024;
const pageFile = v.strictObject({
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(1000)),
  bytes: v.pipe(v.instance(Uint8Array), v.check((bytes) => bytes.length <= maxPageFile + 1)),
});

const toHost = v.variant('type', [
  /** The page is up: send strings and state. */
  v.strictObject({ type: v.literal('ready') }),
  /** A delta was missed: send the state. */
  v.strictObject({ type: v.literal('resync') }),
  v.strictObject({ type: v.literal('send'), conversationId, text }),
  v.strictObject({ type: v.literal('stop') }),
  v.strictObject({ type: v.literal('draft'), conversationId, text }),
  /** Lets the user choose files to attach. */
  v.strictObject({ type: v.literal('attach'), conversationId }),
  /** Files dropped or pasted, with their bytes. */
  v.strictObject({ type: v.literal('attachFiles'), conversationId, files: v.pipe(v.array(pageFile), v.minLength(1), v.maxLength(maxAttachments)) }),
  /** Files of the workspace, dragged from the explorer or an editor's tab. */
  v.strictObject({
    type: v.literal('attachUris'),
    conversationId,
    uris: v.pipe(v.array(v.pipe(v.string(), v.maxLength(8192))), v.minLength(1), v.maxLength(maxAttachments)),
  }),
  v.strictObject({ type: v.literal('removeAttachment'), conversationId, index: v.pipe(v.number(), v.integer(), v.minValue(0)) }),
  /** `messageId` null: one of the next message. */
  v.strictObject({ type: v.literal('openAttachment'), messageId: v.nullable(id), index: v.pipe(v.number(), v.integer(), v.minValue(0)) }),
  v.strictObject({ type: v.literal('newConversation') }),
  v.strictObject({ type: v.literal('openConversation'), id }),
  v.strictObject({ type: v.literal('renameConversation'), id, name: v.pipe(v.string(), v.maxLength(500)) }),
  v.strictObject({ type: v.literal('pinConversation'), id, pinned: v.boolean() }),
  v.strictObject({ type: v.literal('archiveConversations'), ids, archived: v.boolean() }),
  /** Replaces all tags. */
  v.strictObject({ type: v.literal('tagConversation'), id, tags: v.pipe(v.array(tag), v.maxLength(50)) }),
  v.strictObject({ type: v.literal('deleteConversations'), ids }),
  v.strictObject({ type: v.literal('exportConversations'), ids }),
  v.strictObject({ type: v.literal('undoDelete') }),
  v.strictObject({ type: v.literal('showMoreConversations') }),
  v.strictObject({
    type: v.literal('filterHistory'),
    filter: v.strictObject({ scope: v.picklist(['folder', 'all']), archived: v.boolean(), tag: v.nullable(tag) }),
  }),
  /** Answered by `state.search` with the same revision; an empty text ends the search. */
  v.strictObject({
    type: v.literal('search'),
    revision: v.pipe(v.number(), v.integer()),
    text: v.pipe(v.string(), v.maxLength(900)),
    period: v.picklist(searchPeriods),
    /** Of `range`: days of this machine's calendar, both included; null: open. */
    from: v.nullable(day),
    to: v.nullable(day),
    modelId: v.nullable(v.pipe(v.string(), v.maxLength(1000))),
    role: v.nullable(v.picklist(['user', 'assistant'])),
  }),
  v.strictObject({ type: v.literal('showMoreHits') }),
  v.strictObject({ type: v.literal('openHit'), conversationId: id, messageId: v.nullable(id) }),
  /** A new conversation of everything up to this message. */
  v.strictObject({ type: v.literal('fork'), messageId: id }),
  v.strictObject({ type: v.literal('showEarlier') }),
  /** Another answer to the same question, beside this one. */
  v.strictObject({ type: v.literal('regenerate'), messageId: id }),
  /** The same question in other words, beside the old one. */
  v.strictObject({ type: v.literal('edit'), messageId: id, text }),
  /** Shows the branch that this message is on. */
  v.strictObject({ type: v.literal('switchBranch'), messageId: id }),
  v.strictObject({ type: v.literal('pickModel') }),
  v.strictObject({ type: v.literal('editSettings') }),
  /** A button of an error; `messageId` null: of the notice. */
  v.strictObject({ type: v.literal('action'), action: v.picklist(chatActions), messageId: v.nullable(id) }),
  v.strictObject({ type: v.literal('dismissNotice') }),
  v.strictObject({ type: v.literal('copy'), text: v.pipe(v.string(), v.maxLength(1 << 24)) }),
  v.strictObject({ type: v.literal('insert'), text: v.pipe(v.string(), v.maxLength(1 << 24)) }),
  v.strictObject({ type: v.literal('openLink'), url: v.pipe(v.string(), v.maxLength(8192)) }),
]);

export type ToHost = v.InferOutput<typeof toHost>;

/** The message, or `undefined` for anything that is not exactly one. */
export function parseToHost(value: unknown): ToHost | undefined {
  const result = v.safeParse(toHost, value);
  return result.success ? result.output : undefined;
}

//#endregion
