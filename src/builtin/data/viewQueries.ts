// What the store's callers ask of the view. Reads only.
// Must not know: the journal, files, who asks.

import { createHash } from 'node:crypto';
import type { Attachment, Conversation, ConversationQuery, Message, MessageRole, MessageStatus, Model, TagCount } from '../../api/jan';
import type { Writer } from './operations';
import { fromJsonColumn, fromTextColumn, toTextColumn } from './schema';
import type { SqlValue, StatementCache } from './sqlite';

/** A message that some window says it is writing. */
export interface StreamingMessage {
  readonly id: string;
  readonly writer: Writer | undefined;
  readonly updatedAt: number;
}

export const defaultPageSize = 50;

const conversationColumns = `c.id, c.name, c.model_id, c.system_prompt,
  (SELECT m.id FROM messages m WHERE m.seq = c.active), c.created_at, c.updated_at, c.pinned, c.archived, c.tags,
  c.workspace, c.settings, c.forked_from`;
const messageQuery = `SELECT m.id, c.id, (SELECT p.id FROM messages p WHERE p.seq = m.parent), m.role, m.content,
  m.reasoning, m.status, m.error, m.model_id, m.usage, m.timings, m.created_at, m.updated_at, m.attachments
  FROM messages m JOIN conversations c ON c.seq = m.conversation AND c.deleted_at IS NULL`;
const liveConversation = '(SELECT seq FROM conversations WHERE id = ? AND deleted_at IS NULL)';
const modelQuery = 'SELECT description, created_at, download_started_at, download_finished_at FROM models';

/** Ancestors fetched by one statement, so that a long conversation does not hold the event loop. */
const pathStep = 1000;

export class ViewQueries {
  constructor(private readonly sql: StatementCache) {}

  conversations(query: ConversationQuery): Conversation[] {
    const { conditions, values } = conversationFilter(query);
    const order = query.pinnedFirst === true ? 'c.pinned DESC, ' : '';
    return this.sql
      .rows(
        `SELECT ${conversationColumns} FROM conversations c WHERE ${conditions.join(' AND ')}
         ORDER BY ${order}c.updated_at DESC, c.id DESC LIMIT ?`,
        [...values, query.limit ?? defaultPageSize],
      )
      .map(toConversation);
  }

  conversation(id: string): Conversation | undefined {
    const row = this.sql.row(`SELECT ${conversationColumns} FROM conversations c WHERE c.id = ? AND c.deleted_at IS NULL`, [id]);
    return row === undefined ? undefined : toConversation(row);
  }

  /** In use, with the number of conversations that have each. */
  tags(): TagCount[] {
    const rows = this.sql.rows(
      `SELECT value, count(*) FROM conversations c, json_each(c.tags) WHERE c.tags IS NOT NULL AND c.deleted_at IS NULL
       GROUP BY value ORDER BY value`,
    );
    return (rows as [string, number][]).map(([tag, conversations]) => ({ tag, conversations }));
  }

  /** Ids with all that a list shows of them, to tell what a reload changed. */
  conversationStates(): Map<string, string> {
    const rows = this.sql.rows(
      `SELECT id, updated_at || ' ' || pinned || archived || ' ' || coalesce(tags, '') || ' ' || coalesce(workspace, '')
       || coalesce(settings, '') FROM conversations WHERE deleted_at IS NULL`,
    );
    return new Map(rows as [string, string][]);
  }

  message(id: string): Message | undefined {
    const row = this.sql.row(`${messageQuery} WHERE m.id = ?`, [id]);
    return row === undefined ? undefined : toMessage(row);
  }

  messageAt(seq: number): Message | undefined {
    const row = this.sql.row(`${messageQuery} WHERE m.seq = ?`, [seq]);
    return row === undefined ? undefined : toMessage(row);
  }

  /** The conversation of a message, deleted or not. */
  conversationOf(messageId: string): string | undefined {
    const query = 'SELECT c.id FROM messages m JOIN conversations c ON c.seq = m.conversation WHERE m.id = ?';
    return this.sql.row(query, [messageId])?.[0] as string | undefined;
  }

  /** The number of messages from the first one to this one. */
  depth(messageId: string): number {
    return this.sql.row(
      `WITH RECURSIVE path (seq, parent) AS (
         SELECT seq, parent FROM messages WHERE id = ?
         UNION ALL SELECT m.seq, m.parent FROM path JOIN messages m ON m.seq = path.parent AND m.seq < path.seq
       ) SELECT count(*) FROM path`,
      [messageId],
    )![0] as number;
  }

  has(what: 'conversation' | 'message' | 'model', id: string): boolean {
    const query = {
      conversation: 'SELECT 1 FROM conversations WHERE id = ? AND deleted_at IS NULL',
      message:
        'SELECT 1 FROM messages m JOIN conversations c ON c.seq = m.conversation WHERE m.id = ? AND c.deleted_at IS NULL',
      model: 'SELECT 1 FROM models WHERE id = ?',
    }[what];
    return this.sql.row(query, [id]) !== undefined;
  }

  /** Numbers of all messages of a conversation, parents before children. */
  allMessages(conversationId: string): number[] {
    return this.sql
      .rows(`SELECT seq FROM messages WHERE conversation = ${liveConversation} ORDER BY seq`, [conversationId])
      .map(([seq]) => seq as number);
  }

  /** The end of the branch that is shown. */
  activeMessage(conversationId: string): number | undefined {
    return (this.sql.row('SELECT active FROM conversations WHERE id = ? AND deleted_at IS NULL', [conversationId])?.[0] ?? undefined) as
      | number
      | undefined;
  }

  /** `seq` and up to {@link pathStep} ancestors of it, the nearest first, and the one that comes next. */
  ancestors(seq: number): { readonly seqs: number[]; readonly next: number | undefined } {
    const rows = this.sql.rows(
      `WITH RECURSIVE path (seq, parent) AS (
         SELECT seq, parent FROM messages WHERE seq = ?
         UNION ALL SELECT m.seq, m.parent FROM path JOIN messages m ON m.seq = path.parent AND m.seq < path.seq LIMIT ${pathStep}
       ) SELECT seq, parent FROM path`,
      [seq],
    ) as [number, number | null][];
    const next = rows.length < pathStep ? undefined : (rows.at(-1)?.[1] ?? undefined);
    // A snapshot may be hostile: parents come before their children, or the walk would never end.
    return { seqs: rows.map(([own]) => own), next: next !== undefined && next < rows.at(-1)![0] ? next : undefined };
  }

  /** @param conversationId default: of all conversations */
  streamingMessages(conversationId?: string): StreamingMessage[] {
    const filter =
      conversationId === undefined
        ? 'AND (SELECT deleted_at FROM conversations c WHERE c.seq = conversation) IS NULL'
        : `AND conversation = ${liveConversation}`;
    return this.sql
      .rows(
        `SELECT id, writer, updated_at FROM messages WHERE status = 'streaming' ${filter}`,
        conversationId === undefined ? [] : [conversationId],
      )
      .map(([id, writer, updatedAt]) => ({
        id: id as string,
        writer: fromJsonColumn<Writer>(writer),
        updatedAt: updatedAt as number,
      }));
  }

  model(id: string): Model | undefined {
    const row = this.sql.row(`${modelQuery} WHERE id = ?`, [id]);
    return row === undefined ? undefined : toModel(row);
  }

  models(downloads: 'finished' | 'unfinished'): Model[] {
    const [filter, order] =
      downloads === 'finished'
        ? ['download_finished_at >= 0', 'download_finished_at']
        : ['download_finished_at < 0 AND download_started_at >= 0', 'download_started_at'];
    return this.sql.rows(`${modelQuery} WHERE ${filter} ORDER BY ${order} DESC, id`).map(toModel);
  }

  hasUnknownRecords(): boolean {
    return this.sql.row('SELECT 1 FROM unknown_records WHERE flags & 1 = 0') !== undefined;
  }

  /** SHA-256 of everything that is stored: equal in two windows exactly when they hold the same. Slow; for checks. */
  contentHash(): string {
    const hash = createHash('sha256');
    for (const table of ['conversations', 'messages', 'models', 'unknown_records']) {
      for (const row of this.sql.rows(`SELECT * FROM ${table} ORDER BY ${table === 'models' ? 'id' : 'seq'}`)) {
        hash.update(JSON.stringify(row.map((value) => (value instanceof Uint8Array ? [...value] : value))));
      }
    }
    return hash.digest('hex');
  }

  /** What is not deleted. */
  counts(): { readonly conversations: number; readonly messages: number; readonly models: number } {
    const count = (source: string): number => this.sql.row(`SELECT count(*) FROM ${source}`)![0] as number;
    return {
      conversations: count('conversations WHERE deleted_at IS NULL'),
      messages: count('messages m JOIN conversations c ON c.seq = m.conversation WHERE c.deleted_at IS NULL'),
      models: count('models'),
    };
  }

  /** When it was deleted; undefined when it is not, or not there. */
  deletedAt(id: string): number | undefined {
    return (this.sql.row('SELECT deleted_at FROM conversations WHERE id = ?', [id])?.[0] ?? undefined) as
      | number
      | undefined;
  }

  /** Ids, with the number of messages. */
  purgeable(query: { olderThan: number; deletedOnly?: boolean; pinned?: boolean }): [string, number][] {
    const old = query.deletedOnly === true ? '' : `OR (c.deleted_at IS NULL AND c.updated_at < ?1 AND c.pinned <= ?2)`;
    return this.sql.rows(
      `SELECT c.id, (SELECT count(*) FROM messages m WHERE m.conversation = c.seq) FROM conversations c
       WHERE c.deleted_at < ?1 ${old} ORDER BY c.seq`,
      query.deletedOnly === true ? [query.olderThan] : [query.olderThan, Number(query.pinned === true)],
    ) as [string, number][];
  }

  /** A page of all conversations that are not deleted, in the order of their making. */
  conversationIds(after: number, limit: number): { readonly seq: number; readonly id: string }[] {
    return this.sql
      .rows('SELECT seq, id FROM conversations WHERE seq > ? AND deleted_at IS NULL ORDER BY seq LIMIT ?', [after, limit])
      .map(([seq, id]) => ({ seq: seq as number, id: id as string }));
  }

  /** Of every message, also of deleted conversations: they may come back. */
  attachments(): Map<string, Attachment> {
    const found = new Map<string, Attachment>();
    for (const [json] of this.sql.rows('SELECT attachments FROM messages WHERE attachments IS NOT NULL')) {
      for (const attachment of fromJsonColumn<Attachment[]>(json) ?? []) {
        found.set(attachment.id, attachment);
      }
    }
    return found;
  }
}

/** Leaves out what is absent, so that results compare and serialise as the contract says. */
function present<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined && field !== '')) as T;
}

function toConversation(row: SqlValue[]): Conversation {
  const [id, name, modelId, systemPrompt, activeMessageId, createdAt, updatedAt] = row;
  const [pinned, archived, tags, workspace, settings, forkedFrom] = row.slice(7);
  return {
    id: id as string,
    name: fromTextColumn(name) ?? '',
    ...present({
      modelId: fromTextColumn(modelId),
      systemPrompt: fromTextColumn(systemPrompt),
      activeMessageId: fromTextColumn(activeMessageId),
      pinned: pinned === 1 || undefined,
      archived: archived === 1 || undefined,
      tags: fromJsonColumn<string[]>(tags),
      workspace: fromTextColumn(workspace),
      settings: fromJsonColumn<NonNullable<Conversation['settings']>>(settings),
      forkedFrom: fromJsonColumn<NonNullable<Conversation['forkedFrom']>>(forkedFrom),
    }),
    createdAt: createdAt as number,
    updatedAt: updatedAt as number,
  };
}

function conversationFilter(query: ConversationQuery): { conditions: string[]; values: SqlValue[] } {
  const conditions = ['c.deleted_at IS NULL'];
  const values: SqlValue[] = [];
  const add = (condition: string, ...given: SqlValue[]): void => {
    conditions.push(condition);
    values.push(...given);
  };
  if (query.after !== undefined) {
    const { updatedAt, id, pinned } = query.after;
    if (query.pinnedFirst === true) {
      add('(c.pinned, c.updated_at, c.id) < (?, ?, ?)', Number(pinned === true), updatedAt, id);
    } else {
      add('(c.updated_at, c.id) < (?, ?)', updatedAt, id);
    }
  }
  if (query.workspace !== undefined) {
    add('c.workspace IS ?', query.workspace === null ? null : toTextColumn(query.workspace));
  }
  if (query.archived !== undefined) {
    add('c.archived = ?', Number(query.archived));
  }
  if (query.pinned !== undefined) {
    add('c.pinned = ?', Number(query.pinned));
  }
  if (query.tag !== undefined) {
    add('EXISTS (SELECT 1 FROM json_each(c.tags) WHERE value = ?)', query.tag);
  }
  if (query.ids !== undefined) {
    add(`c.id IN (SELECT value FROM json_each(?))`, JSON.stringify(query.ids));
  }
  return { conditions, values };
}

function toMessage(row: SqlValue[]): Message {
  const [id, conversationId, parentId, role, content, reasoning, status, error, modelId, usage, timings] = row;
  const [created, updated, attachments] = row.slice(11);
  return {
    id: id as string,
    conversationId: conversationId as string,
    parentId: parentId as string | null,
    role: role as MessageRole,
    content: fromTextColumn(content) ?? '',
    ...present({ reasoning: fromTextColumn(reasoning) }),
    status: status as MessageStatus,
    ...present({
      error: fromJsonColumn<NonNullable<Message['error']>>(error),
      modelId: fromTextColumn(modelId),
      usage: fromJsonColumn<NonNullable<Message['usage']>>(usage),
      timings: fromJsonColumn<NonNullable<Message['timings']>>(timings),
      attachments: fromJsonColumn<Attachment[]>(attachments),
    }),
    createdAt: created as number,
    updatedAt: updated as number,
  };
}

function toModel([description, createdAt, startDownloadAt, finishDownloadAt]: SqlValue[]): Model {
  return {
    ...fromJsonColumn<Model>(description)!,
    createdAt: createdAt as number,
    startDownloadAt: startDownloadAt as number,
    finishDownloadAt: finishDownloadAt as number,
  };
}
