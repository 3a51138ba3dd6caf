// What the engine reads before it answers, whatever it was made of. Only types.
// Must not know: templates, requests.

import type { Token } from 'node-llama-cpp';
import type { ReasoningTags } from './reasoningSplitter';

export interface Prompt {
  readonly tokens: Token[];
  /** Single tokens that end the answer, besides the model's own end tokens. */
  readonly stopTokens: ReadonlySet<Token>;
  readonly stopTexts: readonly string[];
  /** `opened`: the prompt itself ends with the opening tag, the answer begins as reasoning. Absent: all is text. */
  readonly reasoning?: { readonly tags: ReasoningTags; readonly opened: boolean };
  /** The answer is written in Harmony's channels. `inAnswer`: the prompt ends within an answer that is gone on with. */
  readonly harmony?: { readonly inAnswer: boolean } | undefined;
  /** The prompt says how to call tools in our words, not in those of the template. */
  readonly ownToolWords?: boolean;
  readonly droppedMessages: number;
}
