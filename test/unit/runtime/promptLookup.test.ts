import assert from 'node:assert/strict';
import { PromptLookup } from '../../../src/runtime/promptLookup';

/** Lets it guess for a model that says `answer`; counts the model's steps and its wrong guesses. */
function decode(prompt: readonly number[], answer: readonly number[]) {
  const lookup = new PromptLookup<number>();
  lookup.reset(prompt);
  let said = 0;
  let steps = 0;
  let wrong = 0;
  while (said < answer.length) {
    const draft = lookup.predict();
    let right = 0;
    while (right < draft.length && draft[right] === answer[said + right]) {
      right++;
    }
    wrong += draft.length - right;
    steps++;
    // As node-llama-cpp does: one by one, the right guesses and the token that the model says after them.
    for (let index = 0; index <= right && said < answer.length; index++) {
      lookup.push([answer[said]!]);
      said++;
    }
  }
  return { steps, wrong };
}

const text = Array.from({ length: 300 }, (_, index) => 1000 + ((index * 7919) % 997));

describe('prompt lookup', () => {
  it('takes a fraction of the steps where the answer repeats the prompt', () => {
    const { steps } = decode([1, 2, 3, ...text, 4, 5], text);
    assert.ok(steps < 40, `${steps} steps for ${text.length} tokens`);
  });

  it('finds back into the text after each change of an edit', () => {
    const edited = text.map((token, index) => (index % 30 === 29 ? 5 : token));
    const { steps, wrong } = decode(text, edited);
    assert.ok(steps < 120, `${steps} steps`);
    assert.ok(wrong < 100, `${wrong} wrong guesses`);
  });

  it('guesses next to nothing where nothing repeats', () => {
    const answer = Array.from({ length: 500 }, (_, index) => 5000 + index);
    assert.deepEqual(decode(text, answer), { steps: 500, wrong: 0 });
  });

  it('keeps quiet more and more where beginnings repeat and what follows does not', () => {
    // Three tokens that stand in the prompt, then something new, over and over.
    const answer = Array.from({ length: 2000 }, (_, index) => (index % 4 === 3 ? 10_000 + index : text[index % 4]!));
    const { wrong } = decode(text, answer);
    assert.ok(wrong < 60, `${wrong} wrong guesses in ${answer.length} tokens`);
  });

  it('also repeats what the answer itself said', () => {
    const answer = Array.from({ length: 600 }, (_, index) => 20 + (index % 50));
    const { steps } = decode([1, 2, 3], answer);
    assert.ok(steps < 130, `${steps} steps`);
  });

  it('starts anew with each prompt', () => {
    const lookup = new PromptLookup<number>();
    lookup.reset([1, 2, 3, 4, 5, 6, 1, 2, 3]);
    assert.deepEqual(lookup.predict().slice(0, 3), [4, 5, 6]);
    lookup.reset([7, 8, 1, 2, 3]);
    assert.deepEqual(lookup.predict(), []);
  });
});
