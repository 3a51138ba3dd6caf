// One request and its response, and the two ways to answer it: at once, or as a stream of server-sent events.
// Must not know: routes, services.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { hasBody } from './admission';
import { toAnthropicError, type HttpError } from './httpError';

/** What a route's handler is given beside the parsed path. */
export interface Exchange {
  readonly response: ServerResponse;
  /** The body, already within its limit; empty for GET and HEAD. */
  readonly body: Buffer;
  /** Aborted when the client is gone or the gateway closes. */
  readonly signal: AbortSignal;
  /** Which of the two APIs the client speaks, where the path does not say it. */
  readonly dialect: Dialect;
}

export type Dialect = 'openai' | 'anthropic';

/** Anthropic's clients send their version's header with everything. */
export function dialectOf(request: IncomingMessage): Dialect {
  return request.headers['anthropic-version'] !== undefined || /^\/v1\/messages(?![^/?])/.test(request.url ?? '') ? 'anthropic' : 'openai';
}

/** Sent with every answer. CORS headers are never sent: no web page may read anything here. */
const safetyHeaders = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'same-origin',
} as const;

/** How long a refused client may go on sending before its connection is closed. */
const lingerMs = 1000;

export function sendJson(response: ServerResponse, status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): void {
  const text = JSON.stringify(value);
  response.writeHead(status, {
    ...safetyHeaders,
    ...headers,
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}

export function sendText(response: ServerResponse, status: number, text: string, contentType: string): void {
  response.writeHead(status, { ...safetyHeaders, 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}

/**
 * Answers with an error. When a body is still coming, the answer is sent at once, what comes is thrown away for a
 * moment (closing a socket with unread bytes would lose the answer), then the connection is closed.
 */
export function sendError(request: IncomingMessage, response: ServerResponse, error: HttpError): void {
  const wire = dialectOf(request) === 'anthropic' ? toAnthropicError(error) : error.toWire();
  if (request.complete || !hasBody(request)) {
    sendJson(response, error.status, wire, error.headers);
    return;
  }
  const text = JSON.stringify(wire);
  response.writeHead(error.status, {
    ...safetyHeaders,
    ...error.headers,
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    Connection: 'close',
  });
  response.write(text);
  const finish = (): void => {
    clearTimeout(timer);
    response.end();
    request.destroy();
  };
  const timer = setTimeout(finish, lingerMs);
  request.once('end', finish).once('close', finish).once('error', finish);
  request.resume();
}

/** Server-sent events, written straight to the socket. Source: WHATWG HTML, "Server-sent events". */
export class EventStream {
  #idle = true;
  readonly #timer: NodeJS.Timeout;

  /** @param silenceMs after so long without a word a comment is sent (and the headers, when they were not yet). */
  constructor(
    private readonly response: ServerResponse,
    private readonly stallTimeoutMs: number,
    silenceMs: number,
  ) {
    this.#timer = setInterval(() => {
      if (this.#idle) {
        void this.write(': still working\n\n');
      }
      this.#idle = true;
    }, silenceMs);
  }

  /** True from the first byte on: from then on an error can only be an event. */
  get isOpen(): boolean {
    return this.response.headersSent;
  }

  /**
   * Sends text that is already in the form of events; the headers go before the first. Returns undefined while the
   * reader keeps up, else a promise to wait for: it resolves when the reader caught up or is gone.
   */
  write(text: string): Promise<void> | undefined {
    this.#idle = false;
    if (!this.response.headersSent) {
      this.response.writeHead(200, { ...safetyHeaders, 'Content-Type': 'text/event-stream; charset=utf-8', 'X-Accel-Buffering': 'no' });
    }
    return this.response.write(text) || this.response.destroyed ? undefined : this.#drained();
  }

  end(): void {
    clearInterval(this.#timer);
    if (this.isOpen) {
      this.response.end();
    }
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.response.off('drain', settle).off('close', settle);
        resolve();
      };
      const timer = setTimeout(() => {
        const hasSocket = this.response.socket !== null;
        this.response.destroy();
        if (!hasSocket) {
          settle(); // it will never say that it is closed
        }
      }, this.stallTimeoutMs);
      this.response.on('drain', settle).on('close', settle);
    });
  }
}
