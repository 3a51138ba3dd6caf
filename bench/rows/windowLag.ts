// Row `window-lag`: from a write in one window to the event in another.

import { EventEmitter, once } from 'node:events';
import * as path from 'node:path';
import { median, percentile, type BenchRow } from '../benchRow';
import { inFolder, openThreaded } from '../storeBench';

const rounds = 200;

export const row: BenchRow = {
  id: 'window-lag',
  title: 'createMessage in one window to the event in another, against the event in the same one',
  unit: 'ms',
  goal: { text: 'p99 ≤ 200 ms', isMet: (_ratio, { ours }) => ours <= 200 },
  measure: () =>
    inFolder('lag', async (folder) => {
      const directory = path.join(folder, 'store');
      const news = new EventEmitter();
      const told = (who: string) => (event: { topic: string }) => event.topic === 'messages' && news.emit(who);
      const here = await openThreaded(directory, told('here'));
      const there = await openThreaded(directory, told('there'));
      const { id: conversationId } = await here.store.createConversation();
      await there.store.getConversations();
      const [local, remote]: [number[], number[]] = [[], []];
      for (let i = 0; i < rounds; i++) {
        const started = performance.now();
        const waits = [once(news, 'here').then(() => local.push(performance.now() - started))];
        waits.push(once(news, 'there').then(() => remote.push(performance.now() - started)));
        await here.store.createMessage({ conversationId, role: 'user', content: `${i}` });
        await Promise.all(waits);
      }
      await Promise.all([here.store.close(), there.store.close()]);
      return { ours: percentile(remote, 99), reference: percentile(local, 99), note: `p50 ${median(remote).toFixed(1)} ms` };
    }),
};
