// The tables of the view, and how JavaScript values lie in their columns.
// Must not know: the journal, files.

import type { SqlValue } from './sqlite';

/** PRAGMA user_version of a snapshot. A higher one is of a newer Jan and is not opened. */
export const schemaVersion = 2;

/**
 * `seq` numbers rows in the order in which the journal made them, so a parent's is below its child's. The columns
 * behind the line break at the end are those that version 2 added; so ALTER TABLE writes them.
 */
const tables = [
  `CREATE TABLE conversations (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  model_id TEXT,
  system_prompt TEXT,
  active INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  pinned INTEGER NOT NULL DEFAULT 0,
  archived INTEGER NOT NULL DEFAULT 0,
  tags TEXT,
  workspace TEXT,
  settings TEXT
, forked_from TEXT, deleted_at INTEGER)`,
  `CREATE INDEX conversations_by_change ON conversations (updated_at, id)`,
  `CREATE TABLE messages (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  conversation INTEGER NOT NULL,
  parent INTEGER,
  role TEXT NOT NULL,
  content TEXT NOT NULL,
  reasoning TEXT,
  status TEXT NOT NULL,
  error TEXT,
  model_id TEXT,
  usage TEXT,
  timings TEXT,
  writer TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
, attachments TEXT)`,
  `CREATE INDEX messages_by_conversation ON messages (conversation, seq)`,
  `CREATE INDEX messages_being_written ON messages (seq) WHERE status = 'streaming'`,
  `CREATE TABLE models (
  id TEXT PRIMARY KEY,
  description TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  download_started_at INTEGER NOT NULL,
  download_finished_at INTEGER NOT NULL
)`,
  `CREATE TABLE unknown_records (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  kind INTEGER NOT NULL,
  version INTEGER NOT NULL,
  flags INTEGER NOT NULL,
  payload BLOB NOT NULL
)`,
];

/** Since version 2. */
const indexes = [
  `CREATE INDEX conversations_by_pin ON conversations (pinned, updated_at, id)`,
  `CREATE INDEX conversations_by_workspace ON conversations (workspace, updated_at, id) WHERE workspace IS NOT NULL`,
  `CREATE INDEX conversations_deleted ON conversations (deleted_at) WHERE deleted_at IS NOT NULL`,
  `CREATE INDEX messages_with_attachments ON messages (seq) WHERE attachments IS NOT NULL`,
];

/** What is searched: messages' texts and conversations' names, each with three tables of its own. */
export const searchedTables = ['messages', 'conversations'] as const;
export type SearchedTable = (typeof searchedTables)[number];

/**
 * For each: the rows that are to be put into the index still; the index, which keeps no text (newest first); and what
 * the index takes for its content when a row is removed from it, otherwise empty.
 */
export function searchStatements(table: SearchedTable): string[] {
  return [
    `CREATE TABLE ${table}_to_index (seq INTEGER PRIMARY KEY)`,
    `CREATE TABLE ${table}_removed (docid INTEGER PRIMARY KEY, terms TEXT)`,
    `CREATE VIRTUAL TABLE ${table}_index USING fts4 (terms, content="${table}_removed", tokenize=simple, order=desc)`,
  ];
}

/** Makes a row of `to_index` for everything that is not being written. */
export function indexAllStatement(table: SearchedTable): string {
  const filter = table === 'messages' ? `WHERE status <> 'streaming'` : '';
  return `INSERT INTO ${table}_to_index SELECT seq FROM ${table} ${filter}`;
}

/** An empty view. */
export const schemaStatements: readonly string[] = [...tables, ...indexes, ...searchedTables.flatMap(searchStatements)];

/** From the key's version to the next one. What they lead to is exactly what {@link schemaStatements} make. */
export const migrations: Readonly<Record<number, readonly string[]>> = {
  1: [
    `ALTER TABLE conversations ADD COLUMN forked_from TEXT`,
    `ALTER TABLE conversations ADD COLUMN deleted_at INTEGER`,
    `ALTER TABLE messages ADD COLUMN attachments TEXT`,
    ...indexes,
    ...searchedTables.flatMap(searchStatements),
    ...searchedTables.map(indexAllStatement),
  ],
};

/** What SQLite cannot give back as it was: NUL (its functions stop there), a leading BOM (dropped), lone surrogates. */
const unfit = /[\0\p{Surrogate}]|^\uFEFF/u;

/** Text as SQLite keeps it: itself, or as a blob of its JSON where SQLite would change it. */
export function toTextColumn(text: string): SqlValue;
export function toTextColumn(text: string | undefined): SqlValue;
export function toTextColumn(text: string | undefined): SqlValue {
  if (text === undefined) {
    return null;
  }
  return unfit.test(text) ? Buffer.from(JSON.stringify(text), 'utf8') : text;
}

export function fromTextColumn(value: SqlValue | undefined): string | undefined {
  if (typeof value === 'string') {
    return value;
  }
  if (value instanceof Uint8Array) {
    return JSON.parse(Buffer.from(value).toString('utf8')) as string;
  }
  return undefined;
}

/** JSON text is always fit: it escapes what SQLite cannot keep, but for a BOM, which cannot lead it. */
export function toJsonColumn(value: object | undefined): SqlValue {
  return value === undefined ? null : JSON.stringify(value);
}

export function fromJsonColumn<T>(value: SqlValue | undefined): T | undefined {
  return typeof value === 'string' ? (JSON.parse(value) as T) : undefined;
}
