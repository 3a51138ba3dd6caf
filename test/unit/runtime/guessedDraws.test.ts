import assert from 'node:assert/strict';
import type { ControlledEvaluateInputItem, LlamaContextSequence, Token } from 'node-llama-cpp';
import { drawWithGuesses, type Guesser } from '../../../src/runtime/speculation';

const end = 0 as Token;
const tokens = (...numbers: number[]): Token[] => numbers as Token[];

/** A sequence whose model says `answer` after the prompt, whatever was guessed; it counts steps. */
class FakeSequence {
  contextTokens: Token[] = [];
  steps = 0;
  readonly context = { contextSize: 1000 };

  constructor(
    readonly prompt: readonly Token[],
    readonly answer: readonly Token[],
  ) {}

  get nextTokenIndex(): number {
    return this.contextTokens.length;
  }

  /** What follows when so many tokens stand in the context. */
  #after(length: number): Token {
    return this.answer[length - this.prompt.length] ?? end;
  }

  async *evaluateWithMetadata(first: Token[]): AsyncGenerator<{ token: Token }> {
    for (let next = first; ; next = [this.#after(this.nextTokenIndex)]) {
      this.contextTokens.push(...next);
      this.steps++;
      const token = this.#after(this.nextTokenIndex);
      if (token === end) {
        return;
      }
      yield { token };
    }
  }

  async controlledEvaluate(items: ControlledEvaluateInputItem[]): Promise<{ next: { token: Token } }[]> {
    this.steps++;
    return items.map((item) => {
      const token = (item as [Token, unknown])[0];
      // A model follows what it is given: after a wrong guess anything may come.
      const right = [...this.prompt, ...this.answer][this.nextTokenIndex] === token;
      this.contextTokens.push(token);
      return { next: { token: right ? this.#after(this.nextTokenIndex) : (999 as Token) } };
    });
  }

  async eraseContextTokenRanges([{ start, end: until }]: [{ start: number; end: number }]): Promise<void> {
    this.contextTokens.splice(start, until - start);
  }
}

function guesserOf(...guesses: Token[][]): Guesser & { readonly heard: Token[] } {
  const heard: Token[] = [];
  return { heard, reset: (all) => void heard.push(...all), push: (more) => void heard.push(...more), predict: () => guesses.shift() ?? [] };
}

async function draw(sequence: FakeSequence, guesser: Guesser, count = Infinity): Promise<Token[]> {
  const drawn: Token[] = [];
  const options = { guesser, isEndToken: (token: Token) => token === end };
  for await (const { token } of drawWithGuesses(sequence as unknown as LlamaContextSequence, [...sequence.prompt], { temperature: 0 }, options)) {
    drawn.push(token);
    if (drawn.length >= count) {
      break;
    }
  }
  return drawn;
}

describe('draws with guesses', () => {
  const prompt = tokens(1, 2, 3);
  const answer = tokens(4, 5, 6, 7, 8, 9);

  it('take one step for all guesses that are right, and the token after them', async () => {
    const sequence = new FakeSequence(prompt, answer);
    const guesser = guesserOf(tokens(5, 6, 7, 8));
    assert.deepEqual(await draw(sequence, guesser), answer);
    assert.deepEqual(guesser.heard, [...prompt, ...answer]);
    // The prompt, the guess, and the end.
    assert.equal(sequence.steps, 3);
  });

  it('forget what was wrong, wherever it is wrong', async () => {
    for (const guess of [tokens(50), tokens(5, 60, 7), tokens(5, 6, 7, 80), tokens(50, 60, 70)]) {
      const sequence = new FakeSequence(prompt, answer);
      assert.deepEqual(await draw(sequence, guesserOf(guess, [], guess.slice(0, 1))), answer);
      assert.deepEqual(sequence.contextTokens, [...prompt, ...answer]);
    }
  });

  it('end where the model ends, also within a guess, and where the reader leaves', async () => {
    assert.deepEqual(await draw(new FakeSequence(prompt, tokens(4, 5)), guesserOf(tokens(5, 6, 7))), tokens(4, 5));
    const sequence = new FakeSequence(prompt, answer);
    assert.deepEqual(await draw(sequence, guesserOf(tokens(5, 6, 7, 8)), 3), tokens(4, 5, 6));
    assert.deepEqual(sequence.contextTokens, [...prompt, ...answer].slice(0, sequence.nextTokenIndex), 'it holds nothing that the model did not say');
  });

  it('guess no further than the context reaches', async () => {
    const sequence = new FakeSequence(prompt, answer);
    sequence.context.contextSize = 6;
    await draw(sequence, guesserOf(tokens(5, 6, 7, 8)), 2);
    assert.ok(sequence.nextTokenIndex < 6);
  });
});
