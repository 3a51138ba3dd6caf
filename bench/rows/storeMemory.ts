// Row `store-memory`: what an open store costs its window, and what is left when it was let go.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BenchSkipped, type BenchRow } from '../benchRow';
import { inFolder, openThreaded } from '../storeBench';
import { generateStore } from '../storeGenerator';

const mebi = 1024 * 1024;
const generating = '--generate';
const releaseMs = 12_000;

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
      await generateInChild(directory);
      const idle = await resident();
      const open = await openAndLetGo(directory);
      const left = await resident();
      await openAndLetGo(directory);
      const again = await resident();
      return {
        ours: (open - idle) / mebi,
        reference: (left - idle) / mebi,
        note: `the reference is what is left; ${((again - idle) / mebi).toFixed(1)} MiB after a second opening: free pages of the C library, used again`,
      };
    }),
};

/** Resolves with the bytes while it was open. */
async function openAndLetGo(directory: string): Promise<number> {
  const { store } = await openThreaded(directory);
  const [first] = await store.getConversations();
  await store.getConversationMessages(first!.id);
  await store.searchMessages({ text: 'kalo' });
  const open = await resident();
  await store.close();
  // V8 gives the pages of a thread that ended back after some seconds.
  await new Promise((resolve) => setTimeout(resolve, releaseMs));
  return open;
}

/** After a garbage collection: what a window would give back by itself a while later does not count. */
async function resident(): Promise<number> {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const status = await readFile('/proc/self/status', 'utf8');
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
}

/** In a process of its own: made here, it would hide what opening costs. */
async function generateInChild(directory: string): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), [generating, directory]);
  const [code] = (await once(child, 'exit')) as [number];
  if (code !== 0) {
    throw new Error(`Generating ended with ${code}.`);
  }
}

if (process.argv[2] === generating) {
  await generateStore(process.argv[3]!, { conversations: 2000, messages: 100_000, words: 60, seed: 6 });
  process.exit(0);
}
