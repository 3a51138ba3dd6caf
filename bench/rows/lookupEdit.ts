// An answer that repeats a text of its prompt with changes, as an edit of a file does.
// The model recites a text; the prompt holds that text with every tenth word replaced.
// On weights that are not quantised, as reading them is what a step of several tokens saves. On one thread computing with
// quantised ones takes the time: llama.cpp's own step of six Q8_0 tokens takes seven times as long as one of one token.
// Must not know: how guesses are made.

import { recitedWords } from '../../test/fixtures/gguf/recitation';
import { testModelPath } from '../../test/fixtures/gguf/testModels';
import type { BenchRow } from '../benchRow';
import { measureThroughput } from '../throughputRow';

const changed = (round: number): string =>
  recitedWords()
    .map((word, index) => (index % 10 === round % 10 ? ` other${round}` : word))
    .join('');

export const row: BenchRow = {
  id: 'lookup-edit',
  title: 'Tokens per second of an answer that edits a text of its prompt, HTTP endpoint ÷ node-llama-cpp without guesses, 200 MB model',
  unit: 'tokens/s',
  goal: { text: '≥ 2', isMet: (ratio) => ratio >= 2 },
  measure: async () => measureThroughput({ modelPath: await testModelPath('wideReciter'), tokens: 170, rounds: 5, question: changed, decodingOnly: true }),
};
