// Every message between a window (extension host) and the llama.cpp process, in both directions, with its shape
// and its deadline. JSON-RPC 2.0 over a private Unix socket or named pipe; a connection is a lease.
// Must not know: how either side does its work, VS Code, Node.

import * as v from 'valibot';
import { janErrorCodes } from '../common/errors';

/** Both sides must agree on it; it is part of the socket's name, so that two versions never meet by accident. */
export const runtimeProtocolVersion = 4;

/**
 * A connection whose first byte is `beat` is a pulse and no lease: each beat is answered by one, also while native code
 * holds the main thread. `hung` comes before the process ends itself because its main thread or native code did not answer.
 *
 * A pulse on which `watch` is said turns into a watch: the runtime writes its state (`watchedStateSchema`) as a line of JSON
 * at once and on every change, and listens to nothing more. Who only watches keeps no process alive. An engine that was built
 * before there were watches takes it for a beat.
 */
export const pulseBytes = { beat: 0x2e, hung: 0x68, watch: 0x77 } as const;

type Schema = v.GenericSchema;

/** A question and its answer. */
export interface RequestDescriptor<P extends Schema, R extends Schema> {
  readonly method: string;
  readonly params: P;
  readonly result: R;
  /** The caller gives up after this long, ms. */
  readonly timeoutMs: number;
  /** Each notification that belongs to the request starts its time anew. */
  readonly progressRestartsTimeout?: boolean;
}

/** A message without an answer. */
export interface NotificationDescriptor<P extends Schema> {
  readonly method: string;
  readonly params: P;
}

/** JSON-RPC error code of every failure; the JanError is in `data`. */
export const janErrorRpcCode = -32000;

//#region Parts

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const milliseconds = v.pipe(v.number(), v.minValue(0));
/** Never 0 or 1: a signal to those would reach whole groups of processes. */
const processId = v.pipe(v.number(), v.integer(), v.minValue(2));
const modelId = v.pipe(v.string(), v.minLength(1), v.maxLength(512));
/** Chosen by the client, unique on its connection. */
const requestId = v.pipe(v.string(), v.minLength(1), v.maxLength(64));
const inRange = (min: number, max: number) => v.pipe(v.number(), v.finite(), v.minValue(min), v.maxValue(max));

export const wireErrorSchema = v.object({
  code: v.picklist(janErrorCodes),
  message: v.string(),
  details: v.optional(v.record(v.string(), v.unknown())),
});

const text = v.pipe(v.string(), v.maxLength(16 * 1024 * 1024));
const name = v.pipe(v.string(), v.minLength(1), v.maxLength(200));
/** Numbers of tokens; whether a model has them is found out by the runtime. */
const tokens = v.pipe(v.array(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 31 - 1))), v.maxLength(2 ** 24));
const chatTemplate = v.pipe(v.string(), v.maxLength(256 * 1024));
const plainObject = v.record(v.string(), v.unknown());

export const chatMessageSchema = v.object({
  role: v.picklist(['system', 'user', 'assistant', 'tool']),
  content: text,
  reasoning: v.optional(text),
  toolCalls: v.optional(v.pipe(v.array(v.object({ id: name, name, arguments: text })), v.maxLength(1024))),
  toolCallId: v.optional(name),
});
export type WireMessage = v.InferOutput<typeof chatMessageSchema>;

const toolSchema = v.object({ name, description: v.optional(v.pipe(v.string(), v.maxLength(64 * 1024))), parameters: v.optional(plainObject) });
export type WireTool = v.InferOutput<typeof toolSchema>;

/** Ranges: SamplingOptions in src/api/jan.d.ts. What is absent is as the model's file recommends. */
export const samplingSchema = v.object({
  temperature: v.optional(inRange(0, 2)),
  topP: v.optional(v.pipe(inRange(0, 1), v.gtValue(0))),
  topK: v.optional(v.pipe(inRange(0, 1000), v.integer())),
  minP: v.optional(inRange(0, 1)),
  /** Default: chosen by chance. */
  seed: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff))),
  frequencyPenalty: v.optional(inRange(-2, 2)),
  presencePenalty: v.optional(inRange(-2, 2)),
  repeatPenalty: v.optional(inRange(0, 100)),
});
export type Sampling = v.InferOutput<typeof samplingSchema>;

/** What every request for text has; ranges: GenerationRequest in src/api/jan.d.ts. */
const generationEntries = {
  requestId,
  modelId,
  sampling: samplingSchema,
  maxTokens: v.optional(v.pipe(count, v.minValue(1))),
  stop: v.optional(v.pipe(v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(1000))), v.maxLength(16))),
  responseFormat: v.optional(
    v.variant('type', [
      v.object({ type: v.literal('text') }),
      v.object({ type: v.literal('json') }),
      v.object({ type: v.literal('json-schema'), schema: plainObject }),
      v.object({ type: v.literal('grammar'), grammar: v.pipe(v.string(), v.maxLength(64 * 1024)) }),
    ]),
  ),
  logprobs: v.optional(v.pipe(count, v.maxValue(20))),
  logprobsAfterSampling: v.optional(v.boolean()),
  logitBias: v.optional(v.pipe(v.array(v.tuple([count, inRange(-100, 100)])), v.maxLength(1000))),
  ignoreEnd: v.optional(v.boolean()),
  tellProgress: v.optional(v.boolean()),
};

/** What a chat template is given. */
const promptEntries = {
  messages: v.pipe(v.array(chatMessageSchema), v.minLength(1), v.maxLength(10_000)),
  tools: v.optional(v.pipe(v.array(toolSchema), v.maxLength(1024))),
  toolChoice: v.optional(v.union([v.picklist(['auto', 'none', 'required']), v.object({ name })])),
  templateVariables: v.optional(plainObject),
  /** Jinja source, instead of the model's own. */
  chatTemplate: v.optional(chatTemplate),
};

export const runtimeModelSchema = v.object({
  modelId,
  path: v.string(),
  status: v.picklist(['loading', 'ready', 'unloading']),
  /** 0…1. */
  progress: v.optional(v.number()),
  /** Tokens, per conversation. */
  contextLength: v.optional(count),
  /** Answers that can be generated at the same time. */
  slots: v.optional(count),
  /** Bytes, weights and context. */
  memory: v.optional(v.number()),
  /** Layers on the GPU; 0: all on the CPU. */
  gpuLayers: v.optional(count),
  /** What went otherwise than asked, in words. */
  notes: v.optional(v.array(v.string())),
  /** As `loadModel` has them: all that was asked for, of whichever window, but the chat template. Older engines do not say it. */
  loadOptions: v.optional(plainObject),
  activeRequests: count,
  queuedRequests: count,
});
export type RuntimeModel = v.InferOutput<typeof runtimeModelSchema>;

export const runtimeStateSchema = v.object({
  pid: processId,
  models: v.array(runtimeModelSchema),
});
export type RuntimeState = v.InferOutput<typeof runtimeStateSchema>;

/** What a watch is told, a line of JSON each time. An engine of another version is none that this window could use. */
export const watchedStateSchema = v.object({ protocolVersion: v.literal(runtimeProtocolVersion), ...runtimeStateSchema.entries });
export type WatchedState = v.InferOutput<typeof watchedStateSchema>;

const usageSchema = v.object({ promptTokens: count, completionTokens: count, cachedTokens: v.optional(count) });
const timingsSchema = v.object({
  firstTokenMs: v.optional(milliseconds),
  totalMs: v.optional(milliseconds),
  tokensPerSecond: v.optional(v.number()),
});

//#endregion

//#region Window → runtime

const second = 1000;
const minute = 60 * second;

/** First message on every connection; anything else before it is refused. */
export const helloRequest = {
  method: 'hello',
  params: v.object({ protocolVersion: v.number(), client: v.pipe(v.string(), v.maxLength(200)) }),
  result: v.object({ protocolVersion: v.number(), pid: processId }),
  timeoutMs: 10 * second,
} satisfies RequestDescriptor<Schema, Schema>;

/** What the settings say, for all models and windows; the newest word counts. Until then nothing leaves memory unasked. */
export const configureRequest = {
  method: 'configure',
  params: v.object({
    /** How long a model stays in memory after it was last used; null: until it is unloaded. */
    keepAliveMs: v.nullable(v.pipe(v.number(), v.finite(), v.minValue(0))),
    /** Bytes that all models together may take; absent: what is free. */
    memoryBudget: v.optional(v.pipe(v.number(), v.finite(), v.gtValue(0))),
  }),
  result: v.object({}),
  timeoutMs: 10 * second,
} satisfies RequestDescriptor<Schema, Schema>;

const loadWishes = {
  /** Layers on the graphics card; default: as many as fit. */
  gpuLayers: v.optional(v.union([v.picklist(['auto', 'max']), v.pipe(count, v.maxValue(10_000))])),
  /** Tokens; default 512. */
  batchSize: v.optional(v.pipe(count, v.minValue(1), v.maxValue(65_536))),
  /** Default: all cores but one. */
  threads: v.optional(v.pipe(count, v.minValue(1), v.maxValue(1024))),
  flashAttention: v.optional(v.union([v.boolean(), v.literal('auto')])),
  loraAdapters: v.optional(
    v.pipe(v.array(v.object({ path: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)), scale: v.optional(inRange(0, 2)) })), v.maxLength(8)),
  ),
  /** A smaller model of the same vocabulary that drafts tokens; default: none. */
  draft: v.optional(v.object({ modelId, path: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)) })),
};

/** Loads a model, or joins a load under way. Progress arrives as `loadProgress`. Cancellable. */
export const loadModelRequest = {
  method: 'loadModel',
  params: v.object({
    modelId,
    path: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)),
    contextLength: v.optional(v.pipe(count, v.minValue(16), v.maxValue(16 * 1024 * 1024))),
    /** Answers at the same time; each has a context of its own. Default 2. */
    slots: v.optional(v.pipe(count, v.minValue(1), v.maxValue(16))),
    ...loadWishes,
    /** For requests that name none; default: the one in the file. */
    chatTemplate: v.optional(chatTemplate),
  }),
  result: runtimeModelSchema,
  timeoutMs: 10 * minute,
  progressRestartsTimeout: true,
} satisfies RequestDescriptor<Schema, Schema>;

const memoryAmount = v.object({ needed: v.number(), free: v.number() });

/** What a model would take, without loading it: MemoryEstimate in src/api/jan.d.ts. */
export const estimateMemoryRequest = {
  method: 'estimateMemory',
  params: v.object({
    path: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)),
    contextLength: v.optional(v.pipe(count, v.minValue(1))),
    ...loadWishes,
  }),
  result: v.object({
    contextLength: count,
    gpuLayers: count,
    weights: v.number(),
    context: v.number(),
    compute: v.number(),
    ram: memoryAmount,
    vram: v.optional(memoryAmount),
    fit: v.picklist(['fits', 'tight', 'too-large']),
    advice: v.optional(v.string()),
  }),
  timeoutMs: 30 * second,
} satisfies RequestDescriptor<Schema, Schema>;

/** Ends the model's answers and frees its memory. A model that is not loaded is no error. */
export const unloadModelRequest = {
  method: 'unloadModel',
  params: v.object({ modelId }),
  result: v.object({}),
  timeoutMs: minute,
} satisfies RequestDescriptor<Schema, Schema>;

export const getStateRequest = {
  method: 'getState',
  params: v.object({}),
  result: runtimeStateSchema,
  timeoutMs: 10 * second,
} satisfies RequestDescriptor<Schema, Schema>;

const generationResult = v.object({
  finishReason: v.picklist(['stop', 'length', 'tool-calls', 'cancelled']),
  /** Which of the request's stop strings ended it. */
  stopString: v.optional(v.string()),
  /** `length` is the context's. */
  contextFull: v.optional(v.boolean()),
  usage: usageSchema,
  timings: timingsSchema,
});

/** Answers the last message. Text arrives as `chatText`; the result closes it. Cancellable within a token. */
export const chatRequest = {
  method: 'chat',
  params: v.object({ ...generationEntries, ...promptEntries, parallelToolCalls: v.optional(v.boolean()) }),
  result: generationResult,
  /** Without a sign of life: `chatText` and `chatProgress` start it anew. */
  timeoutMs: 10 * minute,
  progressRestartsTimeout: true,
} satisfies RequestDescriptor<Schema, Schema>;

/** Goes on with a text, as `chat` does with a conversation. */
export const completeRequest = {
  method: 'complete',
  params: v.object({ ...generationEntries, prompt: v.union([text, tokens]), suffix: v.optional(text) }),
  result: generationResult,
  timeoutMs: 10 * minute,
  progressRestartsTimeout: true,
} satisfies RequestDescriptor<Schema, Schema>;

/** How many tokens the prompt of a conversation takes in this model. */
export const countTokensRequest = {
  method: 'countTokens',
  params: v.object({ modelId, ...promptEntries }),
  result: v.object({ tokens: count, contextLength: count }),
  timeoutMs: 30 * second,
} satisfies RequestDescriptor<Schema, Schema>;

/** The prompt of a conversation, as text. */
export const renderChatRequest = {
  method: 'renderChat',
  params: v.object({ modelId, ...promptEntries }),
  result: v.object({ text: v.string() }),
  timeoutMs: 30 * second,
} satisfies RequestDescriptor<Schema, Schema>;

export const tokenizeRequest = {
  method: 'tokenize',
  params: v.object({ modelId, text, special: v.boolean(), addSpecial: v.boolean() }),
  result: v.object({ tokens: v.array(count) }),
  timeoutMs: 30 * second,
} satisfies RequestDescriptor<Schema, Schema>;

export const detokenizeRequest = {
  method: 'detokenize',
  params: v.object({ modelId, tokens }),
  result: v.object({ text: v.string() }),
  timeoutMs: 30 * second,
} satisfies RequestDescriptor<Schema, Schema>;

/** One vector a text. */
export const embedRequest = {
  method: 'embed',
  params: v.object({ modelId, texts: v.pipe(v.array(text), v.minLength(1), v.maxLength(2048)) }),
  /** `vectors`: little-endian 32-bit floats, in base64: a fraction of their JSON. */
  result: v.object({ vectors: v.array(v.string()), tokens: count }),
  timeoutMs: 30 * minute,
} satisfies RequestDescriptor<Schema, Schema>;

/** Best first. */
export const rankRequest = {
  method: 'rank',
  params: v.object({
    modelId,
    query: text,
    documents: v.pipe(v.array(text), v.minLength(1), v.maxLength(1000)),
    topN: v.optional(v.pipe(count, v.minValue(1))),
  }),
  result: v.object({ results: v.array(v.object({ index: count, score: inRange(0, 1) })), tokens: count }),
  timeoutMs: 30 * minute,
} satisfies RequestDescriptor<Schema, Schema>;

/** Ends the process; every lease is told why (`stopping`). */
export const shutdownRequest = {
  method: 'shutdown',
  params: v.object({ reason: v.pipe(v.string(), v.maxLength(500)) }),
  result: v.object({}),
  timeoutMs: 3 * second,
} satisfies RequestDescriptor<Schema, Schema>;

export type ChatParams = v.InferOutput<typeof chatRequest.params>;
export type ChatPromptParams = Pick<ChatParams, 'messages' | 'tools' | 'toolChoice' | 'templateVariables' | 'chatTemplate'>;
export type CompleteParams = v.InferOutput<typeof completeRequest.params>;
export type EmbedResult = v.InferOutput<typeof embedRequest.result>;
export type RankResult = v.InferOutput<typeof rankRequest.result>;
/** What chats and plain completions have in common. */
export type GenerationParams = Omit<CompleteParams, 'prompt' | 'suffix'>;
export type GenerationResult = v.InferOutput<typeof generationResult>;
export type ConfigureParams = v.InferOutput<typeof configureRequest.params>;
export type EstimateMemoryParams = v.InferOutput<typeof estimateMemoryRequest.params>;
export type EstimateMemoryResult = v.InferOutput<typeof estimateMemoryRequest.result>;
export type LoadModelParams = v.InferOutput<typeof loadModelRequest.params>;

//#endregion

//#region Runtime → windows

/** To every lease on every change, at most ten a second. */
export const stateNotification = {
  method: 'state',
  params: runtimeStateSchema,
} satisfies NotificationDescriptor<Schema>;

/** To those who wait for the load. */
export const loadProgressNotification = {
  method: 'loadProgress',
  params: v.object({ modelId, fraction: v.pipe(v.number(), v.minValue(0), v.maxValue(1)) }),
} satisfies NotificationDescriptor<Schema>;

const tokenLogprob = { token: count, text: v.string(), logprob: v.number() };

/** The first token at once, later ones together, at most 16 ms late. */
export const chatTextNotification = {
  method: 'chatText',
  params: v.object({
    requestId,
    text: v.optional(v.string()),
    reasoning: v.optional(v.string()),
    toolCalls: v.optional(
      v.array(v.object({ index: count, id: v.optional(v.string()), name: v.optional(v.string()), arguments: v.optional(v.string()) })),
    ),
    logprobs: v.optional(v.array(v.object({ ...tokenLogprob, top: v.array(v.object(tokenLogprob)) }))),
    /** With the first piece: messages left out, oldest first, because the context was too short for them. */
    droppedMessages: v.optional(count),
    /** With the first piece of the answer. */
    prompt: v.optional(v.object({ tokens: count, cachedTokens: count })),
    /** Before the answer, when asked for: how far the prompt has been read. */
    promptProgress: v.optional(v.object({ total: count, cached: count, processed: count, ms: milliseconds })),
    /** Before the answer, when they are forbidden. */
    endTokens: v.optional(v.array(count)),
    /** So far, when asked for. */
    usage: v.optional(usageSchema),
    timings: v.optional(timingsSchema),
  }),
} satisfies NotificationDescriptor<Schema>;
export type AnswerPiece = Omit<v.InferOutput<typeof chatTextNotification.params>, 'requestId'>;

/** The prompt is being read (or the request waits in the queue); a sign of life before the first token. */
export const chatProgressNotification = {
  method: 'chatProgress',
  params: v.object({ requestId, promptTokens: count, processedTokens: count }),
} satisfies NotificationDescriptor<Schema>;

/** The process is about to end on request. */
export const stoppingNotification = {
  method: 'stopping',
  params: v.object({ reason: v.string() }),
} satisfies NotificationDescriptor<Schema>;

//#endregion
