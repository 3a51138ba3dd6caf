// What the sandbox is asked to do, and what it says. Only types.
// Must not know: how jobs are done, how they are carried.

import type { ToolGrammarInput } from '../tools/toolGrammar';

export type SandboxJob = RenderJob | GrammarJob;

/** Renders a chat template. */
export interface RenderJob {
  readonly kind: 'render';
  readonly template: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Makes a grammar and checks that it is harmless. */
export type GrammarJob =
  | { readonly kind: 'grammar'; readonly form: 'json' }
  | { readonly kind: 'grammar'; readonly form: 'schema'; readonly schema: Readonly<Record<string, unknown>> }
  | { readonly kind: 'grammar'; readonly form: 'gbnf'; readonly grammar: string }
  | ({ readonly kind: 'grammar'; readonly form: 'tools' } & ToolGrammarInput);

/** Why a job gave no text. `code` is of a JanError. */
export interface JobFailure {
  readonly failed: string;
  readonly code?: 'invalid-argument';
  readonly details?: Readonly<Record<string, unknown>>;
}
