// Token after token of an answer, each with its probabilities when they were asked for.
// Must not know: text, stop strings, slots.

import { randomInt } from 'node:crypto';
import type { EvaluationPriority, LlamaContextSequence, LlamaGrammarEvaluationState, LlamaModel, SequenceEvaluateOptions, Token, TokenBias } from 'node-llama-cpp';
import { JanError } from '../common/errors';
import type { AnswerPiece, GenerationParams } from '../protocol/runtimeProtocol';
import { candidatesOf, drawToken, seededRandom } from './drawToken';
import type { LlamaModule } from './llamaLibrary';
import { drawWithGuesses, type Guesser } from './speculation';
import type { ResolvedSampling } from './samplingDefaults';
import { checkedTokens } from './textPrompt';
import { createDetokenizer } from './tokenPieces';

export type Logprobs = NonNullable<AnswerPiece['logprobs']>;

export interface TokenChoiceOptions {
  readonly sampling: ResolvedSampling;
  /** Added to logits; those of −100 and less forbid the token. */
  readonly bias?: ReadonlyMap<Token, number>;
  readonly nativeBias?: TokenBias;
  /** How many alternatives a token; absent: no probabilities. */
  readonly logprobs?: number;
  /** Those of what is left to draw from. */
  readonly afterSampling?: boolean;
  readonly textOf: (token: Token) => string;
  readonly isEndToken: (token: Token) => boolean;
  /** Asked before each token. */
  readonly grammar?: (() => LlamaGrammarEvaluationState | undefined) | undefined;
  /** Told when the probabilities of a next token have been computed, before it is drawn. */
  readonly onDrawn?: () => void;
  readonly priority?: EvaluationPriority;
  /** Absent: token by token. */
  readonly guesser?: Guesser | undefined;
}

export interface ChosenToken {
  readonly token: Token;
  readonly logprobs?: Logprobs;
}

/** How many of the newest tokens penalties look at. */
const penaltyWindow = 64;
/** llama.cpp takes the largest number for “by chance”. */
const largestSeed = 0xffff_fffe;
/** Of the least probability that a 32-bit float can hold; what is less has no logarithm. */
const leastLogprob = Math.log(1.4e-45);

/**
 * @param endTokens that are not to be said
 * @throws JanError `invalid-argument` for a bias on what is no token of the model
 */
export function choiceOptions(
  module: LlamaModule,
  model: LlamaModel,
  params: Pick<GenerationParams, 'logprobs' | 'logprobsAfterSampling' | 'logitBias'>,
  sampling: ResolvedSampling,
  endTokens: readonly Token[] = [],
): TokenChoiceOptions {
  const { logprobs, logprobsAfterSampling, logitBias = [] } = params;
  const detokenize = createDetokenizer(model, true);
  const shared: TokenChoiceOptions = {
    sampling,
    ...(logprobs === undefined ? {} : { logprobs, afterSampling: logprobsAfterSampling === true }),
    textOf: (token) => detokenize([token], []),
    isEndToken: (token) => model.isEogToken(token),
  };
  if (logitBias.length === 0 && endTokens.length === 0) {
    return shared;
  }
  checkedTokens(model, logitBias.map(([token]) => token), 'logitBias');
  const bias = new Map(logitBias.map(([token, value]) => [token as Token, value <= -100 ? -Infinity : value]));
  endTokens.forEach((token) => bias.set(token, -Infinity));
  const nativeBias = module.TokenBias.for(model);
  // Its own `set` leaves out end tokens, which are those that callers forbid most.
  const entries = (nativeBias as unknown as { readonly _biases: Map<Token, number> })._biases;
  bias.forEach((value, token) => entries.set(token, value));
  return { ...shared, bias, nativeBias };
}

/** Ends with the model's end token, which is not given, or when the reader leaves. */
export function chooseTokens(sequence: LlamaContextSequence, prompt: Token[], options: TokenChoiceOptions): AsyncGenerator<ChosenToken, undefined> {
  // A repetition penalty scales logits, of which probabilities don't tell the zero; a grammar is known to native code only.
  const drawHere = options.logprobs !== undefined && options.grammar === undefined && options.sampling.repeatPenalty === 1;
  if (options.afterSampling === true && !drawHere) {
    throw new JanError(
      'unsupported',
      'Probabilities after sampling can’t be told of an answer that a grammar holds to a form, nor beside a repeat penalty. Ask for those before sampling, or leave the form or the penalty out.',
    );
  }
  // Each generator around another one costs every token some time.
  const tokens = drawHere ? drawnHere(sequence, prompt, options) : drawnNatively(sequence, prompt, options);
  return options.grammar === undefined ? tokens : explainingGrammar(tokens);
}

async function* explainingGrammar(tokens: AsyncGenerator<ChosenToken, undefined>): AsyncGenerator<ChosenToken, undefined> {
  try {
    return yield* tokens;
  } catch (error) {
    if (error instanceof Error && /Failed to sample|accept token/.test(error.message)) {
      throw new JanError('unsupported', 'This model has no token with which the grammar could go on. Ask for another form, or choose another model.', { cause: error });
    }
    throw error;
  }
}

function drawnNatively(sequence: LlamaContextSequence, prompt: Token[], options: TokenChoiceOptions): AsyncGenerator<ChosenToken, undefined> {
  const { sampling } = options;
  const { temperature, topP, topK, minP, frequencyPenalty, presencePenalty, repeatPenalty } = sampling;
  const generated: Token[] = [];
  const penalised = frequencyPenalty !== 0 || presencePenalty !== 0 || repeatPenalty !== 1;
  const native: SequenceEvaluateOptions = {
    temperature,
    topP,
    topK,
    minP,
    seed: seedOf(sampling),
    grammarEvaluationState: grammarOf(options),
    ...(options.priority === undefined ? {} : { evaluationPriority: options.priority }),
    ...(options.nativeBias === undefined ? {} : { tokenBias: options.nativeBias }),
    ...(penalised
      ? {
          repeatPenalty: {
            punishTokens: () => generated.slice(-penaltyWindow),
            penalty: repeatPenalty,
            frequencyPenalty,
            presencePenalty,
          },
        }
      : {}),
  };
  const { guesser } = options;
  if (guesser !== undefined && canGuess(options)) {
    return drawWithGuesses(sequence, prompt, native, { guesser, isEndToken: options.isEndToken, onDrawn: options.onDrawn });
  }
  return drawnOneByOne(sequence, prompt, native, generated, options);
}

async function* drawnOneByOne(
  sequence: LlamaContextSequence,
  prompt: Token[],
  native: SequenceEvaluateOptions,
  generated: Token[],
  options: TokenChoiceOptions,
): AsyncGenerator<ChosenToken, undefined> {
  const { logprobs } = options;
  if (logprobs === undefined) {
    for await (const { token } of sequence.evaluateWithMetadata(prompt, {}, native)) {
      generated.push(token);
      yield { token };
    }
    return;
  }
  for await (const { token, probabilities } of sequence.evaluateWithMetadata(prompt, { probabilities: true }, native)) {
    generated.push(token);
    yield { token, logprobs: logprobsOf(token, probabilities, logprobs, options) };
  }
}

/** Only answers that guesses leave as they are: nothing may depend on what was drawn before, or on how draws are counted. */
function canGuess({ sampling, logprobs, grammar }: TokenChoiceOptions): boolean {
  const { temperature, seed, frequencyPenalty, presencePenalty, repeatPenalty } = sampling;
  const independent = frequencyPenalty === 0 && presencePenalty === 0 && repeatPenalty === 1;
  return independent && logprobs === undefined && grammar === undefined && (temperature === 0 || seed === undefined);
}

/** Probabilities as they are before sampling; the draw is made here, by the same rules as llama.cpp's. */
async function* drawnHere(sequence: LlamaContextSequence, prompt: Token[], options: TokenChoiceOptions): AsyncGenerator<ChosenToken, undefined> {
  const generated: Token[] = [];
  const random = seededRandom(seedOf(options.sampling));
  // Greedy without filters leaves the probabilities of all tokens as they are.
  const whole: SequenceEvaluateOptions = {
    temperature: 0,
    topK: 0,
    topP: 1,
    minP: 0,
    yieldEogToken: true,
    grammarEvaluationState: grammarOf(options),
    ...(options.priority === undefined ? {} : { evaluationPriority: options.priority }),
  };
  const tokens = sequence.evaluateWithMetadata(prompt, { probabilities: true }, whole);
  try {
    for (let step = await tokens.next(); step.done !== true; ) {
      const { probabilities } = step.value;
      const recent = generated.slice(-penaltyWindow);
      const candidates = candidatesOf(probabilities, options.sampling, recent, options.bias);
      const token = drawToken(candidates, random);
      if (options.isEndToken(token)) {
        return;
      }
      generated.push(token);
      yield { token, logprobs: logprobsOf(token, options.afterSampling === true ? candidates : probabilities, options.logprobs!, options) };
      step = await tokens.next(token);
    }
  } finally {
    await tokens.return();
  }
}

/** node-llama-cpp asks for the grammar when it is about to draw, so it is asked also when there is none. */
function grammarOf({ grammar, onDrawn }: TokenChoiceOptions): () => LlamaGrammarEvaluationState | undefined {
  return () => {
    onDrawn?.();
    return grammar?.();
  };
}

function seedOf({ seed }: ResolvedSampling): number {
  return Math.min(seed ?? randomInt(largestSeed), largestSeed);
}

/** @param probabilities likeliest first */
function logprobsOf(token: Token, probabilities: ReadonlyMap<Token, number>, wanted: number, { textOf }: TokenChoiceOptions): Logprobs {
  const entry = (one: Token, probability: number) => ({
    token: one as number,
    text: textOf(one),
    logprob: Math.max(leastLogprob, Math.log(probability)),
  });
  const top: ReturnType<typeof entry>[] = [];
  for (const [other, probability] of probabilities) {
    if (top.length >= wanted) {
      break;
    }
    top.push(entry(other, probability));
  }
  return [{ ...entry(token, probabilities.get(token) ?? 0), top }];
}
