// Who may ask at all. Runs for every request before routing, so no route can be forgotten (as happened to others:
// a handler registered before the check). The rules: loopback names only, no browser pages, the bearer token.
// Must not know: routes, what is asked.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { HttpError } from './httpError';

export interface AdmissionRules {
  /** The port that the Host header must name. */
  readonly port: number;
  readonly isTokenValid: (token: string) => boolean;
}

/** The one path served without a token. Compared with the request target byte for byte: no decoding, no dot segments. */
const openPath = '/health';

/** Does this request have no right to be answered? Then the answer that says so. */
export function refusalOf(request: IncomingMessage, rules: AdmissionRules): HttpError | undefined {
  const target = request.url ?? '';
  if (!target.startsWith('/')) {
    return new HttpError(400, 'The request target must be a path such as /v1/models.', { code: 'invalid_target' });
  }
  const hosts = valuesOf(request, 'host');
  if (hosts.length !== 1 || !loopbackNames.some((name) => hosts[0] === `${name}:${rules.port}`)) {
    return new HttpError(403, 'This endpoint answers only to 127.0.0.1, localhost and [::1] with its own port.', { code: 'host_refused' });
  }
  // Any web page, `null` (sandboxed frames, files) and browser extensions included.
  if (valuesOf(request, 'origin').length > 0 || valuesOf(request, 'sec-fetch-site').some((site) => site !== 'none')) {
    return new HttpError(403, 'Web pages may not use this endpoint.', { code: 'origin_refused' });
  }
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  const isOpen = isRead && target.split('?', 1)[0] === openPath;
  if (!isOpen && !tokensOf(request).some((token) => rules.isTokenValid(token))) {
    return new HttpError(401, 'A valid token is missing. Send "Authorization: Bearer <token>" (or x-api-key); the command "Jan: Copy Endpoint" gives it.', {
      code: 'invalid_api_key',
      headers: { 'WWW-Authenticate': 'Bearer' },
    });
  }
  if (!isRead && request.method !== 'POST') {
    return new HttpError(405, `The method ${request.method ?? ''} is not offered.`, { code: 'method_not_allowed', headers: { Allow: 'GET, HEAD, POST' } });
  }
  if (isRead && hasBody(request)) {
    return new HttpError(400, `A ${request.method ?? ''} request must not have a body.`, { code: 'unexpected_body' });
  }
  return isRead ? undefined : refusalOfBody(request);
}

/** Compares in constant time: both sides are hashed, so neither length nor content shows in the duration. */
export function tokenComparer(expected: string): (token: string) => boolean {
  const digest = (token: string): Buffer => createHash('sha256').update(token).digest();
  const expectedDigest = digest(expected);
  return (token) => timingSafeEqual(digest(token), expectedDigest) && token !== '';
}

export function hasBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length'];
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && Number(length) !== 0);
}

const loopbackNames = ['127.0.0.1', 'localhost', '[::1]'];

/** JSON by its name only: a form or text/plain could be sent by any web page without asking. */
function refusalOfBody(request: IncomingMessage): HttpError | undefined {
  const types = valuesOf(request, 'content-type');
  const mediaType = types[0]?.split(';', 1)[0]?.trim().toLowerCase();
  if (types.length !== 1 || mediaType !== 'application/json') {
    return new HttpError(415, 'Send the body as "Content-Type: application/json".', { code: 'unsupported_media_type' });
  }
  if (valuesOf(request, 'content-encoding').some((encoding) => encoding.toLowerCase() !== 'identity')) {
    return new HttpError(415, 'Send the body uncompressed.', { code: 'unsupported_content_encoding' });
  }
  return undefined;
}

/** As OpenAI's clients send it, and as Anthropic's do. A header that came twice holds none. */
function tokensOf(request: IncomingMessage): readonly string[] {
  const bearers = valuesOf(request, 'authorization');
  const keys = valuesOf(request, 'x-api-key');
  const bearer = bearers.length === 1 ? /^Bearer +([^\s]+)$/i.exec(bearers[0]!)?.[1] : undefined;
  return [bearer, keys.length === 1 ? keys[0] : undefined].filter((token) => token !== undefined && token !== '') as string[];
}

/** Every value of a header as sent: `request.headers` keeps only the first of some and joins others. */
function valuesOf(request: IncomingMessage, name: string): readonly string[] {
  return request.headersDistinct[name] ?? [];
}
