// From an answer's tokens to what its reader gets: characters put together, stop strings found, reasoning kept apart.
// Must not know: llama.cpp, where tokens come from, where the pieces go.

import type { AnswerPiece } from '../protocol/runtimeProtocol';
import { HarmonyParser } from './harmonyParser';
import { ReasoningSplitter, type ReasoningTags, type SplitText } from './reasoningSplitter';
import { StopDetector } from './stopDetector';
import { TokenText, type Detokenize } from './tokenText';
import type { ToolCallParser } from './tools/toolCallParser';

export interface AnswerTextOptions<T> {
  readonly detokenize: Detokenize<T>;
  /** The caller's, which are named when they end the answer. */
  readonly stops: readonly string[];
  /** The chat template's. */
  readonly templateStops: readonly string[];
  /** Absent: all of it is text. */
  readonly reasoning?: { readonly tags: ReasoningTags; readonly opened: boolean } | undefined;
  /** Absent: what looks like a call of a tool is text. */
  readonly tools?: { readonly parser: ToolCallParser; readonly parallel: boolean } | undefined;
  /** The answer is written in channels, which also hold its calls of tools. */
  readonly harmony?: { readonly inAnswer: boolean; readonly tools: ReadonlySet<string>; readonly parallel: boolean } | undefined;
  readonly onPiece: (piece: Omit<AnswerPiece, 'droppedMessages' | 'prompt'>) => void;
}

export class AnswerText<T> {
  readonly #characters: TokenText<T>;
  readonly #stops: StopDetector;
  readonly #reasoning: ReasoningSplitter | undefined;
  readonly #harmony: HarmonyParser | undefined;
  #stopString: string | undefined;
  #hasToolCalls = false;

  constructor(private readonly options: AnswerTextOptions<T>) {
    this.#characters = new TokenText(options.detokenize);
    this.#stops = new StopDetector([...options.stops, ...options.templateStops]);
    this.#harmony = options.harmony === undefined ? undefined : new HarmonyParser(options.harmony);
    this.#reasoning = options.reasoning === undefined ? undefined : new ReasoningSplitter(options.reasoning.tags, options.reasoning.opened);
  }

  /** The caller's stop string that ended the answer. */
  get stopString(): string | undefined {
    return this.#stopString;
  }

  get hasToolCalls(): boolean {
    return this.#hasToolCalls || this.#harmony?.hasToolCalls === true;
  }

  get isReasoning(): boolean {
    return this.#harmony?.isReasoning ?? this.#reasoning?.isReasoning ?? false;
  }

  /** @returns whether a stop string, or the one call that was allowed, ended the answer. */
  push(token: T, logprobs: AnswerPiece['logprobs'] = []): boolean {
    const { text, stopped, stop } = this.#stops.push(this.#characters.push(token));
    this.#emit(text, logprobs);
    if (stopped) {
      this.#stopString = stop !== undefined && this.options.stops.includes(stop) ? stop : undefined;
      this.#finish();
    }
    const { tools, harmony } = this.options;
    if (this.#harmony !== undefined) {
      return stopped || this.#harmony.isDone || (harmony?.parallel === false && this.#harmony.completed > 0);
    }
    return stopped || (tools !== undefined && !tools.parallel && tools.parser.completed > 0);
  }

  /** What was held back; to be called when the answer ends without a stop string. */
  end(): void {
    const { text, stopped } = this.#stops.push(this.#characters.end());
    this.#emit(text + (stopped ? '' : this.#stops.end()));
    this.#finish();
  }

  #finish(): void {
    if (this.#harmony !== undefined) {
      this.options.onPiece(this.#harmony.end());
      return;
    }
    this.#emitSplit(this.#reasoning?.end() ?? { text: '', reasoning: '' });
    const rest = this.options.tools?.parser.end();
    if (rest !== undefined) {
      this.#hasToolCalls ||= rest.toolCalls.length > 0;
      this.options.onPiece(rest);
    }
  }

  #emit(raw: string, logprobs: AnswerPiece['logprobs'] = []): void {
    if (this.#harmony !== undefined) {
      this.options.onPiece({ ...this.#harmony.push(raw), logprobs });
      return;
    }
    this.#emitSplit(this.#reasoning?.push(raw) ?? { text: raw, reasoning: '' }, logprobs);
  }

  #emitSplit({ text, reasoning }: SplitText, logprobs: AnswerPiece['logprobs'] = []): void {
    const { text: said, toolCalls } = this.options.tools?.parser.push(text) ?? { text, toolCalls: [] };
    this.#hasToolCalls ||= toolCalls.length > 0;
    this.options.onPiece({ text: said, reasoning, toolCalls, logprobs });
  }
}
