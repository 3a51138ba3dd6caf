// How soon the engine is idle after an answer was cancelled.
// Must not know: how cancelling travels.

import { setTimeout as delay } from 'node:timers/promises';
import { testModelPath } from '../../test/fixtures/gguf/testModels';
import { median, percentile, type BenchRow } from '../benchRow';
import { modelId, openEndpoint } from '../endpointBench';

const rounds = 20;

export const row: BenchRow = {
  id: 'cancel',
  title: 'From cancelling an answer until the engine has ended it (90th percentile) ÷ the time of one token, 200 MB model',
  unit: 'ms',
  goal: { text: '≤ 1.5', isMet: (ratio) => ratio <= 1.5 },
  async measure() {
    const { api, dispose } = await openEndpoint(await testModelPath('mid'));
    try {
      const ours: number[] = [];
      const tokenTimes: number[] = [];
      for (let round = 0; round <= rounds; round++) {
        const abort = new AbortController();
        const messages = [{ role: 'user' as const, content: `Question ${round}` }];
        const times: number[] = [];
        let cancelledAt = Infinity;
        for await (const chunk of await api.inference.createChatCompletion({ modelId, messages, temperature: 0, maxTokens: 500 }, { signal: abort.signal })) {
          times.push(performance.now());
          if (times.length === 9) {
            // Somewhere within a token, each time elsewhere.
            void delay((round % 5) * 3).then(() => {
              cancelledAt = performance.now();
              abort.abort();
            });
          }
          if (chunk.finishReason === 'cancelled' && round > 0) {
            // It is the engine's own word, said when its loop has ended.
            ours.push(performance.now() - cancelledAt);
          }
        }
        tokenTimes.push(...times.slice(1, 9).map((time, index) => time - times[index]!));
      }
      if (ours.length !== rounds) {
        throw new Error(`${ours.length} of ${rounds} answers were cancelled`);
      }
      return { ours: percentile(ours, 90), reference: median(tokenTimes), note: `median ${median(ours).toFixed(1)} ms, ${rounds} rounds` };
    } finally {
      await dispose();
    }
  },
};
