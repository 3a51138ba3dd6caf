// One model in memory: its context with several slots, the queue before them, and the generation of answers.
// Must not know: windows, the protocol, other models.

import type { LlamaContext, LlamaContextSequence, LlamaModel, Token } from 'node-llama-cpp';
import { JanError } from '../common/errors';
import type { AnswerPiece, ChatParams, ChatPromptParams, CompleteParams, GenerationParams, GenerationResult } from '../protocol/runtimeProtocol';
import { generateAnswer } from './generation';
import type { ResponseGrammars } from './grammar/responseGrammars';
import type { LlamaModule } from './llamaLibrary';
import type { Prompt } from './prompt';
import { defaultSampling, resolveSampling, type ResolvedSampling } from './samplingDefaults';
import { chooseSlot } from './slotScheduler';
import { buildTextPrompt, detokenizeTokens, tokenizeText } from './textPrompt';
import type { ModelTemplates } from './template/modelTemplates';
import { choiceOptions } from './tokenChoice';
import { createDetokenizer } from './tokenPieces';
import type { Detokenize } from './tokenText';

export interface AnswerListener {
  onPiece(piece: AnswerPiece): void;
  onProgress(promptTokens: number, processedTokens: number): void;
}

interface Slot {
  readonly sequence: LlamaContextSequence;
  busy: boolean;
  lastUsed: number;
}

interface Waiting {
  start(): void;
}

export class LoadedModel {
  readonly #detokenize: Detokenize<Token>;
  readonly #sampling: ResolvedSampling;
  readonly #slots: Slot[];
  readonly #queue: Waiting[] = [];
  readonly #running = new Map<AbortController, Promise<unknown>>();
  #uses = 0;
  #closed = false;

  constructor(
    private readonly module: LlamaModule,
    private readonly model: LlamaModel,
    private readonly context: LlamaContext,
    private readonly grammars: ResponseGrammars,
    readonly templates: ModelTemplates,
    private readonly onChange: () => void,
  ) {
    this.#detokenize = createDetokenizer(model);
    this.#sampling = defaultSampling(model.fileInfo.metadata);
    this.#slots = Array.from({ length: context.totalSequences }, () => ({
      sequence: context.getSequence(),
      busy: false,
      lastUsed: 0,
    }));
  }

  get contextLength(): number {
    return this.context.contextSize;
  }

  get slots(): number {
    return this.#slots.length;
  }

  /** Bytes, weights and context. */
  get memory(): number {
    const { ram, vram } = this.context.memoryUsage;
    return this.model.size + ram + vram;
  }

  get gpuLayers(): number {
    return this.model.gpuLayers;
  }

  get activeRequests(): number {
    return this.#running.size;
  }

  get queuedRequests(): number {
    return this.#queue.length;
  }

  async countTokens(params: ChatPromptParams): Promise<{ tokens: number; contextLength: number }> {
    const builder = await this.templates.builderFor(params.chatTemplate);
    return { tokens: await builder.count(params), contextLength: this.contextLength };
  }

  async renderChat(params: ChatPromptParams): Promise<string> {
    return (await this.templates.builderFor(params.chatTemplate)).render(params);
  }

  tokenize(text: string, special: boolean, addSpecial: boolean): Token[] {
    return tokenizeText(this.model, text, special, addSpecial);
  }

  detokenize(tokens: readonly number[]): string {
    return detokenizeTokens(this.model, tokens);
  }

  async chat(params: ChatParams, listener: AnswerListener, signal: AbortSignal): Promise<GenerationResult> {
    const started = performance.now();
    const builder = await this.templates.builderFor(params.chatTemplate);
    const prompt = await builder.build(params, this.contextLength, params.maxTokens);
    return this.#answer(prompt, params, listener, signal, started);
  }

  async complete(params: CompleteParams, listener: AnswerListener, signal: AbortSignal): Promise<GenerationResult> {
    const started = performance.now();
    return this.#answer(buildTextPrompt(this.model, params, this.contextLength), params, listener, signal, started);
  }

  async #answer(
    prompt: Prompt,
    params: GenerationParams,
    listener: AnswerListener,
    signal: AbortSignal,
    started: number,
  ): Promise<GenerationResult> {
    const choice = {
      ...choiceOptions(this.module, this.model, params, resolveSampling(params.sampling, this.#sampling)),
      grammar: await this.grammars.stateFor(this.model, params.responseFormat),
    };
    if (prompt.droppedMessages > 0) {
      listener.onPiece({ droppedMessages: prompt.droppedMessages });
    }
    const abort = new AbortController();
    const onAbort = (): void => abort.abort();
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) {
      abort.abort();
    }
    const slot = await this.#acquire(prompt.tokens, abort.signal);
    if (slot === undefined) {
      return {
        finishReason: 'cancelled',
        usage: { promptTokens: prompt.tokens.length, completionTokens: 0, cachedTokens: 0 },
        timings: { totalMs: performance.now() - started },
      };
    }
    const answer = generateAnswer({
      sequence: slot.sequence,
      detokenize: this.#detokenize,
      contextLength: this.contextLength,
      batchSize: this.context.batchSize,
      prompt,
      params,
      choice,
      listener,
      signal: abort.signal,
      started,
    });
    this.#running.set(abort, answer);
    this.onChange();
    try {
      return await answer;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#running.delete(abort);
      slot.busy = false;
      slot.lastUsed = ++this.#uses;
      this.#queue.shift()?.start();
      this.onChange();
    }
  }

  /** Ends what runs and frees the memory. */
  async dispose(): Promise<void> {
    this.#closed = true;
    for (const waiting of this.#queue.splice(0)) {
      waiting.start();
    }
    for (const abort of this.#running.keys()) {
      abort.abort();
    }
    await Promise.allSettled(this.#running.values());
    await this.context.dispose();
    await this.model.dispose();
  }

  /** A slot for these tokens, at the end of the queue when all are busy; undefined when aborted meanwhile. */
  async #acquire(tokens: Token[], signal: AbortSignal): Promise<Slot | undefined> {
    let slot = this.#queue.length === 0 ? this.#choose(tokens) : undefined;
    let waitedBefore = false;
    while (slot === undefined && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const waiting: Waiting = { start: resolve };
        // Someone quicker took the slot this one was woken for: it stays first in line.
        this.#queue.splice(waitedBefore ? 0 : this.#queue.length, 0, waiting);
        waitedBefore = true;
        this.onChange();
        signal.addEventListener(
          'abort',
          () => {
            const place = this.#queue.indexOf(waiting);
            if (place >= 0) {
              this.#queue.splice(place, 1);
            }
            resolve();
          },
          { once: true },
        );
      });
      if (this.#closed) {
        throw new JanError('cancelled', 'The model was unloaded before the answer began. Send the message again.');
      }
      slot = this.#choose(tokens);
    }
    if (signal.aborted) {
      // Woken for a slot that is not wanted any more: the next in line gets it.
      this.#queue.shift()?.start();
      return undefined;
    }
    slot!.busy = true;
    return slot;
  }

  #choose(tokens: Token[]): Slot | undefined {
    const views = this.#slots.map((slot) => ({
      busy: slot.busy,
      length: slot.sequence.nextTokenIndex,
      lastUsed: slot.lastUsed,
      sharedPrefix: slot.busy ? 0 : slot.sequence.compareContextTokens(tokens).firstDifferentIndex,
    }));
    const index = chooseSlot(views, tokens.length);
    return index === undefined ? undefined : this.#slots[index];
  }
}
