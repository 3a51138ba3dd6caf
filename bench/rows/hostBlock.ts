// Row `host-block`: how long the store holds the extension host's event loop at the most, while a large one is opened,
// read, searched and compacted.

import * as path from 'node:path';
import type { BenchRow } from '../benchRow';
import { inFolder, openThreaded } from '../storeBench';
import { generateStore } from '../storeGenerator';

/** About 100 MB. */
const size = { conversations: 1000, messages: 150_000, words: 70, seed: 4 };

export const row: BenchRow = {
  id: 'host-block',
  title: 'longest hold of the event loop during opening, a search and a compaction at 100 MB, against an idle loop',
  unit: 'ms',
  goal: { text: '≤ 8 ms', isMet: (_ratio, { ours }) => ours <= 8 },
  measure: () =>
    inFolder('block', async (folder) => {
      const directory = path.join(folder, 'store');
      await generateStore(directory, size);
      globalThis.gc?.();
      const reference = await longestHold(() => new Promise((resolve) => setTimeout(resolve, 2000)));
      const { store } = await openThreaded(directory);
      const ours = await longestHold(async () => {
        const [first] = await store.getConversations();
        await store.getConversationMessages(first!.id, { branch: 'all' });
        await store.searchMessages({ text: 'kalo mi*', limit: 200 });
        await store.compact();
      });
      await store.close();
      return { ours, reference, note: 'own processor time of the thread between two turns of its loop' };
    }),
};

/** Own time: another process' load is not the store's doing. */
async function longestHold(task: () => Promise<unknown>): Promise<number> {
  const ownTime = (): number => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  let longest = 0;
  let last = ownTime();
  const beat = setInterval(() => {
    longest = Math.max(longest, ownTime() - last);
    last = ownTime();
  }, 1);
  await task();
  clearInterval(beat);
  return longest;
}
