// Starts a process for strangers' text, confined as far as system and Node allow, and says what it said and why it ended.
// Must not know: jobs, deadlines, templates, grammars.

import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import path from 'node:path';
import { bareEnvironment } from '../../common/bareEnvironment';
import { frameBytes, FrameReader, type Frame } from './frames';

/** What can be had of system and Node; found out by trying. */
export interface SandboxMeasures {
  /** Linux' own way to end a process with the one that started it. */
  readonly setpriv: boolean;
  /** Node's permission model: no files, processes, addons, WASI. */
  readonly permission: boolean;
}

export const allMeasures: SandboxMeasures = { setpriv: process.platform === 'linux', permission: true };

export type SandboxEnd =
  | { readonly kind: 'memory' }
  /** Start it with these. */
  | { readonly kind: 'unsupported'; readonly measures: SandboxMeasures }
  | { readonly kind: 'other'; readonly words: string };

export interface SandboxListener {
  onFrame(frame: Frame): void;
  /** It ended, or could not be started; not called after `kill`. */
  onEnd(end: SandboxEnd): void;
}

export interface SandboxProcessOptions {
  /** Path of sandbox.mjs, without symbolic links. */
  readonly entry: string;
  /** Of V8's heap, MiB. */
  readonly memory: number;
  readonly measures: SandboxMeasures;
}

/** Node's own needs; the engine's environment is a bare one already. */
const allowedVariables = ['PATH', 'TZ', 'LANG', 'LC_ALL', 'LD_LIBRARY_PATH', 'SystemRoot'];
/** What an answer may have, bytes: three for each of its characters. */
const longestAnswer = 3 * 64 * 1024 * 1024;
const keptErrorText = 4096;

export class SandboxProcess {
  readonly pid: number | undefined;
  readonly #child;
  readonly #gone: Promise<void>;
  #isKilled = false;

  constructor({ entry, memory, measures }: SandboxProcessOptions, listener: SandboxListener) {
    const [program, args] = commandOf(entry, memory, measures);
    const child = spawn(program, args, {
      cwd: path.parse(process.execPath).root,
      env: bareEnvironment(allowedVariables, process.env),
      stdio: needsLifeline(measures) ? ['pipe', 'pipe', 'pipe', 'pipe'] : ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
    });
    this.#child = child;
    this.pid = child.pid;
    child.unref();
    // There is none when the system has no more files to open, which is told as an error.
    for (const stream of (child.stdio as typeof child.stdio | undefined) ?? []) {
      (stream as Socket | null)?.unref();
      stream?.on('error', () => undefined);
    }
    const reader = new FrameReader(longestAnswer);
    child.stdout?.on('data', (chunk: Buffer) => {
      try {
        for (const frame of this.#isKilled ? [] : reader.push(chunk)) {
          listener.onFrame(frame);
        }
      } catch (error) {
        this.#end(listener, { kind: 'other', words: error instanceof Error ? error.message : String(error) });
        void this.kill();
      }
    });
    let errorText = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      errorText = (errorText + chunk.toString()).slice(-keptErrorText);
    });
    this.#gone = new Promise((resolve) => {
      child.once('error', (error: NodeJS.ErrnoException) => {
        const isMissing = measures.setpriv && error.code === 'ENOENT';
        this.#end(listener, isMissing ? { kind: 'unsupported', measures: { ...measures, setpriv: false } } : { kind: 'other', words: error.message });
        resolve();
      });
      child.once('close', (code, signal) => {
        this.#end(listener, endOf(errorText, signal ?? `exit code ${code ?? 'unknown'}`, measures));
        resolve();
      });
    });
  }

  send(frame: Frame): void {
    this.#child.stdin?.write(frameBytes(frame));
  }

  /** Resolves when it is gone. */
  kill(): Promise<void> {
    this.#isKilled = true;
    this.#child.kill('SIGKILL');
    return this.#gone;
  }

  #end(listener: SandboxListener, end: SandboxEnd): void {
    if (!this.#isKilled) {
      this.#isKilled = true;
      listener.onEnd(end);
    }
  }
}

/** On Windows, Node's children are in a job that ends with it. */
function needsLifeline({ setpriv }: SandboxMeasures): boolean {
  return !setpriv && process.platform !== 'win32';
}

function commandOf(entry: string, memory: number, measures: SandboxMeasures): [program: string, args: string[]] {
  const isWatched = needsLifeline(measures);
  const node = [
    process.execPath,
    ...(measures.permission ? ['--permission', `--allow-fs-read=${entry}`, ...(isWatched ? ['--allow-worker'] : [])] : []),
    `--max-old-space-size=${memory}`,
    '--max-semi-space-size=1',
    '--v8-pool-size=1',
    '--disallow-code-generation-from-strings',
    entry,
    ...(isWatched ? ['--watch'] : []),
  ];
  const [program = '', ...args] = measures.setpriv ? ['setpriv', '--pdeathsig', 'KILL', '--', ...node] : node;
  return [program, args];
}

function endOf(errorText: string, how: string, measures: SandboxMeasures): SandboxEnd {
  if (measures.permission && errorText.includes('bad option')) {
    return { kind: 'unsupported', measures: { ...measures, permission: false } };
  }
  if (measures.setpriv && /^setpriv: (?!failed to execute)/m.test(errorText)) {
    return { kind: 'unsupported', measures: { ...measures, setpriv: false } };
  }
  // V8 says so of a heap that is full, and of one list that would be longer than it has lists.
  return /out of memory|invalid size error|invalid table size/i.test(errorText) ? { kind: 'memory' } : { kind: 'other', words: `it ended (${how})` };
}
