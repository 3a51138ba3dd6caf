// POST /v1/chat/completions: one answer or several, whole or as a stream.
// Source of the form: OpenAI API reference, "Chat completion object" and "chunk object"; `reasoning_content`:
// llama-server. Must not know: sockets below the exchange, backends.

import { randomUUID } from 'node:crypto';
import type { ChatChunk, ChatRequest } from '../api/jan';
import { eachChunk, finishReasonOf, gatherAnswer, nowInSeconds, orGone, streamEvents, type Answer, type Generate } from './answer';
import { parseChatRequest, type ParsedChatRequest } from './chatRequest';
import { choiceOf, eachChoice, usageOfChoices } from './choices';
import { sendJson, type Exchange } from './exchange';
import { toWireCall, toWireFinish, toWireLogprobs, toWireUsage } from './openaiForm';
import { parseJson } from './requestBody';
import { extrasOfChunk, tellsMore, toWireTimings } from './timings';
import type { RouteServices } from './routes';

export async function answerChatCompletion(exchange: Exchange, services: RouteServices): Promise<void> {
  const parsed = parseChatRequest(parseJson(exchange.body));
  const { request, choices, stream, includeUsage } = parsed;
  const generate = (index: number): Generate => (options) => services.api.inference.createChatCompletion(choiceOf(request, index), options);
  if (!stream) {
    await sendAnswers(exchange, services, request, choices, generate);
    return;
  }
  await streamEvents(
    exchange,
    services,
    async (write) => {
      const head = new ChunkHead(request.modelId ?? '', includeUsage);
      const endings: ChatChunk[] = [];
      await eachChoice(exchange, choices, async (one, index, begun) => {
        const writer = new ChunkWriter(head, index, parsed);
        await eachChunk(one, services, generate(index), (chunk) => {
          begun(chunk);
          const events = writer.eventsOf(chunk);
          return events === '' ? undefined : write(events);
        });
        await write(writer.lastEvents());
        endings[index] = writer.last;
      });
      await write(`${includeUsage ? head.usageEvent(endings) : ''}data: [DONE]\n\n`);
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

async function sendAnswers(
  exchange: Exchange,
  services: RouteServices,
  request: ChatRequest,
  choices: number,
  generate: (index: number) => Generate,
): Promise<void> {
  const answers: Answer[] = [];
  await eachChoice(exchange, choices, async (one, index, begun) => {
    answers[index] = await gatherAnswer(one, services, generate(index), begun);
  });
  const { modelId, timings } = answers[0]!;
  const usage = usageOfChoices(answers);
  sendJson(exchange.response, 200, {
    id: `chatcmpl-${randomUUID()}`,
    object: 'chat.completion',
    created: nowInSeconds(),
    model: modelId ?? request.modelId ?? '',
    choices: answers.map((answer, index) => toWireChoice(answer, index, request)),
    usage: usage && toWireUsage(usage),
    // Of several answers at once there is no speed.
    timings: choices === 1 ? usage && timings && toWireTimings(usage, timings) : undefined,
  });
}

function toWireChoice({ text, reasoning, toolCalls, logprobs, finishReason }: Answer, index: number, request: ChatRequest): unknown {
  return {
    index,
    message: {
      role: 'assistant',
      content: text === '' && toolCalls.length > 0 ? null : text,
      refusal: null,
      reasoning_content: reasoning === '' ? undefined : reasoning,
      tool_calls: toolCalls.length === 0 ? undefined : toolCalls.map(toWireCall),
    },
    logprobs: request.logprobs === undefined ? null : { content: toWireLogprobs(logprobs), refusal: null },
    finish_reason: toWireFinish(finishReason),
  };
}

/** What all events of a stream begin with. Almost all of an event is the same each time, so it is made once. */
class ChunkHead {
  #text: string | undefined;
  readonly #id = `chatcmpl-${randomUUID()}`;
  readonly #created = nowInSeconds();

  constructor(
    private readonly model: string,
    private readonly includeUsage: boolean,
  ) {}

  /** @param modelId with the first chunk */
  open(modelId: string | undefined): string {
    this.#text ??=
      `data: {"id":"${this.#id}","object":"chat.completion.chunk","created":${this.#created},` +
      `"model":${JSON.stringify(modelId ?? this.model)},${this.includeUsage ? '"usage":null,' : ''}"choices":`;
    return this.#text;
  }

  /** @param endings the last chunk of each choice */
  usageEvent(endings: readonly ChatChunk[]): string {
    const usage = usageOfChoices(endings);
    if (usage === undefined) {
      return '';
    }
    const timings = endings.length > 1 ? undefined : endings[0]?.timings;
    const wireTimings = timings === undefined ? '' : `,"timings":${JSON.stringify(toWireTimings(usage, timings))}`;
    return `${this.open(undefined).replace('"usage":null,', `"usage":${JSON.stringify(toWireUsage(usage))},`)}[]${wireTimings}}\n\n`;
  }
}

/** Writes the events of one choice. */
class ChunkWriter {
  #head = '';
  #hasCalls = false;
  #last: ChatChunk = {};
  readonly #withLogprobs: boolean;

  constructor(
    private readonly head: ChunkHead,
    private readonly index: number,
    private readonly parsed: ParsedChatRequest,
  ) {
    this.#withLogprobs = parsed.request.logprobs !== undefined;
  }

  get last(): ChatChunk {
    return this.#last;
  }

  /** `''` for a chunk that says nothing to the client yet. */
  eventsOf(chunk: ChatChunk): string {
    let events = '';
    if (this.#head === '') {
      this.#head = this.head.open(chunk.modelId);
      events += this.#event('{"role":"assistant","content":null}');
    }
    const extras = this.#extrasOf(chunk);
    if (chunk.promptProgress !== undefined && extras !== '') {
      events += this.#event('{}', 'null', 'null', extras);
    }
    if (chunk.reasoning) {
      events += this.#event(`{"reasoning_content":${JSON.stringify(chunk.reasoning)}}`, 'null', 'null', extras);
    }
    if (chunk.text || (this.#withLogprobs && chunk.logprobs !== undefined && chunk.logprobs.length > 0)) {
      events += this.#event(`{"content":${JSON.stringify(chunk.text ?? '')}}`, 'null', this.#logprobsOf(chunk), extras);
    }
    for (const { index, id, name, arguments: json } of chunk.toolCalls ?? []) {
      this.#hasCalls = true;
      const opening = id === undefined ? {} : { id, type: 'function' };
      events += this.#event(JSON.stringify({ tool_calls: [{ index, ...opening, function: { name, arguments: json ?? '' } }] }), 'null', 'null', extras);
    }
    this.#last = chunk;
    return events;
  }

  /** The end of a whole answer. @throws JanError `cancelled` when it was stopped before its end. */
  lastEvents(): string {
    const opening = this.#head === '' ? this.eventsOf({}) : '';
    return opening + this.#event('{}', `"${toWireFinish(finishReasonOf(this.#last, this.#hasCalls))}"`, 'null', this.#extrasOf(this.#last));
  }

  #logprobsOf({ logprobs }: ChatChunk): string {
    return this.#withLogprobs && logprobs !== undefined ? JSON.stringify({ content: toWireLogprobs(logprobs), refusal: null }) : 'null';
  }

  #extrasOf(chunk: ChatChunk): string {
    const { extras } = this.parsed;
    const members = tellsMore(extras) ? JSON.stringify(extrasOfChunk(chunk, extras)).slice(1, -1) : '';
    return members === '' ? '' : `,${members}`;
  }

  #event(delta: string, finishReason = 'null', logprobs = 'null', extras = ''): string {
    return `${this.#head}[{"index":${this.index},"delta":${delta},"logprobs":${logprobs},"finish_reason":${finishReason}}]${extras}}\n\n`;
  }
}
