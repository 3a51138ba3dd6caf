// Four clients at once against one: are their tokens computed together?
// Must not know: slots.

import { testModelPath } from '../../test/fixtures/gguf/testModels';
import { median, type BenchRow } from '../benchRow';
import { openEndpoint } from '../endpointBench';

const rounds = 4;
const clients = 4;
const tokens = 48;

export const row: BenchRow = {
  id: 'parallel-4',
  title: 'Tokens per second of four clients together ÷ of one alone, through the HTTP endpoint, 200 MB model',
  unit: 'tokens/s',
  goal: { text: '≥ 1.5', isMet: (ratio) => ratio >= 1.5 },
  async measure() {
    const endpoint = await openEndpoint(await testModelPath('mid'));
    try {
      const ours: number[] = [];
      const reference: number[] = [];
      for (let round = 0; round <= rounds; round++) {
        const alone = await endpoint.ask(`Question ${round} of one client`, tokens);
        const began = performance.now();
        const answers = await Promise.all(Array.from({ length: clients }, (_, client) => endpoint.ask(`Question ${round} of client ${client}`, tokens)));
        const together = answers.reduce((sum, { completionTokens }) => sum + completionTokens, 0);
        if (round > 0) {
          reference.push((alone.completionTokens * 1000) / alone.totalMs);
          ours.push((together * 1000) / (performance.now() - began));
        }
      }
      return { ours: median(ours), reference: median(reference), note: `${tokens} tokens each, ${rounds} rounds` };
    } finally {
      await endpoint.dispose();
    }
  },
};
