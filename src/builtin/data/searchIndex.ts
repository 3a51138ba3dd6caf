// The full-text index of messages and conversations' names. Applying a record only notes what is to be indexed, so that
// writing stays cheap; what is noted is indexed in steps before a search, and before a snapshot is written.
// Must not know: the journal, what a search asks for.

import { fromTextColumn, indexAllStatement, searchedTables, searchStatements, type SearchedTable } from './schema';
import { indexText } from './searchText';
import type { StatementCache } from './sqlite';

const textColumn: Readonly<Record<SearchedTable, string>> = { messages: 'content', conversations: 'name' };
/** Rows looked up at once. */
const batch = 64;

export class SearchIndex {
  constructor(private readonly sql: StatementCache) {}

  /** The row's text is new or has changed, or its message ended. Call {@link remove} first when it was there before. */
  add(table: SearchedTable, seq: number): void {
    this.sql.run(`INSERT OR IGNORE INTO ${table}_to_index VALUES (?)`, [seq]);
  }

  /**
   * The row is not to be found by this text any more. Not for a message that is being written: it was never indexed.
   * @param text as it is before the change
   */
  remove(table: SearchedTable, seq: number, text: string): void {
    if (this.sql.row(`DELETE FROM ${table}_to_index WHERE seq = ? RETURNING seq`, [seq]) !== undefined) {
      return;
    }
    this.sql.run(`INSERT INTO ${table}_removed VALUES (?, ?)`, [seq, indexText(text)]);
    this.sql.run(`DELETE FROM ${table}_index WHERE docid = ?`, [seq]);
    this.sql.run(`DELETE FROM ${table}_removed`);
  }

  /**
   * Indexes what was noted, in a transaction of its own.
   * @param budgetMs about how long this may take
   * @returns whether there is more
   */
  indexSome(budgetMs: number): boolean {
    const deadline = performance.now() + budgetMs;
    this.sql.run('BEGIN');
    try {
      const more = searchedTables.some((table) => this.#indexTable(table, deadline));
      this.sql.run('COMMIT');
      return more;
    } catch (error) {
      this.sql.run('ROLLBACK');
      throw error;
    }
  }

  /** Begins anew, after the index itself was found to be damaged. Nothing is lost: it holds nothing of its own. */
  reset(): void {
    this.sql.run('BEGIN');
    for (const table of searchedTables) {
      for (const name of ['index', 'removed', 'to_index']) {
        this.sql.database.run(`DROP TABLE ${table}_${name}`);
      }
      searchStatements(table).forEach((statement) => this.sql.database.run(statement));
      this.sql.database.run(indexAllStatement(table));
    }
    this.sql.run('COMMIT');
  }

  /** Takes what was removed out of the index's own pages as well, where so far it is only marked. */
  optimize(): void {
    for (const table of searchedTables) {
      this.sql.run(`INSERT INTO ${table}_index (${table}_index) VALUES ('optimize')`);
    }
  }

  #indexTable(table: SearchedTable, deadline: number): boolean {
    for (;;) {
      const rows = this.sql.rows(
        `SELECT p.seq, t.${textColumn[table]} FROM ${table}_to_index p JOIN ${table} t ON t.seq = p.seq
         ORDER BY p.seq LIMIT ${batch}`,
      );
      let done = 0;
      for (const [seq, text] of rows) {
        this.sql.run(`INSERT INTO ${table}_index (docid, terms) VALUES (?, ?)`, [seq!, indexText(fromTextColumn(text)!)]);
        done += 1;
        if (performance.now() > deadline) {
          break;
        }
      }
      if (done > 0) {
        // In order of seq, so all up to the last one.
        this.sql.run(`DELETE FROM ${table}_to_index WHERE seq <= ?`, [rows[done - 1]![0]!]);
      }
      if (done < rows.length || (rows.length > 0 && performance.now() > deadline)) {
        return true;
      }
      if (rows.length < batch) {
        return false;
      }
    }
  }
}
