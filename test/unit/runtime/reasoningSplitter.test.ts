import assert from 'node:assert/strict';
import { defaultReasoningTags, ReasoningSplitter } from '../../../src/runtime/reasoningSplitter';

function split(pieces: readonly string[], opened = false): { text: string; reasoning: string } {
  const splitter = new ReasoningSplitter(defaultReasoningTags, opened);
  const parts = [...pieces.map((piece) => splitter.push(piece)), splitter.end()];
  return { text: parts.map(({ text }) => text).join(''), reasoning: parts.map(({ reasoning }) => reasoning).join('') };
}

describe('reasoning', () => {
  it('is parted from the answer, whatever the cut', () => {
    const whole = '\n<think>Let me <b> see</think>\n\nThe answer.';
    for (let size = 1; size <= whole.length; size++) {
      const pieces = whole.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? [];
      assert.deepEqual(split(pieces), { text: 'The answer.', reasoning: 'Let me <b> see' }, `pieces of ${size}`);
    }
  });

  it('may have been opened by the prompt', () => {
    assert.deepEqual(split(['well', '</th', 'ink>', 'Yes'], true), { text: 'Yes', reasoning: 'well' });
  });

  it('that is never closed stays reasoning', () => {
    assert.deepEqual(split(['<think>on and', ' on </thi']), { text: '', reasoning: 'on and on </thi' });
  });

  it('leaves an answer without it untouched, tags later in it too', () => {
    assert.deepEqual(split(['Use ', '<think>', ' and </think>.']), { text: 'Use <think> and </think>.', reasoning: '' });
    assert.deepEqual(split(['<', 'thi', 'rd>']), { text: '<third>', reasoning: '' });
    assert.deepEqual(split(['  indented']), { text: '  indented', reasoning: '' });
  });
});
