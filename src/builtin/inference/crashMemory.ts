// Which models have ended the engine, and with which settings, so that none is loaded again blindly: kept in a file that
// all windows share. Another file of the model, other settings or another engine are not blamed for it.
// Must not know: connections, how a model is loaded, VS Code.

import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import * as v from 'valibot';
import { isJanError, JanError } from '../../common/errors';
import type { Logger } from '../../common/log';
import { exitWords } from './exitReason';
import { withFileLock } from './fileLock';

/** What a crash is blamed on. */
export interface Suspect {
  readonly modelId: string;
  readonly name: string;
  /** Of the model file. */
  readonly path: string;
  /** How it was to be loaded; compared as JSON. */
  readonly settings: object;
}

export type CrashPhase = 'loading' | 'answering';

export interface Crash {
  readonly phase: CrashPhase;
  /** Of the engine that ended: several windows may tell of the same crash. */
  readonly pid: number;
  /** The cause, as the end of "The engine …". */
  readonly words: string;
  /** It was killed from outside, perhaps for want of memory: that can happen once to any model. */
  readonly isKill: boolean;
}

const mostEntries = 50;
const keptMs = 30 * 24 * 60 * 60_000;
/** So many crashes in a row, without an answer that was finished in between. */
const strikesOut = 2;
/** Of a window that did not start the engine. The one that did knows more, a moment later. */
const unknownWords = exitWords(undefined);

const recordSchema = v.array(
  v.object({
    key: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
    modelId: v.pipe(v.string(), v.maxLength(1000)),
    phase: v.picklist(['loading', 'answering']),
    pid: v.number(),
    words: v.pipe(v.string(), v.maxLength(500)),
    strikes: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000)),
    /** Unix ms. */
    at: v.number(),
  }),
);
type Entry = v.InferOutput<typeof recordSchema>[number];

export class CrashMemory {
  /** Of the entries that were read or written last: most answers need not ask the disk. */
  #known = new Set<string>();
  #writing: Promise<void> = Promise.resolve();

  /** @param file where it is kept @param engine whose crashes these are: its program, which an update replaces */
  constructor(
    private readonly file: string,
    private readonly engine: string,
    private readonly log: Logger,
  ) {}

  /** @throws JanError `model-crashed` when loading it this way has ended the engine, or answering has twice in a row */
  async check(suspect: Suspect): Promise<void> {
    const key = await this.#keyOf(suspect);
    const entry = (await this.#read()).find((one) => one.key === key && one.strikes >= strikesOut);
    if (entry !== undefined) {
      const when = entry.phase === 'loading' ? 'while it was loaded' : 'while it answered';
      throw new JanError(
        'model-crashed',
        `“${suspect.name}” is not loaded: the engine ${entry.words} ${when} with these settings before. ` +
          'Try it anyway, choose other settings (a shorter context, fewer layers on the graphics card) or another model.',
        { details: { modelId: suspect.modelId, phase: entry.phase } },
      );
    }
  }

  /** The engine has ended while it did something for this model. Never rejects: what cannot be kept is only logged. */
  note(suspect: Suspect, { phase, pid, words, isKill }: Crash): Promise<void> {
    return this.#change(async (entries) => {
      const key = await this.#keyOf(suspect);
      const before = entries.find((one) => one.key === key);
      const isTold = before?.pid === pid;
      if (isTold && before.words !== unknownWords) {
        return entries;
      }
      // A file that crashes native code as it is read will do so again. The same crash is one more only once.
      const counted = (before?.strikes ?? 0) + (isTold ? 0 : 1);
      const strikes = phase === 'loading' && !isKill ? Math.max(strikesOut, counted) : counted;
      const entry: Entry = { key, modelId: suspect.modelId, phase, pid, words: words.slice(0, 500), strikes, at: Date.now() };
      return [...entries.filter((one) => one.key !== key), entry].slice(-mostEntries);
    });
  }

  /** It has answered to the end, loaded like this. */
  async noteSuccess(suspect: Suspect): Promise<void> {
    const key = await this.#keyOf(suspect);
    if (this.#known.has(key)) {
      await this.#change(async (entries) => entries.filter((one) => one.key !== key));
    }
  }

  /** Were there crashes when it was looked last? Without any, a success is no news. */
  get isAnyKnown(): boolean {
    return this.#known.size > 0;
  }

  /** The user wants it tried again, whatever the settings. */
  forget(modelId: string): Promise<void> {
    return this.#change(async (entries) => entries.filter((one) => one.modelId !== modelId));
  }

  async #keyOf({ modelId, path: file, settings }: Suspect): Promise<string> {
    const found = await stat(file).catch(() => undefined);
    const program = await stat(this.engine).catch(() => undefined);
    const facts = [modelId, file, found?.size, found?.mtimeMs, program?.mtimeMs, sorted(settings)];
    return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
  }

  /** What is damaged or too old is not held against anyone. */
  async #read(): Promise<Entry[]> {
    const text = await readFile(this.file, 'utf8').catch(() => '[]');
    const parsed = v.safeParse(recordSchema, parseJson(text));
    const entries = parsed.success ? parsed.output.filter(({ at }) => Math.abs(Date.now() - at) < keptMs) : [];
    this.#known = new Set(entries.map(({ key }) => key));
    return entries;
  }

  #change(change: (entries: Entry[]) => Promise<Entry[]>): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      try {
        await mkdir(path.dirname(this.file), { recursive: true, mode: 0o700 });
        // The windows that one engine served tell of its crash in the same moment.
        await withFileLock(`${this.file}.lock`, async () => {
          const before = await this.#read();
          const after = await change(before);
          if (after !== before) {
            await this.#write(after);
          }
        });
      } catch (error) {
        this.log.warn(`The engine's crash could not be kept in mind: ${String(error)}`);
      }
    });
    return this.#writing;
  }

  async #write(entries: readonly Entry[]): Promise<void> {
    const next = `${this.file}.${randomBytes(6).toString('hex')}`;
    try {
      await writeFile(next, JSON.stringify(entries), { mode: 0o600 });
      await rename(next, this.file);
      this.#known = new Set(entries.map(({ key }) => key));
    } catch (error) {
      await rm(next, { force: true });
      throw error;
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The same settings in any order are the same. */
function sorted(settings: unknown): unknown {
  if (typeof settings !== 'object' || settings === null) {
    return settings;
  }
  return Array.isArray(settings) ? settings.map(sorted) : Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => [name, sorted(value)]);
}

/** The crash that a call ended with; `undefined` for anything else, also for an engine that was told to end. */
export function crashOf(error: unknown, phase: CrashPhase, pid: number, platform: NodeJS.Platform = process.platform): Crash | undefined {
  if (!isJanError(error, 'engine-crashed') || typeof error.details?.['words'] !== 'string') {
    return undefined;
  }
  const { words, signal, exitCode } = error.details;
  if (signal === 'SIGTERM' || signal === 'SIGINT' || signal === 'SIGHUP') {
    return undefined;
  }
  // Without an exit another window had started it, and nothing is known of its end. Windows has no signals: whoever ends a
  // process, also libuv in place of SIGKILL and the Task Manager, lets it end with 1.
  const isKill = signal === 'SIGKILL' || (signal === null && (exitCode === null || (platform === 'win32' && exitCode === 1)));
  return { phase, pid, words, isKill };
}
