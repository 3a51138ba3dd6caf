// The main thread's end of the front door: one byte stream per lease.
// Must not know: the protocol, llama.cpp.

import { Duplex } from 'node:stream';
import type { Worker } from 'node:worker_threads';
import type { DoorToMain, MainToDoor } from './frontDoor';

export interface LeaseListener {
  onLease(stream: Duplex): void;
  onListening(): void;
  /** Another process listens already, or nothing can: this one has no purpose. */
  onRefused(reason: string | undefined): void;
}

export interface Leases {
  /** Tells those who only watch: a line without its end. */
  tellWatchers(line: string): void;
  /** Ends the process, after what was written has left. */
  exit(): void;
  /** Ends the process and tells the windows why: native code does not come back. */
  hung(): void;
}

export function openLeases(worker: Worker, listener: LeaseListener): Leases {
  const streams = new Map<number, LeaseStream>();
  const tell = (message: MainToDoor): void => worker.postMessage(message);
  worker.on('message', (message: DoorToMain) => {
    switch (message.kind) {
      case 'listening':
        listener.onListening();
        break;
      case 'taken':
        listener.onRefused(undefined);
        break;
      case 'failed':
        listener.onRefused(message.message);
        break;
      case 'opened': {
        const stream = new LeaseStream(message.id, tell);
        streams.set(message.id, stream);
        listener.onLease(stream);
        break;
      }
      case 'data':
        streams.get(message.id)?.push(message.bytes);
        break;
      case 'closed':
        streams.get(message.id)?.destroy();
        streams.delete(message.id);
        break;
      case 'ping':
        tell({ kind: 'pong' });
        break;
    }
  });
  return { tellWatchers: (line) => tell({ kind: 'state', line }), exit: () => tell({ kind: 'exit' }), hung: () => tell({ kind: 'hung' }) };
}

class LeaseStream extends Duplex {
  constructor(
    private readonly id: number,
    private readonly tell: (message: MainToDoor) => void,
  ) {
    super({ allowHalfOpen: false });
  }

  override _read(): void {
    // Bytes are pushed as they arrive; requests are small and few, so there is nothing to hold back.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.tell({ kind: 'data', id: this.id, bytes: new Uint8Array(chunk) });
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.tell({ kind: 'close', id: this.id });
    done(error);
  }
}
