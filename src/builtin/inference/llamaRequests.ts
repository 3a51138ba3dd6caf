// Requests of the Inference service in the runtime's words.
// Must not know: connections, models' files.

import type { ChatChunk, ChatRequest, CompletionRequest, GenerationRequest, ModelLoadOptions } from '../../api/jan';
import type { AnswerPiece, ChatPromptParams, CompleteParams, GenerationParams, GenerationResult, LoadModelParams } from '../../protocol/runtimeProtocol';

/** A caller may pass `undefined` where it means "default". */
export function definedOnly<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> };
}

export function toGenerationParams(request: GenerationRequest & { readonly modelId: string }, requestId: string): GenerationParams {
  const { modelId, maxTokens, stop, responseFormat, logprobs, logprobsAfterSampling, logitBias, ignoreEnd, tellProgress } = request;
  const { temperature, topP, topK, minP, seed, frequencyPenalty, presencePenalty, repeatPenalty } = request;
  return {
    requestId,
    modelId,
    sampling: definedOnly({
      temperature,
      topP,
      topK,
      minP,
      // Any whole number is a seed; the engine's have 32 bits.
      seed: seed === undefined ? undefined : Number(BigInt.asUintN(32, BigInt(seed))),
      frequencyPenalty,
      presencePenalty,
      repeatPenalty,
    }),
    ...definedOnly({
      maxTokens,
      stop: stop === undefined ? undefined : [...stop],
      responseFormat,
      logprobs,
      logprobsAfterSampling,
      ignoreEnd,
      tellProgress,
      logitBias: logitBias === undefined ? undefined : Object.entries(logitBias).map(([token, bias]): [number, number] => [Number(token), bias]),
    }),
  };
}

export function toPromptParams(request: ChatRequest): ChatPromptParams {
  const { messages, tools, toolChoice, templateVariables, load } = request;
  return {
    messages: messages.map(({ toolCalls, ...message }) => definedOnly({ ...message, toolCalls: toolCalls === undefined ? undefined : [...toolCalls] })),
    ...definedOnly({ tools: tools === undefined ? undefined : tools.map((tool) => definedOnly(tool)), toolChoice, templateVariables, chatTemplate: load?.chatTemplate }),
  };
}

export function toLoadParams(options: ModelLoadOptions): Omit<LoadModelParams, 'modelId' | 'path'> {
  const { contextLength, gpuLayers, batchSize, threads, flashAttention, loraAdapters, chatTemplate } = options;
  const adapters = loraAdapters?.map((adapter) => definedOnly(adapter));
  return definedOnly({ contextLength, gpuLayers, batchSize, threads, flashAttention, loraAdapters: adapters, chatTemplate });
}

/** Does a request say more of loading than which template it wants, which costs no load? */
export function wantsLoad(load: ModelLoadOptions | undefined): boolean {
  return load !== undefined && (Boolean(load.draftModelId) || Object.keys(toLoadParams({ ...load, chatTemplate: undefined })).length > 0);
}

export function toCompletionPrompt({ prompt, suffix }: CompletionRequest): Pick<CompleteParams, 'prompt' | 'suffix'> {
  return { prompt: typeof prompt === 'string' ? prompt : [...prompt], ...definedOnly({ suffix }) };
}

export function toChunk(piece: AnswerPiece): ChatChunk {
  return definedOnly(piece);
}

export function toLastChunk(result: GenerationResult): ChatChunk {
  return definedOnly(result);
}

/** @param base64 of little-endian 32-bit floats */
export function toVector(base64: string): number[] {
  const bytes = Buffer.from(base64, 'base64');
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, index) => bytes.readFloatLE(index * 4));
}
