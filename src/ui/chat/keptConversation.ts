// Which conversation is open, as it is kept across reloads: readable without loading the chat.
// Must not know: the conversation, the chat.

import type { ChatMemory } from './composer/drafts';

export const openConversationKey = 'jan.chat.conversation';

/** The conversation that is open, or was when the window was last used; `null`: a new one. */
export function keptConversation(memory: ChatMemory): string | null {
  const kept = memory.get(openConversationKey);
  return typeof kept === 'string' && kept !== '' && kept.length <= 100 ? kept : null;
}
