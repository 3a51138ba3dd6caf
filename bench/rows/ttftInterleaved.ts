// Time to the first token of a conversation that comes back after seven others had the engine. Whoever asks has read the
// answer before: in that pause the engine keeps what the next conversation pushes out. Without it that is waited for.
// Must not know: how the engine remembers.

import { setTimeout as delay } from 'node:timers/promises';
import { testModelPath } from '../../test/fixtures/gguf/testModels';
import { median, type BenchRow } from '../benchRow';
import { openEndpoint } from '../endpointBench';
import { longText } from '../longText';

const conversations = 8;
const pauseMs = 2000;

export const row: BenchRow = {
  id: 'ttft-interleaved',
  title: 'Time to first token of the next two turns while 8 conversations of 3,000 tokens take turns, 2 s apart, ÷ their first turns, 200 MB model',
  unit: 'ms',
  goal: { text: '≤ 1/50', isMet: (ratio) => ratio <= 1 / 50 },
  async measure() {
    const endpoint = await openEndpoint(await testModelPath('mid'));
    try {
      const cold: number[] = [];
      await endpoint.ask('Warm up', 2);
      for (let index = 0; index < conversations; index++) {
        cold.push((await endpoint.ask(`${longText(index, 3000)} first question here`, 1)).firstTextMs);
      }
      const turns = async (next: string, pause: number): Promise<number[]> => {
        const times: number[] = [];
        for (let index = 0; index < conversations; index++) {
          await delay(pause);
          times.push((await endpoint.ask(`${longText(index, 3000)} ${next}`, 1)).firstTextMs);
        }
        return times;
      };
      const warm = [...(await turns('and now another one', pauseMs)), ...(await turns('and then a third one', pauseMs))];
      const hurried = await turns('and at last a fourth one', 0);
      return {
        ours: median(warm),
        reference: median(cold),
        note: `slowest ${Math.max(...warm).toFixed(0)} ms; one right after the other ${median(hurried).toFixed(0)}, slowest ${Math.max(...hurried).toFixed(0)} ms`,
      };
    } finally {
      await endpoint.dispose();
    }
  },
};
