// Entry of the llama.cpp process (dist/runtime.mjs), a child beside a real node_modules that serves all windows of a
// user. Usage: runtime.mjs --listen <socket or pipe> [--first-lease-ms 10000] [--hang-ms 120000] [--stall-ms 600000] [--starter <pid>]
// Must not know: VS Code, services, conversations.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import type { Logger } from '../common/log';
import { runtimeProtocolVersion, type RuntimeState, type WatchedState } from '../protocol/runtimeProtocol';
import { Engine } from './engine';
import { isRunning, runFrontDoor, type FrontDoorOptions } from './frontDoor';
import { openLeases } from './leases';
import { LeaseSession } from './leaseSession';
import { defaultStallMs } from './stallWatch';

/** Exit code of the process that found another one in its place. */
const exitTaken = 3;
const exitFailed = 4;
/** Of −1000…1000: for want of memory the system ends this process before the editor (VS Code's own have up to 300). */
const firstToDie = 800;

const write =
  (level: string) =>
  (message: string, ...details: unknown[]): void => {
    process.stderr.write(`${level} ${[message, ...details.map(String)].join(' ')}\n`);
  };
const log: Logger = { trace: () => undefined, debug: () => undefined, info: write('info'), warn: write('warn'), error: write('error') };

function run(): void {
  const address = argument('--listen');
  if (address === undefined) {
    process.stderr.write('Usage: runtime.mjs --listen <socket or pipe>\n');
    process.exit(exitFailed);
  }
  // The window that started this process may be gone while others still use it: nobody reads the log then.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  process.on('SIGINT', () => undefined);
  process.on('SIGHUP', () => undefined);

  offerAsFirstToDie();
  const starterId = Number(argument('--starter'));
  const starter = starterId > 1 ? { pid: starterId, isParent: starterId === process.ppid } : undefined;
  if (starter !== undefined && !isRunning(starter)) {
    // It was killed while this process was loaded: nobody knows of it.
    process.exit(0);
  }
  const options: FrontDoorOptions = {
    address,
    firstState: watchedState({ pid: process.pid, models: [] }),
    ...(starter === undefined ? {} : { starter }),
    firstLeaseDeadlineMs: Number(argument('--first-lease-ms') ?? 10_000),
    hangDeadlineMs: Number(argument('--hang-ms') ?? 120_000),
  };
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: options, stderr: false });
  const sessions = new Set<LeaseSession>();
  const state = () => ({ pid: process.pid, models: engine.models });
  const announce = throttle(() => {
    sessions.forEach((session) => session.sendState(state()));
    leases.tellWatchers(watchedState(state()));
  }, 100);
  const engine = new Engine({ log, onChange: announce, onStall: () => leases.hung(), stallMs: Number(argument('--stall-ms') ?? defaultStallMs) });
  const leases = openLeases(worker, {
    onListening: () => process.stdout.write('listening\n'),
    onRefused: (reason) => {
      if (reason !== undefined) {
        log.error(`Cannot listen at ${address}: ${reason}`);
      }
      process.exit(reason === undefined ? exitTaken : exitFailed);
    },
    onLease: (stream) => {
      sessions.add(
        new LeaseSession(stream, { engine, state, log, shutdown }, (session) => {
          sessions.delete(session);
        }),
      );
    },
  });
  worker.on('error', (error: Error) => {
    log.error(`The front door failed: ${error.message}`);
    process.exit(exitFailed);
  });

  function shutdown(reason: string): void {
    const told = Promise.all([...sessions].map((session) => session.sendStopping(reason)));
    const patience = new Promise((resolve) => setTimeout(resolve, 500));
    void Promise.race([told, patience]).then(() => leases.exit());
  }
}

function watchedState(state: RuntimeState): string {
  return JSON.stringify({ protocolVersion: runtimeProtocolVersion, ...state } satisfies WatchedState);
}

/** Linux only. Anyone may raise it. */
function offerAsFirstToDie(): void {
  try {
    const file = '/proc/self/oom_score_adj';
    if (Number(readFileSync(file, 'utf8')) < firstToDie) {
      writeFileSync(file, `${firstToDie}`);
    }
  } catch {
    // Another system, or one without /proc.
  }
}

function argument(name: string): string | undefined {
  const index = process.argv.indexOf(name);
  return index < 0 ? undefined : process.argv[index + 1];
}

/** Calls at once, then at most once in `ms`; the last call is never lost. */
function throttle(call: () => void, ms: number): () => void {
  let last = -Infinity;
  let timer: NodeJS.Timeout | undefined;
  const fire = (): void => {
    timer = undefined;
    last = performance.now();
    call();
  };
  return () => {
    timer ??= setTimeout(fire, Math.max(0, last + ms - performance.now()));
  };
}

if (isMainThread) {
  run();
} else {
  runFrontDoor(workerData as FrontDoorOptions);
}
