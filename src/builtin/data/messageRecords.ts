// Applies the records that are about messages.
// Must not know: the journal, the current time.

import type { MessageStatus } from '../../api/jan';
import { maxTextLength, type Payload, type Writer } from './operations';
import { conversationMissing, messageChange, messageMissing, nothingChanged, type Outcome } from './outcomes';
import { fromJsonColumn, fromTextColumn, toJsonColumn, toTextColumn } from './schema';
import type { SearchIndex } from './searchIndex';
import type { SqlValue, StatementCache } from './sqlite';

/** Messages of conversations that are not deleted. */
const messageSource = 'messages m JOIN conversations c ON c.seq = m.conversation AND c.deleted_at IS NULL';

export const messageColumns = `id, conversation, parent, role, content, reasoning, status, error, model_id, usage, timings,
  attachments, writer, created_at, updated_at`;

type NewRow = Omit<Payload<'importConversation'>['messages'][number], 'parentId' | 'createdAt' | 'updatedAt'>;

/** For {@link messageColumns}. */
export function messageValues(
  message: NewRow,
  place: Readonly<Record<'conversation' | 'parent' | 'writer' | 'created' | 'updated', SqlValue>>,
): SqlValue[] {
  return [
    message.id,
    place.conversation,
    place.parent,
    message.role,
    toTextColumn(message.content),
    toTextColumn(message.reasoning),
    message.status,
    toJsonColumn(message.error),
    toTextColumn(message.modelId),
    toJsonColumn(message.usage),
    toJsonColumn(message.timings),
    message.attachments === undefined || message.attachments.length === 0 ? null : toJsonColumn(message.attachments),
    place.writer,
    place.created,
    place.updated,
  ];
}

export class MessageRecords {
  constructor(
    private readonly sql: StatementCache,
    private readonly search: SearchIndex,
  ) {}

  create(payload: Payload<'createMessage'>): Outcome {
    const conversation = this.sql.row('SELECT seq, active FROM conversations WHERE id = ? AND deleted_at IS NULL', [
      payload.conversationId,
    ]);
    if (conversation === undefined) {
      return conversationMissing(payload.conversationId);
    }
    if (this.#seq(payload.id) !== undefined) {
      return nothingChanged;
    }
    const [conversationSeq, active] = conversation as [number, number | null];
    let parent: SqlValue = active;
    if (payload.parentId !== undefined) {
      const found = payload.parentId === null ? undefined : this.#seq(payload.parentId);
      if (payload.parentId !== null && (found === undefined || found[1] !== conversationSeq)) {
        return messageMissing(payload.parentId);
      }
      parent = found?.[0] ?? null;
    }
    const writer = payload.status === 'streaming' ? toJsonColumn(payload.writer) : null;
    const place = { conversation: conversationSeq, parent, writer, created: payload.at, updated: payload.at };
    this.sql.run(
      `INSERT INTO messages (${messageColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      messageValues(payload, place),
    );
    const seq = this.sql.row('SELECT last_insert_rowid()')![0] as number;
    this.sql.run('UPDATE conversations SET active = ?, updated_at = ? WHERE seq = ?', [seq, payload.at, conversationSeq]);
    if (payload.status !== 'streaming') {
      this.search.add('messages', seq);
    }
    return {
      type: 'applied',
      changes: [
        { topic: 'message', kind: 'created', id: payload.id, conversationId: payload.conversationId },
        { topic: 'conversation', kind: 'updated', id: payload.conversationId },
      ],
    };
  }

  update(payload: Payload<'updateMessage'>): Outcome {
    const row = this.sql.row(
      `SELECT m.seq, c.id, m.status, ${payload.append === undefined ? 'NULL' : 'm.content'},
       ${payload.appendReasoning === undefined ? 'NULL' : 'm.reasoning'}, m.error, m.writer
       FROM ${messageSource} WHERE m.id = ?`,
      [payload.id],
    );
    if (row === undefined) {
      return messageMissing(payload.id);
    }
    const [seq, conversationId, oldStatus, oldContent, oldReasoning, oldError, oldWriter] = row;
    // Joined here, not by SQLite: the halves of a surrogate pair may arrive in two deltas.
    const content =
      payload.append === undefined ? payload.content : (fromTextColumn(oldContent) ?? '') + payload.append;
    const reasoning =
      payload.appendReasoning === undefined
        ? undefined
        : (fromTextColumn(oldReasoning) ?? '') + payload.appendReasoning;
    if ((content?.length ?? 0) > maxTextLength || (reasoning?.length ?? 0) > maxTextLength) {
      return {
        type: 'refused',
        code: 'invalid-argument',
        message: `A message may hold ${maxTextLength} characters at most. Continue in a new message.`,
        id: payload.id,
      };
    }
    const status = payload.status ?? (oldStatus as MessageStatus);
    const error =
      payload.error === undefined ? (payload.status === undefined ? oldError! : null) : toJsonColumn(payload.error);
    const writer = status !== 'streaming' ? null : (toJsonColumn(payload.writer) ?? oldWriter!);
    this.#noteForSearch(seq as number, oldStatus as MessageStatus, status, content !== undefined);
    this.sql.run(
      `UPDATE messages SET content = coalesce(?, content), reasoning = coalesce(?, reasoning), status = ?, error = ?,
       model_id = coalesce(?, model_id), usage = coalesce(?, usage), timings = coalesce(?, timings), writer = ?,
       updated_at = ? WHERE seq = ?`,
      [
        toTextColumn(content),
        toTextColumn(reasoning),
        status,
        error,
        toTextColumn(payload.modelId),
        toJsonColumn(payload.usage),
        toJsonColumn(payload.timings),
        writer,
        payload.at,
        seq!,
      ],
    );
    return messageChange(payload.id, conversationId as string);
  }

  interrupt(payload: Payload<'interruptMessage'>): Outcome {
    const row = this.sql.row(
      `SELECT m.seq, c.id, m.writer FROM ${messageSource} WHERE m.id = ? AND m.status = 'streaming'`,
      [payload.id],
    );
    if (row === undefined || (fromJsonColumn<Writer>(row[2])?.session ?? '') !== payload.session) {
      return nothingChanged; // Finished, or taken up by another writer, in the meantime.
    }
    this.sql.run(`UPDATE messages SET status = 'interrupted', writer = NULL WHERE seq = ?`, [row[0]!]);
    this.search.add('messages', row[0] as number);
    return messageChange(payload.id, row[1] as string);
  }

  /** Before the change. A message that is being written is not in the index. */
  #noteForSearch(seq: number, oldStatus: MessageStatus, status: MessageStatus, changed: boolean): void {
    if (oldStatus !== 'streaming' && (changed || status === 'streaming')) {
      const [content] = this.sql.row('SELECT content FROM messages WHERE seq = ?', [seq])!;
      this.search.remove('messages', seq, fromTextColumn(content)!);
    }
    if (status !== 'streaming' && (changed || oldStatus === 'streaming')) {
      this.search.add('messages', seq);
    }
  }

  /** The message's own number and that of its conversation. */
  #seq(id: string): SqlValue[] | undefined {
    return this.sql.row('SELECT seq, conversation FROM messages WHERE id = ?', [id]);
  }
}
