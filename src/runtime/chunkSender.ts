// Sends text on: the first piece at once, later ones together, at most one frame (16 ms) late.
// Must not know: the protocol, who receives.

export interface Piece {
  readonly text?: string;
  readonly reasoning?: string;
}

const frameMs = 16;

export class ChunkSender {
  #text = '';
  #reasoning = '';
  #lastSent = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly send: (piece: Piece) => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  push(text: string, reasoning: string): void {
    this.#text += text;
    this.#reasoning += reasoning;
    if (this.#text === '' && this.#reasoning === '') {
      return;
    }
    const wait = this.#lastSent + frameMs - this.now();
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
    if (this.#text === '' && this.#reasoning === '') {
      return;
    }
    const piece: Piece = {
      ...(this.#text === '' ? {} : { text: this.#text }),
      ...(this.#reasoning === '' ? {} : { reasoning: this.#reasoning }),
    };
    this.#text = '';
    this.#reasoning = '';
    this.#lastSent = this.now();
    this.send(piece);
  }
}
