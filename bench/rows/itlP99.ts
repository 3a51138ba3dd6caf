// What the way from the engine to an HTTP client adds to the time between two tokens, at worst.
// Must not know: how tokens are sent.

import { testModelPath } from '../../test/fixtures/gguf/testModels';
import { percentile, type BenchRow } from '../benchRow';
import { openEndpoint, openRaw, unguessed } from '../endpointBench';
import { shortQuestion } from '../longText';

const rounds = 14;
const tokens = 64;

export const row: BenchRow = {
  id: 'itl-p99',
  title: 'Time between two tokens, 99th percentile, through the HTTP endpoint without guesses and of node-llama-cpp alone, 200 MB model',
  unit: 'ms',
  goal: { text: '≤ 2 ms more', isMet: (_ratio, { ours, reference }) => ours - reference <= 2 },
  async measure() {
    const modelPath = await testModelPath('mid');
    const endpoint = await openEndpoint(modelPath);
    const raw = await openRaw(modelPath);
    try {
      const ours: number[] = [];
      const reference: number[] = [];
      for (let round = 0; round <= rounds; round++) {
        const question = shortQuestion(round);
        const { arrivals } = await endpoint.ask(question, tokens, unguessed);
        const { gaps } = await raw.ask(question, tokens);
        if (round > 0) {
          ours.push(...arrivals.slice(1).map((time, index) => time - arrivals[index]!));
          reference.push(...gaps);
        }
      }
      const [p50, rawP50] = [percentile(ours, 50), percentile(reference, 50)];
      return {
        ours: percentile(ours, 99),
        reference: percentile(reference, 99),
        note: `p50 ${p50.toFixed(2)} and ${rawP50.toFixed(2)} ms; ${ours.length} pieces for ${reference.length} tokens`,
      };
    } finally {
      await endpoint.dispose();
      await raw.dispose();
    }
  },
};
