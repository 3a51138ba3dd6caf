// The store's state in SQLite, changed by one thing only: applying the journal's records in file order. The same
// records in the same order give the same state in every window.
// Must not know: files, the current time, chance.

import type { SearchPage, SearchQuery } from '../../api/jan';
import { ConversationRecords } from './conversationRecords';
import type { Frame } from './frame';
import { ignorableFlag, newestVersion } from './frame';
import { MessageRecords } from './messageRecords';
import { decodePayload, operationOfKind, type Payload } from './operations';
import { modelChange, modelMissing, type Outcome } from './outcomes';
import { migrations, schemaStatements, schemaVersion, toJsonColumn } from './schema';
import { SearchIndex } from './searchIndex';
import { searchView } from './searchQueries';
import { ViewQueries } from './viewQueries';
import { StatementCache, type SqlJsStatic } from './sqlite';

/**
 * SQLite compares an index with the texts it was made of, which ours does not keep. The index holds nothing of its own.
 */
const aboutIndex = /inverted index for FTS4 table/;

export class View {
  readonly #sql: StatementCache;
  readonly #conversations: ConversationRecords;
  readonly #messages: MessageRecords;
  readonly queries: ViewQueries;
  readonly searchIndex: SearchIndex;

  /**
   * @param bytes of a snapshot's database, which is brought to the present version; without, an empty one
   * @throws when they are not a database of ours
   */
  constructor(sqlite: SqlJsStatic, bytes?: Uint8Array) {
    this.#sql = new StatementCache(new sqlite.Database(bytes));
    this.queries = new ViewQueries(this.#sql);
    this.searchIndex = new SearchIndex(this.#sql);
    this.#conversations = new ConversationRecords(this.#sql, this.searchIndex);
    this.#messages = new MessageRecords(this.#sql, this.searchIndex);
    try {
      if (bytes === undefined) {
        schemaStatements.forEach((statement) => this.#sql.database.run(statement));
        this.#sql.database.run(`PRAGMA user_version = ${schemaVersion}`);
      } else {
        this.#migrate();
        this.#checkSchema(sqlite);
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

  /** After a purge: leaves nothing of it in free pages and in the index. Blocks, about 10 ms per MB. */
  scrub(): void {
    if (this.#conversations.removedSome) {
      this.searchIndex.optimize();
      this.#sql.database.run('VACUUM');
    }
  }

  /** Empty when SQLite finds the database sound. */
  integrityProblems(): string[] {
    try {
      return this.#sql
        .rows('PRAGMA integrity_check')
        .map(([text]) => String(text))
        .filter((text) => text !== 'ok' && !aboutIndex.test(text));
    } catch (error) {
      return [String(error)];
    }
  }

  begin(): void {
    this.#sql.run('BEGIN');
  }

  commit(): void {
    this.#sql.run('COMMIT');
  }

  /** Of what is indexed: see {@link SearchIndex.indexSome}. */
  search(query: SearchQuery): SearchPage {
    return searchView(this.#sql, query);
  }

  //#region Applying

  apply(frame: Frame): Outcome {
    const name = operationOfKind(frame.kind);
    if (name === undefined || frame.version < 1 || frame.version > newestVersion) {
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
        return decoded(decodePayload(name, frame.payload), (payload) => this.#conversations.create(payload));
      case 'updateConversation':
        return decoded(decodePayload(name, frame.payload), (payload) => this.#conversations.update(payload));
      case 'deleteConversation':
        return decoded(decodePayload(name, frame.payload), (payload) => this.#conversations.delete(payload));
      case 'restoreConversation':
        return decoded(decodePayload(name, frame.payload), (payload) => this.#conversations.restore(payload));
      case 'purgeConversation':
        return decoded(decodePayload(name, frame.payload), (payload) => this.#conversations.purge(payload));
      case 'forkConversation':
        return decoded(decodePayload(name, frame.payload), (payload) => this.#conversations.fork(payload));
      case 'importConversation':
        return decoded(decodePayload(name, frame.payload), (payload) => this.#conversations.import(payload));
      case 'createMessage':
        return decoded(decodePayload(name, frame.payload), (payload) => this.#messages.create(payload));
      case 'updateMessage':
        return decoded(decodePayload(name, frame.payload), (payload) => this.#messages.update(payload));
      case 'interruptMessage':
        return decoded(decodePayload(name, frame.payload), (payload) => this.#messages.interrupt(payload));
      case 'storeModel':
        return decoded(decodePayload(name, frame.payload), (payload) => this.#storeModel(payload));
      case 'finishModel':
        return decoded(decodePayload(name, frame.payload), (payload) => this.#finishModel(payload));
      case 'deleteModel':
        return decoded(decodePayload(name, frame.payload), (payload) => this.#deleteModel(payload));
    }
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

  /** A snapshot of an older version, in steps of one version. Its file stays as it is. */
  #migrate(): void {
    const version = this.#sql.row('PRAGMA user_version')![0] as number;
    for (let from = version; from < schemaVersion; from++) {
      const statements = migrations[from];
      if (statements === undefined) {
        throw new Error(`There is no way from version ${from} of the tables to the next one.`);
      }
      statements.forEach((statement) => this.#sql.database.run(statement));
      this.#sql.database.run(`PRAGMA user_version = ${from + 1}`);
    }
  }

  /** A snapshot is a file, so hostile: exactly our tables, nothing that runs code (views, triggers). */
  #checkSchema(sqlite: SqlJsStatic): void {
    const found = this.#sql.rows(schemaQuery).map(String);
    const expected = expectedSchema(sqlite);
    if (found.length !== expected.size || !found.every((sql) => expected.has(sql))) {
      throw new Error('The snapshot holds other tables than expected.');
    }
  }
}

const schemaQuery = 'SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL';
let expected: ReadonlySet<string> | undefined;

/** What SQLite itself makes of our statements: the index has tables of its own. */
function expectedSchema(sqlite: SqlJsStatic): ReadonlySet<string> {
  if (expected === undefined) {
    const database = new sqlite.Database();
    schemaStatements.forEach((statement) => database.run(statement));
    expected = new Set(database.exec(schemaQuery)[0]!.values.map(String));
    database.close();
  }
  return expected;
}

function decoded<T>(payload: T | undefined, apply: (payload: T) => Outcome): Outcome {
  return payload === undefined ? { type: 'invalid' } : apply(payload);
}
