// Time to the first token of a long prompt that is read from its beginning: how it is cut into pieces must cost nothing.
// Must not know: how large the pieces are.

import { testModelPath } from '../../test/fixtures/gguf/testModels';
import { median, type BenchRow } from '../benchRow';
import { openEndpoint, openRaw } from '../endpointBench';
import { longText } from '../longText';

const rounds = 3;

export const row: BenchRow = {
  id: 'ttft-cold',
  title: 'Time to first token of a prompt of 3,000 tokens through the HTTP endpoint ÷ node-llama-cpp alone, 200 MB model',
  unit: 'ms',
  goal: { text: '≤ 1.1', isMet: (ratio) => ratio <= 1.1 },
  async measure() {
    const modelPath = await testModelPath('mid');
    const endpoint = await openEndpoint(modelPath);
    const raw = await openRaw(modelPath);
    const flash = await openRaw(modelPath, 'flash');
    try {
      const ours: number[] = [];
      const reference: number[] = [];
      await endpoint.ask('Warm up', 2);
      await raw.ask('Warm up', 2);
      await flash.ask('Warm up', 2);
      for (let round = 0; round < rounds; round++) {
        const text = longText(round, 3000);
        const askOurs = async (): Promise<unknown> => ours.push((await endpoint.ask(text, 1)).firstTextMs);
        const askRaw = async (): Promise<unknown> => reference.push((await raw.ask(text, 1)).totalMs);
        for (const ask of round % 2 === 0 ? [askOurs, askRaw] : [askRaw, askOurs]) {
          await ask();
        }
      }
      const { totalMs } = await flash.ask(longText(rounds, 3000), 1);
      return { ours: median(ours), reference: median(reference), note: `${rounds} rounds; node-llama-cpp with flash attention ${totalMs.toFixed(0)} ms` };
    } finally {
      await endpoint.dispose();
      await raw.dispose();
      await flash.dispose();
    }
  },
};
