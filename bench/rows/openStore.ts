// Row `open-store`: from a window's first call to the first page of its history.

import * as path from 'node:path';
import { median, type BenchRow } from '../benchRow';
import { inFolder, openThreaded, timed } from '../storeBench';
import { generateStore } from '../storeGenerator';

const rounds = 5;

export const row: BenchRow = {
  id: 'open-store',
  title: 'first page of conversations from a store of 100,000 messages that is not open, against an empty one',
  unit: 'ms',
  goal: { text: '≤ 300 ms', isMet: (_ratio, { ours }) => ours <= 300 },
  measure: () =>
    inFolder('open', async (folder) => {
      const directory = path.join(folder, 'store');
      await generateStore(directory, { conversations: 2000, messages: 100_000, words: 60, seed: 3 });
      const [ours, reference]: [number[], number[]] = [[], []];
      for (let i = 0; i < rounds; i++) {
        for (const [place, times] of [[directory, ours], [path.join(folder, `empty-${i}`), reference]] as const) {
          const { store } = await openThreaded(place);
          times.push(await timed(() => store.getConversations({ limit: 50 })));
          await store.close();
        }
      }
      return { ours: median(ours), reference: median(reference) };
    }),
};
