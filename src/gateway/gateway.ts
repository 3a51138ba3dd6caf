// The gateway: an OpenAI-compatible HTTP endpoint on loopback, opened on first use. It reaches every model of every
// backend by calling services by name, so its calls pass the same guards as everyone's.
// Must not know: VS Code, plugins, backends, what runs behind a service name.

import type { InferenceEndpoint, JanApi } from '../api/jan';
import { JanError } from '../common/errors';
import type { Disposable } from '../common/lifecycle';
import type { Logger } from '../common/log';
import type { GatewayServer } from './gatewayServer';
import type { PortNote } from './portNote';

/** What one endpoint is willing to carry. Times in ms, sizes in bytes. */
export interface GatewayLimits {
  /** Body of one request. */
  readonly maxBodyBytes: number;
  /** Answers generated at once; the next ones wait. */
  readonly maxActive: number;
  /** Requests that wait for their turn; more are refused with 429. */
  readonly maxWaiting: number;
  /** Open connections; more are closed at once. */
  readonly maxConnections: number;
  /** From the connection (or the previous answer) to the end of the headers. */
  readonly headersTimeoutMs: number;
  /** To the end of the body. */
  readonly requestTimeoutMs: number;
  /** A reader that takes nothing for so long is cut off. */
  readonly stallTimeoutMs: number;
  /** A comment is sent on a stream that has been silent for so long: it keeps clients waiting while a model loads. */
  readonly silenceMs: number;
}

export const defaultGatewayLimits: GatewayLimits = {
  maxBodyBytes: 16 * 1024 * 1024,
  maxActive: 8,
  maxWaiting: 32,
  maxConnections: 256,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  stallTimeoutMs: 60_000,
  silenceMs: 15_000,
};

export interface GatewayOptions {
  /** The API as the caller `gateway`. */
  readonly api: JanApi;
  readonly log: Logger;
  /** Loopback and nothing else. */
  readonly host?: '127.0.0.1';
  /** Default 0: any free port. Asked whenever the endpoint is opened. */
  readonly port?: () => number;
  /** Tokens that are accepted beside the endpoint's own. Default: none. */
  readonly tokens?: TokenVerifier;
  /** Where the window that serves a fixed port is noted, to name it to others. Default: nowhere. */
  readonly note?: PortNote;
  readonly limits?: Partial<GatewayLimits>;
}

export interface TokenVerifier {
  /** Awaited before the endpoint opens. */
  load(): Promise<void>;
  /** In constant time. */
  isValid(token: string): boolean;
}

export interface Gateway extends Disposable {
  /**
   * Opens the endpoint; later calls give the same one.
   * @throws JanError `engine-unavailable` when the port cannot be had, or after `dispose`. A later call tries again.
   */
  start(): Promise<InferenceEndpoint>;
}

export function createGateway(options: GatewayOptions): Gateway {
  let opening: Promise<GatewayServer> | undefined;
  let disposed = false;

  const open = async (): Promise<GatewayServer> => {
    const [{ openGatewayServer }] = await Promise.all([import('./gatewayServer'), options.tokens?.load()]);
    const server = await openGatewayServer({
      api: options.api,
      log: options.log,
      host: options.host ?? '127.0.0.1',
      port: options.port?.() ?? 0,
      note: options.note,
      isTokenValid: (token) => options.tokens?.isValid(token) === true,
      limits: { ...defaultGatewayLimits, ...options.limits },
    });
    if (disposed) {
      server.dispose();
      throw closed();
    }
    return server;
  };

  return {
    async start() {
      if (disposed) {
        throw closed();
      }
      opening ??= open().catch((error: unknown) => {
        opening = undefined;
        throw error;
      });
      return (await opening).endpoint;
    },
    dispose() {
      disposed = true;
      opening?.then(
        (server) => server.dispose(),
        () => undefined,
      );
    },
  };
}

function closed(): JanError {
  return new JanError('engine-unavailable', 'The local endpoint of this window is closed. Reload the window to open it again.');
}
