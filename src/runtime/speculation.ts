// Connects prompt lookup with node-llama-cpp, whose sequences check guesses: each guessed token is drawn by the same
// rules as without guessing and kept when it is the same, so that greedy answers and distributions stay as they are.
// Must not know: when it is worth while (PromptLookup does), slots.

import type { LlamaContextSequence, Token, TokenPredictor } from 'node-llama-cpp';
import type { LlamaModule } from './llamaLibrary';
import { PromptLookup } from './promptLookup';
import type { TokenChoiceOptions } from './tokenChoice';

export interface LookupPredictor extends TokenPredictor {
  /** Off for answers whose draws depend on what was drawn before in ways that a guess cannot foresee. */
  enabled: boolean;
}

export function createLookupPredictor(module: LlamaModule): LookupPredictor {
  const lookup = new PromptLookup<Token>();
  return new (class extends module.TokenPredictor implements LookupPredictor {
    enabled = true;

    override reset({ stateTokens }: { stateTokens: Token[] }): void {
      lookup.reset(this.enabled ? stateTokens : []);
    }

    override pushTokens(tokens: Token[]): void {
      if (this.enabled) {
        lookup.push(tokens);
      }
    }

    override predictTokens(): Token[] {
      return this.enabled ? [...lookup.predict()] : [];
    }
  })();
}

/** Guesses are made only for answers that they leave as they are. */
export function allowGuesses(
  sequence: LlamaContextSequence,
  { logprobs, sampling }: Pick<TokenChoiceOptions, 'logprobs' | 'sampling'>,
  heldToGrammar: boolean,
): void {
  const { frequencyPenalty, presencePenalty, repeatPenalty } = sampling;
  const independent = frequencyPenalty === 0 && presencePenalty === 0 && repeatPenalty === 1;
  const predictor = sequence.tokenPredictor as LookupPredictor | undefined;
  if (predictor !== undefined) {
    predictor.enabled = independent && logprobs === undefined && !heldToGrammar;
  }
}

/** Of an answer that ended before all guesses were used: what a slot remembers, and what is kept of it, must hold none. */
export async function forgetGuesses(sequence: LlamaContextSequence): Promise<void> {
  if (sequence.tokenPredictor !== undefined && !sequence.disposed) {
    await sequence.eraseContextTokenRanges([{ start: sequence.nextTokenIndex, end: Number.MAX_SAFE_INTEGER }]).catch(() => undefined);
  }
}
