// The port that llama-server's tests speak to, before the gateway's own: it adds the gateway's token where llama-server
// was started without a key, and puts the one model's name where a test names another (llama-server answers to any name).
// Everything else passes as it is. Must not know: what is asked and answered.

import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';

export interface PortOptions {
  readonly host: string;
  readonly port: number;
  /** The gateway. */
  readonly target: URL;
  /** Added to every request. Default: requests bring their own. */
  readonly token?: string;
  readonly model: string;
  /** llama-server's `--reasoning on|off`, which is a field of the request here. */
  readonly thinking?: boolean;
}

export async function openPort(options: PortOptions): Promise<void> {
  const server = createServer((from, to) => void pass(from, to, options));
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(options.port, options.host, resolve));
}

/** Between the test and this port only. */
const hopByHop = new Set(['connection', 'transfer-encoding', 'content-length', 'host']);

async function pass(from: IncomingMessage, to: ServerResponse, options: PortOptions): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of from) {
    parts.push(part as Buffer);
  }
  const body = adapted(Buffer.concat(parts), options);
  const headers = Object.fromEntries(Object.entries(from.headers).filter(([name]) => !hopByHop.has(name)));
  const onward = request({
    host: options.target.hostname,
    port: options.target.port,
    method: from.method,
    path: from.url,
    headers: {
      ...headers,
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
      ...(body.length > 0 || from.method === 'POST' ? { 'content-length': body.length } : {}),
    },
  });
  onward.on('response', (answer) => {
    to.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(to);
    answer.on('error', () => to.destroy());
  });
  onward.on('error', () => to.destroy());
  to.on('close', () => onward.destroy());
  onward.end(body);
}

function adapted(body: Buffer, { model, thinking }: PortOptions): Buffer {
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    return body;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return body;
  }
  const fields = value as Record<string, unknown>;
  const changes = {
    ...(typeof fields['model'] === 'string' ? { model } : {}),
    ...(thinking !== undefined && 'messages' in fields ? { chat_template_kwargs: { enable_thinking: thinking } } : {}),
  };
  return Object.keys(changes).length === 0 ? body : Buffer.from(JSON.stringify({ ...fields, ...changes }));
}
