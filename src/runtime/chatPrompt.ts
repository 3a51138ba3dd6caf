// From messages to the prompt's tokens, by the chat template in the model's file, cut to fit the context.
// Must not know: slots, requests, the protocol.

import type { ChatHistoryItem, ChatWrapper, LlamaModel, LlamaText, Token } from 'node-llama-cpp';
import { JanError } from '../common/errors';
import type { Logger } from '../common/log';
import type { LlamaModule } from './llamaLibrary';
import type { WireMessage } from '../protocol/runtimeProtocol';
import type { Prompt } from './prompt';
import { defaultReasoningTags, type ReasoningTags } from './reasoningSplitter';
import { keepNewestTurns } from './turnDropping';

export type PromptMessage = WireMessage;

/** Room that is kept for the answer when the caller does not say how long it may be, as a share of the context. */
const answerShare = 1 / 8;

export class ChatPromptBuilder {
  readonly #wrapper: ChatWrapper;

  constructor(
    private readonly module: LlamaModule,
    private readonly model: LlamaModel,
    log: Logger,
  ) {
    this.#wrapper = this.#resolveWrapper(log);
  }

  count(messages: readonly PromptMessage[]): number {
    return this.#tokenize(messages).tokens.length;
  }

  /** Special tokens as their text. */
  render(messages: readonly PromptMessage[]): string {
    return this.model.detokenize(this.#tokenize(messages).tokens, true);
  }

  /** @throws JanError `context-overflow` when system prompt and last turn alone do not fit. */
  build(messages: readonly PromptMessage[], contextLength: number, maxTokens?: number): Prompt {
    // One place is needed for the token that is being generated.
    const room = contextLength - 1;
    const forAnswer = Math.max(1, Math.min(maxTokens ?? Infinity, Math.floor(contextLength * answerShare)));
    const budget = room - forAnswer;
    let kept = messages;
    let prompt = this.#tokenize(kept);
    if (prompt.tokens.length > budget) {
      const estimates = messages.map((message) => ({
        role: message.role === 'tool' ? ('assistant' as const) : message.role,
        tokens: this.model.tokenize(message.content).length + 8,
      }));
      kept = keepNewestTurns(estimates, budget).map((index) => messages[index]!);
      prompt = this.#tokenize(kept);
      // Estimates may be a little short: what is left over goes turn by turn.
      for (let next = dropOldestTurn(kept); prompt.tokens.length > budget && next.length < kept.length; next = dropOldestTurn(kept)) {
        kept = next;
        prompt = this.#tokenize(kept);
      }
      if (prompt.tokens.length >= room) {
        throw new JanError(
          'context-overflow',
          `The message is too long for this model: it takes ${prompt.tokens.length} tokens with its system prompt, and the ` +
            `model reads ${contextLength} at most. Shorten it, or load the model with a longer context.`,
          { details: { promptTokens: prompt.tokens.length, contextLength } },
        );
      }
    }
    return { ...prompt, droppedMessages: messages.length - kept.length };
  }

  #tokenize(messages: readonly PromptMessage[]): Omit<Prompt, 'droppedMessages'> {
    const { contextText, stopGenerationTriggers } = this.#render(messages);
    const stopTokens = new Set<Token>();
    const stopTexts: string[] = [];
    for (const trigger of stopGenerationTriggers) {
      const tokens = trigger.tokenize(this.model.tokenizer);
      if (tokens.length === 1) {
        stopTokens.add(tokens[0]!);
      } else if (trigger.values.every((value) => typeof value === 'string')) {
        stopTexts.push(trigger.toString());
      }
    }
    const reasoningTags = this.#reasoningTags();
    return {
      tokens: this.#withRightStart(contextText.tokenize(this.model.tokenizer)),
      stopTokens,
      stopTexts,
      reasoning: { tags: reasoningTags, opened: contextText.toString().trimEnd().endsWith(reasoningTags.open) },
    };
  }

  /**
   * node-llama-cpp's wrappers begin with the start token always; a model that was trained without it
   * (`tokenizer.ggml.add_bos_token` is false, and its template names none) must not get one.
   */
  #withRightStart(tokens: Token[]): Token[] {
    const { bos, shouldPrependBosToken } = this.model.tokens;
    if (bos === null || tokens[0] !== bos) {
      return tokens;
    }
    const template: unknown = this.model.fileInfo.metadata?.tokenizer?.chat_template;
    const wanted = shouldPrependBosToken || (typeof template === 'string' && template.includes('bos_token'));
    return tokens.slice(!wanted || tokens[1] === bos ? 1 : 0);
  }

  /** Text of the messages stays text in here: what looks like a special token in it is not made one. */
  #render(messages: readonly PromptMessage[]): { contextText: LlamaText; stopGenerationTriggers: readonly LlamaText[] } {
    const chatHistory: ChatHistoryItem[] = messages.map((message) => {
      switch (message.role) {
        case 'system':
          return { type: 'system', text: message.content };
        case 'user':
        case 'tool':
          return { type: 'user', text: message.content };
        case 'assistant':
          return { type: 'model', response: [message.content] };
      }
    });
    // The answer to come, or to go on with when the last message is an assistant's.
    if (messages.at(-1)?.role !== 'assistant') {
      chatHistory.push({ type: 'model', response: [''] });
    }
    return this.#wrapper.generateContextState({ chatHistory });
  }

  #reasoningTags(): ReasoningTags {
    const thought = this.#wrapper.settings.segments?.thought;
    const prefix = thought?.prefix;
    const open = typeof prefix === 'string' ? prefix : this.module.isLlamaText(prefix) ? prefix.toString() : '';
    const close = thought?.suffix === undefined ? '' : thought.suffix.toString();
    return open.trim() === '' || close.trim() === '' ? defaultReasoningTags : { open: open.trim(), close: close.trim() };
  }

  #resolveWrapper(log: Logger): ChatWrapper {
    try {
      return this.module.resolveChatWrapper(this.model, { warningLogs: false });
    } catch (error) {
      log.warn(`The model's chat template cannot be used, a general one is: ${error instanceof Error ? error.message : String(error)}`);
      return new this.module.GeneralChatWrapper();
    }
  }
}

/** Without the first user message and what follows it up to the next; unchanged when only one turn is left. */
function dropOldestTurn(messages: readonly PromptMessage[]): readonly PromptMessage[] {
  const isTurnStart = (message: PromptMessage): boolean => message.role === 'user';
  const first = messages.findIndex((message) => message.role !== 'system');
  const next = messages.findIndex((message, index) => index > first && isTurnStart(message));
  if (first < 0 || next < 0) {
    return messages;
  }
  return messages.filter((message, index) => index < first || index >= next || message.role === 'system');
}
