// Row `history-page`: what the length of the history costs the first page of it.

import { median, type BenchRow } from '../benchRow';
import { generateView } from '../storeGenerator';

const rounds = 300;

export const row: BenchRow = {
  id: 'history-page',
  title: 'first 50 of 100,000 conversations, pinned first, against the first 50 of 1,000',
  unit: 'ms',
  goal: { text: '≤ 1.3 ×, ≤ 2 ms', isMet: (ratio, { ours }) => ratio <= 1.3 && ours <= 2 },
  async measure() {
    const [large, small] = [
      await generateView({ conversations: 100_000, messages: 0, words: 5, seed: 2 }),
      await generateView({ conversations: 1000, messages: 0, words: 5, seed: 2 }),
    ];
    const [ours, reference]: [number[], number[]] = [[], []];
    const query = { limit: 50, archived: false, pinnedFirst: true };
    for (let i = -50; i < rounds; i++) {
      for (const [view, times] of [[large, ours], [small, reference]] as const) {
        const started = performance.now();
        const { length } = view.queries.conversations(query);
        if (i >= 0) {
          times.push(performance.now() - started);
        }
        if (length !== 50) {
          throw new Error(`${length} conversations`);
        }
      }
    }
    large.close();
    small.close();
    return { ours: median(ours), reference: median(reference) };
  },
};
