// Row `persist-flat`: what the size of the store costs a write.

import * as path from 'node:path';
import { DataStore } from '../../src/builtin/data/dataStore';
import { nullLogger } from '../../src/common/log';
import { median, type BenchRow } from '../benchRow';
import { inFolder } from '../storeBench';
import { generateStore } from '../storeGenerator';

const rounds = 400;

export const row: BenchRow = {
  id: 'persist-flat',
  title: 'createMessage, durable, in a store of 500,000 messages against one of 5,000',
  unit: 'ms',
  goal: { text: '≤ 1.2 ×', isMet: (ratio) => ratio <= 1.2 },
  measure: () =>
    inFolder('flat', async (folder) => {
      const stores: { readonly store: DataStore; readonly conversationId: string; readonly times: number[] }[] = [];
      for (const messages of [500_000, 5000]) {
        const directory = path.join(folder, `${messages}`);
        await generateStore(directory, { conversations: messages / 50, messages, words: 12, seed: 5 });
        const store = new DataStore({ directory, log: nullLogger, onEvent: () => undefined });
        stores.push({ store, conversationId: (await store.createConversation()).id, times: [] });
      }
      for (let i = -100; i < rounds; i++) {
        for (const { store, conversationId, times } of stores) {
          const started = performance.now();
          await store.createMessage({ conversationId, role: 'user', content: `${i} `.padEnd(600, 'lorem ipsum ') });
          if (i >= 0) {
            times.push(performance.now() - started);
          }
        }
      }
      await Promise.all(stores.map(({ store }) => store.close()));
      const [ours, reference] = stores.map(({ times }) => median(times)) as [number, number];
      return { ours, reference };
    }),
};
