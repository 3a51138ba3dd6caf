// Looks up what a search asks for, ranks it, and says where it stands in the text.
// Must not know: the journal, how the index is kept.

import type { SearchHit, SearchPage, SearchQuery } from '../../api/jan';
import { fromTextColumn, toTextColumn, type SearchedTable } from './schema';
import { matchExpression, parseSearchText, type Phrase } from './searchPhrases';
import { createSnippet } from './snippets';
import type { SqlValue, StatementCache } from './sqlite';

/** Of more matches the newest ones are ranked. */
export const maxRanked = 500;
/** Rows counted to tell a common phrase from a rare one. */
const maxCounted = 5000;
/** BM25's usual constants (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009). */
const k1 = 1.2;
const b = 0.75;
/** A name says in few words what a conversation is about. */
const nameBonus = 1.5;

interface Match {
  readonly table: SearchedTable;
  readonly seq: number;
  readonly score: number;
}

export function searchView(sql: StatementCache, query: SearchQuery): SearchPage {
  const phrases = parseSearchText(query.text);
  if (phrases.length === 0) {
    return { hits: [], total: 0 };
  }
  const named = query.role === undefined && query.modelId === undefined;
  const matches = [
    ...findMatches(sql, 'messages', phrases, query),
    ...(named ? findMatches(sql, 'conversations', phrases, query) : []),
  ].sort((one, other) => other.score - one.score || (one.table === other.table ? other.seq - one.seq : 0));
  const counted = matches.slice(0, maxRanked);
  const offset = query.offset ?? 0;
  const hits = counted.slice(offset, offset + (query.limit ?? 50)).map((match) => toHit(sql, match, phrases));
  return { hits, total: counted.length };
}

function findMatches(
  sql: StatementCache,
  table: SearchedTable,
  phrases: readonly Phrase[],
  query: SearchQuery,
): Match[] {
  const index = `${table}_index`;
  const { conditions, values } = filters(table, query);
  const expression = phrases.map(matchExpression).join(' ');
  // The order of the joins is fixed: the index first, whatever SQLite thinks of it.
  const rows = sql.rows(
    `SELECT ${index}.docid, matchinfo(${index}, 'ly') FROM ${index}
     CROSS JOIN ${table} t ON t.seq = ${index}.docid
     ${table === 'messages' ? 'CROSS JOIN conversations c ON c.seq = t.conversation' : ''}
     WHERE ${index} MATCH ? AND ${conditions.join(' AND ')} ORDER BY ${index}.docid DESC LIMIT ${maxRanked}`,
    [expression, ...values],
  );
  if (rows.length === 0) {
    return [];
  }
  // The same for every row, and costly: asked for once.
  const about = `SELECT matchinfo(${index}, 'na') FROM ${index} WHERE ${index} MATCH ? LIMIT 1`;
  const [total, average] = toNumbers(sql.row(about, [expression])![0] as Uint8Array);
  const weights = phrases.map((phrase) => (phrases.length === 1 ? 1 : rarity(sql, index, phrase, total!)));
  const bonus = table === 'messages' ? 1 : nameBonus;
  return rows.map(([seq, info]) => {
    const score = bonus * bm25(info as Uint8Array, weights, Math.max(1, average!));
    return { table, seq: seq as number, score };
  });
}

function filters(table: SearchedTable, query: SearchQuery): { conditions: string[]; values: SqlValue[] } {
  const [conversation, time] = table === 'messages' ? ['c', 't.created_at'] : ['t', 't.updated_at'];
  const conditions = [`${conversation}.deleted_at IS NULL`];
  const values: SqlValue[] = [];
  const add = (condition: string, ...given: SqlValue[]): void => {
    conditions.push(condition);
    values.push(...given);
  };
  if (query.from !== undefined) {
    add(`${time} >= ?`, query.from);
  }
  if (query.to !== undefined) {
    add(`${time} <= ?`, query.to);
  }
  if (query.role !== undefined) {
    add('t.role = ?', query.role);
  }
  if (query.modelId !== undefined) {
    add('t.model_id = ?', query.modelId);
  }
  if (query.conversationId !== undefined) {
    add(`${conversation}.id = ?`, query.conversationId);
  }
  if (query.tag !== undefined) {
    add(`EXISTS (SELECT 1 FROM json_each(${conversation}.tags) WHERE value = ?)`, query.tag);
  }
  if (query.workspace !== undefined) {
    add(`${conversation}.workspace IS ?`, query.workspace === null ? null : toTextColumn(query.workspace));
  }
  if (query.archived !== undefined) {
    add(`${conversation}.archived = ?`, Number(query.archived));
  }
  return { conditions, values };
}

/** Inverse document frequency of BM25, from a count that stops early: what is common needs no exact number. */
function rarity(sql: StatementCache, index: string, phrase: Phrase, total: number): number {
  const found = sql.row(`SELECT count(*) FROM (SELECT 1 FROM ${index} WHERE ${index} MATCH ? LIMIT ${maxCounted})`, [
    matchExpression(phrase),
  ])![0] as number;
  return Math.log(1 + (total - found + 0.5) / (found + 0.5));
}

/** @param info matchinfo 'ly' of one column: its length in terms, then the number of hits of each phrase */
function bm25(info: Uint8Array, weights: readonly number[], averageLength: number): number {
  const [length, ...hits] = toNumbers(info);
  const stretch = k1 * (1 - b + (b * length!) / averageLength);
  return hits.reduce((sum, count, i) => sum + ((weights[i] ?? 0) * count * (k1 + 1)) / (count + stretch), 0);
}

function toNumbers(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

function toHit(sql: StatementCache, { table, seq, score }: Match, phrases: readonly Phrase[]): SearchHit {
  const [conversationId, name, createdAt, text, messageId, role] = sql.row(
    table === 'messages'
      ? `SELECT c.id, c.name, m.created_at, m.content, m.id, m.role
         FROM messages m JOIN conversations c ON c.seq = m.conversation WHERE m.seq = ?`
      : 'SELECT id, name, created_at, name FROM conversations WHERE seq = ?',
    [seq],
  )!;
  return {
    conversationId: conversationId as string,
    conversationName: fromTextColumn(name)!,
    ...(table === 'messages' ? { messageId: messageId as string, role: role as NonNullable<SearchHit['role']> } : {}),
    createdAt: createdAt as number,
    ...createSnippet(fromTextColumn(text)!, phrases),
    score,
  };
}
