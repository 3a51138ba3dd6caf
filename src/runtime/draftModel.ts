// A smaller model of the same vocabulary that drafts an answer's next tokens, for the larger one to check in one step.
// Must not know: slots, requests, how drafts are checked.

import type { Llama, LlamaContext, LlamaContextSequence, LlamaModel, Token } from 'node-llama-cpp';
import { JanError } from '../common/errors';
import type { Logger } from '../common/log';
import { chooseAttention, type AttentionWishes } from './attention';
import { DraftPace } from './draftPace';
import { loadWeights } from './loadWeights';
import type { StepCost } from './promptLookup';
import type { Guesser } from './speculation';
import { tokenTexts } from './tokenPieces';

export interface DraftOptions {
  /** What the user calls it. */
  readonly modelId: string;
  readonly path: string;
  readonly contextLength: number;
  /** Of its file. */
  readonly headCount: number | undefined;
  readonly attention: AttentionWishes;
  readonly threads: number;
  readonly gpuLayers: number | 'auto' | 'max' | undefined;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** A drafted token that is less likely than this ends the draft: what follows it would be wasted. */
const leastConfidence = 0.5;
/** As llama.cpp: some models of a family have a few more unused tokens at the end. */
const mayDifferInSize = 128;

export class DraftModel {
  readonly #sequence: LlamaContextSequence;

  private constructor(
    private readonly model: LlamaModel,
    private readonly context: LlamaContext,
  ) {
    this.#sequence = context.getSequence();
  }

  /** @throws JanError `invalid-argument` when it has another vocabulary than `target` */
  static async open(llama: Llama, target: LlamaModel, options: DraftOptions): Promise<DraftModel> {
    const { model } = await loadWeights(llama, { ...options, onProgress: () => undefined });
    try {
      checkSameVocabulary(target, model, options.modelId);
      const contextSize = Math.min(options.contextLength, model.trainContextSize);
      const context = await model.createContext({
        contextSize,
        sequences: 1,
        ...chooseAttention(options.attention, { gpuLayers: model.gpuLayers, contextLength: contextSize, headCount: options.headCount }),
        // It has one thing to do at a time, and every token of a draft is waited for.
        batching: { dispatchSchedule: (dispatch) => dispatch() },
        threads: options.threads,
        createSignal: options.signal,
      });
      return new DraftModel(model, context);
    } catch (error) {
      await model.dispose();
      throw error;
    }
  }

  /** Bytes, weights and context. */
  get memory(): number {
    const { ram, vram } = this.context.memoryUsage;
    return this.model.size + ram + vram;
  }

  /** For one answer. @param cost what a step of the larger model costs, ms */
  guesser(cost: StepCost): Guesser {
    return new DraftGuesser(this.#sequence, this.model, cost);
  }

  async dispose(): Promise<void> {
    await this.context.dispose();
    await this.model.dispose();
  }
}

class DraftGuesser implements Guesser {
  #tokens: Token[] = [];
  readonly #pace: DraftPace<Token>;

  constructor(
    private readonly sequence: LlamaContextSequence,
    private readonly model: LlamaModel,
    cost: StepCost,
  ) {
    this.#pace = new DraftPace(cost);
  }

  reset(tokens: readonly Token[]): void {
    this.#tokens = [...tokens];
  }

  push(tokens: readonly Token[]): void {
    for (const token of tokens) {
      this.#pace.said(token);
      this.#tokens.push(token);
    }
  }

  async predict(): Promise<readonly Token[]> {
    const { sequence } = this;
    const room = sequence.context.contextSize - 1 - this.#tokens.length;
    const length = Math.min(this.#pace.length, room);
    if (length < 1) {
      return [];
    }
    const draft: Token[] = [];
    const began = performance.now();
    let readAt = began;
    const known = Math.min(sequence.compareContextTokens(this.#tokens).firstDifferentIndex, this.#tokens.length - 1);
    if (known < sequence.nextTokenIndex) {
      await sequence.eraseContextTokenRanges([{ start: known, end: sequence.nextTokenIndex }]);
    }
    const unread = this.#tokens.slice(sequence.nextTokenIndex);
    for await (const { token, confidence } of sequence.evaluateWithMetadata(unread, { confidence: true }, { temperature: 0, yieldEogToken: true })) {
      readAt = draft.length === 0 ? performance.now() : readAt;
      if (this.model.isEogToken(token) || confidence < leastConfidence) {
        break;
      }
      draft.push(token);
      if (draft.length >= length) {
        break;
      }
    }
    // What was said since is read each time, so it belongs to the price; a whole prompt is read once.
    const reading = unread.length <= 16 ? readAt - began : 0;
    this.#pace.drafted(draft, reading + performance.now() - readAt);
    return draft;
  }
}

function checkSameVocabulary(target: LlamaModel, draft: LlamaModel, draftModelId: string): void {
  const wrong = (reason: string): JanError =>
    new JanError('invalid-argument', `The draft model ${draftModelId} can’t draft for this model: ${reason}. Choose a smaller model of the same family, or none.`, {
      details: { field: 'draftModelId', draftModelId },
    });
  const [own, others] = [tokenTexts(target), tokenTexts(draft)];
  if (target.vocabularyType !== draft.vocabularyType || Math.abs(own.length - others.length) > mayDifferInSize) {
    throw wrong(`it has another vocabulary (${others.length} tokens, and this one has ${own.length})`);
  }
  const different = own.findIndex((text, index) => index < others.length && others[index] !== text);
  if (different >= 0) {
    throw wrong(`its vocabulary differs from token ${different} on`);
  }
  if (draft.fileInsights.isRecurrent || draft.fileInsights.isHybrid) {
    throw wrong('a recurrent model can’t take back what was drafted wrong');
  }
}
