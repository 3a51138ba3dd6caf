// POST /v1/chat/completions: one answer, whole or as a stream.
// Source of the form: OpenAI API reference, "Chat completion object" and "chunk object"; `reasoning_content`:
// llama-server. Must not know: sockets below the exchange, backends.

import { randomUUID } from 'node:crypto';
import type { ChatChunk, ChatRequest } from '../api/jan';
import { eachChunk, finishReasonOf, gatherAnswer, nowInSeconds, orGone, streamEvents, type Generate } from './answer';
import { parseChatRequest } from './chatRequest';
import { sendJson, type Exchange } from './exchange';
import { toWireCall, toWireFinish, toWireLogprobs, toWireUsage } from './openaiForm';
import { parseJson } from './requestBody';
import { toWireTimings } from './timings';
import type { RouteServices } from './routes';

export async function answerChatCompletion(exchange: Exchange, services: RouteServices): Promise<void> {
  const { request, stream, includeUsage } = parseChatRequest(parseJson(exchange.body));
  const generate: Generate = (options) => services.api.inference.createChatCompletion(request, options);
  if (!stream) {
    await sendAnswer(exchange, services, request, generate);
    return;
  }
  await streamEvents(
    exchange,
    services,
    async (write) => {
      const writer = new ChunkWriter(request.modelId ?? '', includeUsage, request.logprobs !== undefined);
      await eachChunk(exchange, services, generate, (chunk) => {
        const events = writer.eventsOf(chunk);
        return events === '' ? undefined : write(events);
      });
      await write(writer.lastEvents());
    },
    (failure) => `event: error\ndata: ${JSON.stringify(failure.toWire())}\n\n`,
  );
}

/** How long the prompt would be. Source of the form: llama-server. */
export async function answerInputTokens({ body, response, signal }: Exchange, { api }: RouteServices): Promise<void> {
  const { request } = parseChatRequest(parseJson(body));
  const { tokens } = await orGone(signal, () => api.inference.countTokens(request, { signal }));
  sendJson(response, 200, { object: 'response.input_tokens', input_tokens: tokens });
}

async function sendAnswer(exchange: Exchange, services: RouteServices, request: ChatRequest, generate: Generate): Promise<void> {
  const answer = await gatherAnswer(exchange, services, generate);
  const { text, reasoning, toolCalls } = answer;
  sendJson(exchange.response, 200, {
    id: `chatcmpl-${randomUUID()}`,
    object: 'chat.completion',
    created: nowInSeconds(),
    model: answer.modelId ?? request.modelId ?? '',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: text === '' && toolCalls.length > 0 ? null : text,
          refusal: null,
          reasoning_content: reasoning === '' ? undefined : reasoning,
          tool_calls: toolCalls.length === 0 ? undefined : toolCalls.map(toWireCall),
        },
        logprobs: request.logprobs === undefined ? null : { content: toWireLogprobs(answer.logprobs), refusal: null },
        finish_reason: toWireFinish(answer.finishReason),
      },
    ],
    usage: answer.usage && toWireUsage(answer.usage),
    timings: answer.usage && answer.timings && toWireTimings(answer.usage, answer.timings),
  });
}

/** Writes the events of one answer. Almost all of an event is the same each time, so it is made once. */
class ChunkWriter {
  #head = '';
  #model: string;
  #hasRole = false;
  #hasCalls = false;
  #last: ChatChunk = {};
  readonly #id = `chatcmpl-${randomUUID()}`;
  readonly #created = nowInSeconds();

  constructor(
    model: string,
    private readonly includeUsage: boolean,
    private readonly withLogprobs: boolean,
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
      events += this.#event('{"role":"assistant","content":null}');
    }
    if (chunk.reasoning) {
      events += this.#event(`{"reasoning_content":${JSON.stringify(chunk.reasoning)}}`);
    }
    if (chunk.text || (this.withLogprobs && chunk.logprobs !== undefined && chunk.logprobs.length > 0)) {
      events += this.#event(`{"content":${JSON.stringify(chunk.text ?? '')}}`, 'null', this.#logprobsOf(chunk));
    }
    for (const { index, id, name, arguments: json } of chunk.toolCalls ?? []) {
      this.#hasCalls = true;
      const opening = id === undefined ? {} : { id, type: 'function' };
      events += this.#event(JSON.stringify({ tool_calls: [{ index, ...opening, function: { name, arguments: json ?? '' } }] }));
    }
    this.#last = chunk;
    return events;
  }

  /** The end of a whole answer. @throws JanError `cancelled` when it was stopped before its end. */
  lastEvents(): string {
    let events = this.#hasRole ? '' : this.eventsOf({});
    events += this.#event('{}', `"${toWireFinish(finishReasonOf(this.#last, this.#hasCalls))}"`);
    if (this.includeUsage && this.#last.usage !== undefined) {
      const usage = JSON.stringify(toWireUsage(this.#last.usage));
      const timings = this.#last.timings === undefined ? '' : `,"timings":${JSON.stringify(toWireTimings(this.#last.usage, this.#last.timings))}`;
      events += `${this.#head.replace('"usage":null,', `"usage":${usage},`)}[]${timings}}\n\n`;
    }
    return `${events}data: [DONE]\n\n`;
  }

  #logprobsOf({ logprobs }: ChatChunk): string {
    return this.withLogprobs && logprobs !== undefined ? JSON.stringify({ content: toWireLogprobs(logprobs), refusal: null }) : 'null';
  }

  #event(delta: string, finishReason = 'null', logprobs = 'null'): string {
    return `${this.#head}[{"index":0,"delta":${delta},"logprobs":${logprobs},"finish_reason":${finishReason}}]}\n\n`;
  }
}
