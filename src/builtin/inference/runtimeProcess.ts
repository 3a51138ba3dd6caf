// Starts the llama.cpp process: with a bare environment, no inspector flags, and a life of its own, so that it outlives
// the window that started it while others use it. It ends by itself with the last lease.
// Must not know: what is said to it, how often it may be started.

import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { bareEnvironment } from '../../common/bareEnvironment';
import type { Logger } from '../../common/log';
import type { ProcessExit } from './exitReason';
import { countOomKills } from './oomKills';

export interface RuntimeProcessOptions {
  /** Path of runtime.mjs. */
  readonly entry: string;
  readonly address: string;
  /** Default: this process' own executable (VS Code's, which then runs as Node). */
  readonly execPath?: string;
  /** Programs, with their arguments, that confine what follows them: confinement.ts. */
  readonly confinement: readonly string[];
  readonly log: Logger;
}

export interface RuntimeProcess {
  readonly pid: number | undefined;
  readonly isConfined: boolean;
  /** Resolves when it accepts connections; never, when it ends before. */
  readonly listening: Promise<void>;
  readonly exited: Promise<ProcessExit>;
}

/** Found another process in its place (src/runtime/main.ts). */
export const exitCodeTaken = 3;

/** What native libraries need to be found and to draw; nothing that could hold a secret or change Node. */
const allowedVariables = [
  'PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR', 'TEMP', 'TMP', 'LD_LIBRARY_PATH',
  'SystemRoot', 'SYSTEMROOT', 'WINDIR', 'SystemDrive', 'USERPROFILE', 'LOCALAPPDATA', 'APPDATA', 'ProgramFiles', 'ProgramData',
  'NUMBER_OF_PROCESSORS', 'PROCESSOR_ARCHITECTURE', 'CUDA_PATH', 'CUDA_VISIBLE_DEVICES', 'HIP_VISIBLE_DEVICES',
  'GGML_VK_VISIBLE_DEVICES', 'VK_ICD_FILENAMES', 'VK_DRIVER_FILES', 'XDG_DATA_DIRS',
];

/**
 * glibc gives back what a model took when it has left, instead of keeping it for the next one in one of its arenas, of which
 * there are else eight a core (50 loads of a 16 MB model: 45 MB more, with these 5 MB).
 */
const allocator = { MALLOC_ARENA_MAX: '2', MALLOC_TRIM_THRESHOLD_: '131072', MALLOC_MMAP_THRESHOLD_: '131072' };
/** New objects' memory, MB: an answer's are small and short-lived, and V8 keeps what it has once grown to. */
const youngMemory = 8;

/**
 * Two threads for native work: a step and the drawing of its token take turns, so each has a thread of its own that stays
 * where it ran. With Node's four, the system wakes one in four on the core where JavaScript runs, and one of the two waits
 * there for up to 4 ms (drawn → client, 99th percentile: 8 ms with four, 4 ms with two). Loads take one: they come one by one.
 */
const threadPool = { UV_THREADPOOL_SIZE: '2' };

export function runtimeEnvironment(from: NodeJS.ProcessEnv): Record<string, string> {
  return { ...threadPool, ...(process.platform === 'linux' ? allocator : {}), ...bareEnvironment(allowedVariables, from) };
}

export function startRuntimeProcess({ entry, address, execPath = process.execPath, confinement, log }: RuntimeProcessOptions): RuntimeProcess {
  const command = [...confinement, execPath];
  const child: ChildProcess = spawn(command[0]!, [...command.slice(1), `--max-semi-space-size=${youngMemory}`, '--expose-gc', entry, '--listen', address, '--starter', `${process.pid}`], {
    env: runtimeEnvironment(process.env),
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own: what ends this window's group must not end other windows' engine.
    detached: true,
    windowsHide: true,
  });
  const listening = new Promise<void>((resolve) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (line === 'listening') {
        resolve();
      } else {
        log.debug(`engine: ${line}`);
      }
    });
  });
  createInterface({ input: child.stderr! }).on('line', (line) => {
    const [level, ...words] = line.split(' ');
    const text = `engine: ${words.join(' ')}`;
    if (level === 'error') {
      log.error(text);
    } else if (level === 'warn') {
      log.warn(text);
    } else if (level === 'info') {
      log.info(text);
    } else {
      log.debug(`engine: ${line}`);
    }
  });
  const oomKillsBefore = countOomKills();
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once('exit', (code, signal) => {
      if (signal !== 'SIGKILL') {
        resolve({ code, signal });
        return;
      }
      void Promise.all([oomKillsBefore, countOomKills()]).then(([before, after]) =>
        resolve({ code, signal, outOfMemory: before !== undefined && after !== undefined && after > before }),
      );
    });
    child.once('error', (error) => {
      log.error(`The engine could not be started: ${error.message}`);
      resolve({ code: -1, signal: null });
    });
  });
  child.unref();
  return { pid: child.pid, isConfined: confinement.length > 0, listening, exited };
}
