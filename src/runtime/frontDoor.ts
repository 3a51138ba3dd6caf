// The worker thread that owns the socket: it counts leases and ends the process when the last one is gone, also
// while the main thread is stuck in native code. It passes bytes on without reading them.
// Must not know: the protocol, llama.cpp.

import { createServer, type Server, type Socket } from 'node:net';
import { parentPort, type MessagePort } from 'node:worker_threads';
import { bindExclusively, type Binding } from './socketBinding';

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
  | { readonly kind: 'exit' }
  | { readonly kind: 'pong' };

export interface FrontDoorOptions {
  readonly address: string;
  /** No lease after this long: the process ends, ms. */
  readonly firstLeaseDeadlineMs: number;
  /** The main thread does not answer for this long (in ticks of the worker, so sleep does not count): it hangs, ms. */
  readonly hangDeadlineMs: number;
}

const tickMs = 1000;

export function runFrontDoor(options: FrontDoorOptions): void {
  if (parentPort === null) {
    throw new Error('The front door runs in a worker thread.');
  }
  new FrontDoor(options, parentPort).open();
}

class FrontDoor {
  readonly #sockets = new Map<number, Socket>();
  /** Those that have said something. A connection that only looks whether someone is here is no lease. */
  readonly #leases = new Set<number>();
  #server: Server | undefined;
  #binding: Binding | undefined;
  #nextId = 1;
  #unansweredTicks = 0;
  #ending = false;

  constructor(
    private readonly options: FrontDoorOptions,
    private readonly main: MessagePort,
  ) {}

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
    const id = this.#nextId++;
    this.#sockets.set(id, socket);
    this.#tell({ kind: 'opened', id });
    socket.on('data', (bytes: Buffer) => {
      if (this.#ending) {
        return;
      }
      this.#leases.add(id);
      this.#tell({ kind: 'data', id, bytes: new Uint8Array(bytes) });
    });
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.#sockets.delete(id);
      this.#tell({ kind: 'closed', id });
      if (this.#leases.delete(id) && this.#leases.size === 0) {
        // Someone who has connected but not yet spoken gets a moment to do so.
        setTimeout(() => this.#endIfUnused(), this.#sockets.size > 0 ? 200 : 0);
      }
    });
  }

  #endIfUnused(): void {
    if (this.#leases.size === 0) {
      this.#end();
    }
  }

  #receive(message: MainToDoor): void {
    switch (message.kind) {
      case 'data':
        this.#sockets.get(message.id)?.write(message.bytes);
        break;
      case 'close':
        this.#sockets.get(message.id)?.destroy();
        break;
      case 'exit':
        void this.#close().finally(() => {
          // Let what was written last reach the windows.
          for (const socket of this.#sockets.values()) {
            socket.end();
          }
          setTimeout(kill, 50);
        });
        break;
      case 'pong':
        this.#unansweredTicks = 0;
        break;
    }
  }

  #tick(): void {
    if (++this.#unansweredTicks * tickMs > this.options.hangDeadlineMs) {
      process.stderr.write('The engine did not answer in time and is ended.\n');
      this.#end();
      return;
    }
    this.#tell({ kind: 'ping' });
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

/**
 * SIGKILL to ourselves: `process.exit` would wait for the main thread, which may be in native code for minutes, and
 * nothing here needs an orderly end.
 */
function kill(): void {
  process.kill(process.pid, 'SIGKILL');
}
