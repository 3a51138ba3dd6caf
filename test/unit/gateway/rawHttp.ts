// Bytes to a port and back, for requests that no HTTP client would send.
// Must not know: what is asked.

import { connect, type Socket } from 'node:net';

export interface RawConnection {
  readonly socket: Socket;
  /** All that came, once the other side closed the connection. */
  readonly ended: Promise<string>;
  /** Resolves once what came contains the text; rejects when the connection closes before. */
  received(text: string): Promise<string>;
}

export async function openRaw(port: number): Promise<RawConnection> {
  const socket = connect({ host: '127.0.0.1', port });
  let text = '';
  let isClosed = false;
  const watchers = new Set<() => void>();
  const tell = (): void => watchers.forEach((watch) => watch());
  socket.setEncoding('latin1');
  socket.on('data', (part: string) => {
    text += part;
    tell();
  });
  socket.on('error', () => undefined); // a reset closes it too
  const ended = new Promise<string>((resolve) => {
    socket.on('close', () => {
      isClosed = true;
      resolve(text);
      tell();
    });
  });
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  const received = (wanted: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const watch = (): void => {
        if (text.includes(wanted)) {
          watchers.delete(watch);
          resolve(text);
        } else if (isClosed) {
          watchers.delete(watch);
          reject(new Error(`The connection closed before ${JSON.stringify(wanted)} came; it gave ${JSON.stringify(text)}`));
        }
      };
      watchers.add(watch);
      watch();
    });
  return { socket, ended, received };
}

/** Sends a request (lines without their ends, then an optional body) and gives all that came back until the close. */
export async function exchangeRaw(port: number, lines: readonly string[], body = ''): Promise<string> {
  const connection = await openRaw(port);
  connection.socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
  return connection.ended;
}

export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
}
