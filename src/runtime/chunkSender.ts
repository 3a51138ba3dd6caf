// Sends text on: the first piece at once, later ones together, at most half a frame (8 ms) late; a whole one where pieces
// come so fast that nobody could tell, for each message wakes a thread and a process, which costs a small model 3 to 8 %.
// Must not know: who receives.

import type { AnswerPiece } from '../protocol/runtimeProtocol';

type ToolCallPieces = NonNullable<AnswerPiece['toolCalls']>;
type Logprobs = NonNullable<AnswerPiece['logprobs']>;

/** Half a frame: a model that needs longer for a token has each of them sent at once. */
const halfFrameMs = 8;
/** So many pieces in half a frame are fast. */
const fastPieces = 4;

export class ChunkSender {
  #text = '';
  #reasoning = '';
  #toolCalls: ToolCallPieces = [];
  #logprobs: Logprobs = [];
  #lastSent = -Infinity;
  /** Pieces since then. */
  #pieces = 0;
  #waitMs = halfFrameMs;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly send: (piece: AnswerPiece) => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  push({ text = '', reasoning = '', toolCalls = [], logprobs = [] }: Omit<AnswerPiece, 'droppedMessages' | 'prompt'>): void {
    this.#text += text;
    this.#reasoning += reasoning;
    this.#toolCalls.push(...toolCalls);
    this.#logprobs.push(...logprobs);
    if (this.#isEmpty) {
      return;
    }
    this.#pieces++;
    const wait = this.#lastSent + this.#waitMs - this.now();
    if (wait <= 0) {
      this.flush();
    } else {
      this.#timer ??= setTimeout(() => this.flush(), wait);
    }
  }

  /** Sends what is held now. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isEmpty) {
      return;
    }
    const piece: AnswerPiece = {
      ...(this.#text === '' ? {} : { text: this.#text }),
      ...(this.#reasoning === '' ? {} : { reasoning: this.#reasoning }),
      ...(this.#toolCalls.length === 0 ? {} : { toolCalls: this.#toolCalls }),
      ...(this.#logprobs.length === 0 ? {} : { logprobs: this.#logprobs }),
    };
    this.#text = '';
    this.#reasoning = '';
    this.#toolCalls = [];
    this.#logprobs = [];
    const isFast = this.#pieces / this.#waitMs >= fastPieces / halfFrameMs;
    this.#waitMs = isFast ? 2 * halfFrameMs : halfFrameMs;
    this.#pieces = 0;
    this.#lastSent = this.now();
    this.send(piece);
  }

  get #isEmpty(): boolean {
    return this.#text === '' && this.#reasoning === '' && this.#toolCalls.length === 0 && this.#logprobs.length === 0;
  }
}
