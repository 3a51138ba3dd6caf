// Those who only watch: each is told the newest state, and only that when it reads slowly.
// Must not know: what a state says, leases.

import type { Socket } from 'node:net';

export class Watchers {
  /** With what each was told last. */
  readonly #told = new Map<Socket, string>();
  #line: string;

  /** @param first the state so far, a line without its end */
  constructor(first: string) {
    this.#line = first;
  }

  /** Tells the state at once, and every later one until the socket closes. */
  add(socket: Socket): void {
    socket.once('close', () => this.#told.delete(socket));
    socket.on('drain', () => this.#write(socket));
    this.#write(socket);
  }

  tell(line: string): void {
    this.#line = line;
    for (const socket of this.#told.keys()) {
      // Whoever has not read the one before gets the newest when it has.
      if (!socket.writableNeedDrain) {
        this.#write(socket);
      }
    }
  }

  #write(socket: Socket): void {
    if (this.#told.get(socket) !== this.#line) {
      this.#told.set(socket, this.#line);
      socket.write(`${this.#line}\n`);
    }
  }
}
