// The store's state in SQLite, changed by one thing only: applying the journal's records in file order. The same
// records in the same order give the same state in every window.
// Must not know: files, the current time, chance.

import type { JanErrorCode, MessageStatus } from '../../api/jan';
import type { Frame } from './frame';
import { frameVersion, ignorableFlag } from './frame';
import { decodePayload, maxTextLength, operationOfKind, type Payload, type Writer } from './operations';
import { fromJsonColumn, fromTextColumn, schemaStatements, schemaVersion, toJsonColumn, toTextColumn } from './schema';
import { ViewQueries } from './viewQueries';
import { StatementCache, type SqlJsStatic, type SqlValue } from './sqlite';

/** What a record changed, for events. */
export interface Change {
  readonly topic: 'conversation' | 'message' | 'model';
  readonly kind: 'created' | 'updated' | 'deleted';
  readonly id: string;
  /** Of a message. */
  readonly conversationId?: string;
}

/**
 * `applied`: with these changes · `refused`: the state at this place of the journal does not allow it, in any window ·
 * `invalid`: intact, but not of its kind's shape · `unknown`: of a newer version; kept, not applied · `control`: about
 * the journal itself.
 */
export type Outcome =
  | { readonly type: 'applied'; readonly changes: readonly Change[] }
  | { readonly type: 'refused'; readonly code: JanErrorCode; readonly message: string; readonly id: string }
  | { readonly type: 'invalid' }
  | { readonly type: 'unknown'; readonly ignorable: boolean }
  | { readonly type: 'control' };

/** What callers are told of things that are not there. */
export const notFound = {
  conversation: {
    code: 'conversation-not-found',
    message: 'This conversation is not there any more; it may have been deleted in another window. Pick another one.',
  },
  message: {
    code: 'message-not-found',
    message: 'This message is not there any more; its conversation may have been deleted in another window. Reload it.',
  },
  model: {
    code: 'model-not-found',
    message: 'Jan does not know this model. Pick one of the list, download it, or add its file.',
  },
} as const;

const messageSource = 'messages m JOIN conversations c ON c.seq = m.conversation';

export class View {
  readonly #sql: StatementCache;
  readonly queries: ViewQueries;

  /** @param bytes of a snapshot's database; without, an empty one. @throws when they are not a database of ours. */
  constructor(sqlite: SqlJsStatic, bytes?: Uint8Array) {
    this.#sql = new StatementCache(new sqlite.Database(bytes));
    this.queries = new ViewQueries(this.#sql);
    try {
      if (bytes === undefined) {
        schemaStatements.forEach((statement) => this.#sql.database.run(statement));
        this.#sql.database.run(`PRAGMA user_version = ${schemaVersion}`);
      } else {
        this.#checkSchema();
      }
    } catch (error) {
      this.#sql.close();
      throw error;
    }
  }

  close(): void {
    this.#sql.close();
  }

  /** The database as a file's bytes. Blocks: about 3 ms per MB. */
  export(): Uint8Array {
    return this.#sql.database.export();
  }

  /** Empty when SQLite finds the database sound. */
  integrityProblems(): string[] {
    return this.#sql.rows('PRAGMA integrity_check').map(([text]) => String(text)).filter((text) => text !== 'ok');
  }

  begin(): void {
    this.#sql.run('BEGIN');
  }

  commit(): void {
    this.#sql.run('COMMIT');
  }

  //#region Applying

  apply(frame: Frame): Outcome {
    const name = operationOfKind(frame.kind);
    if (name === undefined || frame.version !== frameVersion) {
      this.#sql.run('INSERT INTO unknown_records (id, kind, version, flags, payload) VALUES (?, ?, ?, ?, ?)', [
        frame.id,
        frame.kind,
        frame.version,
        frame.flags,
        frame.payload,
      ]);
      return { type: 'unknown', ignorable: (frame.flags & ignorableFlag) !== 0 };
    }
    switch (name) {
      case 'begin':
      case 'seal':
      case 'mend':
        return { type: 'control' };
      case 'createConversation':
        return decoded(decodePayload(name, frame.payload), (payload) => this.#createConversation(payload));
      case 'updateConversation':
        return decoded(decodePayload(name, frame.payload), (payload) => this.#updateConversation(payload));
      case 'deleteConversation':
        return decoded(decodePayload(name, frame.payload), (payload) => this.#deleteConversation(payload));
      case 'createMessage':
        return decoded(decodePayload(name, frame.payload), (payload) => this.#createMessage(payload));
      case 'updateMessage':
        return decoded(decodePayload(name, frame.payload), (payload) => this.#updateMessage(payload));
      case 'interruptMessage':
        return decoded(decodePayload(name, frame.payload), (payload) => this.#interruptMessage(payload));
      case 'storeModel':
        return decoded(decodePayload(name, frame.payload), (payload) => this.#storeModel(payload));
      case 'finishModel':
        return decoded(decodePayload(name, frame.payload), (payload) => this.#finishModel(payload));
      case 'deleteModel':
        return decoded(decodePayload(name, frame.payload), (payload) => this.#deleteModel(payload));
    }
  }

  #createConversation(payload: Payload<'createConversation'>): Outcome {
    if (this.#conversationSeq(payload.id) !== undefined) {
      return { type: 'applied', changes: [] }; // The same record again.
    }
    this.#sql.run(
      `INSERT INTO conversations (id, name, model_id, system_prompt, created_at, updated_at)
       VALUES (?, ?, ?, ?, ?, ?)`,
      [
        payload.id,
        toTextColumn(payload.name),
        toTextColumn(payload.modelId),
        toTextColumn(payload.systemPrompt),
        payload.at,
        payload.at,
      ],
    );
    return conversationChange('created', payload.id);
  }

  #updateConversation(payload: Payload<'updateConversation'>): Outcome {
    const seq = this.#conversationSeq(payload.id);
    if (seq === undefined) {
      return conversationMissing(payload.id);
    }
    let active: SqlValue = null;
    if (payload.activeMessageId !== undefined) {
      const message = this.#messageSeq(payload.activeMessageId);
      if (message === undefined || message[1] !== seq) {
        return {
          type: 'refused',
          code: 'invalid-argument',
          message: 'The message to show is not one of this conversation. Pick one of its messages.',
          id: payload.activeMessageId,
        };
      }
      active = message[0]!;
    }
    this.#sql.run(
      `UPDATE conversations SET name = coalesce(?, name), model_id = coalesce(?, model_id),
       system_prompt = coalesce(?, system_prompt), active = coalesce(?, active), updated_at = ? WHERE seq = ?`,
      [
        toTextColumn(payload.name),
        toTextColumn(payload.modelId),
        toTextColumn(payload.systemPrompt),
        active,
        payload.at,
        seq,
      ],
    );
    return conversationChange('updated', payload.id);
  }

  #deleteConversation(payload: Payload<'deleteConversation'>): Outcome {
    const seq = this.#conversationSeq(payload.id);
    if (seq === undefined) {
      return conversationMissing(payload.id);
    }
    this.#sql.run('DELETE FROM messages WHERE conversation = ?', [seq]);
    this.#sql.run('DELETE FROM conversations WHERE seq = ?', [seq]);
    return conversationChange('deleted', payload.id);
  }

  #createMessage(payload: Payload<'createMessage'>): Outcome {
    const conversation = this.#sql.row('SELECT seq, active FROM conversations WHERE id = ?', [payload.conversationId]);
    if (conversation === undefined) {
      return conversationMissing(payload.conversationId);
    }
    if (this.#messageSeq(payload.id) !== undefined) {
      return { type: 'applied', changes: [] };
    }
    const [conversationSeq, active] = conversation as [number, number | null];
    let parent: SqlValue = active;
    if (payload.parentId !== undefined) {
      const found = payload.parentId === null ? undefined : this.#messageSeq(payload.parentId);
      if (payload.parentId !== null && (found === undefined || found[1] !== conversationSeq)) {
        return messageMissing(payload.parentId);
      }
      parent = found?.[0] ?? null;
    }
    this.#sql.run(
      `INSERT INTO messages (id, conversation, parent, role, content, reasoning, status, error, model_id, usage,
       timings, writer, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [
        payload.id,
        conversationSeq,
        parent,
        payload.role,
        toTextColumn(payload.content),
        toTextColumn(payload.reasoning),
        payload.status,
        toJsonColumn(payload.error),
        toTextColumn(payload.modelId),
        toJsonColumn(payload.usage),
        toJsonColumn(payload.timings),
        payload.status === 'streaming' ? toJsonColumn(payload.writer) : null,
        payload.at,
        payload.at,
      ],
    );
    this.#sql.run('UPDATE conversations SET active = last_insert_rowid(), updated_at = ? WHERE seq = ?', [
      payload.at,
      conversationSeq,
    ]);
    return {
      type: 'applied',
      changes: [
        { topic: 'message', kind: 'created', id: payload.id, conversationId: payload.conversationId },
        { topic: 'conversation', kind: 'updated', id: payload.conversationId },
      ],
    };
  }

  #updateMessage(payload: Payload<'updateMessage'>): Outcome {
    const row = this.#sql.row(
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
    this.#sql.run(
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

  #interruptMessage(payload: Payload<'interruptMessage'>): Outcome {
    const row = this.#sql.row(
      `SELECT m.seq, c.id, m.writer FROM ${messageSource} WHERE m.id = ? AND m.status = 'streaming'`,
      [payload.id],
    );
    if (row === undefined || (fromJsonColumn<Writer>(row[2])?.session ?? '') !== payload.session) {
      return { type: 'applied', changes: [] }; // Finished, or taken up by another writer, in the meantime.
    }
    this.#sql.run(`UPDATE messages SET status = 'interrupted', writer = NULL WHERE seq = ?`, [row[0]!]);
    return messageChange(payload.id, row[1] as string);
  }

  #storeModel({ model, at }: Payload<'storeModel'>): Outcome {
    this.#sql.run(
      `INSERT INTO models (id, description, created_at, download_started_at, download_finished_at)
       VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET description = excluded.description,
       download_started_at = excluded.download_started_at, download_finished_at = excluded.download_finished_at`,
      [model.id, toJsonColumn(model), at, model.startDownloadAt ?? -1, model.finishDownloadAt ?? -1],
    );
    return modelChange('updated', model.id);
  }

  #finishModel(payload: Payload<'finishModel'>): Outcome {
    if (!this.queries.has('model', payload.id)) {
      return modelMissing(payload.id);
    }
    this.#sql.run('UPDATE models SET download_finished_at = ? WHERE id = ?', [payload.finishedAt, payload.id]);
    return modelChange('updated', payload.id);
  }

  #deleteModel(payload: Payload<'deleteModel'>): Outcome {
    if (!this.queries.has('model', payload.id)) {
      return modelMissing(payload.id);
    }
    this.#sql.run('DELETE FROM models WHERE id = ?', [payload.id]);
    return modelChange('deleted', payload.id);
  }
  //#endregion

  #conversationSeq(id: string): SqlValue | undefined {
    return this.#sql.row('SELECT seq FROM conversations WHERE id = ?', [id])?.[0];
  }

  /** The message's own number and that of its conversation. */
  #messageSeq(id: string): SqlValue[] | undefined {
    return this.#sql.row('SELECT seq, conversation FROM messages WHERE id = ?', [id]);
  }

  /** A snapshot is a file, so hostile: exactly our tables, nothing that runs code (views, triggers). */
  #checkSchema(): void {
    const found = this.#sql.rows('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL').map(([sql]) => String(sql));
    if (found.length !== schemaStatements.length || !schemaStatements.every((sql) => found.includes(sql))) {
      throw new Error('The snapshot holds other tables than expected.');
    }
  }
}

function decoded<T>(payload: T | undefined, apply: (payload: T) => Outcome): Outcome {
  return payload === undefined ? { type: 'invalid' } : apply(payload);
}

function conversationChange(kind: Change['kind'], id: string): Outcome {
  return { type: 'applied', changes: [{ topic: 'conversation', kind, id }] };
}

function messageChange(id: string, conversationId: string): Outcome {
  return { type: 'applied', changes: [{ topic: 'message', kind: 'updated', id, conversationId }] };
}

function modelChange(kind: Change['kind'], id: string): Outcome {
  return { type: 'applied', changes: [{ topic: 'model', kind, id }] };
}

function conversationMissing(id: string): Outcome {
  return { type: 'refused', id, ...notFound.conversation };
}

function messageMissing(id: string): Outcome {
  return { type: 'refused', id, ...notFound.message };
}

function modelMissing(id: string): Outcome {
  return { type: 'refused', id, ...notFound.model };
}
