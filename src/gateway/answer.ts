// One answer of a model, in no API's form: its chunks handed on, or gathered; and the stream they are sent in.
// Must not know: any API's form, backends.

import type { CallOptions, ChatChunk, Timings, TokenLogprob, TokenUsage, ToolCall } from '../api/jan';
import { JanError } from '../common/errors';
import { EventStream, type Exchange } from './exchange';
import { toHttpError, type HttpError } from './httpError';
import type { RouteServices } from './routes';

export type Generate = (options: CallOptions) => Promise<AsyncIterable<ChatChunk>>;

/** Whole answers; `toolCalls` in the order of the calls. */
export interface Answer {
  readonly modelId: string | undefined;
  readonly text: string;
  readonly reasoning: string;
  readonly toolCalls: readonly ToolCall[];
  readonly logprobs: readonly TokenLogprob[];
  readonly finishReason: FinishReason;
  readonly stopString: string | undefined;
  readonly contextFull: boolean;
  /** Tokens that the request forbids because they end an answer. */
  readonly endTokens: readonly number[];
  readonly usage: TokenUsage | undefined;
  readonly timings: Timings | undefined;
}

export type FinishReason = 'stop' | 'length' | 'tool-calls';

/**
 * Hands each chunk of the answer on, waiting where `use` gives a promise. Ends within a token when the client goes;
 * and without waiting for the provider then, so that one which hangs keeps no one else's turn.
 */
export async function eachChunk(
  { signal, response }: Exchange,
  { metrics }: RouteServices,
  generate: Generate,
  use: (chunk: ChatChunk) => Promise<void> | undefined | void,
): Promise<void> {
  const pump = async (): Promise<void> => {
    for await (const chunk of await generate({ signal })) {
      if (signal.aborted) {
        return;
      }
      if (chunk.droppedMessages !== undefined && chunk.droppedMessages > 0) {
        sayDropped(response, chunk.droppedMessages);
      }
      if (chunk.usage !== undefined && chunk.finishReason !== undefined) {
        metrics.countTokens(chunk.usage, chunk.timings);
      }
      const caughtUp = use(chunk);
      if (caughtUp !== undefined) {
        await caughtUp;
      }
    }
  };
  await orGone(signal, pump);
}

const droppedHeader = 'X-Jan-Dropped-Messages';

/** No API has a field for it, and it must not stay unsaid: a stream that sent comments while it waited says it in one. */
function sayDropped(response: Exchange['response'], count: number): void {
  if (!response.headersSent) {
    response.setHeader(droppedHeader, String(count));
  } else if (!response.hasHeader(droppedHeader)) {
    response.write(`: ${droppedHeader}: ${count}\n\n`);
  }
}

/** What `work` gives; rejects at once when the client goes, whatever `work` does then. */
export async function orGone<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  let onAbort: (() => void) | undefined;
  const gone = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    signal.throwIfAborted();
    const result = await Promise.race([work(), gone]);
    signal.throwIfAborted();
    return result;
  } finally {
    signal.removeEventListener('abort', onAbort!);
  }
}

/** @throws JanError `cancelled` when the answer was stopped before its end. */
export async function gatherAnswer(exchange: Exchange, services: RouteServices, generate: Generate, onChunk: (chunk: ChatChunk) => void = () => undefined): Promise<Answer> {
  const texts: string[] = [];
  const reasonings: string[] = [];
  const calls: { id: string; name: string; arguments: string }[] = [];
  const logprobs: TokenLogprob[] = [];
  let modelId: string | undefined;
  let endTokens: readonly number[] = [];
  let last: ChatChunk = {};
  await eachChunk(exchange, services, generate, (chunk) => {
    onChunk(chunk);
    modelId = chunk.modelId ?? modelId;
    endTokens = chunk.endTokens ?? endTokens;
    texts.push(chunk.text ?? '');
    reasonings.push(chunk.reasoning ?? '');
    logprobs.push(...(chunk.logprobs ?? []));
    for (const piece of chunk.toolCalls ?? []) {
      const call = (calls[piece.index] ??= { id: '', name: '', arguments: '' });
      call.id ||= piece.id ?? '';
      call.name ||= piece.name ?? '';
      call.arguments += piece.arguments ?? '';
    }
    last = chunk;
  });
  const toolCalls = Object.values(calls);
  return {
    modelId,
    text: texts.join(''),
    reasoning: reasonings.join(''),
    toolCalls,
    logprobs,
    finishReason: finishReasonOf(last, toolCalls.length > 0),
    stopString: last.stopString,
    contextFull: last.contextFull === true,
    endTokens,
    usage: last.usage,
    timings: last.timings,
  };
}

/** An answer that was stopped from inside (engine restarted, model unloaded) must not pass for a whole one. */
export function finishReasonOf({ finishReason }: ChatChunk, hasCalls: boolean): FinishReason {
  if (finishReason === 'cancelled') {
    throw new JanError('cancelled', 'The answer was stopped before its end.');
  }
  return hasCalls && finishReason !== 'length' ? 'tool-calls' : (finishReason ?? 'stop');
}

/** Runs `send` on a stream of events; what fails after its first byte becomes the event that `failed` makes of it. */
export async function streamEvents(
  exchange: Exchange,
  { limits, log }: RouteServices,
  send: (write: EventStream['write']) => Promise<void>,
  failed: (error: HttpError) => string,
): Promise<void> {
  const stream = new EventStream(exchange.response, limits.stallTimeoutMs, limits.silenceMs);
  try {
    await send((events) => stream.write(events));
  } catch (error) {
    if (!stream.isOpen) {
      throw error; // still time for a proper status
    }
    const failure = toHttpError(error);
    if (failure.status === 500) {
      log.error('An answer of the local endpoint failed', error);
    }
    await stream.write(failed(failure));
  } finally {
    stream.end();
  }
}

export function nowInSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
