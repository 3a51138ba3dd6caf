// Reading a request's body, counted while it arrives: Node sets no limit of its own.
// Must not know: routes, what the body says.

import type { IncomingMessage } from 'node:http';
import { HttpError } from './httpError';

/** @throws HttpError 413 as soon as the body is known to be larger than `maxBytes`; 400 when it breaks off. */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const tooLarge = (): HttpError =>
      new HttpError(413, `The body is larger than ${maxBytes} bytes, the most that is taken.`, { code: 'body_too_large' });
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) {
      reject(tooLarge());
      return;
    }
    const parts: Buffer[] = [];
    let size = 0;
    const settle = (finish: () => void): void => {
      request.off('data', onData).off('end', onEnd).off('close', onBroken).off('error', onBroken);
      finish();
    };
    const onData = (part: Buffer): void => {
      size += part.length;
      if (size > maxBytes) {
        settle(() => reject(tooLarge()));
        return;
      }
      parts.push(part);
    };
    const onEnd = (): void => settle(() => resolve(Buffer.concat(parts, size)));
    const onBroken = (): void =>
      settle(() => reject(new HttpError(400, 'The body broke off before its end.', { code: 'body_incomplete' })));
    request.on('data', onData).on('end', onEnd).on('close', onBroken).on('error', onBroken);
  });
}

/** @throws HttpError 400 for anything but UTF-8 JSON. */
export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown;
  } catch {
    throw new HttpError(400, 'The body is not valid JSON in UTF-8.', { code: 'invalid_json' });
  }
}
