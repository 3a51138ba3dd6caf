// Which requests are open on each connection. A client may send the next one before it has its answer (HTTP/1.1,
// "pipelining"): Node gives a response its socket when its turn comes, and tells it nothing of the connection's end before.
// Must not know: routes, limits, what is asked.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { JanError } from '../common/errors';

export interface OpenRequest {
  /** Aborted when the connection closes before the whole answer was sent. */
  readonly signal: AbortSignal;
  /** Resolves when what was asked before on the same connection is answered, or the connection is closed. */
  readonly answeredBefore: Promise<void>;
}

interface Connection {
  /** What is to be done for each open request when the connection closes. */
  readonly ends: Set<() => void>;
  last: Promise<void>;
}

export class Connections {
  readonly #bySocket = new WeakMap<Socket, Connection>();

  /** Once for each request, as it comes. */
  open({ socket }: IncomingMessage, response: ServerResponse): OpenRequest {
    const connection = this.#of(socket);
    const controller = new AbortController();
    const answeredBefore = connection.last;
    connection.last = new Promise((resolve) => {
      const end = (): void => {
        connection.ends.delete(end);
        if (!response.writableFinished) {
          controller.abort(new JanError('cancelled', 'The client closed the connection.'));
        }
        resolve();
      };
      connection.ends.add(end);
      response.once('close', end);
    });
    return { signal: controller.signal, answeredBefore };
  }

  #of(socket: Socket): Connection {
    let connection = this.#bySocket.get(socket);
    if (connection === undefined) {
      const ends = new Set<() => void>();
      connection = { ends, last: Promise.resolve() };
      this.#bySocket.set(socket, connection);
      // One listener a connection: it may have hundreds of requests, one after the other.
      socket.once('close', () => [...ends].forEach((end) => end()));
    }
    return connection;
  }
}
