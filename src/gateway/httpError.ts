// Failures as clients expect them: OpenAI's a status and `{error: {message, type, param, code}}`, Anthropic's a status and
// `{type: 'error', error: {type, message}}`. Source of the forms: OpenAI API reference, "Errors"; Anthropic API, "Errors".
// Must not know: routes, sockets.

import { isJanError, type JanError, type JanErrorCode } from '../common/errors';

export interface WireError {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
    /** llama-server's: the prompt was too long. */
    readonly n_prompt_tokens?: number;
    readonly n_ctx?: number;
  };
}

export interface HttpErrorOptions {
  readonly code?: string;
  /** The field of the request that is at fault, e.g. `messages[0].content`. */
  readonly param?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** More to say about it in the answer. */
  readonly more?: Pick<WireError['error'], 'n_prompt_tokens' | 'n_ctx'>;
}

/** A failure with its HTTP status; `message` is sent to the client. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly code: string | null;
  readonly param: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly more: NonNullable<HttpErrorOptions['more']>;

  constructor(
    readonly status: number,
    message: string,
    options: HttpErrorOptions = {},
  ) {
    super(message);
    this.code = options.code ?? null;
    this.param = options.param ?? null;
    this.headers = options.headers ?? {};
    this.more = options.more ?? {};
  }

  toWire(): WireError {
    return { error: { message: this.message, type: this.more.n_ctx === undefined ? typeOfStatus(this.status) : 'exceed_context_size_error', param: this.param, code: this.code, ...this.more } };
  }
}

/** Statuses other than 500. 503 tells a client that the same request may succeed later. */
const statuses: Partial<Record<JanErrorCode, number>> = {
  'invalid-argument': 400,
  'conversation-not-found': 404,
  'message-not-found': 404,
  'model-not-found': 404,
  'model-file-missing': 404,
  'model-busy': 503,
  'no-model': 404,
  'out-of-memory': 503,
  'context-overflow': 400,
  'engine-unavailable': 503,
  'engine-crashed': 503,
  'backend-not-found': 404,
  network: 503,
  'store-unavailable': 503,
  'no-provider': 503,
  denied: 403,
  cancelled: 503,
  timeout: 503,
  unsupported: 400,
};

/** Codes that OpenAI's clients know under another name; the others are sent in snake_case. */
const wireCodes: Partial<Record<JanErrorCode, string>> = {
  'context-overflow': 'context_length_exceeded',
  'invalid-argument': 'invalid_value',
};

/** Whatever failed, as an HTTP error. The text of an error that is no JanError stays here: it may hold anything. */
export function toHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) {
    return error;
  }
  if (isJanError(error)) {
    const code = wireCodes[error.code] ?? error.code.replaceAll('-', '_');
    const param = error.code === 'model-not-found' ? 'model' : undefined;
    return new HttpError(statuses[error.code] ?? 500, error.message, { code, param, more: lengthsOf(error) });
  }
  return new HttpError(500, 'Jan failed to answer this request. Its log (output channel "Jan") says why.', { code: 'internal' });
}

function lengthsOf({ code, details }: JanError): HttpErrorOptions['more'] {
  const { promptTokens, contextLength } = (details ?? {}) as { promptTokens?: unknown; contextLength?: unknown };
  return code === 'context-overflow' && typeof promptTokens === 'number' && typeof contextLength === 'number'
    ? { n_prompt_tokens: promptTokens, n_ctx: contextLength }
    : undefined;
}

/** The same failure in Anthropic's form. */
export function toAnthropicError(error: HttpError): unknown {
  const { status, message } = error;
  return { type: 'error', error: { type: anthropicTypeOf(status), message: overflowWords(error) + message }, request_id: null };
}

/** By these words of Anthropic's API its clients know that they must shorten the conversation; it has no code for it. */
function overflowWords({ code, more }: HttpError): string {
  if (code !== wireCodes['context-overflow']) {
    return '';
  }
  return more.n_prompt_tokens === undefined ? 'prompt is too long. ' : `prompt is too long: ${more.n_prompt_tokens} tokens > ${more.n_ctx} maximum. `;
}

function anthropicTypeOf(status: number): string {
  switch (status) {
    case 401:
      return 'authentication_error';
    case 403:
      return 'permission_error';
    case 404:
      return 'not_found_error';
    case 413:
      return 'request_too_large';
    case 429:
      return 'rate_limit_error';
    case 503:
      return 'overloaded_error';
    default:
      return status >= 500 ? 'api_error' : 'invalid_request_error';
  }
}

function typeOfStatus(status: number): string {
  switch (status) {
    case 401:
      return 'authentication_error';
    case 403:
      return 'permission_error';
    case 429:
      return 'rate_limit_error';
    default:
      return status >= 500 ? 'server_error' : 'invalid_request_error';
  }
}
