// One model in memory: its context with several slots, the queue before them, and the generation of answers.
// Must not know: windows, the protocol, other models.

import type { LlamaContext, LlamaModel, Token } from 'node-llama-cpp';
import { JanError } from '../common/errors';
import type { AnswerPiece, ChatParams, ChatPromptParams, CompleteParams, GenerationParams, GenerationResult } from '../protocol/runtimeProtocol';
import type { Batching } from './batching';
import type { DraftModel } from './draftModel';
import { firstOf } from './draftPace';
import { generateAnswer, type Generation } from './generation';
import type { ResponseGrammars } from './grammar/responseGrammars';
import type { LlamaModule } from './llamaLibrary';
import type { Prompt } from './prompt';
import { PromptLookup } from './promptLookup';
import { defaultSampling, resolveSampling, type ResolvedSampling } from './samplingDefaults';
import { Slots } from './slots';
import type { StateCache } from './stateCache';
import { buildTextPrompt, detokenizeTokens, tokenizeText, vocabularySize } from './textPrompt';
import type { ModelTemplates } from './template/modelTemplates';
import type { Guesser } from './speculation';
import { choiceOptions } from './tokenChoice';
import { detokenizersOf } from './tokenPieces';
import { toolUseOf, type ToolUse } from './tools/toolUse';

export interface AnswerListener {
  onPiece(piece: AnswerPiece): void;
  onProgress(promptTokens: number, processedTokens: number): void;
}

/** Models that cannot go back (recurrent, sliding window) are given points to go back to, every so many tokens. */
const checkpointInterval = 512;
/** For all slots of a model, bytes. */
const checkpointMemory = 512 * 1024 ** 2;

/** What it is made of, and takes ownership of. */
export interface LoadedParts {
  readonly module: LlamaModule;
  readonly model: LlamaModel;
  readonly context: LlamaContext;
  /** The context's. */
  readonly batching: Batching;
  readonly draft: DraftModel | undefined;
  readonly grammars: ResponseGrammars;
  readonly templates: ModelTemplates;
  readonly states: StateCache;
}

export class LoadedModel {
  readonly #detokenizer: ReturnType<typeof detokenizersOf>;
  readonly #sampling: ResolvedSampling;
  readonly #slots: Slots;
  #ends: readonly Token[] | undefined;
  readonly #running = new Map<AbortController, Promise<unknown>>();
  /** Requests that have come and are not done. */
  #requests = 0;

  constructor(
    private readonly parts: LoadedParts,
    private readonly onChange: () => void,
  ) {
    const { model, context } = parts;
    this.#detokenizer = detokenizersOf(model);
    this.#sampling = defaultSampling(model.fileInfo.metadata);
    const perSlot = checkpointMemory / context.totalSequences;
    this.#slots = new Slots(
      Array.from({ length: context.totalSequences }, () =>
        context.getSequence({
          checkpoints: { max: 16, interval: checkpointInterval, maxMemory: perSlot },
        }),
      ),
      parts.states,
      onChange,
    );
  }

  get templates(): ModelTemplates {
    return this.parts.templates;
  }

  get contextLength(): number {
    return this.parts.context.contextSize;
  }

  get slots(): number {
    return this.#slots.length;
  }

  /** Bytes, weights and context. */
  get memory(): number {
    const { model, context, draft } = this.parts;
    return model.size + context.memoryUsage.ram + context.memoryUsage.vram + (draft?.memory ?? 0);
  }

  get gpuLayers(): number {
    return this.parts.model.gpuLayers;
  }

  get activeRequests(): number {
    return this.#requests - this.#slots.queued;
  }

  get queuedRequests(): number {
    return this.#slots.queued;
  }

  async countTokens(params: ChatPromptParams): Promise<{ tokens: number; contextLength: number }> {
    const builder = await this.templates.builderFor(params.chatTemplate);
    return { tokens: await builder.count(params), contextLength: this.contextLength };
  }

  async renderChat(params: ChatPromptParams): Promise<string> {
    return (await this.templates.builderFor(params.chatTemplate)).render(params);
  }

  tokenize(text: string, special: boolean, addSpecial: boolean): Promise<Token[]> {
    return tokenizeText(this.parts.model, text, special, addSpecial);
  }

  detokenize(tokens: readonly number[]): string {
    return detokenizeTokens(this.parts.model, tokens);
  }

  chat(params: ChatParams, listener: AnswerListener, signal: AbortSignal): Promise<GenerationResult> {
    return this.#counted(async () => {
      const started = performance.now();
      const builder = await this.templates.builderFor(params.chatTemplate);
      const prompt = await builder.build(params, this.contextLength, params.maxTokens);
      const tools = toolUseOf(params, builder.template.source, prompt.ownToolWords);
      return this.#answer(prompt, params, listener, signal, started, tools);
    });
  }

  complete(params: CompleteParams, listener: AnswerListener, signal: AbortSignal): Promise<GenerationResult> {
    return this.#counted(async () => {
      const started = performance.now();
      return this.#answer(await buildTextPrompt(this.parts.model, params, this.contextLength), params, listener, signal, started);
    });
  }

  /** From its first moment on: whoever would unload the model meanwhile is told that it is in use. */
  async #counted<R>(answer: () => Promise<R>): Promise<R> {
    this.#requests++;
    this.onChange();
    try {
      return await answer();
    } finally {
      this.#requests--;
      this.onChange();
    }
  }

  async #answer(
    prompt: Prompt,
    params: GenerationParams,
    listener: AnswerListener,
    signal: AbortSignal,
    started: number,
    tools?: ToolUse,
  ): Promise<GenerationResult> {
    const grammar = await this.parts.grammars.forAnswer(this.parts.model, params.responseFormat, tools?.grammar);
    const endTokens = params.ignoreEnd === true ? [...new Set([...this.#endTokens(), ...prompt.stopTokens])] : [];
    if (endTokens.length > 0) {
      if (grammar !== undefined) {
        throw new JanError('invalid-argument', '“ignoreEnd” asks for an answer without an end, which a form and calls of tools have. Leave out one of them.', { details: { field: 'ignoreEnd' } });
      }
      listener.onPiece({ endTokens });
    }
    const choice = choiceOptions(this.parts.module, this.parts.model, params, resolveSampling(params.sampling, this.#sampling), endTokens);
    if (prompt.droppedMessages > 0) {
      listener.onPiece({ droppedMessages: prompt.droppedMessages });
    }
    const abort = new AbortController();
    const onAbort = (): void => abort.abort();
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) {
      abort.abort();
    }
    const slot = await this.#slots.acquire(prompt.tokens, abort.signal);
    if (slot === undefined) {
      return {
        finishReason: 'cancelled',
        usage: { promptTokens: prompt.tokens.length, completionTokens: 0, cachedTokens: 0 },
        timings: { totalMs: performance.now() - started },
      };
    }
    const { sequence } = slot;
    const harmony = harmonyOf(prompt, params, tools);
    const answer = generateAnswer({
      sequence,
      detokenize: this.#detokenizer(harmony === undefined ? [...reasoningMarks(prompt), ...(tools?.marks ?? [])] : undefined),
      contextLength: this.contextLength,
      batchSize: this.parts.context.batchSize,
      hasTiles: this.parts.model.gpuLayers === 0 && this.parts.context.flashAttention !== false,
      batching: this.parts.batching,
      sequenceIndex: slot.index,
      // What was guessed wrong must be forgotten, which costs such models more than guessing gains.
      guesser: sequence.needsCheckpoints ? undefined : this.#guesser(),
      prompt,
      params,
      choice,
      grammar,
      tools,
      harmony,
      listener,
      signal: abort.signal,
      started,
    });
    this.#running.set(abort, answer);
    try {
      return await answer;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#running.delete(abort);
      this.#slots.release(slot);
    }
  }

  #endTokens(): readonly Token[] {
    const { model } = this.parts;
    this.#ends ??= Array.from({ length: vocabularySize(model) }, (_, token) => token as Token).filter((token) => model.isEogToken(token));
    return this.#ends;
  }

  #guesser(): Guesser {
    const { batching, draft } = this.parts;
    const lookup = new PromptLookup<Token>(batching.costOfGuess);
    return draft === undefined ? lookup : firstOf(lookup, draft.guesser(batching.costOfGuess));
  }

  /** Ends what runs and frees the memory. */
  async dispose(): Promise<void> {
    await this.#slots.close();
    for (const abort of this.#running.keys()) {
      abort.abort();
    }
    await Promise.allSettled(this.#running.values());
    await this.parts.draft?.dispose();
    await this.parts.context.dispose();
    await this.parts.model.dispose();
  }
}

/** Some models have special tokens for them, which answers else don't say. */
function reasoningMarks({ reasoning }: Prompt): readonly string[] {
  return reasoning === undefined ? [] : [reasoning.tags.open, reasoning.tags.close];
}

/** Channels, except where a grammar holds the whole answer to calls in words. */
function harmonyOf(prompt: Prompt, params: GenerationParams & Partial<Pick<ChatParams, 'tools' | 'toolChoice'>>, tools: ToolUse | undefined): Generation['harmony'] {
  if (prompt.harmony === undefined || tools?.grammar?.from === 'answer') {
    return undefined;
  }
  const names = params.toolChoice === 'none' ? [] : (params.tools ?? []).map(({ name }) => name);
  return { ...prompt.harmony, tools: new Set(names), parallel: tools?.parallel ?? true };
}
