// One answer: reuse what the slot remembers, read the rest of the prompt, then token by token to the end.
// Must not know: slots' scheduling, templates, the protocol's transport.

import type { LlamaContextSequence, LlamaGrammarEvaluationState, Token } from 'node-llama-cpp';
import type { GenerationParams, GenerationResult } from '../protocol/runtimeProtocol';
import { AnswerText, type AnswerTextOptions } from './answerText';
import type { Batching, Place } from './batching';
import { ChunkSender } from './chunkSender';
import { DeferredText } from './deferredText';
import type { AnswerListener } from './loadedModel';
import type { Prompt } from './prompt';
import { restorablePrefix } from './restorable';
import { keptForWholeTiles, PromptPieces, type PieceTimes } from './promptPieces';
import type { Guesser } from './speculation';
import { chooseTokens, type ChosenToken, type TokenChoiceOptions } from './tokenChoice';
import type { Detokenize } from './tokenText';

export interface Generation {
  readonly sequence: LlamaContextSequence;
  readonly detokenize: Detokenize<Token>;
  readonly contextLength: number;
  readonly batchSize: number;
  /** Attention is computed in tiles, which are better whole (promptPieces.ts). */
  readonly hasTiles: boolean;
  readonly batching: Pick<Batching, 'enter' | 'writing'>;
  /** Of the sequence in its context. */
  readonly sequenceIndex: number;
  readonly prompt: Prompt;
  readonly params: Pick<GenerationParams, 'maxTokens' | 'stop' | 'tellProgress'>;
  readonly choice: Omit<TokenChoiceOptions, 'grammar'>;
  /** Where the sequence can go back to any token. */
  readonly guesser?: Guesser | undefined;
  /** Holds the answer (without its reasoning) to a form, or what follows the mark of a tool's call. */
  readonly grammar?: { readonly state: LlamaGrammarEvaluationState; readonly from: 'answer' | 'call' } | undefined;
  readonly tools?: AnswerTextOptions<Token>['tools'];
  readonly harmony?: AnswerTextOptions<Token>['harmony'];
  readonly listener: AnswerListener;
  readonly signal: AbortSignal;
  /** When the request came, by performance.now(). */
  readonly started: number;
}

/** What a piece of the prompt should take: whoever cancels waits for it. Half as much would be read 4 % more slowly. */
const pieceTimes: PieceTimes = { wanted: 400, longest: 1000 };
/** The same while others' answers are written, whose next tokens come with it. */
const pieceTimesAmongOthers: PieceTimes = { wanted: 60, longest: 500 };

export async function generateAnswer(generation: Generation): Promise<GenerationResult> {
  const cachedTokens = await reusePrefix(generation);
  const place = generation.batching.enter(generation.sequenceIndex);
  try {
    return await generate(generation, cachedTokens, place);
  } finally {
    place.leave();
  }
}

async function generate(generation: Generation, cachedTokens: number, place: Place): Promise<GenerationResult> {
  const { prompt, params, listener, signal, started } = generation;
  let isFirst = true;
  const sender = new ChunkSender((piece) => {
    const told = params.tellProgress === true ? { ...piece, ...soFar() } : piece;
    listener.onPiece(isFirst ? { ...told, prompt: { tokens: prompt.tokens.length, cachedTokens } } : told);
    isFirst = false;
  });
  let completionTokens = 0;
  let firstTokenAt: number | undefined;
  let lastTokenAt = started;
  const soFar = (): Pick<GenerationResult, 'usage' | 'timings'> => {
    const decodingMs = lastTokenAt - (firstTokenAt ?? lastTokenAt);
    return {
      usage: { promptTokens: prompt.tokens.length, completionTokens, cachedTokens },
      timings: {
        ...(firstTokenAt === undefined ? {} : { firstTokenMs: firstTokenAt - started }),
        totalMs: performance.now() - started,
        ...(decodingMs > 0 ? { tokensPerSecond: ((completionTokens - 1) * 1000) / decodingMs } : {}),
      },
    };
  };
  const finish = (finishReason: GenerationResult['finishReason'], more: Pick<GenerationResult, 'stopString' | 'contextFull'> = {}): GenerationResult => {
    sender.flush();
    return { finishReason, ...more, ...soFar() };
  };

  const tellRead = readingTeller(generation, cachedTokens);
  tellRead(cachedTokens);
  const rest = await readPrompt(generation, cachedTokens, place, tellRead);
  if (rest === undefined || signal.aborted) {
    return finish('cancelled');
  }

  const answer = new AnswerText<Token>({
    detokenize: generation.detokenize,
    stops: params.stop ?? [],
    templateStops: prompt.stopTexts,
    reasoning: prompt.reasoning,
    tools: generation.tools,
    harmony: generation.harmony,
    onPiece: (piece) => sender.push(piece),
  });
  const endReason = (): 'tool-calls' | 'stop' => (answer.hasToolCalls ? 'tool-calls' : 'stop');
  // node-llama-cpp leaves the context's last place free; an answer's last token is not read, so it needs none.
  const roomLeft = generation.contextLength - prompt.tokens.length;
  const limit = Math.min(params.maxTokens ?? Infinity, roomLeft);
  const text = new DeferredText<ChosenToken>(({ token, logprobs }) => answer.push(token, logprobs));
  const gate = grammarGate(generation, answer);
  const choice: TokenChoiceOptions = {
    ...generation.choice,
    grammar: gate === undefined ? undefined : () => (text.catchUp(), gate()),
    onDrawn: () => place.drawn(),
    priority: place.priority,
    guesser: generation.guesser,
  };
  // What may end by its text does not begin a step before its text is known.
  const readsFirst = generation.tools !== undefined || generation.harmony !== undefined || (params.stop ?? []).length > 0 || prompt.stopTexts.length > 0;
  const steps = chooseTokens(generation.sequence, rest, choice);
  try {
    for (;;) {
      const turn = place.turn();
      if (turn !== undefined) {
        await turn;
      }
      const { value: chosen } = await steps.next();
      text.catchUp();
      if (chosen === undefined || signal.aborted || prompt.stopTokens.has(chosen.token)) {
        answer.end();
        return finish(chosen !== undefined && signal.aborted ? 'cancelled' : endReason());
      }
      lastTokenAt = performance.now();
      if (firstTokenAt === undefined) {
        firstTokenAt = lastTokenAt;
        tellRead(prompt.tokens.length);
      }
      completionTokens++;
      text.hold(chosen);
      const isLast = completionTokens >= limit;
      if (readsFirst || isLast) {
        text.catchUp();
      }
      if (text.hasEnded) {
        return finish(endReason(), answer.stopString === undefined ? {} : { stopString: answer.stopString });
      }
      if (isLast) {
        answer.end();
        return finish('length', completionTokens >= roomLeft ? { contextFull: true } : {});
      }
    }
  } finally {
    await steps.return(undefined);
    // Also where the next step failed: nothing that was said is lost.
    text.catchUp();
  }
}

/** Tells how much of the prompt is read, where that is asked for. */
function readingTeller({ prompt, params, listener }: Generation, cached: number): (processed: number) => void {
  if (params.tellProgress !== true) {
    return () => undefined;
  }
  let began: number | undefined;
  return (processed) => {
    const now = performance.now();
    began ??= now;
    listener.onPiece({ promptProgress: { total: prompt.tokens.length, cached, processed, ms: now - began } });
  };
}

/** Is the grammar in force for the next token? */
function grammarGate({ grammar, tools }: Generation, answer: AnswerText<Token>): TokenChoiceOptions['grammar'] {
  if (grammar === undefined) {
    return undefined;
  }
  if (grammar.from === 'answer') {
    return () => (answer.isReasoning ? undefined : grammar.state);
  }
  let begun = false;
  return () => {
    begun ||= tools?.parser.isAtOpener === true;
    return begun ? grammar.state : undefined;
  };
}

/** Forgets what differs from the prompt; at least the prompt's last token is left to read. */
async function reusePrefix({ sequence, prompt: { tokens }, hasTiles }: Generation): Promise<number> {
  const known = Math.min(sequence.compareContextTokens(tokens).firstDifferentIndex, tokens.length - 1);
  const shared = hasTiles && !sequence.needsCheckpoints ? keptForWholeTiles(known, tokens.length) : known;
  // Cut where nothing has to be read again: node-llama-cpp would read up to any other cut in one go, beyond the reach of Stop.
  const kept = restorablePrefix(sequence, shared);
  if (kept < sequence.nextTokenIndex) {
    await sequence.eraseContextTokenRanges([{ start: kept, end: sequence.nextTokenIndex }]);
  }
  return Math.min(kept, sequence.nextTokenIndex);
}

/** Reads all but the last piece of the prompt; returns that piece, or undefined when cancelled. */
async function readPrompt({ sequence, batchSize, batching, prompt, listener, signal }: Generation, from: number, place: Place, tellRead: (processed: number) => void): Promise<Token[] | undefined> {
  let at = from;
  const pieces = new PromptPieces(batchSize);
  for (;;) {
    if (signal.aborted) {
      return undefined;
    }
    const isAmongOthers = batching.writing > 0;
    const left = prompt.tokens.length - at;
    const size = pieces.next(left, isAmongOthers ? pieceTimesAmongOthers : pieceTimes, isAmongOthers);
    if (size >= left) {
      break;
    }
    await place.turn();
    const began = performance.now();
    await sequence.evaluateWithoutGeneratingNewTokens(prompt.tokens.slice(at, at + size), { evaluationPriority: place.priority });
    pieces.took(size, performance.now() - began);
    at += size;
    listener.onProgress(prompt.tokens.length, at);
    tellRead(at);
  }
  if (sequence.needsCheckpoints && prompt.tokens.length - at > 1 && !signal.aborted) {
    // The next turn often goes back to where this answer began: what was thought is not part of it.
    await sequence.evaluateWithoutGeneratingNewTokens(prompt.tokens.slice(at, -1), { evaluationPriority: place.priority });
    await sequence.takeCheckpoint();
    at = prompt.tokens.length - 1;
  }
  return signal.aborted ? undefined : prompt.tokens.slice(at);
}
