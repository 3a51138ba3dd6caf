// Names a conversation after its first exchange, by the model that answered, where the first words are a poor name.
// Must not know: the view, how answers are written.

import type { Conversation, JanApi, Message } from '../../api/jan';
import { toJanError } from '../../common/errors';
import type { Logger } from '../../common/log';
import { conversationNameFrom } from './conversationName';

const request = 'Give this conversation a title of at most six words, in the language of my question. Answer with the title alone.';
const maxTokens = 24;
/** Of the answer: more says no more about what it is about. */
const mostCharacters = 2000;
const longestTitle = 60;

export class ConversationTitles {
  #abort: AbortController | undefined;

  constructor(
    private readonly api: Pick<JanApi, 'data' | 'inference'>,
    private readonly log: Logger,
  ) {}

  /** The user goes on: nothing may be in the way of the answer. */
  cancel(): void {
    this.#abort?.abort();
  }

  /** @returns the renamed conversation; `undefined` when it keeps its name (the user's, or for want of a better one) */
  async name(conversation: Conversation, question: Message, answer: Message): Promise<Conversation | undefined> {
    const words = conversationNameFrom(question.content);
    if (question.parentId !== null || conversation.name !== words || answer.status !== 'complete' || answer.content === '') {
      return undefined;
    }
    this.cancel();
    const abort = (this.#abort = new AbortController());
    try {
      let text = '';
      const chunks = await this.api.inference.createChatCompletion(
        {
          ...(answer.modelId === undefined ? {} : { modelId: answer.modelId }),
          // The same beginning as the conversation's own, so that the engine has read it already.
          messages: [
            { role: 'user', content: question.content },
            { role: 'assistant', content: answer.content.slice(0, mostCharacters) },
            { role: 'user', content: request },
          ],
          maxTokens,
          temperature: 0.2,
          templateVariables: { enable_thinking: false },
        },
        { signal: abort.signal, onlyLoaded: true },
      );
      for await (const chunk of chunks) {
        text += chunk.text ?? '';
      }
      const title = titleFrom(text);
      if (title === undefined || abort.signal.aborted) {
        return undefined;
      }
      const now = await this.api.data.getConversation(conversation.id);
      return now.name === words ? await this.api.data.updateConversation({ id: now.id, name: title }) : undefined;
    } catch (error) {
      // The first words are a name, too.
      this.log.debug('chat: no title was made:', toJanError(error).code);
      return undefined;
    }
  }
}

/** A model's words as a title; `undefined` when they are none. */
export function titleFrom(text: string): string | undefined {
  const line = text
    .split('\n')
    .map((one) => one.replace(/[`*_#>]+/g, '').trim())
    .find((one) => one !== '');
  const title = line
    ?.replace(/^(title|titel|titre|título)\s*:\s*/i, '')
    .replace(/^["'“”„«»‘’]+|["'“”„«»‘’.]+$/g, '')
    .replace(/\s+/g, ' ')
    .trim();
  return title === undefined || !/[\p{L}\p{N}]/u.test(title) || [...title].length > longestTitle ? undefined : title;
}
