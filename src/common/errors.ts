// Errors that cross a boundary: the one error type of the product, its codes and its wire form.
// Checked by `code`, never by `instanceof` (bundles and processes each have their own class) or text.
// Must not know: VS Code, services, processes.

/**
 * Every reason a service call can fail for. Public: see `JanErrorCode` in src/api/jan.d.ts, which lists the same
 * literals for companions (a contract test holds the two together).
 */
export const janErrorCodes = [
  'invalid-argument',
  'conversation-not-found',
  'message-not-found',
  'attachment-not-found',
  'model-not-found',
  'model-file-missing',
  'model-invalid',
  'model-load-failed',
  'model-crashed',
  'model-busy',
  'no-model',
  'out-of-memory',
  'context-overflow',
  'engine-unavailable',
  'engine-crashed',
  'backend-not-found',
  'backend-failed',
  'download-failed',
  'download-not-found',
  'checksum-mismatch',
  'disk-full',
  'network',
  'store-unavailable',
  'store-read-only',
  'store-damaged',
  'no-provider',
  'provider-failed',
  'plugin-conflict',
  'plugin-invalid',
  'denied',
  'cancelled',
  'timeout',
  'unsupported',
  'internal',
] as const;

export type JanErrorCode = (typeof janErrorCodes)[number];

export interface JanErrorOptions {
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** An error whose `message` names the cause and the next step in the user's words. */
export class JanError extends Error {
  override readonly name = 'JanError';
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    readonly code: JanErrorCode,
    message: string,
    options: JanErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.details = options.details ?? {};
  }
}

/** Is `value` a JanError (of any bundle), optionally with this very code? */
export function isJanError(value: unknown, code?: JanErrorCode): value is JanError {
  if (typeof value !== 'object' || value === null) {
    return false;
  }
  const candidate = value as { name?: unknown; code?: unknown };
  return (
    candidate.name === 'JanError' &&
    (janErrorCodes as readonly unknown[]).includes(candidate.code) &&
    (code === undefined || candidate.code === code)
  );
}

/** What of an error crosses a process boundary. */
export interface JanErrorWire {
  readonly code: JanErrorCode;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export function toErrorWire(error: unknown): JanErrorWire {
  const known = toJanError(error);
  return { code: known.code, message: known.message, details: known.details };
}

/** Rebuilds an error that came over a wire; anything that is not of the wire form becomes `internal`. */
export function fromErrorWire(wire: unknown): JanError {
  if (typeof wire === 'object' && wire !== null) {
    const { code, message, details } = wire as Partial<Record<keyof JanErrorWire, unknown>>;
    if ((janErrorCodes as readonly unknown[]).includes(code) && typeof message === 'string') {
      const safeDetails = typeof details === 'object' && details !== null ? (details as Record<string, unknown>) : {};
      return new JanError(code as JanErrorCode, message, { details: safeDetails });
    }
  }
  return new JanError('internal', 'The other side failed without saying why.', { details: { received: typeof wire } });
}

/** Wraps whatever was thrown; a JanError passes through unchanged. An abort becomes `cancelled`. */
export function toJanError(error: unknown, fallback: JanErrorCode = 'internal', message?: string): JanError {
  if (isJanError(error)) {
    return error;
  }
  if (error instanceof Error && error.name === 'AbortError') {
    return new JanError('cancelled', 'Cancelled.', { cause: error });
  }
  const text = error instanceof Error ? error.message : String(error);
  return new JanError(fallback, message ?? text, { cause: error, details: { reason: text } });
}
