// POST /v1/responses: OpenAI's newer API, stateless here. One builder makes the events of a stream and the whole answer.
// Source of the form: OpenAI API reference, "The response object" and "Streaming events".
// Must not know: sockets below the exchange, backends.

import { randomUUID } from 'node:crypto';
import type { ChatChunk, ChatRequest, TokenUsage, ToolCallDelta } from '../api/jan';
import { eachChunk, finishReasonOf, nowInSeconds, streamEvents, type Generate } from './answer';
import { sendJson, type Exchange } from './exchange';
import type { HttpError } from './httpError';
import { toWireLogprobs } from './openaiForm';
import { parseJson } from './requestBody';
import { parseResponsesRequest, type ResponsesBody } from './responsesRequest';
import type { RouteServices } from './routes';
import { extrasOf, extrasOfChunk } from './timings';

export async function answerResponses(exchange: Exchange, services: RouteServices): Promise<void> {
  const { request, fields } = parseResponsesRequest(parseJson(exchange.body));
  const generate: Generate = (options) => services.api.inference.createChatCompletion(request, options);
  const builder = new ResponseBuilder(request, fields);
  if (fields.stream !== true) {
    await eachChunk(exchange, services, generate, (chunk) => void builder.eventsOf(chunk));
    builder.lastEvents();
    sendJson(exchange.response, 200, builder.response());
    return;
  }
  await streamEvents(
    exchange,
    services,
    async (write) => {
      await eachChunk(exchange, services, generate, (chunk) => {
        const events = builder.eventsOf(chunk);
        return events === '' ? undefined : write(events);
      });
      await write(builder.lastEvents());
    },
    (failure) => builder.failureEvents(failure),
  );
}

type Item =
  | { readonly kind: 'reasoning' | 'message'; readonly id: string; text: string; readonly logprobs: unknown[]; isDone: boolean }
  | { readonly kind: 'call'; readonly id: string; readonly callId: string; readonly name: string; text: string; isDone: boolean };

class ResponseBuilder {
  #sequence = 0;
  #isStarted = false;
  #status: 'in_progress' | 'completed' | 'incomplete' | 'failed' = 'in_progress';
  #error: { readonly code: string; readonly message: string } | null = null;
  #model: string;
  #last: ChatChunk = {};
  #usage: TokenUsage | undefined;
  /** What llama-server tells beside the newest chunk, where asked for. */
  #extras: ReturnType<typeof extrasOfChunk> = {};
  /** In the order of the output. */
  readonly #items: Item[] = [];
  /** The place in the output of each tool call. */
  readonly #calls = new Map<number, number>();
  readonly #id = newId('resp');
  readonly #createdAt = nowInSeconds();

  constructor(
    private readonly request: ChatRequest,
    private readonly fields: ResponsesBody,
  ) {
    this.#model = request.modelId ?? '';
  }

  eventsOf(chunk: ChatChunk): string {
    let events = '';
    if (!this.#isStarted) {
      this.#isStarted = true;
      this.#model = chunk.modelId ?? this.#model;
      events += this.#event('response.created', { response: this.response() }) + this.#event('response.in_progress', { response: this.response() });
    }
    this.#extras = extrasOfChunk(chunk, extrasOf(this.fields));
    if (this.#extras.prompt_progress !== undefined) {
      events += this.#event('response.in_progress', { response: this.response(), ...this.#extras });
    }
    if (chunk.reasoning) {
      events += this.#textEvents('reasoning', chunk.reasoning, []);
    }
    if (chunk.text) {
      events += this.#textEvents('message', chunk.text, this.request.logprobs === undefined ? [] : toWireLogprobs(chunk.logprobs ?? []));
    }
    for (const piece of chunk.toolCalls ?? []) {
      events += this.#callEvents(piece);
    }
    this.#last = chunk;
    this.#usage = chunk.usage ?? this.#usage;
    return events;
  }

  /** @throws JanError `cancelled` when the answer was stopped before its end. */
  lastEvents(): string {
    const isCut = finishReasonOf(this.#last, this.#calls.size > 0) === 'length';
    let events = this.#isStarted ? '' : this.eventsOf({});
    this.#items.forEach((_, index) => {
      events += this.#finishItem(index, isCut && index === this.#items.length - 1 ? 'incomplete' : 'completed');
    });
    this.#status = isCut ? 'incomplete' : 'completed';
    return events + this.#event(`response.${this.#status}`, { response: this.response(), ...this.#extras });
  }

  failureEvents({ code, message, param }: HttpError): string {
    // Clients know no response that was not created, also when it fails while the model is still loaded.
    const head = this.#isStarted ? '' : this.eventsOf({});
    this.#status = 'failed';
    this.#error = { code: code ?? 'server_error', message };
    return head + this.#event('response.failed', { response: this.response() }) + this.#event('error', { code, message, param });
  }

  response(): unknown {
    const { fields, request } = this;
    return {
      id: this.#id,
      object: 'response',
      created_at: this.#createdAt,
      status: this.#status,
      background: false,
      error: this.#error,
      incomplete_details: this.#status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
      instructions: fields.instructions ?? null,
      max_output_tokens: fields.max_output_tokens ?? null,
      max_tool_calls: null,
      model: this.#model,
      output: this.#items.filter(({ isDone }) => isDone).map((item) => this.#toWireItem(item, this.#statusOf(item))),
      parallel_tool_calls: fields.parallel_tool_calls ?? true,
      previous_response_id: null,
      reasoning: { effort: fields.reasoning?.effort ?? null, summary: null },
      store: false,
      temperature: fields.temperature ?? null,
      text: { format: fields.text?.format ?? { type: 'text' }, verbosity: 'medium' },
      tool_choice: fields.tool_choice ?? 'auto',
      tools: (fields.tools ?? []).map((tool) => ({ ...tool, parameters: tool.parameters ?? null, strict: tool.strict ?? false })),
      top_logprobs: request.logprobs ?? 0,
      top_p: fields.top_p ?? null,
      truncation: 'disabled',
      usage: this.#status === 'in_progress' || this.#usage === undefined ? null : toWireUsage(this.#usage),
      user: null,
      metadata: fields.metadata ?? {},
    };
  }

  #statusOf(item: Item): 'completed' | 'incomplete' {
    return this.#status === 'incomplete' && item === this.#items.at(-1) ? 'incomplete' : 'completed';
  }

  #textEvents(kind: 'reasoning' | 'message', delta: string, logprobs: readonly unknown[]): string {
    let events = '';
    const before = this.#items.at(-1);
    let item = before?.kind === kind && !before.isDone ? before : undefined;
    if (item === undefined) {
      events += this.#finishItem(this.#items.length - 1, 'completed');
      item = { kind, id: newId(kind === 'message' ? 'msg' : 'rs'), text: '', logprobs: [], isDone: false };
      this.#items.push(item);
      events += this.#itemEvent('added', item, 'in_progress');
      events += this.#event('response.content_part.added', { ...this.#placeOf(item), part: partOf(kind, '', []) });
    }
    item.text += delta;
    item.logprobs.push(...logprobs);
    const name = kind === 'message' ? 'response.output_text.delta' : 'response.reasoning_text.delta';
    return events + this.#event(name, { ...this.#placeOf(item), delta, ...(kind === 'message' ? { logprobs } : {}), ...this.#extras });
  }

  #callEvents({ index, id, name, arguments: delta }: ToolCallDelta): string {
    let events = '';
    let place = this.#calls.get(index);
    if (place === undefined) {
      events += this.#finishItem(this.#items.length - 1, 'completed');
      place = this.#items.push({ kind: 'call', id: newId('fc'), callId: id ?? newId('call'), name: name ?? '', text: '', isDone: false }) - 1;
      this.#calls.set(index, place);
      events += this.#itemEvent('added', this.#items[place]!, 'in_progress');
    }
    const item = this.#items[place]!;
    if (!delta) {
      return events;
    }
    item.text += delta;
    return events + this.#event('response.function_call_arguments.delta', { item_id: item.id, output_index: place, delta, ...this.#extras });
  }

  /** The events that end an item; none when it has ended, or there is none. */
  #finishItem(index: number, status: 'completed' | 'incomplete'): string {
    const item = this.#items[index];
    if (item === undefined || item.isDone) {
      return '';
    }
    item.isDone = true;
    let events = '';
    if (item.kind === 'call') {
      events += this.#event('response.function_call_arguments.done', { item_id: item.id, output_index: index, name: item.name, arguments: item.text });
    } else {
      const place = this.#placeOf(item);
      const said = item.kind === 'message' ? { text: item.text, logprobs: item.logprobs } : { text: item.text };
      events += this.#event(item.kind === 'message' ? 'response.output_text.done' : 'response.reasoning_text.done', { ...place, ...said });
      events += this.#event('response.content_part.done', { ...place, part: partOf(item.kind, item.text, item.logprobs) });
    }
    return events + this.#itemEvent('done', item, status);
  }

  #itemEvent(what: 'added' | 'done', item: Item, status: string): string {
    return this.#event(`response.output_item.${what}`, { output_index: this.#items.indexOf(item), item: this.#toWireItem(item, status) });
  }

  #placeOf(item: Item): object {
    return { item_id: item.id, output_index: this.#items.indexOf(item), content_index: 0 };
  }

  #toWireItem(item: Item, status: string): unknown {
    if (item.kind === 'call') {
      return { id: item.id, type: 'function_call', status, call_id: item.callId, name: item.name, arguments: item.text };
    }
    const content = status === 'in_progress' ? [] : [partOf(item.kind, item.text, item.logprobs)];
    return item.kind === 'message'
      ? { id: item.id, type: 'message', status, role: 'assistant', content }
      : { id: item.id, type: 'reasoning', status, summary: [], content };
  }

  #event(type: string, data: object): string {
    return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: this.#sequence++, ...data })}\n\n`;
  }
}

function partOf(kind: 'reasoning' | 'message', text: string, logprobs: readonly unknown[]): unknown {
  return kind === 'message' ? { type: 'output_text', text, annotations: [], logprobs } : { type: 'reasoning_text', text };
}

function toWireUsage({ promptTokens, completionTokens, cachedTokens }: TokenUsage): unknown {
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: cachedTokens ?? 0 },
    output_tokens: completionTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: promptTokens + completionTokens,
  };
}

function newId(prefix: string): string {
  return `${prefix}_${randomUUID().replaceAll('-', '')}`;
}
