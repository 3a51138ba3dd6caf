// Answers under way go step by step together, so that llama.cpp reads the weights once for all of their next tokens; where
// a step with several tokens takes longer than a step for each, they take turns in it.
// Left alone, node-llama-cpp computes an answer's next token as soon as it waits, when the others' are about to: they never
// meet; and it holds the context's lock for as long as any token waits, so that whoever wants to erase or copy starves.
// Must not know: slots, text, which requests these are.

import type { BatchItem, CustomBatchingPrioritizationStrategy, EvaluationPriority, PrioritizedBatchItem } from 'node-llama-cpp';
import { BatchCost } from './batchCost';
import type { StepCost } from './promptLookup';

/** An answer's place among those that go together. */
export interface Place {
  /** To be given to node-llama-cpp: llama.cpp computes only sequences that are neighbours, in their order, in one go. */
  readonly priority: EvaluationPriority;
  /** Resolves when all answers have come to their next step; to be called as soon as the answer has what it asked for. */
  turn(): Promise<void> | undefined;
  /** To be called when a token is drawn for it, which is when a step has been computed. */
  drawn(): void;
  leave(): void;
}

export class Batching {
  readonly cost = new BatchCost();
  readonly #places = new Set<object>();
  /** Those whose prompt has been read. */
  readonly #writing = new Set<object>();
  #arrived: (() => void)[] = [];
  #step: { readonly tokens: number; readonly began: number } | undefined;

  /** @param beforeStep called before each */
  constructor(
    private readonly beforeStep: () => void = () => undefined,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Answers under way. */
  get answering(): number {
    return this.#places.size;
  }

  /** Answers of which a token was drawn: they take one more in each step, others read what they have. */
  get writing(): number {
    return this.#writing.size;
  }

  /** What a guess of an answer costs: among others it would be a step of its own, so there it is of no use. */
  readonly costOfGuess: StepCost = (tokens) => (this.answering > 1 ? undefined : this.cost.of(tokens));

  /** @param index of its sequence in the context */
  enter(index: number): Place {
    const place: Place = {
      priority: Math.min(index + 1, 5) as EvaluationPriority,
      turn: () => this.#turn(),
      drawn: () => {
        this.#writing.add(place);
        this.#stepEnded();
      },
      leave: () => {
        this.#places.delete(place);
        this.#writing.delete(place);
        if (this.#places.size === 0) {
          // Nobody is left to say when a step that was begun ended.
          this.#step = undefined;
        }
        this.#open();
      },
    };
    this.#places.add(place);
    return place;
  }

  /** For node-llama-cpp's contexts: what of that which waits is computed in one step. */
  readonly choose: CustomBatchingPrioritizationStrategy = ({ items, size }) => {
    this.#stepEnded();
    this.beforeStep();
    const waiting = [...items].sort((a, b) => a.evaluationPriority - b.evaluationPriority);
    const isDecoding = waiting.every(({ tokens }) => tokens.length === 1);
    const chosen = isDecoding ? waiting.slice(0, this.#together(waiting.length)).map((item) => ({ item, processAmount: 1 })) : shared(waiting, size);
    // Sequences with different numbers of tokens are computed one after the other, which says nothing of others.
    const tokens = isDecoding || chosen.length === 1 ? chosen.reduce((sum, { processAmount }) => sum + processAmount, 0) : undefined;
    this.#step = tokens === undefined ? undefined : { tokens, began: this.now() };
    return chosen;
  };

  #turn(): Promise<void> | undefined {
    if (this.#places.size <= 1) {
      this.#stepEnded();
      return undefined;
    }
    return new Promise<void>((resolve) => {
      this.#arrived.push(resolve);
      this.#open();
    });
  }

  #open(): void {
    if (this.#arrived.length >= this.#places.size) {
      this.#arrived.splice(0).forEach((resolve) => resolve());
    }
  }

  #stepEnded(): void {
    if (this.#step !== undefined) {
      this.cost.note(this.#step.tokens, this.now() - this.#step.began);
      this.#step = undefined;
    }
  }

  /** How many of so many single tokens at a time take least time each. Those left out are first in the next step. */
  #together(waiting: number): number {
    let best = waiting;
    for (let count = waiting - 1; count >= 1; count--) {
      // A tenth is not worth another order.
      if ((this.cost.of(count) ?? Infinity) / count < ((this.cost.of(best) ?? 0) / best) * 0.9) {
        best = count;
      }
    }
    return best;
  }
}

/** All of what fits; else to each the same, and what is left to the first that can use it. */
function shared(items: readonly BatchItem[], size: number): PrioritizedBatchItem[] {
  const share = Math.max(1, Math.floor(size / items.length));
  const chosen = items.map((item) => ({ item, processAmount: Math.min(share, item.tokens.length) }));
  let left = size - chosen.reduce((sum, { processAmount }) => sum + processAmount, 0);
  for (const one of chosen) {
    const more = Math.max(0, Math.min(left, one.item.tokens.length - one.processAmount));
    one.processAmount += more;
    left -= more;
  }
  return chosen;
}
