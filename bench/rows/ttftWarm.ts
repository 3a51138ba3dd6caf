// Time to the first token when the engine has read most of the prompt before.
// With llama.cpp's flash attention it was 1/21 on a processor: after 3,000 tokens the twenty new ones took four to five
// times as long a token as the whole prompt did (src/runtime/attention.ts).
// Must not know: how the engine remembers.

import { testModelPath } from '../../test/fixtures/gguf/testModels';
import { median, type BenchRow } from '../benchRow';
import { openEndpoint } from '../endpointBench';
import { longText } from '../longText';

const rounds = 3;

export const row: BenchRow = {
  id: 'ttft-warm',
  title: 'Time to first token with a shared prefix of 3,000 tokens ÷ without, through the HTTP endpoint, on a 200 MB model',
  unit: 'ms',
  goal: { text: '≤ 1/80', isMet: (ratio) => ratio <= 1 / 80 },
  async measure() {
    const endpoint = await openEndpoint(await testModelPath('mid'));
    try {
      const cold: number[] = [];
      const warm: number[] = [];
      let promptTokens = 0;
      await endpoint.ask('Warm up', 2);
      for (let round = 0; round < rounds; round++) {
        const shared = longText(round, 3000);
        const first = await endpoint.ask(`${shared} first question here`, 1);
        const second = await endpoint.ask(`${shared} and now another one`, 1);
        promptTokens = first.promptTokens;
        cold.push(first.firstTextMs);
        warm.push(second.firstTextMs);
      }
      return { ours: median(warm), reference: median(cold), note: `${promptTokens} prompt tokens, ${rounds} rounds` };
    } finally {
      await endpoint.dispose();
    }
  },
};
