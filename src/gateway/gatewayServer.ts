// The HTTP server behind the gateway: admission, limits and body first, then the routes. Loaded on first use.
// Must not know: what the routes answer, services.

import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { InferenceEndpoint, JanApi } from '../api/jan';
import { JanError } from '../common/errors';
import type { Disposable } from '../common/lifecycle';
import type { Logger } from '../common/log';
import { refusalOf, tokenComparer, type AdmissionRules } from './admission';
import { Connections, type OpenRequest } from './connections';
import { dialectOf, sendError } from './exchange';
import type { GatewayLimits } from './gateway';
import { toHttpError } from './httpError';
import { GatewayMetrics } from './metrics';
import { servingWindow, writePortNote, type PortNote } from './portNote';
import { readBody } from './requestBody';
import { RequestQueue } from './requestQueue';
import { createRoutes, type Routes } from './routes';

export interface GatewayServer extends Disposable {
  readonly endpoint: InferenceEndpoint;
}

export interface GatewayServerOptions {
  readonly api: JanApi;
  readonly log: Logger;
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly limits: GatewayLimits;
  readonly note?: PortNote;
  /** Tokens beside the endpoint's own. */
  readonly isTokenValid: (token: string) => boolean;
}

/** @throws JanError `engine-unavailable` when the port cannot be had. */
export async function openGatewayServer(options: GatewayServerOptions): Promise<GatewayServer> {
  const { limits, log } = options;
  const server = createServer({
    noDelay: true,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: Math.min(5000, limits.headersTimeoutMs),
    keepAliveTimeout: 30_000,
    maxHeaderSize: 16 * 1024,
    requireHostHeader: false, // admission answers for it, in our form
  });
  server.maxConnections = limits.maxConnections;
  const port = await listen(server, options);
  const token = `jan-${randomBytes(32).toString('base64url')}`;
  if (options.port !== 0 && options.note !== undefined) {
    await writePortNote(options.note, port).catch((error: unknown) => log.warn('It could not be noted which window serves the port', error));
  }
  const isOwnToken = tokenComparer(token);
  const isTokenValid = (given: string): boolean => {
    const isOwn = isOwnToken(given);
    return options.isTokenValid(given) || isOwn;
  };
  const handler = new RequestHandler(options, { port, isTokenValid });
  const serve = (request: IncomingMessage, response: ServerResponse): void => void handler.serve(request, response);
  // Before "100 Continue" is answered, admission decides as well: `checkContinue` replaces `request` for these.
  server.on('request', serve).on('checkContinue', serve);
  server.on('error', (error) => log.error('The local endpoint failed', error));
  log.info(`The local endpoint listens on port ${port}.`);
  return {
    endpoint: { url: `http://${options.host}:${port}/v1`, token },
    dispose() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function listen(server: Server, options: GatewayServerOptions): Promise<number> {
  const { port, note } = options;
  try {
    return await bind(server, options);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const holder = code === 'EADDRINUSE' && note !== undefined ? await servingWindow(note, port) : undefined;
    throw new JanError('engine-unavailable', refusalText(port, code, message, holder?.window), {
      details: { port, reason: code, ...(holder === undefined ? {} : { servedBy: holder.window, pid: holder.pid }) },
      cause: error,
    });
  }
}

function refusalText(port: number, code: string | undefined, message: string, holder: string | undefined): string {
  if (holder !== undefined) {
    return `Port ${port} is already served by the Jan window “${holder}”: copy the endpoint there, or use an endpoint token, which works in every window.`;
  }
  return code === 'EADDRINUSE'
    ? `Port ${port} is used by another program. Choose another port for Jan's local endpoint (jan.endpoint.port), or 0 for any free one.`
    : `The local endpoint could not be opened: ${message}.`;
}

function bind(server: Server, { host, port }: GatewayServerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => reject(error);
    server.once('error', onError);
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', onError);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

const noBody = Buffer.alloc(0);

class RequestHandler {
  readonly #queue: RequestQueue;
  readonly #connections = new Connections();
  readonly #routes: Routes;
  readonly #metrics = new GatewayMetrics();

  constructor(
    private readonly options: GatewayServerOptions,
    private readonly rules: AdmissionRules,
  ) {
    this.#queue = new RequestQueue(options.limits.maxActive, options.limits.maxWaiting);
    this.#metrics.watch(() => this.#queue.state);
    this.#routes = createRoutes({ ...options, metrics: this.#metrics });
  }

  /** Never rejects. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const started = performance.now();
    const client = this.#connections.open(request, response);
    response.on('error', () => undefined); // the client is gone: `close` says so too
    response.once('close', () => {
      if (response.headersSent) {
        this.#metrics.countAnswer(response.statusCode);
      }
      // Neither target nor headers: a confused client may have put its token there.
      const ms = Math.round(performance.now() - started);
      this.options.log.debug(`Endpoint: ${request.method ?? ''} ${response.headersSent ? response.statusCode : 'no answer'} ${ms} ms`);
    });
    try {
      const refusal = refusalOf(request, this.rules);
      if (refusal !== undefined) {
        throw refusal;
      }
      if (request.method === 'POST') {
        await this.#answerInTurn(request, response, client);
      } else {
        await this.#route(request, response, noBody, client.signal);
      }
    } catch (error) {
      this.#fail(request, response, error);
    }
  }

  async #answerInTurn(request: IncomingMessage, response: ServerResponse, { signal, answeredBefore }: OpenRequest): Promise<void> {
    const place = this.#queue.enter();
    try {
      if (request.headers.expect?.toLowerCase() === '100-continue') {
        response.writeContinue();
      }
      const body = await readBody(request, this.options.limits.maxBodyBytes);
      // Nobody could read this answer before the one to what came first on the same connection.
      await answeredBefore;
      await place.turn(signal);
      await this.#route(request, response, body, signal);
    } finally {
      place.leave();
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse, body: Buffer, signal: AbortSignal): Promise<void> {
    const url = `http://${this.options.host}:${this.rules.port}${request.url ?? '/'}`;
    await this.#routes.fetch(new Request(url, { method: request.method }), { response, body, signal, dialect: dialectOf(request) });
  }

  #fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    if (response.destroyed || request.socket.destroyed) {
      return;
    }
    const failure = toHttpError(error);
    if (failure.status === 500) {
      this.options.log.error('The local endpoint could not answer a request', error);
    }
    if (response.headersSent) {
      response.destroy();
    } else {
      sendError(request, response, failure);
    }
  }
}
