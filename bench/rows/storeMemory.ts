// Row `store-memory`: what an open store costs its window, and what is left when it was let go.

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { BenchSkipped, type BenchRow } from '../benchRow';
import { inFolder, openThreaded } from '../storeBench';
import { generateStore } from '../storeGenerator';

const mebi = 1024 * 1024;

export const row: BenchRow = {
  id: 'store-memory',
  title: 'resident memory of a window with 100,000 messages open, above what is left after it was let go',
  unit: 'MiB',
  goal: {
    text: '≤ 150 MiB open, ≤ 5 MiB let go (both above the idle process)',
    isMet: (_ratio, { ours, reference }) => ours <= 150 && reference <= 5,
  },
  measure: () =>
    inFolder('memory', async (folder) => {
      if (process.platform !== 'linux') {
        throw new BenchSkipped('It reads /proc.');
      }
      const directory = path.join(folder, 'store');
      await generateInThread(directory);
      const warm = await openThreaded(path.join(folder, 'empty'));
      await warm.store.getConversations();
      await warm.store.close();
      const idle = await resident();
      const { store } = await openThreaded(directory);
      const [first] = await store.getConversations();
      await store.getConversationMessages(first!.id);
      await store.searchMessages({ text: 'kalo' });
      const open = await resident();
      await store.close();
      const left = await resident();
      return { ours: (open - idle) / mebi, reference: (left - idle) / mebi, note: 'the reference is what is left' };
    }),
};

async function resident(): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8');
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
}

/** In a thread of its own, which gives its memory back: made here, it would hide what opening costs. */
async function generateInThread(directory: string): Promise<void> {
  const thread = new Worker(fileURLToPath(import.meta.url), { workerData: { generate: directory } });
  const [code] = (await once(thread, 'exit')) as [number];
  if (code !== 0) {
    throw new Error(`Generating ended with ${code}.`);
  }
}

const task = (workerData ?? {}) as { readonly generate?: string };
if (!isMainThread && task.generate !== undefined) {
  await generateStore(task.generate, { conversations: 2000, messages: 100_000, words: 60, seed: 6 });
}
