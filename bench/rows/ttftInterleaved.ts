// Time to the first token of a conversation that comes back after seven others had the engine.
// Must not know: how the engine remembers.

import { testModelPath } from '../../test/fixtures/gguf/testModels';
import { median, type BenchRow } from '../benchRow';
import { openEndpoint } from '../endpointBench';
import { longText } from '../longText';

const conversations = 8;

export const row: BenchRow = {
  id: 'ttft-interleaved',
  title: 'Time to first token of the next two turns while 8 conversations of 3,000 tokens take turns ÷ their first turns, 200 MB model',
  unit: 'ms',
  goal: { text: '≤ 1/50', isMet: (ratio) => ratio <= 1 / 50 },
  async measure() {
    const endpoint = await openEndpoint(await testModelPath('mid'));
    try {
      const cold: number[] = [];
      const warm: number[] = [];
      await endpoint.ask('Warm up', 2);
      for (let index = 0; index < conversations; index++) {
        cold.push((await endpoint.ask(`${longText(index, 3000)} first question here`, 1)).firstTextMs);
      }
      for (const next of ['and now another one', 'and then a third one']) {
        for (let index = 0; index < conversations; index++) {
          warm.push((await endpoint.ask(`${longText(index, 3000)} ${next}`, 1)).firstTextMs);
        }
      }
      return { ours: median(warm), reference: median(cold), note: `slowest ${Math.max(...warm).toFixed(0)} ms` };
    } finally {
      await endpoint.dispose();
    }
  },
};
