// Writes one answer: streams it from the model and into the store, whether or not anyone looks.
// Every way out (end, stop, failure, shutdown) leaves the text that had arrived in the store, with its status.
// Must not know: the view, conversations other than its own.

import type { ChatChunk, ChatRequest, JanApi, Message, MessageChange, MessageStatus, Timings, TokenUsage } from '../../api/jan';
import { toJanError, type JanErrorWire } from '../../common/errors';
import type { Logger } from '../../common/log';
import type { MessageItem, MessageStats } from '../../protocol/chatProtocol';

/** What is to be said of an answer and is not kept in the store. */
export type AnswerRemarks = Pick<MessageItem, 'dropped' | 'cut'>;

export const noRemarks: AnswerRemarks = { dropped: 0, cut: null };

export interface GenerationOptions {
  readonly api: Pick<JanApi, 'data' | 'inference'>;
  readonly log: Logger;
  /** The assistant's message, already in the store with status `streaming`. */
  readonly message: Message;
  readonly request: ChatRequest;
  /** How often text is written to the store, ms. */
  readonly flushMs: number;
  /** Text, status or numbers have changed. */
  readonly onChange: () => void;
}

type Ending = 'stopped' | 'interrupted';

export class Generation {
  readonly messageId: string;
  readonly conversationId: string;
  content = '';
  reasoning = '';
  status: MessageStatus = 'streaming';
  error: JanErrorWire | undefined;
  modelId: string | undefined;
  usage: TokenUsage | undefined;
  timings: Timings | undefined;
  droppedMessages = 0;
  cut: AnswerRemarks['cut'] = null;
  /** Why the text is not (wholly) in the store, if it is not. */
  saveError: JanErrorWire | undefined;

  readonly #abort = new AbortController();
  readonly #startedAt = performance.now();
  #firstAt: number | undefined;
  #lastAt = 0;
  #pieces = 0;
  #ending: Ending | undefined;
  #wasCutOff = false;
  #savedContent = 0;
  #savedReasoning = 0;
  #hasFailedSave = false;
  #saving: Promise<unknown> = Promise.resolve();
  #flushTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: GenerationOptions) {
    this.messageId = options.message.id;
    this.conversationId = options.message.conversationId;
    this.modelId = options.message.modelId;
  }

  /** Ends the answer at once; what has arrived is kept. */
  stop(ending: Ending = 'stopped'): void {
    this.#ending ??= ending;
    this.#abort.abort();
  }

  get remarks(): AnswerRemarks {
    return { dropped: this.droppedMessages, cut: this.cut };
  }

  get stats(): MessageStats {
    if (this.status !== 'streaming') {
      return {
        live: false,
        tokensPerSecond: this.timings?.tokensPerSecond,
        tokens: this.usage?.completionTokens,
        firstTokenMs: this.timings?.firstTokenMs,
        totalMs: this.timings?.totalMs,
      };
    }
    const seconds = (this.#lastAt - (this.#firstAt ?? 0)) / 1000;
    // A piece is a token or a little more; the exact number comes with the last piece. Too early it only jumps about.
    const speed = this.#pieces > 8 && seconds > 0.25 ? (this.#pieces - 1) / seconds : undefined;
    return {
      live: true,
      ...(speed === undefined ? {} : { tokensPerSecond: Number(speed.toPrecision(2)) }),
    };
  }

  /** Resolves when the answer has ended and is in the store (or could not be written, see `saveError`). Never rejects. */
  async run(): Promise<Message | undefined> {
    try {
      await this.#stream();
      if (this.#wasCutOff) {
        this.status = 'failed';
        this.error = { code: 'cancelled', message: 'The model was unloaded before the answer was whole. Try again: it is loaded, and asked anew.' };
      } else {
        this.status = this.#ending ?? 'complete';
      }
    } catch (error) {
      this.#fail(error);
    }
    clearTimeout(this.#flushTimer);
    this.#completeTimings();
    this.options.onChange();
    return this.#saveEnd();
  }

  async #stream(): Promise<void> {
    const signal = this.#abort.signal;
    const aborted = new Promise<'aborted'>((resolve) => {
      signal.addEventListener('abort', () => resolve('aborted'), { once: true });
      if (signal.aborted) {
        resolve('aborted');
      }
    });
    // Racing makes Stop immediate even with a backend that is deaf to the signal.
    const opening = this.options.api.inference.createChatCompletion(this.options.request, { signal });
    opening.catch(() => undefined);
    const opened = await Promise.race([opening, aborted]);
    if (opened === 'aborted') {
      opening.then((late) => this.#leave(late[Symbol.asyncIterator]()), () => undefined);
      return;
    }
    const iterator = opened[Symbol.asyncIterator]();
    for (;;) {
      const next = iterator.next();
      next.catch(() => undefined);
      const result = await Promise.race([next, aborted]);
      if (result === 'aborted') {
        this.#leave(iterator);
        return;
      }
      if (result.done === true) {
        return;
      }
      this.#take(result.value);
    }
  }

  #leave(iterator: AsyncIterator<unknown>): void {
    Promise.resolve(iterator.return?.()).catch((error: unknown) => {
      this.options.log.debug('chat: a stopped answer ended with', toJanError(error).code);
    });
  }

  #take(piece: ChatChunk): void {
    const text = typeof piece.text === 'string' ? piece.text : '';
    const reasoning = typeof piece.reasoning === 'string' ? piece.reasoning : '';
    if (text !== '' || reasoning !== '') {
      const now = performance.now();
      this.#firstAt ??= now;
      this.#lastAt = now;
      this.#pieces += 1;
      this.content += text;
      this.reasoning += reasoning;
      this.#flushTimer ??= setTimeout(() => this.#flush(), this.options.flushMs);
    }
    this.droppedMessages = piece.droppedMessages ?? this.droppedMessages;
    this.cut = piece.finishReason === 'length' ? (piece.contextFull === true ? 'context' : 'length') : this.cut;
    this.modelId = piece.modelId ?? this.modelId;
    this.usage = piece.usage ?? this.usage;
    this.timings = piece.timings ?? this.timings;
    // Not by us: elsewhere the model was unloaded, or the engine restarted.
    this.#wasCutOff = piece.finishReason === 'cancelled' && this.#ending === undefined;
    this.options.onChange();
  }

  #fail(error: unknown): void {
    const known = toJanError(error, 'provider-failed');
    if (this.#ending !== undefined || known.code === 'cancelled') {
      this.status = this.#ending ?? 'stopped';
      return;
    }
    this.options.log.warn('chat: an answer failed', this.messageId, known.code);
    this.status = 'failed';
    this.error = { code: known.code, message: known.message };
  }

  #completeTimings(): void {
    if (this.#firstAt === undefined) {
      return;
    }
    this.timings = {
      firstTokenMs: Math.round(this.#firstAt - this.#startedAt),
      totalMs: Math.round(performance.now() - this.#startedAt),
      ...this.timings,
    };
  }

  #flush(): void {
    this.#flushTimer = undefined;
    if (this.#hasFailedSave) {
      return;
    }
    this.#saving = this.#saving.then(async () => {
      const append = this.content.slice(this.#savedContent);
      const appendReasoning = this.reasoning.slice(this.#savedReasoning);
      if (append === '' && appendReasoning === '') {
        return;
      }
      try {
        await this.options.api.data.updateMessage({
          id: this.messageId,
          ...(append === '' ? {} : { append }),
          ...(appendReasoning === '' ? {} : { appendReasoning }),
        });
        this.#savedContent += append.length;
        this.#savedReasoning += appendReasoning.length;
      } catch (error) {
        // Whether it was written is unknown now, so no more is added: the end writes the whole text.
        this.#hasFailedSave = true;
        this.options.log.warn('chat: part of an answer was not saved', this.messageId, toJanError(error).code);
      }
    });
  }

  async #saveEnd(): Promise<Message | undefined> {
    await this.#saving;
    const appendReasoning = this.reasoning.slice(this.#savedReasoning);
    const append = this.content.slice(this.#savedContent);
    const change: MessageChange = {
      id: this.messageId,
      status: this.status,
      ...(this.#hasFailedSave ? { content: this.content } : append === '' ? {} : { append }),
      ...(appendReasoning === '' ? {} : { appendReasoning }),
      ...(this.error === undefined ? {} : { error: this.error }),
      ...(this.modelId === undefined ? {} : { modelId: this.modelId }),
      ...(this.usage === undefined ? {} : { usage: this.usage }),
      ...(this.timings === undefined ? {} : { timings: this.timings }),
    };
    try {
      return await this.options.api.data.updateMessage(change);
    } catch (error) {
      const known = toJanError(error, 'store-unavailable');
      this.saveError = { code: known.code, message: known.message };
      this.options.log.warn('chat: an answer was not saved', this.messageId, known.code);
      return undefined;
    }
  }
}
