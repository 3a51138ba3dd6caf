// The forms that export and import speak: what was read from a file (a plan), and what is written into one.
// Must not know: any file format, files, the store.

import type { Conversation, ImportNote, ImportSource, Message } from '../../../api/jan';

/** One file of an import: bytes (or text) from its beginning each time it is opened. */
export interface ImportFile {
  /** As the user knows it, `/` between folders, relative to what was picked: `threads/jan_17/thread.json`. */
  readonly name: string;
  /** Bytes, where known: for progress only. */
  readonly size?: number;
  open(): AsyncIterable<Uint8Array | string>;
}

export interface PlannedMessage extends Omit<Message, 'conversationId' | 'parentId'> {
  /** Index in `messages` of the message it follows, always smaller than its own; null for a first one. */
  readonly parent: number | null;
}

/** The conversation as it will be, but for what follows from its messages. */
export interface PlannedConversation extends Omit<Conversation, 'activeMessageId'> {
  readonly source: ImportSource;
  /** Its id where it comes from. */
  readonly sourceId: string;
  /** File and entry it was read from. */
  readonly where: string;
  /** See contentHash.ts: the same messages in the same tree give the same hash, whatever order, dates or ids. */
  readonly hash: string;
  /** Parents before children. */
  readonly messages: readonly PlannedMessage[];
  /** Index of the end of the branch that is shown. */
  readonly active?: number;
  /**
   * Set by `markDuplicates`: is it in the store with the same messages, or with others? Absent: not compared yet.
   */
  readonly standing?: 'new' | 'duplicate' | 'changed';
}

/** Nothing is written while a plan is made; `applyImport` does what it says. */
export interface ImportPlan {
  /** The formats that were met, most conversations first. Empty when nothing was recognised. */
  readonly sources: readonly ImportSource[];
  readonly conversations: readonly PlannedConversation[];
  /** Files' bytes by attachment id, as base64 in pieces that each stand alone; not verified yet. */
  readonly attachments: ReadonlyMap<string, readonly string[]>;
  /** Entries that can't be imported. */
  readonly skipped: readonly ImportNote[];
  /** Entries that are imported, but not quite as they were. */
  readonly adapted: readonly ImportNote[];
  /** Notes beyond the first 1,000 of each list. */
  readonly moreNotes: number;
}

export interface ImportLimits {
  /** Nested objects and lists. */
  readonly depth: number;
  /** Values (objects, lists, texts, numbers) of one entry of a file. */
  readonly nodesPerEntry: number;
  /** UTF-16 units of text in one entry. */
  readonly charactersPerEntry: number;
  /** UTF-16 units of one text; a longer one is cut. */
  readonly textLength: number;
  readonly messagesPerConversation: number;
  readonly conversations: number;
  readonly messages: number;
  /** UTF-16 units of all planned texts. */
  readonly characters: number;
  /** Notes of each kind. */
  readonly notes: number;
}

export const defaultLimits: ImportLimits = {
  depth: 200,
  nodesPerEntry: 4_000_000,
  charactersPerEntry: 128 * 1024 * 1024,
  textLength: 16 * 1024 * 1024,
  messagesPerConversation: 100_000,
  conversations: 100_000,
  messages: 2_000_000,
  characters: 512 * 1024 * 1024,
  notes: 1000,
};
