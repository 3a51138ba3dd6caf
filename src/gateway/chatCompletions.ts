// POST /v1/chat/completions: one answer, whole or as a stream.
// Source of the form: OpenAI API reference, "Chat completion object" and "chunk object"; `reasoning_content` and
// `timings`: llama-server. Must not know: sockets below the exchange, backends.

import { randomUUID } from 'node:crypto';
import type { ChatChunk, ChatRequest, TokenUsage } from '../api/jan';
import { JanError } from '../common/errors';
import { EventStream, sendJson, type Exchange } from './exchange';
import { toHttpError } from './httpError';
import { parseChatRequest } from './chatRequest';
import { parseJson } from './requestBody';
import type { RouteServices } from './routes';

export async function answerChatCompletion(exchange: Exchange, services: RouteServices): Promise<void> {
  const { request, stream, includeUsage } = parseChatRequest(parseJson(exchange.body));
  if (stream) {
    await streamAnswer(exchange, services, request, includeUsage);
  } else {
    await sendAnswer(exchange, services, request);
  }
}

async function sendAnswer(exchange: Exchange, services: RouteServices, request: ChatRequest): Promise<void> {
  const texts: string[] = [];
  const reasonings: string[] = [];
  let model = request.modelId;
  let last: ChatChunk = {};
  await eachChunk(exchange, services, request, (chunk) => {
    model = chunk.modelId ?? model;
    if (chunk.text !== undefined) {
      texts.push(chunk.text);
    }
    if (chunk.reasoning !== undefined) {
      reasonings.push(chunk.reasoning);
    }
    last = chunk;
  });
  sendJson(exchange.response, 200, {
    id: `chatcmpl-${randomUUID()}`,
    object: 'chat.completion',
    created: nowInSeconds(),
    model: model ?? '',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: texts.join(''),
          refusal: null,
          reasoning_content: reasonings.length > 0 ? reasonings.join('') : undefined,
        },
        logprobs: null,
        finish_reason: finishReasonOf(last),
      },
    ],
    usage: last.usage && toWireUsage(last.usage),
  });
}

async function streamAnswer(
  exchange: Exchange,
  services: RouteServices,
  request: ChatRequest,
  includeUsage: boolean,
): Promise<void> {
  const { limits } = services;
  const stream = new EventStream(exchange.response, limits.stallTimeoutMs, limits.silenceMs);
  try {
    const writer = new ChunkWriter(request.modelId ?? '', includeUsage);
    await eachChunk(exchange, services, request, (chunk) => {
      const events = writer.eventsOf(chunk);
      return events === '' ? undefined : stream.write(events);
    });
    await stream.write(writer.lastEvents());
  } catch (error) {
    if (!stream.isOpen) {
      throw error; // still time for a proper status
    }
    const failure = toHttpError(error);
    if (failure.status === 500) {
      services.log.error('An answer of the local endpoint failed', error);
    }
    await stream.write(`event: error\ndata: ${JSON.stringify(failure.toWire())}\n\n`);
  } finally {
    stream.end();
  }
}

/**
 * Hands each chunk of the answer on, waiting where `use` gives a promise. Ends within a token when the client goes;
 * and without waiting for the provider then, so that one which hangs keeps no one else's turn.
 */
async function eachChunk(
  { signal }: Exchange,
  { api }: RouteServices,
  request: ChatRequest,
  use: (chunk: ChatChunk) => Promise<void> | undefined | void,
): Promise<void> {
  const pump = async (): Promise<void> => {
    for await (const chunk of await api.inference.createChatCompletion(request, { signal })) {
      if (signal.aborted) {
        return;
      }
      const caughtUp = use(chunk);
      if (caughtUp !== undefined) {
        await caughtUp;
      }
    }
  };
  let onAbort: (() => void) | undefined;
  const gone = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    signal.throwIfAborted();
    await Promise.race([pump(), gone]);
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener('abort', onAbort!);
  }
}

/** Writes the events of one answer. Almost all of an event is the same each time, so it is made once. */
class ChunkWriter {
  #head = '';
  #model: string;
  #hasRole = false;
  #last: ChatChunk = {};
  readonly #id = `chatcmpl-${randomUUID()}`;
  readonly #created = nowInSeconds();

  constructor(
    model: string,
    private readonly includeUsage: boolean,
  ) {
    this.#model = model;
  }

  /** `''` for a chunk that says nothing to the client yet. */
  eventsOf(chunk: ChatChunk): string {
    let events = '';
    if (!this.#hasRole) {
      this.#hasRole = true;
      this.#model = chunk.modelId ?? this.#model;
      this.#head =
        `data: {"id":"${this.#id}","object":"chat.completion.chunk","created":${this.#created},` +
        `"model":${JSON.stringify(this.#model)},${this.includeUsage ? '"usage":null,' : ''}"choices":`;
      events += this.#event('{"role":"assistant","content":""}');
    }
    if (chunk.reasoning) {
      events += this.#event(`{"reasoning_content":${JSON.stringify(chunk.reasoning)}}`);
    }
    if (chunk.text) {
      events += this.#event(`{"content":${JSON.stringify(chunk.text)}}`);
    }
    this.#last = chunk;
    return events;
  }

  /** The end of a whole answer. @throws JanError `cancelled` when it was stopped before its end. */
  lastEvents(): string {
    let events = this.#hasRole ? '' : this.eventsOf({});
    events += this.#event('{}', `"${finishReasonOf(this.#last)}"`);
    if (this.includeUsage && this.#last.usage !== undefined) {
      const usage = JSON.stringify(toWireUsage(this.#last.usage));
      events += `${this.#head.replace('"usage":null,', `"usage":${usage},`)}[]}\n\n`;
    }
    return `${events}data: [DONE]\n\n`;
  }

  #event(delta: string, finishReason = 'null'): string {
    return `${this.#head}[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${finishReason}}]}\n\n`;
  }
}

/** An answer that was stopped from inside (engine restarted, model unloaded) must not pass for a whole one. */
function finishReasonOf({ finishReason }: ChatChunk): 'stop' | 'length' | 'tool_calls' {
  if (finishReason === 'cancelled') {
    throw new JanError('cancelled', 'The answer was stopped before its end.');
  }
  return finishReason === 'tool-calls' ? 'tool_calls' : (finishReason ?? 'stop');
}

function toWireUsage({ promptTokens, completionTokens, cachedTokens }: TokenUsage): unknown {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: cachedTokens === undefined ? undefined : { cached_tokens: cachedTokens },
  };
}

function nowInSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
