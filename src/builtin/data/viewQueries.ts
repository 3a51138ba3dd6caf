// What the store's callers ask of the view. Reads only.
// Must not know: the journal, files, who asks.

import { createHash } from 'node:crypto';
import type { Conversation, ConversationQuery, Message, MessageRole, MessageStatus, Model } from '../../api/jan';
import type { Writer } from './operations';
import { fromJsonColumn, fromTextColumn } from './schema';
import type { SqlValue, StatementCache } from './sqlite';

/** A message that some window says it is writing. */
export interface StreamingMessage {
  readonly id: string;
  readonly writer: Writer | undefined;
  readonly updatedAt: number;
}

export const defaultPageSize = 50;

const conversationColumns = `c.id, c.name, c.model_id, c.system_prompt,
  (SELECT m.id FROM messages m WHERE m.seq = c.active), c.created_at, c.updated_at`;
const messageQuery = `SELECT m.id, c.id, (SELECT p.id FROM messages p WHERE p.seq = m.parent), m.role, m.content,
  m.reasoning, m.status, m.error, m.model_id, m.usage, m.timings, m.created_at, m.updated_at
  FROM messages m JOIN conversations c ON c.seq = m.conversation`;
const modelQuery = 'SELECT description, created_at, download_started_at, download_finished_at FROM models';

/** Ancestors fetched by one statement, so that a long conversation does not hold the event loop. */
const pathStep = 1000;

export class ViewQueries {
  constructor(private readonly sql: StatementCache) {}

  conversations(query: ConversationQuery): Conversation[] {
    const after = query.after;
    return this.sql
      .rows(
        `SELECT ${conversationColumns} FROM conversations c
         ${after === undefined ? '' : 'WHERE (c.updated_at, c.id) < (?, ?)'}
         ORDER BY c.updated_at DESC, c.id DESC LIMIT ?`,
        [...(after === undefined ? [] : [after.updatedAt, after.id]), query.limit ?? defaultPageSize],
      )
      .map(toConversation);
  }

  conversation(id: string): Conversation | undefined {
    const row = this.sql.row(`SELECT ${conversationColumns} FROM conversations c WHERE c.id = ?`, [id]);
    return row === undefined ? undefined : toConversation(row);
  }

  /** Ids with the time of the last change, to tell what a reload changed. */
  conversationTimes(): Map<string, number> {
    return new Map(this.sql.rows('SELECT id, updated_at FROM conversations') as [string, number][]);
  }

  message(id: string): Message | undefined {
    const row = this.sql.row(`${messageQuery} WHERE m.id = ?`, [id]);
    return row === undefined ? undefined : toMessage(row);
  }

  messageAt(seq: number): Message | undefined {
    const row = this.sql.row(`${messageQuery} WHERE m.seq = ?`, [seq]);
    return row === undefined ? undefined : toMessage(row);
  }

  has(what: 'conversation' | 'message' | 'model', id: string): boolean {
    return this.sql.row(`SELECT 1 FROM ${what}s WHERE id = ?`, [id]) !== undefined;
  }

  /** Numbers of all messages of a conversation, parents before children. */
  allMessages(conversationId: string): number[] {
    return this.sql
      .rows('SELECT seq FROM messages WHERE conversation = (SELECT seq FROM conversations WHERE id = ?) ORDER BY seq', [
        conversationId,
      ])
      .map(([seq]) => seq as number);
  }

  /** The end of the branch that is shown. */
  activeMessage(conversationId: string): number | undefined {
    return (this.sql.row('SELECT active FROM conversations WHERE id = ?', [conversationId])?.[0] ?? undefined) as
      | number
      | undefined;
  }

  /** `seq` and up to {@link pathStep} ancestors of it, the nearest first, and the one that comes next. */
  ancestors(seq: number): { readonly seqs: number[]; readonly next: number | undefined } {
    const rows = this.sql.rows(
      `WITH RECURSIVE path (seq, parent) AS (
         SELECT seq, parent FROM messages WHERE seq = ?
         UNION ALL SELECT m.seq, m.parent FROM path JOIN messages m ON m.seq = path.parent LIMIT ${pathStep}
       ) SELECT seq, parent FROM path`,
      [seq],
    ) as [number, number | null][];
    return { seqs: rows.map(([own]) => own), next: rows.at(-1)?.[1] ?? undefined };
  }

  /** @param conversationId default: of all conversations */
  streamingMessages(conversationId?: string): StreamingMessage[] {
    const filter = conversationId === undefined ? '' : 'AND conversation = (SELECT seq FROM conversations WHERE id = ?)';
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

  counts(): { readonly conversations: number; readonly messages: number; readonly models: number } {
    const count = (table: string): number => this.sql.row(`SELECT count(*) FROM ${table}`)![0] as number;
    return { conversations: count('conversations'), messages: count('messages'), models: count('models') };
  }
}

/** Leaves out what is absent, so that results compare and serialise as the contract says. */
function present<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined && field !== '')) as T;
}

function toConversation(row: SqlValue[]): Conversation {
  const [id, name, modelId, systemPrompt, activeMessageId, createdAt, updatedAt] = row;
  return {
    id: id as string,
    name: fromTextColumn(name) ?? '',
    ...present({
      modelId: fromTextColumn(modelId),
      systemPrompt: fromTextColumn(systemPrompt),
      activeMessageId: fromTextColumn(activeMessageId),
    }),
    createdAt: createdAt as number,
    updatedAt: updatedAt as number,
  };
}

function toMessage(row: SqlValue[]): Message {
  const [id, conversationId, parentId, role, content, reasoning, status, error, modelId, usage, timings] = row;
  const [created, updated] = row.slice(11);
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
