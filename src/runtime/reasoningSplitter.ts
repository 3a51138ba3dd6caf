// Parts a model's reasoning (<think>…</think> before the answer) from the answer itself, in a stream.
// Must not know: tokens, models.

import { longestSuffixThatStarts } from './stopDetector';

export interface SplitText {
  readonly text: string;
  readonly reasoning: string;
}

export interface ReasoningTags {
  readonly open: string;
  readonly close: string;
}

export const defaultReasoningTags: ReasoningTags = { open: '<think>', close: '</think>' };

/** Reasoning is recognised only before the first character of the answer, so that text about the tags stays text. */
export class ReasoningSplitter {
  #phase: 'start' | 'reasoning' | 'gap' | 'answer';
  #held = '';

  /** @param opened the prompt itself ends with the opening tag. */
  constructor(
    private readonly tags: ReasoningTags = defaultReasoningTags,
    opened = false,
  ) {
    this.#phase = opened ? 'reasoning' : 'start';
  }

  get isReasoning(): boolean {
    return this.#phase === 'reasoning';
  }

  push(piece: string): SplitText {
    let text = '';
    let reasoning = '';
    let rest = this.#held + piece;
    this.#held = '';
    if (this.#phase === 'start') {
      const trimmed = rest.trimStart();
      if (trimmed.startsWith(this.tags.open)) {
        this.#phase = 'reasoning';
        rest = trimmed.slice(this.tags.open.length);
      } else if (this.tags.open.startsWith(trimmed)) {
        this.#held = rest;
        return { text, reasoning };
      } else {
        this.#phase = 'answer';
      }
    }
    if (this.#phase === 'reasoning') {
      const close = rest.indexOf(this.tags.close);
      if (close < 0) {
        const keep = longestSuffixThatStarts(rest, [this.tags.close]);
        this.#held = rest.slice(rest.length - keep);
        return { text, reasoning: rest.slice(0, rest.length - keep) };
      }
      reasoning = rest.slice(0, close);
      rest = rest.slice(close + this.tags.close.length);
      this.#phase = 'gap';
    }
    if (this.#phase === 'gap') {
      // The blank lines between reasoning and answer belong to neither.
      rest = rest.trimStart();
      if (rest === '') {
        return { text, reasoning };
      }
      this.#phase = 'answer';
    }
    text = rest;
    return { text, reasoning };
  }

  end(): SplitText {
    const rest = this.#held;
    this.#held = '';
    return this.#phase === 'reasoning' ? { text: '', reasoning: rest } : { text: rest, reasoning: '' };
  }
}
