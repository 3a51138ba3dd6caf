// Loads SQLite (sql.js, WebAssembly) at its first use, once per process.
// Must not know: what is stored.

import type { Database, SqlJsStatic, SqlValue, Statement } from 'sql.js';
import { promises as fs } from 'node:fs';

export type { Database, SqlJsStatic, SqlValue };

let loading: Promise<SqlJsStatic> | undefined;

/** @param wasmPath of sql-wasm.wasm; default: beside the sql.js code (its package, or the bundle it was put into). */
export function loadSqlite(wasmPath?: string): Promise<SqlJsStatic> {
  loading ??= (async () => {
    const { default: initialise } = await import('sql.js');
    if (wasmPath === undefined) {
      return initialise();
    }
    const bytes = await fs.readFile(wasmPath);
    return initialise({ wasmBinary: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) });
  })();
  loading.catch(() => (loading = undefined));
  return loading;
}

/** A database with its statements compiled once each. */
export class StatementCache {
  readonly #statements = new Map<string, Statement>();

  constructor(readonly database: Database) {}

  run(sql: string, parameters: readonly SqlValue[] = []): void {
    this.#prepare(sql).run([...parameters]);
  }

  /** The first row, as an array in the order of the columns. */
  row(sql: string, parameters: readonly SqlValue[] = []): SqlValue[] | undefined {
    const statement = this.#prepare(sql);
    try {
      statement.bind([...parameters]);
      return statement.step() ? statement.get() : undefined;
    } finally {
      statement.reset();
    }
  }

  rows(sql: string, parameters: readonly SqlValue[] = []): SqlValue[][] {
    const statement = this.#prepare(sql);
    const rows: SqlValue[][] = [];
    try {
      statement.bind([...parameters]);
      while (statement.step()) {
        rows.push(statement.get());
      }
    } finally {
      statement.reset();
    }
    return rows;
  }

  close(): void {
    for (const statement of this.#statements.values()) {
      statement.free();
    }
    this.#statements.clear();
    this.database.close();
  }

  #prepare(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
