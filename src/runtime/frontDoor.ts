// The worker thread that owns the socket: it counts leases and ends the process when the last one is gone, also
// while the main thread is stuck in native code. It answers pulses and watches itself and passes all else on unread.
// Must not know: what is said over a lease, what a state says, llama.cpp.

import { createServer, type Server, type Socket } from 'node:net';
import { parentPort, type MessagePort } from 'node:worker_threads';
import { pulseBytes } from '../protocol/runtimeProtocol';
import { bindExclusively, type Binding } from './socketBinding';
import { Watchers } from './watchers';

/** What worker and main thread say to each other. */
export type DoorToMain =
  | { readonly kind: 'listening' }
  | { readonly kind: 'taken' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'opened'; readonly id: number }
  | { readonly kind: 'data'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: 'closed'; readonly id: number }
  | { readonly kind: 'ping' };

export type MainToDoor =
  | { readonly kind: 'data'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: 'close'; readonly id: number }
  /** For those who watch: a line without its end. */
  | { readonly kind: 'state'; readonly line: string }
  | { readonly kind: 'exit' }
  /** Native code hangs. */
  | { readonly kind: 'hung' }
  | { readonly kind: 'pong' };

export interface FrontDoorOptions {
  readonly address: string;
  /** The state until another one is told. */
  readonly firstState: string;
  /** No lease after this long: the process ends, ms. */
  readonly firstLeaseDeadlineMs: number;
  /** The process that started this one: while there is no lease yet, the process ends with it. */
  readonly starter?: StarterProcess;
  /** The main thread does not answer for this long (in ticks of the worker, so sleep does not count): it hangs, ms. */
  readonly hangDeadlineMs: number;
}

export interface StarterProcess {
  readonly pid: number;
  /** Then its end shows in our own parent's id, even while its own parent has not taken note of it. */
  readonly isParent: boolean;
}

const tickMs = 1000;
/** How often the starter is looked at before the first lease, ms. */
const starterLookMs = 100;
/** A connection that says nothing is closed after this long, ms. */
const silenceMs = 5000;
/** How long an orderly end may take, ms. */
const exitPatienceMs = 500;

export function runFrontDoor(options: FrontDoorOptions): void {
  if (parentPort === null) {
    throw new Error('The front door runs in a worker thread.');
  }
  new FrontDoor(options, parentPort).open();
}

class FrontDoor {
  readonly #sockets = new Set<Socket>();
  /** Those that have said something. A connection that only looks whether someone is here is no lease. */
  readonly #leases = new Map<number, Socket>();
  readonly #pulses = new Set<Socket>();
  readonly #watchers: Watchers;
  #server: Server | undefined;
  #binding: Binding | undefined;
  #nextId = 1;
  #unansweredTicks = 0;
  #ending = false;

  constructor(
    private readonly options: FrontDoorOptions,
    private readonly main: MessagePort,
  ) {
    this.#watchers = new Watchers(options.firstState);
  }

  open(): void {
    this.main.on('message', (message: MainToDoor) => this.#receive(message));
    const server = (this.#server = createServer((socket) => this.#accept(socket)));
    bindExclusively(server, this.options.address).then(
      (binding) => {
        this.#binding = binding;
        if (binding === undefined) {
          this.#tell({ kind: 'taken' });
          return;
        }
        this.#tell({ kind: 'listening' });
        setTimeout(() => {
          if (this.#leases.size === 0) {
            this.#end();
          }
        }, this.options.firstLeaseDeadlineMs);
        setInterval(() => this.#tick(), tickMs);
        this.#watchStarter();
      },
      (error: unknown) => this.#tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) }),
    );
  }

  #accept(socket: Socket): void {
    if (this.#ending) {
      // Too late: whoever it is finds nobody here and starts anew.
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.setTimeout(silenceMs, () => socket.destroy());
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.once('data', (bytes: Buffer) => {
      socket.setTimeout(0);
      if (this.#ending) {
        return;
      }
      if (bytes[0] === pulseBytes.beat) {
        this.#answerPulse(socket, bytes);
      } else {
        this.#openLease(socket, bytes);
      }
    });
  }

  #answerPulse(socket: Socket, first: Buffer): void {
    const answer = Uint8Array.of(pulseBytes.beat);
    const hear = (bytes: Buffer): void => {
      if (!bytes.includes(pulseBytes.watch)) {
        socket.write(answer);
        return;
      }
      socket.off('data', hear);
      socket.resume();
      this.#watchers.add(socket);
    };
    this.#pulses.add(socket);
    socket.on('data', hear);
    socket.once('close', () => this.#pulses.delete(socket));
    hear(first);
  }

  #openLease(socket: Socket, first: Buffer): void {
    const id = this.#nextId++;
    const pass = (bytes: Buffer): void => {
      if (!this.#ending) {
        this.#tell({ kind: 'data', id, bytes: new Uint8Array(bytes) });
      }
    };
    this.#leases.set(id, socket);
    this.#tell({ kind: 'opened', id });
    pass(first);
    socket.on('data', pass);
    socket.once('close', () => {
      this.#tell({ kind: 'closed', id });
      if (this.#leases.delete(id) && this.#leases.size === 0) {
        this.#endSoon();
      }
    });
  }

  /** Before the first lease nobody would miss this process when its starter dies. */
  #watchStarter(): void {
    const { starter } = this.options;
    if (starter === undefined) {
      return;
    }
    const look = (): void => {
      if (this.#leases.size > 0) {
        clearInterval(looking);
      } else if (!isRunning(starter)) {
        clearInterval(looking);
        this.#endSoon();
      }
    };
    const looking = setInterval(look, starterLookMs);
    look();
  }

  /** Someone who has connected but not yet spoken gets a moment to do so; who comes later starts another process. */
  #endSoon(): void {
    const waits = [...this.#sockets].some((socket) => !this.#pulses.has(socket));
    setTimeout(() => this.#leases.size === 0 && this.#end(), waits ? 200 : 0);
  }

  #receive(message: MainToDoor): void {
    switch (message.kind) {
      case 'data':
        this.#leases.get(message.id)?.write(message.bytes);
        break;
      case 'close':
        this.#leases.get(message.id)?.destroy();
        break;
      case 'state':
        this.#watchers.tell(message.line);
        break;
      case 'exit':
        // A file system that hangs must not keep the process: closing asks it for the socket's name.
        setTimeout(kill, exitPatienceMs);
        void this.#close().finally(() => {
          // Let what was written last reach the windows.
          for (const socket of this.#sockets) {
            socket.end();
          }
          setTimeout(kill, 50);
        });
        break;
      case 'hung':
        this.#endHung();
        break;
      case 'pong':
        this.#unansweredTicks = 0;
        break;
    }
  }

  #tick(): void {
    if (++this.#unansweredTicks * tickMs > this.options.hangDeadlineMs) {
      process.stderr.write('error The engine did not answer in time and is ended.\n');
      this.#endHung();
      return;
    }
    this.#tell({ kind: 'ping' });
  }

  #endHung(): void {
    for (const pulse of this.#pulses) {
      // To a watch it means nothing, and its end all the same.
      pulse.write(Uint8Array.of(pulseBytes.hung));
    }
    this.#end();
  }

  #end(): void {
    if (!this.#ending) {
      setTimeout(kill, 300);
      void this.#close().finally(kill);
    }
  }

  /** Takes no one in any more. The socket's name goes first, so that a window which starts now starts anew. */
  async #close(): Promise<void> {
    this.#ending = true;
    this.#server?.close();
    await this.#binding?.release().catch(() => undefined);
  }

  #tell(message: DoorToMain): void {
    this.main.postMessage(message);
  }
}

export function isRunning({ pid, isParent }: StarterProcess): boolean {
  if (isParent && process.ppid !== pid) {
    return false;
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, and someone else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * SIGKILL to ourselves: `process.exit` would wait for the main thread, which may be in native code for minutes, and
 * nothing here needs an orderly end.
 */
function kill(): void {
  process.kill(process.pid, 'SIGKILL');
}
