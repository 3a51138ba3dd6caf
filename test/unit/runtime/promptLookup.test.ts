import assert from 'node:assert/strict';
import { PromptLookup, type StepCost } from '../../../src/runtime/promptLookup';

/** Lets it guess for a model that says `answer`; counts the model's steps and its wrong guesses. */
function decode(prompt: readonly number[], answer: readonly number[], cost?: StepCost) {
  const lookup = new PromptLookup<number>(cost);
  lookup.reset(prompt);
  let said = 0;
  let steps = 0;
  let wrong = 0;
  let time = 0;
  while (said < answer.length) {
    const draft = lookup.predict();
    let right = 0;
    while (right < draft.length && draft[right] === answer[said + right]) {
      right++;
    }
    wrong += draft.length - right;
    steps++;
    time += cost?.(draft.length + 1) ?? 0;
    // As node-llama-cpp does: one by one, the right guesses and the token that the model says after them.
    for (let index = 0; index <= right && said < answer.length; index++) {
      lookup.push([answer[said]!]);
      said++;
    }
  }
  return { steps, wrong, time };
}

const readingWeights: StepCost = (tokens) => 1 + 0.03 * (tokens - 1);
const text = Array.from({ length: 300 }, (_, index) => 1000 + ((index * 7919) % 997));

describe('prompt lookup', () => {
  it('takes a fraction of the steps where the answer repeats the prompt', () => {
    const { steps } = decode([1, 2, 3, ...text, 4, 5], text);
    assert.ok(steps < 40, `${steps} steps for ${text.length} tokens`);
  });

  it('finds back into the text after each change of an edit', () => {
    const edited = text.map((token, index) => (index % 30 === 29 ? 5 : token));
    const { steps, time } = decode(text, edited, readingWeights);
    assert.ok(steps < 60, `${steps} steps`);
    assert.ok(time < 80, `as long as ${time} steps of one token`);
  });

  it('goes on right after a word that was replaced by another', () => {
    const edited = text.map((token, index) => (index % 10 === 9 ? 5000 + index : token));
    const { steps } = decode(text, edited, readingWeights);
    // Two for each stretch of ten: up to the new word, and one token to find back by.
    assert.ok(steps <= 65, `${steps} steps`);
  });

  it('guesses next to nothing where nothing repeats', () => {
    const answer = Array.from({ length: 500 }, (_, index) => 5000 + index);
    assert.deepEqual(decode(text, answer), { steps: 500, wrong: 0, time: 0 });
  });

  it('costs next to nothing where beginnings repeat and what follows does not', () => {
    // Three tokens that stand in the prompt, then something new, over and over.
    const answer = Array.from({ length: 2000 }, (_, index) => (index % 4 === 3 ? 10_000 + index : text[index % 4]!));
    for (const cost of [readingWeights, (tokens: number) => 1 + 0.3 * (tokens - 1), (tokens: number) => 1 + 0.8 * (tokens - 1)]) {
      const { time } = decode(text, answer, cost);
      assert.ok(time < answer.length * 1.01, `as long as ${time} steps for ${answer.length} tokens`);
    }
  });

  it('also repeats what the answer itself said', () => {
    const answer = Array.from({ length: 600 }, (_, index) => 20 + (index % 50));
    const { steps } = decode([1, 2, 3], answer);
    assert.ok(steps < 130, `${steps} steps`);
  });

  it('guesses only as far as it pays: not at all where a token more costs a whole step', () => {
    assert.equal(decode(text, text, (tokens) => 10 * tokens).steps, text.length);
    assert.equal(decode(text, text, () => undefined).steps, text.length, 'nor before it knows');
    assert.equal(decode(text, text, (tokens) => (tokens === 1 ? 1 : 0.85 * tokens)).steps, text.length, 'nor where the best luck gains a sixth');
  });

  it('waits for certainty where only long guesses pay', () => {
    const cost: StepCost = (tokens) => (tokens === 1 ? 8 : 16 + 1.2 * tokens);
    assert.ok(decode(text, text, cost).time < text.length * 8 * 0.6);
    // Three tokens of the prompt after those that are recognised, then something new: a guess of a few is right and does not pay.
    const answer = Array.from({ length: 1200 }, (_, index) => (index % 9 >= 6 ? 10_000 + index : text[index % 9]!));
    assert.ok(decode(text, answer, cost).time < answer.length * 8 * 1.02);
  });

  it('holds up no text for long: a step that takes as long as many tokens is not made', () => {
    const cost: StepCost = (tokens) => 4 + 4 * tokens;
    const lookup = new PromptLookup<number>(cost);
    lookup.reset(text);
    const lengths = text.map((token) => {
      lookup.push([token]);
      return lookup.predict().length;
    });
    const longest = Math.max(...lengths);
    assert.ok(longest > 3 && cost(longest + 1)! <= 5 * cost(1)!, `${longest} tokens`);
  });

  it('starts anew with each prompt', () => {
    const lookup = new PromptLookup<number>();
    lookup.reset([1, 2, 3, 4, 5, 6, 1, 2, 3]);
    assert.deepEqual(lookup.predict().slice(0, 3), [4, 5, 6]);
    lookup.reset([7, 8, 1, 2, 3]);
    assert.deepEqual(lookup.predict(), []);
  });
});
