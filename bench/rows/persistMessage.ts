// Row `persist-message`: what it costs that a message is on the disk before it is called saved.

import { mkdtemp, rm } from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import initSqlJs from 'sql.js';
import { DataStore } from '../../src/builtin/data/dataStore';
import { encodeFrame, scanFrames } from '../../src/builtin/data/frame';
import { encodePayload, recordKind } from '../../src/builtin/data/operations';
import { View } from '../../src/builtin/data/view';
import { nullLogger } from '../../src/common/log';
import { createUuidV7 } from '../../src/common/uuid';
import { median, percentile, type BenchRow } from '../benchRow';

const rounds = 600;
const warmUp = 100;
const goalMs = 1;
/** About what an answer of a chat holds, characters. */
const contentLength = 600;

export const row: BenchRow = {
  id: 'persist-message',
  title: 'createMessage until it is durable (write, fdatasync, read back) against the same insert in memory',
  unit: 'ms',
  goal: { text: `p50 ≤ ${goalMs} ms durable`, isMet: (_ratio, { ours }) => ours <= goalMs },
  async measure() {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'jan-bench-persist-'));
    const directory = path.join(folder, 'store');
    const store = new DataStore({ directory, log: nullLogger, onEvent: () => undefined });
    const memory = new View(await initSqlJs());
    try {
      const { id: conversationId } = await store.createConversation();
      const inMemory = createUuidV7();
      apply(memory, recordKind.createConversation, { id: inMemory, name: '', at: 0 });
      const durable: number[] = [];
      const volatile: number[] = [];
      for (let i = -warmUp; i < rounds; i++) {
        const content = `${i} `.padEnd(contentLength, 'lorem ipsum ');
        let started = performance.now();
        await store.createMessage({ conversationId, role: 'user', content });
        const durableMs = performance.now() - started;
        const at = Date.now();
        started = performance.now();
        const id = createUuidV7();
        const conversation = { conversationId: inMemory };
        apply(memory, recordKind.createMessage, { id, ...conversation, role: 'user', content, status: 'complete', at });
        memory.queries.message(id);
        const volatileMs = performance.now() - started;
        if (i >= 0) {
          durable.push(durableMs);
          volatile.push(volatileMs);
        }
      }
      const [p90, p99] = [percentile(durable, 90), percentile(durable, 99)].map((value) => value.toFixed(2));
      return { ours: median(durable), reference: median(volatile), note: `p90 ${p90} ms, p99 ${p99} ms` };
    } finally {
      memory.close();
      await store.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
};

/** As the store applies a record, without a file. */
function apply(view: View, kind: number, payload: object): void {
  const bytes = encodeFrame(createUuidV7(), kind, encodePayload(payload));
  view.begin();
  const outcome = view.apply(scanFrames(bytes, true).frames[0]!);
  view.commit();
  if (outcome.type !== 'applied') {
    throw new Error(`The insert in memory was not applied: ${JSON.stringify(outcome)}`);
  }
}
