// Four clients at once against one: are their tokens computed together?
// On weights that are not quantised, as reading them is what several answers share. On one thread computing with quantised
// ones takes the time: llama.cpp's own step of four Q8_0 tokens takes six times as long as one of one token, so the engine
// lets four answers take turns there (the note says how that goes).
// Must not know: slots.

import { testModelPath } from '../../test/fixtures/gguf/testModels';
import { median, type BenchRow, type Measurement } from '../benchRow';
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
    const { ours, reference } = await measureWith('wide');
    const quantised = await measureWith('mid');
    return { ours, reference, note: `${tokens} tokens each, ${rounds} rounds; with Q8_0 weights ${(quantised.ours / quantised.reference).toFixed(2)}` };
  },
};

async function measureWith(model: 'wide' | 'mid'): Promise<Measurement> {
  const endpoint = await openEndpoint(await testModelPath(model));
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
    return { ours: median(ours), reference: median(reference) };
  } finally {
    await endpoint.dispose();
  }
}
