// Reads files of any known format into a plan. What a file is, its content says, not its name.
// Must not know: the store, the file system, VS Code.
//
// JSON is parsed here, in pieces (jsonReader.ts), rather than by JSON.parse in a worker: a worker's result would have to
// be copied into this thread in one go, which holds the event loop as long, and the whole file would be in memory twice.

import type { ExchangeOptions } from '../../../api/jan';
import {
  defaultLimits,
  type ImportFile,
  type ImportLimits,
  type ImportPlan,
} from './exchangeTypes';
import { readChatGptConversation } from './fromChatGpt';
import { readClaudeConversation } from './fromClaude';
import { isContinueIndexEntry, readContinueSession } from './fromContinue';
import { exportFormat, exportVersion, readJanAttachment, readJanConversation } from './fromJan';
import { readJanThread, type ThreadFiles } from './fromJanThreads';
import { JsonReader } from './jsonReader';
import type { JsonObject, JsonSink, JsonValue } from './jsonTypes';
import { Pacer } from './pacer';
import { PlanBuilder } from './planBuilder';
import { readText } from './textSource';
import { asList, asObject, asText, asTime, asLabel } from './values';

export interface ReadImportOptions extends ExchangeOptions {
  readonly limits?: Partial<ImportLimits>;
  /** Unix ms; for conversations without any date. */
  readonly now?: () => number;
}

/**
 * Reads files into a plan; changes nothing. Bad entries are listed in `skipped`, never thrown.
 * @throws JanError `cancelled`; `invalid-argument` when a file can't be opened or read
 */
export async function readImport(files: readonly ImportFile[], options: ReadImportOptions = {}): Promise<ImportPlan> {
  const pacer = new Pacer(options.signal);
  const limits = { ...defaultLimits, ...options.limits };
  const plan = new PlanBuilder(limits, pacer, (options.now ?? Date.now)());
  const reading = new ImportReading(plan, files, options);
  for (const file of files) {
    await reading.readFile(file);
  }
  await reading.finish();
  return plan.finish();
}

type Event =
  | { readonly kind: 'entry'; readonly value: JsonValue; readonly index: number; readonly cut: number; readonly key: string }
  | { readonly kind: 'bad'; readonly index: number; readonly reason: string }
  | { readonly kind: 'header'; readonly value: JsonObject; readonly cut: number }
  | { readonly kind: 'broken'; readonly reason: string };

class ImportReading {
  private readonly threads = new Map<string, ThreadFiles>();
  private readonly sessionDates = new Map<string, number>();
  private readonly total: number | undefined;
  private doneBytes = 0;
  private lineEntries = 0;

  constructor(
    private readonly plan: PlanBuilder,
    files: readonly ImportFile[],
    private readonly options: ReadImportOptions,
  ) {
    const sizes = files.map(({ size }) => size);
    this.total = sizes.every((size) => size !== undefined) ? sizes.reduce((sum, size) => sum + size, 0) : undefined;
  }

  async readFile(file: ImportFile): Promise<void> {
    const { plan } = this;
    const mark = plan.count;
    const events: Event[] = [];
    const sink: JsonSink = {
      onEntry: (value, index, cut, key) => events.push({ kind: 'entry', value, index, cut, key }),
      onBadEntry: (index, reason) => events.push({ kind: 'bad', index, reason }),
      onHeader: (value, cut) => events.push({ kind: 'header', value, cut }),
      onBroken: (reason) => events.push({ kind: 'broken', reason }),
    };
    let reader: JsonReader | undefined;
    let damaged = false;
    let read = 0;
    let reported = 0;
    const state: FileState = { mark, lines: false, known: 0, unknown: 0, broken: undefined };
    for await (const piece of readText(file, plan.pacer)) {
      if (reader === undefined) {
        state.lines = looksLikeLines(piece.text, file.name);
        reader = new JsonReader(sink, plan.limits, { entriesKeys: ['conversations', 'attachments'], lines: state.lines });
      }
      reader.write(piece.text);
      damaged ||= piece.damaged;
      read = piece.read;
      await this.handle(events, file, state);
      if (read - reported >= 1024 * 1024) {
        reported = read;
        this.progress(this.doneBytes + read);
      }
      if (reader.isBroken) {
        break;
      }
    }
    if (reader === undefined) {
      plan.skip(file.name, 'The file is empty.');
    } else {
      reader.end();
      await this.handle(events, file, state);
    }
    if (state.broken !== undefined) {
      plan.skip(file.name, `${plan.count > mark ? 'The rest of the file' : 'The file'} can’t be read: ${state.broken}.`);
    } else if (state.known === 0 && state.unknown > 0) {
      plan.skip(file.name, 'It holds no conversations of a known format.');
    }
    if (damaged) {
      plan.adapt(file.name, 'Some bytes are no valid text; they are shown as “\ufffd”.');
    }
    this.doneBytes += file.size ?? read;
    this.progress(this.doneBytes);
  }

  async finish(): Promise<void> {
    for (const [folder, files] of this.threads) {
      await readJanThread(folder, files, this.plan);
    }
    await this.plan.setDates('continue', this.sessionDates);
  }

  private async handle(events: Event[], file: ImportFile, state: FileState): Promise<void> {
    const { plan } = this;
    for (const event of events) {
      switch (event.kind) {
        case 'entry': {
          const where = `${file.name}, ${state.lines ? 'line' : event.key === 'attachments' ? 'attachment' : 'conversation'} ${event.index + 1}`;
          if (event.cut > 0) {
            plan.adapt(where, `Texts longer than ${plan.limits.textLength} characters were cut: ${event.cut}.`);
          }
          if (event.key === 'attachments') {
            this.readAttachment(event.value, where);
          } else if (!(await this.readEntry(event.value, event.index, where, file, state))) {
            state.unknown++;
            if (state.known > 0 || state.unknown <= 10) {
              plan.skip(where, 'It is no conversation of a known format.');
            }
          } else {
            state.known++;
          }
          break;
        }
        case 'bad':
          state.unknown++;
          plan.skip(`${file.name}, ${state.lines ? 'line' : 'entry'} ${event.index + 1}`, `It can’t be read: ${event.reason}.`);
          break;
        case 'header':
          await this.readHeader(event.value, file, state);
          break;
        case 'broken':
          state.broken = event.reason;
          break;
      }
      if (plan.pacer.due) {
        await plan.pacer.pause();
      }
    }
    events.length = 0;
  }

  private readAttachment(value: JsonValue, where: string): void {
    const entry = asObject(value);
    if (entry === undefined) {
      this.plan.skip(where, 'It is no attachment.');
    } else {
      readJanAttachment(entry, where, this.plan);
    }
  }

  /** @returns whether it was recognised (it may have been skipped with its own reason) */
  private async readEntry(value: JsonValue, index: number, where: string, file: ImportFile, state: FileState): Promise<boolean> {
    const entry = asObject(value);
    if (entry === undefined) {
      return false;
    }
    if (state.lines && isThreadMessage(entry)) {
      const files = this.threadFiles(folderOf(file.name));
      files.messagesWhere ??= file.name;
      if (++this.lineEntries <= this.plan.limits.messages) {
        files.messages.push({ index, value: entry });
      }
      return true;
    }
    return this.readConversation(entry, where, file.name);
  }

  private async readConversation(entry: JsonObject, where: string, fileName: string): Promise<boolean> {
    const { plan } = this;
    if (entry.get('mapping') !== undefined) {
      await readChatGptConversation(entry, where, plan);
    } else if (entry.get('chat_messages') !== undefined) {
      await readClaudeConversation(entry, where, plan);
    } else if (entry.get('history') !== undefined && entry.get('sessionId') !== undefined) {
      await readContinueSession(entry, where, plan);
    } else if (isContinueIndexEntry(entry)) {
      const createdAt = asTime(entry.get('dateCreated'));
      const id = asLabel(entry.get('sessionId'));
      if (createdAt !== undefined && id !== undefined && this.sessionDates.size < plan.limits.conversations) {
        this.sessionDates.set(id, createdAt);
      }
    } else if (isThread(entry)) {
      this.threadFiles(folderOf(fileName)).thread = { where, value: entry };
    } else if (entry.get('messages') !== undefined) {
      await readJanConversation(entry, where, plan);
    } else {
      return false;
    }
    return true;
  }

  private async readHeader(header: JsonObject, file: ImportFile, state: FileState): Promise<void> {
    const { plan } = this;
    const format = asText(header.get('format'));
    const version = header.get('version');
    if (format === exportFormat && version !== exportVersion) {
      plan.dropSince(state.mark);
      plan.skip(file.name, 'It was written by a newer version of Jan. Update Jan, then import it again.');
      state.known++;
      return;
    }
    if (format === exportFormat) {
      state.known++; // An export may be empty.
      return;
    }
    if (state.known > 0 && plan.count > state.mark) {
      return; // A list of another program's conversations within an object.
    }
    if (await this.readConversation(header, file.name, file.name)) {
      state.known++;
    } else {
      state.unknown++;
    }
  }

  private threadFiles(folder: string): ThreadFiles {
    let files = this.threads.get(folder);
    if (files === undefined) {
      files = { messages: [] };
      this.threads.set(folder, files);
    }
    return files;
  }

  private progress(done: number): void {
    this.options.onProgress?.({
      stage: 'reading',
      done,
      ...(this.total !== undefined && { total: this.total }),
      conversations: this.plan.count,
    });
  }
}

interface FileState {
  readonly mark: number;
  lines: boolean;
  known: number;
  unknown: number;
  broken: string | undefined;
}

function folderOf(name: string): string {
  const path = name.replaceAll('\\', '/');
  const end = path.lastIndexOf('/');
  return end < 0 ? '' : path.slice(0, end);
}

function isThread(entry: JsonObject): boolean {
  return (
    entry.get('object') === 'thread' ||
    (asList(entry.get('assistants')) !== undefined && (entry.get('created') !== undefined || entry.get('title') !== undefined))
  );
}

function isThreadMessage(entry: JsonObject): boolean {
  return entry.get('object') === 'thread.message' || (entry.get('role') !== undefined && entry.get('content') !== undefined);
}

/** JSON Lines by its name, or by a first line that is a whole value with another object behind it. */
function looksLikeLines(head: string, name: string): boolean {
  if (/\.(jsonl|ndjson)$/i.test(name)) {
    return true;
  }
  const lines = head.trimStart().split('\n', 2);
  if (!lines[0]!.startsWith('{') || !(lines[1] ?? '').startsWith('{')) {
    return false;
  }
  try {
    JSON.parse(lines[0]!); // At most a piece long.
    return true;
  } catch {
    return false;
  }
}
