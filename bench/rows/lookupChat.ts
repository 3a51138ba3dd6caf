// An answer that has nothing to do with its prompt: guessing must cost nothing.
// Must not know: how guesses are made.

import { testModelPath } from '../../test/fixtures/gguf/testModels';
import type { BenchRow } from '../benchRow';
import { longText } from '../longText';
import { measureThroughput } from '../throughputRow';

export const row: BenchRow = {
  id: 'lookup-chat',
  title: 'Tokens per second of an answer that does not repeat its prompt, HTTP endpoint ÷ node-llama-cpp without guesses, 200 MB model',
  unit: 'tokens/s',
  goal: { text: '≥ 0.98', isMet: (ratio) => ratio >= 0.98 },
  measure: async () =>
    measureThroughput({
      modelPath: await testModelPath('mid'),
      tokens: 96,
      rounds: 11,
      question: (round) => longText(round, 60),
      textsMayDiffer: true,
      decodingOnly: true,
    }),
};
