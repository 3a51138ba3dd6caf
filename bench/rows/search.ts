// Row `search`: the best 50 of a million messages, by the index against a look at every text.

import initSqlJs from 'sql.js';
import { StatementCache } from '../../src/builtin/data/sqlite';
import { median, type BenchRow } from '../benchRow';
import { generateView, wordAt } from '../storeGenerator';

const messages = 1_000_000;
const goalMs = 20;
const rounds = 5;
/** From frequent to rare, alone, together, as a phrase and as a prefix. */
const queries = [
  wordAt(20),
  wordAt(300),
  wordAt(5000),
  `${wordAt(5)} ${wordAt(900)}`,
  `"${wordAt(1)} ${wordAt(3)}"`,
  `${wordAt(4000).slice(0, 7)}*`,
];

export const row: BenchRow = {
  id: 'search',
  title: 'searchMessages, first 50, among 1,000,000 messages, against LIKE on their texts',
  unit: 'ms',
  goal: { text: `≤ 1/50 of LIKE, ≤ ${goalMs} ms`, isMet: (ratio, { ours }) => ratio <= 1 / 50 && ours <= goalMs },
  async measure() {
    const view = await generateView({ conversations: messages / 50, messages, words: 12, seed: 1 });
    const started = performance.now();
    while (view.searchIndex.indexSome(1000)) {
      // As long as there is more.
    }
    const indexed = performance.now() - started;
    const sqlite = await initSqlJs();
    const plain = new StatementCache(new sqlite.Database(view.export()));
    view.close();
    const opened = await import('../../src/builtin/data/view');
    const ourView = new opened.View(sqlite, plain.database.export());
    try {
      const ours: number[] = [];
      const reference: number[] = [];
      const each: number[] = [];
      for (const query of queries) {
        const own: number[] = [];
        for (let i = 0; i < rounds; i++) {
          let from = performance.now();
          const { total } = ourView.search({ text: query });
          own.push(performance.now() - from);
          if (total === 0) {
            throw new Error(`Nothing found for ${query}`);
          }
          if (i === 0) {
            from = performance.now();
            const like = `%${query.replace(/["*]/g, '').replaceAll(' ', '%')}%`;
            plain.rows('SELECT seq FROM messages WHERE content LIKE ? ORDER BY created_at DESC LIMIT 50', [like]);
            reference.push(performance.now() - from);
          }
        }
        ours.push(median(own));
        each.push(median(own));
      }
      const note = `by query ${each.map((ms) => ms.toFixed(1)).join(', ')} ms; index built in ${(indexed / 1000).toFixed(0)} s`;
      return { ours: median(ours), reference: median(reference), note };
    } finally {
      ourView.close();
      plain.close();
    }
  },
};
