// Speed of the endpoint on a model of 200 MB, where arithmetic takes most of the time. Without guesses, whose gain or price
// lookup-chat and lookup-edit measure: so both do the same work, say the same, and hundredths can be told apart.
// Must not know: how it is measured.

import { testModelPath } from '../../test/fixtures/gguf/testModels';
import type { BenchRow } from '../benchRow';
import { measureThroughput } from '../throughputRow';

export const row: BenchRow = {
  id: 'endpoint-mid',
  title: 'Tokens per second through the HTTP endpoint ÷ node-llama-cpp alone, on a 200 MB model',
  unit: 'tokens/s',
  goal: { text: '≥ 0.995', isMet: (ratio) => ratio >= 0.995 },
  measure: async () => measureThroughput({ modelPath: await testModelPath('mid'), tokens: 64, rounds: 31, withoutGuesses: true }),
};
