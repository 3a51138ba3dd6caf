// Speed of the endpoint where the model costs next to nothing, so that all overhead shows.
// Must not know: how it is measured.

import { testModelPath } from '../../test/fixtures/gguf/testModels';
import type { BenchRow } from '../benchRow';
import { measureThroughput } from '../throughputRow';

export const row: BenchRow = {
  id: 'endpoint-null',
  title: 'Tokens per second through the HTTP endpoint ÷ node-llama-cpp alone, on a 0.7 MB model',
  unit: 'tokens/s',
  goal: { text: '≥ 0.8', isMet: (ratio) => ratio >= 0.8 },
  measure: async () => measureThroughput({ modelPath: await testModelPath('null'), tokens: 1500, rounds: 31 }),
};
