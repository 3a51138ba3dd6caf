// Applies the records that are about conversations.
// Must not know: the journal, the current time.

import { messageValues, messageColumns } from './messageRecords';
import type { Payload } from './operations';
import {
  conversationChange,
  conversationMissing,
  messageMissing,
  nothingChanged,
  type Change,
  type Outcome,
} from './outcomes';
import { fromTextColumn, toJsonColumn, toTextColumn } from './schema';
import type { SearchIndex } from './searchIndex';
import type { SqlValue, StatementCache } from './sqlite';

type Organisation = Pick<Payload<'createConversation'>, 'pinned' | 'archived' | 'tags' | 'workspace' | 'settings'>;

export class ConversationRecords {
  /** Was anything removed for good, in this view's life? */
  removedSome = false;

  constructor(
    private readonly sql: StatementCache,
    private readonly search: SearchIndex,
  ) {}

  create(payload: Payload<'createConversation'>): Outcome {
    if (this.sql.row('SELECT 1 FROM conversations WHERE id = ?', [payload.id]) !== undefined) {
      return nothingChanged;
    }
    this.#insert({ ...payload, createdAt: payload.at, updatedAt: payload.at });
    return conversationChange('created', payload.id);
  }

  update(payload: Payload<'updateConversation'>): Outcome {
    const seq = this.#seq(payload.id);
    if (seq === undefined) {
      return conversationMissing(payload.id);
    }
    let active: SqlValue = null;
    if (payload.activeMessageId !== undefined) {
      const message = this.#message(payload.activeMessageId);
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
    if (payload.name !== undefined) {
      this.#unindexName(seq);
      this.search.add('conversations', seq);
    }
    const { name, modelId, systemPrompt } = payload;
    const organising = [payload.pinned, payload.archived, payload.tags, payload.workspace, payload.settings];
    // Pinning or archiving does not move a conversation in the list; a record of version 1 always does.
    const moves =
      [name, modelId, systemPrompt, payload.activeMessageId].some((field) => field !== undefined) ||
      organising.every((field) => field === undefined);
    this.sql.run(
      `UPDATE conversations SET name = coalesce(?, name), model_id = coalesce(?, model_id),
       system_prompt = coalesce(?, system_prompt), active = coalesce(?, active), updated_at = coalesce(?, updated_at)
       WHERE seq = ?`,
      [toTextColumn(name), toTextColumn(modelId), toTextColumn(systemPrompt), active, moves ? payload.at : null, seq],
    );
    this.#organise(seq, payload);
    return conversationChange('updated', payload.id);
  }

  /** Keeps the rows if the record says so: nothing shows them, until they are restored or purged. */
  delete({ id, keep, at }: Payload<'deleteConversation'>): Outcome {
    const seq = this.#seq(id);
    if (seq === undefined) {
      return conversationMissing(id);
    }
    if (keep === true) {
      this.sql.run('UPDATE conversations SET deleted_at = ? WHERE seq = ?', [at, seq]);
    } else {
      this.#remove(seq);
    }
    return conversationChange('deleted', id);
  }

  restore({ id }: Payload<'restoreConversation'>): Outcome {
    const row = this.sql.row('SELECT seq, deleted_at FROM conversations WHERE id = ?', [id]);
    if (row === undefined) {
      return conversationMissing(id);
    }
    if (row[1] === null) {
      return nothingChanged;
    }
    this.sql.run('UPDATE conversations SET deleted_at = NULL WHERE seq = ?', [row[0]!]);
    return conversationChange('created', id);
  }

  purge({ id }: Payload<'purgeConversation'>): Outcome {
    const row = this.sql.row('SELECT seq, deleted_at FROM conversations WHERE id = ?', [id]);
    if (row === undefined) {
      return nothingChanged;
    }
    this.#remove(row[0] as number);
    return row[1] === null ? conversationChange('deleted', id) : nothingChanged;
  }

  fork(payload: Payload<'forkConversation'>): Outcome {
    const source = this.#seq(payload.from);
    if (source === undefined) {
      return conversationMissing(payload.from);
    }
    if (this.sql.row('SELECT 1 FROM conversations WHERE id = ?', [payload.id]) !== undefined) {
      return nothingChanged;
    }
    const end = this.#message(payload.messageId);
    if (end === undefined || end[1] !== source) {
      return messageMissing(payload.messageId);
    }
    this.sql.run(
      `INSERT INTO conversations (id, name, model_id, system_prompt, created_at, updated_at, tags, workspace, settings,
       forked_from) SELECT ?, name, model_id, system_prompt, ?, ?, tags, workspace, settings, ?
       FROM conversations WHERE seq = ?`,
      [
        payload.id,
        payload.at,
        payload.at,
        toJsonColumn({ conversationId: payload.from, messageId: payload.messageId }),
        source,
      ],
    );
    const fork = this.#seq(payload.id)!;
    this.search.add('conversations', fork);
    const path = this.sql.rows(
      `WITH RECURSIVE path (seq, parent) AS (
         SELECT seq, parent FROM messages WHERE seq = ?
         UNION ALL SELECT m.seq, m.parent FROM path JOIN messages m ON m.seq = path.parent AND m.seq < path.seq
       ) SELECT seq FROM path ORDER BY seq`,
      [end[0]!],
    );
    let parent: SqlValue = null;
    path.forEach(([seq], i) => {
      const id = payload.ids[i];
      if (id === undefined || this.#message(id) !== undefined) {
        return; // Not of our making: a record names as many ids as there are messages.
      }
      this.sql.run(
        `INSERT INTO messages (id, conversation, parent, role, content, reasoning, status, error, model_id, usage,
         timings, created_at, updated_at, attachments) SELECT ?, ?, ?, role, content, reasoning,
         CASE status WHEN 'streaming' THEN 'interrupted' ELSE status END, error, model_id, usage, timings, created_at,
         updated_at, attachments FROM messages WHERE seq = ?`,
        [id, fork, parent, seq!],
      );
      parent = this.#lastRow();
      this.search.add('messages', parent);
    });
    this.sql.run('UPDATE conversations SET active = ? WHERE seq = ?', [parent, fork]);
    return conversationChange('created', payload.id);
  }

  import({ conversation, messages }: Payload<'importConversation'>): Outcome {
    const changes: Change[] = [];
    const known = this.sql.row('SELECT seq, deleted_at FROM conversations WHERE id = ?', [conversation.id]);
    if (known === undefined) {
      this.#insert(conversation);
      changes.push({ topic: 'conversation', kind: 'created', id: conversation.id });
    } else if (known[1] !== null) {
      this.sql.run('UPDATE conversations SET deleted_at = NULL WHERE seq = ?', [known[0]!]);
      changes.push({ topic: 'conversation', kind: 'created', id: conversation.id });
    }
    const seq = this.#seq(conversation.id)!;
    for (const message of messages) {
      const parent = message.parentId === null ? undefined : this.#message(message.parentId);
      if (this.#message(message.id) !== undefined || (message.parentId !== null && parent?.[1] !== seq)) {
        continue;
      }
      const { createdAt: created, updatedAt: updated } = message;
      this.sql.run(
        `INSERT INTO messages (${messageColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        messageValues(message, { conversation: seq, parent: parent?.[0] ?? null, writer: null, created, updated }),
      );
      const row = this.#lastRow();
      if (message.status !== 'streaming') {
        this.search.add('messages', row);
      }
      this.sql.run('UPDATE conversations SET active = coalesce(active, ?) WHERE seq = ?', [row, seq]);
      changes.push({ topic: 'message', kind: 'created', id: message.id, conversationId: conversation.id });
    }
    const active = conversation.activeMessageId === undefined ? undefined : this.#message(conversation.activeMessageId);
    if (active?.[1] === seq) {
      this.sql.run('UPDATE conversations SET active = ? WHERE seq = ?', [active[0]!, seq]);
    }
    changes.push({ topic: 'conversation', kind: 'updated', id: conversation.id });
    return { type: 'applied', changes };
  }

  #insert(
    conversation: Omit<Payload<'importConversation'>['conversation'], 'activeMessageId'>,
  ): void {
    this.sql.run(
      `INSERT INTO conversations (id, name, model_id, system_prompt, created_at, updated_at, forked_from)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      [
        conversation.id,
        toTextColumn(conversation.name),
        toTextColumn(conversation.modelId),
        toTextColumn(conversation.systemPrompt),
        conversation.createdAt,
        conversation.updatedAt,
        toJsonColumn(conversation.forkedFrom),
      ],
    );
    const seq = this.#lastRow();
    this.#organise(seq, conversation);
    this.search.add('conversations', seq);
  }

  /** What is empty lies as NULL. */
  #organise(seq: number, { pinned, archived, tags, workspace, settings }: Organisation): void {
    const set = (column: string, value: SqlValue): void =>
      this.sql.run(`UPDATE conversations SET ${column} = ? WHERE seq = ?`, [value, seq]);
    if (pinned !== undefined) {
      set('pinned', Number(pinned));
    }
    if (archived !== undefined) {
      set('archived', Number(archived));
    }
    if (tags !== undefined) {
      set('tags', tags.length === 0 ? null : toJsonColumn(tags));
    }
    if (workspace !== undefined) {
      set('workspace', workspace === '' ? null : toTextColumn(workspace));
    }
    if (settings !== undefined) {
      set('settings', Object.keys(settings).length === 0 ? null : toJsonColumn(settings));
    }
  }

  /** With its messages, and from the index. */
  #remove(seq: number): void {
    this.removedSome = true;
    for (const [message, status] of this.sql.rows('SELECT seq, status FROM messages WHERE conversation = ?', [seq])) {
      if (status !== 'streaming') {
        const [content] = this.sql.row('SELECT content FROM messages WHERE seq = ?', [message!])!;
        this.search.remove('messages', message as number, fromTextColumn(content)!);
      }
    }
    this.#unindexName(seq);
    this.sql.run('DELETE FROM messages WHERE conversation = ?', [seq]);
    this.sql.run('DELETE FROM conversations WHERE seq = ?', [seq]);
  }

  #unindexName(seq: number): void {
    const [name] = this.sql.row('SELECT name FROM conversations WHERE seq = ?', [seq])!;
    this.search.remove('conversations', seq, fromTextColumn(name)!);
  }

  #lastRow(): number {
    return this.sql.row('SELECT last_insert_rowid()')![0] as number;
  }

  /** Undefined when it is not there or deleted. */
  #seq(id: string): number | undefined {
    return this.sql.row('SELECT seq FROM conversations WHERE id = ? AND deleted_at IS NULL', [id])?.[0] as
      | number
      | undefined;
  }

  /** The message's own number and that of its conversation. */
  #message(id: string): SqlValue[] | undefined {
    return this.sql.row('SELECT seq, conversation FROM messages WHERE id = ?', [id]);
  }
}
