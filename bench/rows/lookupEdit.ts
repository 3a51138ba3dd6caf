// An answer that repeats a text of its prompt with changes, as an edit of a file does.
// The model recites a text; the prompt holds that text with every fifth word replaced.
// Must not know: how guesses are made.

import { recitedWords } from '../../test/fixtures/gguf/recitation';
import { testModelPath } from '../../test/fixtures/gguf/testModels';
import type { BenchRow } from '../benchRow';
import { measureThroughput } from '../throughputRow';

const changed = (round: number): string =>
  recitedWords()
    .map((word, index) => (index % 5 === round % 5 ? ` other${round}` : word))
    .join('');

export const row: BenchRow = {
  id: 'lookup-edit',
  title: 'Tokens per second of an answer that edits a text of its prompt, HTTP endpoint ÷ node-llama-cpp without guesses, 200 MB model',
  unit: 'tokens/s',
  goal: { text: '≥ 2', isMet: (ratio) => ratio >= 2 },
  measure: async () => measureThroughput({ modelPath: await testModelPath('reciter'), tokens: 170, rounds: 5, question: changed }),
};
