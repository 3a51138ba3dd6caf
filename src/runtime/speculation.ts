// Draws tokens of an answer with the help of guesses, which the model checks in one step: each guessed token is drawn by
// the same rules as without guessing and kept when it is the same, so that greedy answers and distributions stay as they are.
// node-llama-cpp's own way (token predictors) keeps no more than one guessed token a step (3.21.1: `validatedTokens` is
// never filled), so the steps are made here.
// Must not know: where guesses come from and when they are worth while, slots.

import { randomInt } from 'node:crypto';
import type { ControlledEvaluateInputItem, LlamaContextSequence, SequenceEvaluateOptions, Token } from 'node-llama-cpp';

export interface Guesser {
  /** @param tokens all of the prompt */
  reset(tokens: readonly Token[]): void;
  /** Said by the model. */
  push(tokens: readonly Token[]): void;
  /** What comes next, perhaps; empty where a guess is not worth its price. */
  predict(): readonly Token[] | Promise<readonly Token[]>;
}

export interface GuessedDraws {
  readonly guesser: Guesser;
  readonly isEndToken: (token: Token) => boolean;
  /** Told when the probabilities of next tokens have been computed. */
  readonly onDrawn?: (() => void) | undefined;
}

const largestSeed = 0xffff_fffe;

/** Ends with the model's end token, which is not given. @param native without a seed, which would be used anew in each step */
export async function* drawWithGuesses(
  sequence: LlamaContextSequence,
  prompt: Token[],
  native: Omit<SequenceEvaluateOptions, 'seed'>,
  { guesser, isEndToken, onDrawn }: GuessedDraws,
): AsyncGenerator<{ readonly token: Token }, undefined> {
  guesser.reset([...sequence.contextTokens, ...prompt]);
  let unread = prompt;
  let single: AsyncGenerator<{ readonly token: Token }> | undefined;
  try {
    for (;;) {
      let guess: readonly Token[] = [];
      if (unread.length === 1) {
        const predicted = guesser.predict();
        guess = predicted instanceof Promise ? await predicted : predicted;
        guess = guess.length === 0 ? guess : guess.slice(0, roomFor(sequence));
      }
      let drawn: Token[];
      if (guess.length === 0) {
        single ??= sequence.evaluateWithMetadata(unread, {}, { ...native, seed: randomInt(largestSeed) });
        const step = await single.next();
        if (step.done === true) {
          return;
        }
        drawn = [step.value.token];
      } else {
        await single?.return(undefined);
        single = undefined;
        drawn = await checked(sequence, unread[0]!, guess, native, onDrawn);
      }
      for (const token of drawn) {
        if (isEndToken(token)) {
          return;
        }
        guesser.push([token]);
        yield { token };
      }
      unread = drawn.slice(-1);
    }
  } finally {
    await single?.return(undefined);
  }
}

/** A guess must not push out what the context begins with. */
function roomFor(sequence: LlamaContextSequence): number {
  return Math.max(0, sequence.context.contextSize - 2 - sequence.nextTokenIndex);
}

/** The guessed tokens that are right, and the token after them; what was wrong is forgotten. */
async function checked(
  sequence: LlamaContextSequence,
  last: Token,
  guess: readonly Token[],
  { temperature, minP, topK, topP, tokenBias, evaluationPriority }: Omit<SequenceEvaluateOptions, 'seed'>,
  onDrawn: (() => void) | undefined,
): Promise<Token[]> {
  const options = { temperature, minP, topK, topP, tokenBias, seed: randomInt(largestSeed) };
  const items = [last, ...guess].map((token): ControlledEvaluateInputItem => [token, { generateNext: { token: true, options } }]);
  const results = await sequence.controlledEvaluate(items, { evaluationPriority });
  // Only now: the draws come one after the other, and are a part of what a guess costs.
  onDrawn?.();
  const drawn: Token[] = [];
  for (let index = 0; index < items.length; index++) {
    const token = results[index]?.next.token ?? undefined;
    if (token === undefined) {
      throw new Error('Failed to sample next token');
    }
    drawn.push(token);
    if (token !== guess[index]) {
      break;
    }
  }
  const wrong = items.length - drawn.length;
  if (wrong > 0) {
    await sequence.eraseContextTokenRanges([{ start: sequence.nextTokenIndex - wrong, end: sequence.nextTokenIndex }]);
  }
  return drawn;
}
