// What is sent to the model: the branch that is answered, with the instructions before it.
// Must not know: the store, the view.

import type { ChatMessage, ChatRequest, Conversation, Message } from '../../api/jan';

export interface ChatSettings {
  /** `''`: none. A conversation's own instructions win. */
  readonly systemPrompt: string;
  /** 0…2; absent: the service's default. */
  readonly temperature?: number;
}

/**
 * @param path root to the message to answer
 * @param attached what comes before a message's own text, by its id (attachedText.ts)
 */
export function createChatRequest(
  path: readonly Message[],
  modelId: string | undefined,
  conversation: Pick<Conversation, 'systemPrompt' | 'settings'>,
  settings: ChatSettings,
  attached: ReadonlyMap<string, string> = new Map(),
): ChatRequest {
  const messages: ChatMessage[] = [];
  const own = conversation.systemPrompt ?? '';
  const instructions = own === '' ? settings.systemPrompt : own;
  if (instructions.trim() !== '') {
    messages.push({ role: 'system', content: instructions });
  }
  for (const { id, role, content: words } of path) {
    const content = [attached.get(id) ?? '', words].filter((text) => text !== '').join('\n\n');
    // An answer that failed without a word leaves two questions in a row. They stay two: one that was too long for the
    // model is left out before the next, and templates that refuse two in a row get one (src/runtime/template).
    if (content !== '') {
      messages.push({ role, content });
    }
  }
  return {
    messages,
    ...(modelId === undefined ? {} : { modelId }),
    ...(settings.temperature === undefined ? {} : { temperature: settings.temperature }),
    ...conversation.settings,
  };
}
