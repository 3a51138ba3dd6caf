import assert from 'node:assert/strict';
import { DraftPace, firstOf } from '../../../src/runtime/draftPace';
import type { StepCost } from '../../../src/runtime/promptLookup';

/** Reading weights takes the time: 10 ms a step, 3% more a token. */
const wide: StepCost = (tokens) => 10 + 0.3 * (tokens - 1);
/** Each token costs nearly a step, as with quantised weights on one thread. */
const narrow: StepCost = (tokens) => 10 * tokens * 0.95;

/** Time for `count` tokens, of which the draft model knows each with that chance. */
function time(cost: StepCost, draftMs: number, knows: (index: number) => boolean, count = 1000): number {
  const pace = new DraftPace<number>(cost);
  let ms = 0;
  for (let at = 0; at < count; ) {
    const draft = Array.from({ length: pace.length }, (_, index) => (knows(at + index) ? at + index : -1));
    if (draft.length > 0) {
      pace.drafted(draft, draft.length * draftMs);
    }
    ms += draft.length * draftMs + cost(draft.length + 1)!;
    const wrong = draft.findIndex((token, index) => token !== at + index);
    const kept = (wrong < 0 ? draft.length : wrong) + 1;
    for (let index = 0; index < kept; index++) {
      pace.said(at++);
    }
  }
  return ms;
}

describe('pace of a draft model', () => {
  const plain = 1000 * 10;

  it('makes answers faster that it knows', () => {
    assert.ok(time(wide, 1, () => true) < plain / 3);
    assert.ok(time(wide, 1, (index) => index % 5 !== 4) < plain / 1.8);
  });

  it('is off where it does not pay: what it drafts is wrong, too slow, or checked no faster than said', () => {
    assert.ok(time(wide, 1, () => false) < plain * 1.02, `${time(wide, 1, () => false)}`);
    assert.ok(time(wide, 12, () => true) < plain * 1.03, `${time(wide, 12, () => true)}`);
    assert.ok(time(narrow, 1, () => true) < plain * 1.02, `${time(narrow, 1, () => true)}`);
  });

  it('tries again when the answer turns to what it knows', () => {
    assert.ok(time(wide, 1, (index) => index > 500, 2000) < plain * 2 * 0.65);
  });

  it('is none while the price of a step is unknown', () => {
    assert.equal(new DraftPace<number>(() => undefined).length, 0);
  });
});

describe('two guessers', () => {
  it('are asked in order, and hear all', async () => {
    const heard: string[] = [];
    const guesser = (name: string, guess: number[]) => ({
      reset: () => void heard.push(`${name} reset`),
      push: () => void heard.push(`${name} push`),
      predict: () => guess,
    });
    const both = firstOf(guesser('a', []), guesser('b', [7]));
    both.reset([1]);
    both.push([2]);
    assert.deepEqual(await both.predict(), [7]);
    assert.deepEqual(await firstOf(guesser('a', [5]), guesser('b', [7])).predict(), [5]);
    assert.deepEqual(heard, ['a reset', 'b reset', 'a push', 'b push']);
  });
});
