// Between VS Code's language model messages and ours: text in, roles, token estimate. Pure.
// Must not know: VS Code (its classes are told apart by what they hold), services.

import type { ChatMessage, MessageRole, SamplingOptions } from '../api/jan';

/** The part of `LanguageModelChatRequestMessage` that is read. */
export interface ForeignMessage {
  /** 1 user, 2 assistant, 3 system (proposed). */
  readonly role: number;
  readonly content: readonly unknown[] | string;
}

/** Messages without text (tool calls, images) are left out: no model here can read them. */
export function toChatMessages(messages: readonly ForeignMessage[]): ChatMessage[] {
  return messages.map((message) => ({ role: roleOf(message.role), content: textOf(message.content) })).filter(({ content }) => content !== '');
}

/** The text parts of a message, joined; unknown parts are skipped. */
export function textOf(content: readonly unknown[] | string): string {
  if (typeof content === 'string') {
    return content;
  }
  return content
    .map((part) => (typeof part === 'object' && part !== null ? (part as { value?: unknown }).value : undefined))
    .filter((value) => typeof value === 'string')
    .join('');
}

function roleOf(role: number): MessageRole {
  return role === 2 ? 'assistant' : role === 3 ? 'system' : 'user';
}

/**
 * An estimate: about four bytes of UTF-8 to a token holds for English prose and comes near for other scripts. The
 * contract has no tokenizer service.
 */
export function estimateTokens(text: string): number {
  return Math.ceil(new TextEncoder().encode(text).length / 4);
}

/** Sampling that another extension asks for; what is out of range or of another type is ignored. */
export function samplingOf(options: Readonly<Record<string, unknown>> | undefined): SamplingOptions & { readonly maxTokens?: number } {
  const number = (names: readonly string[], low: number, high: number): number | undefined =>
    names.map((name) => options?.[name]).find((value): value is number => typeof value === 'number' && value >= low && value <= high);
  const temperature = number(['temperature'], 0, 2);
  const topP = number(['top_p', 'topP'], Number.MIN_VALUE, 1);
  const maxTokens = number(['max_tokens', 'maxTokens', 'max_completion_tokens'], 1, Number.MAX_SAFE_INTEGER);
  return {
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(maxTokens === undefined ? {} : { maxTokens: Math.floor(maxTokens) }),
  };
}

/** A quarter of the context for the answer, at most 4096 tokens; the rest for the question. */
export function splitContext(contextLength: number | undefined): { readonly maxInputTokens: number; readonly maxOutputTokens: number } {
  const context = contextLength !== undefined && contextLength > 0 ? Math.min(contextLength, 8192) : 4096;
  const maxOutputTokens = Math.min(4096, Math.floor(context / 4));
  return { maxInputTokens: context - maxOutputTokens, maxOutputTokens };
}
