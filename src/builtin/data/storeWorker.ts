// A worker thread that holds the store, so that nothing SQLite does holds the extension host's event loop.
// Must not know: which window asked, VS Code.

import { parentPort, workerData } from 'node:worker_threads';
import * as v from 'valibot';
import { toErrorWire, type JanErrorWire } from '../../common/errors';
import type { Logger } from '../../common/log';
import { DataStore } from './dataStore';
import type { FromStoreThread, ToStoreThread } from './storeThreadMessages';

const options = v.parse(
  v.object({
    directory: v.string(),
    wasmPath: v.optional(v.string()),
    snapshotWorkerPath: v.optional(v.string()),
    compactAt: v.optional(v.number()),
  }),
  workerData,
);

/** Characters of text, and as many again per item as its own fields cost, in one part of a list. */
const partWeight = 128 * 1024;
const itemWeight = 400;

const port = parentPort!;
const send = (message: FromStoreThread, transfer: readonly ArrayBuffer[] = []): void => port.postMessage(message, transfer);

const write =
  (level: 'debug' | 'info' | 'warn' | 'error') =>
  (text: string, ...details: readonly unknown[]): void =>
    send({ type: 'log', level, text: [text, ...details.map((detail) => JSON.stringify(detail))].join(' ') });
const log: Logger = { trace: () => undefined, debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };

const store = new DataStore({ ...options, log, onEvent: (event) => send({ type: 'event', event }) });
/** Lists that are on their way, by call: what is left of each. */
const lists = new Map<number, unknown[]>();

port.on('message', (message: ToStoreThread) => {
  switch (message.type) {
    case 'call':
      void answer(message);
      break;
    case 'next':
      sendPart(message.id);
      break;
    case 'close':
      void store.close().finally(() => port.close());
      break;
  }
});

async function answer({ id, method, args }: Extract<ToStoreThread, { type: 'call' }>): Promise<void> {
  try {
    const value = await (store[method] as (...args: readonly unknown[]) => Promise<unknown>)(...args);
    if (Array.isArray(value) && value.length > 1) {
      lists.set(id, value);
      sendPart(id);
    } else if (value instanceof Uint8Array && value.buffer instanceof ArrayBuffer) {
      send({ type: 'result', id, value }, value.byteLength === value.buffer.byteLength ? [value.buffer] : []);
    } else {
      send({ type: 'result', id, value });
    }
  } catch (error) {
    send({ type: 'error', id, error: copyable(toErrorWire(error)) });
  }
}

/** A long list in one message would hold the window's thread while it is unpacked. */
function sendPart(id: number): void {
  const rest = lists.get(id) ?? [];
  let weight = 0;
  let count = 0;
  do {
    weight += itemWeight + textLength(rest[count++], 3);
  } while (count < rest.length && weight < partWeight);
  const items = rest.splice(0, count);
  const last = rest.length === 0;
  if (last) {
    lists.delete(id);
  }
  send({ type: 'part', id, items, last });
}

function textLength(value: unknown, depth: number): number {
  if (typeof value === 'string') {
    return value.length;
  }
  return typeof value === 'object' && value !== null && depth > 0
    ? Object.values(value).reduce<number>((sum, field) => sum + textLength(field, depth - 1), 0)
    : 0;
}

function copyable(error: JanErrorWire): JanErrorWire {
  return JSON.parse(JSON.stringify(error)) as JanErrorWire;
}
