// Writes JSON-RPC messages, each with its header in one piece: vscode-jsonrpc's own writer waits for the header to be
// written before it writes the rest, which wakes the reader twice for every token of an answer.
// The framing is the Language Server Protocol's base protocol.
// Must not know: what the messages are.

import { AbstractMessageWriter, type Message, type MessageWriter } from 'vscode-jsonrpc/node';

/** A Node stream, as far as it is used. */
export interface MessageStream {
  write(text: string, done: (error?: Error | null) => void): unknown;
  end(): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
}

export class WholeMessageWriter extends AbstractMessageWriter implements MessageWriter {
  #failed = 0;

  constructor(private readonly stream: MessageStream) {
    super();
    stream.on('error', (error) => this.fireError(error));
    stream.on('close', () => this.fireClose());
  }

  /** Resolves when it has been written. */
  write(message: Message): Promise<void> {
    const body = JSON.stringify(message);
    return new Promise((resolve, reject) => {
      this.stream.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`, (error) => {
        if (error === null || error === undefined) {
          resolve();
          return;
        }
        this.fireError(error, message, ++this.#failed);
        reject(error);
      });
    });
  }

  end(): void {
    this.stream.end();
  }
}
