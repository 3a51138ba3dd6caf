// POST /v1/messages and /v1/messages/count_tokens: Anthropic's API, so that tools built for it work on any model.
// Source of the form: Anthropic API reference, "Create a Message", "Streaming Messages", "Count tokens in a Message".
// Must not know: sockets below the exchange, backends.

import { randomUUID } from 'node:crypto';
import type { ChatChunk, TokenUsage, ToolCallDelta } from '../api/jan';
import { JanError } from '../common/errors';
import { eachChunk, finishReasonOf, gatherAnswer, orGone, streamEvents, type Answer, type FinishReason, type Generate } from './answer';
import { sendJson, type Exchange } from './exchange';
import { isObject } from './fields';
import { toAnthropicError } from './httpError';
import { parseMessagesRequest } from './messagesRequest';
import { parseJson } from './requestBody';
import type { RouteServices } from './routes';

export async function answerMessages(exchange: Exchange, services: RouteServices): Promise<void> {
  const { request, stream } = parseMessagesRequest(parseJson(exchange.body));
  const generate: Generate = (options) => services.api.inference.createChatCompletion(request, options);
  if (!stream) {
    const answer = await gatherAnswer(exchange, services, generate);
    sendJson(exchange.response, 200, {
      ...messageHead(answer.modelId ?? request.modelId ?? ''),
      content: contentOf(answer),
      stop_reason: stopReasonOf(answer.finishReason, answer.stopString),
      stop_sequence: answer.stopString ?? null,
      usage: toWireUsage(answer.usage),
    });
    return;
  }
  await streamEvents(
    exchange,
    services,
    async (write) => {
      const writer = new MessageWriter(request.modelId ?? '');
      await eachChunk(exchange, services, generate, (chunk) => {
        const events = writer.eventsOf(chunk);
        return events === '' ? undefined : write(events);
      });
      await write(writer.lastEvents());
    },
    (failure) => event('error', toAnthropicError(failure)),
  );
}

export async function answerCountTokens({ body, response, signal }: Exchange, { api }: RouteServices): Promise<void> {
  const { request } = parseMessagesRequest(parseJson(body), { isCount: true });
  const { tokens } = await orGone(signal, () => api.inference.countTokens(request, { signal }));
  sendJson(response, 200, { input_tokens: tokens });
}

function messageHead(model: string): object {
  return { id: `msg_${randomUUID().replaceAll('-', '')}`, type: 'message', role: 'assistant', model };
}

/** A signature proves there that thinking came from Anthropic; here nothing needs one. */
function contentOf({ reasoning, text, toolCalls, finishReason }: Answer): readonly unknown[] {
  return [
    ...(reasoning === '' ? [] : [{ type: 'thinking', thinking: reasoning, signature: '' }]),
    ...(text === '' ? [] : [{ type: 'text', text }]),
    ...toolCalls.map(({ id, name, arguments: json }) => ({ type: 'tool_use', id, name, input: inputOf(json, finishReason) })),
  ];
}

/** Arguments that were cut off by the limit of tokens are no JSON: `stop_reason` says so, and there is no input. */
function inputOf(json: string, finishReason: FinishReason): unknown {
  try {
    const input: unknown = JSON.parse(json === '' ? '{}' : json);
    if (isObject(input)) {
      return input;
    }
  } catch {
    // said below
  }
  if (finishReason === 'length') {
    return {};
  }
  throw new JanError('backend-failed', 'The model asked for a tool with arguments that are no JSON object.');
}

function stopReasonOf(reason: FinishReason, stopString: string | undefined): string {
  switch (reason) {
    case 'tool-calls':
      return 'tool_use';
    case 'length':
      return 'max_tokens';
    case 'stop':
      return stopString === undefined ? 'end_turn' : 'stop_sequence';
  }
}

/** What was read from the cache is not among `input_tokens` there. */
function toWireUsage(usage: TokenUsage | undefined): unknown {
  const cached = usage?.cachedTokens ?? 0;
  return {
    input_tokens: (usage?.promptTokens ?? 0) - cached,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cached,
    output_tokens: usage?.completionTokens ?? 0,
  };
}

function event(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

type BlockKind = 'thinking' | 'text' | `call ${number}`;

/** Blocks come one after another: each is started, filled and stopped before the next. */
class MessageWriter {
  #isStarted = false;
  #block: BlockKind | undefined;
  #blocks = 0;
  #lastCall = -1;
  #last: ChatChunk = {};

  #model: string;

  constructor(model: string) {
    this.#model = model;
  }

  eventsOf(chunk: ChatChunk): string {
    let events = '';
    if (!this.#isStarted) {
      this.#model = chunk.modelId ?? this.#model;
      if (chunk.droppedMessages !== undefined && !chunk.text && !chunk.reasoning && chunk.toolCalls === undefined) {
        return ''; // how long the prompt is comes with the first piece of the answer
      }
      this.#isStarted = true;
      const message = { ...messageHead(this.#model), content: [], stop_reason: null, stop_sequence: null, usage: toWireUsage(chunk.prompt && { promptTokens: chunk.prompt.tokens, completionTokens: 0, cachedTokens: chunk.prompt.cachedTokens }) };
      events += event('message_start', { type: 'message_start', message }) + event('ping', { type: 'ping' });
    }
    if (chunk.reasoning) {
      events += this.#enter('thinking', { type: 'thinking', thinking: '', signature: '' });
      events += this.#delta({ type: 'thinking_delta', thinking: chunk.reasoning });
    }
    if (chunk.text) {
      events += this.#enter('text', { type: 'text', text: '' });
      events += this.#delta({ type: 'text_delta', text: chunk.text });
    }
    for (const piece of chunk.toolCalls ?? []) {
      events += this.#callEvents(piece);
    }
    this.#last = chunk;
    return events;
  }

  /** @throws JanError `cancelled` when the answer was stopped before its end. */
  lastEvents(): string {
    const { stopString, usage } = this.#last;
    const reason = finishReasonOf(this.#last, this.#lastCall >= 0);
    const head = this.#isStarted ? '' : this.eventsOf({});
    const delta = { stop_reason: stopReasonOf(reason, stopString), stop_sequence: stopString ?? null };
    return (
      head +
      this.#leave() +
      event('message_delta', { type: 'message_delta', delta, usage: toWireUsage(usage) }) +
      event('message_stop', { type: 'message_stop' })
    );
  }

  #callEvents({ index, id, name, arguments: json }: ToolCallDelta): string {
    if (index < this.#lastCall) {
      throw new JanError('backend-failed', 'The pieces of two tool calls came mixed; they can’t be told apart in this form.');
    }
    this.#lastCall = index;
    const events = this.#enter(`call ${index}`, { type: 'tool_use', id: id ?? '', name: name ?? '', input: {} });
    return json ? events + this.#delta({ type: 'input_json_delta', partial_json: json }) : events;
  }

  #enter(kind: BlockKind, block: unknown): string {
    if (this.#block === kind) {
      return '';
    }
    const left = this.#leave();
    this.#block = kind;
    return left + event('content_block_start', { type: 'content_block_start', index: this.#blocks, content_block: block });
  }

  #leave(): string {
    if (this.#block === undefined) {
      return '';
    }
    const signature = this.#block === 'thinking' ? this.#delta({ type: 'signature_delta', signature: '' }) : '';
    this.#block = undefined;
    return signature + event('content_block_stop', { type: 'content_block_stop', index: this.#blocks++ });
  }

  #delta(delta: unknown): string {
    return event('content_block_delta', { type: 'content_block_delta', index: this.#blocks, delta });
  }
}
