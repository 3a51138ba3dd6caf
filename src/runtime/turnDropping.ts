// Which messages to leave out when a conversation does not fit the context: the oldest whole turns. Pure.
// Must not know: tokens' meaning, templates, llama.cpp.

export interface TurnMessage {
  readonly role: 'system' | 'user' | 'assistant';
  /** Tokens it takes, template text included; an estimate will do. */
  readonly tokens: number;
}

/**
 * Indexes of the messages to keep, oldest first. System messages and the last turn (last user message and what
 * follows) always stay, even when they do not fit by themselves: the caller finds that out. When something must go,
 * it goes in steps of a quarter of `budget`, so that the cut stays where it is for many turns and the prefix that the
 * engine has in memory stays of use.
 */
export function keepNewestTurns(messages: readonly TurnMessage[], budget: number): number[] {
  const total = messages.reduce((sum, message) => sum + message.tokens, 0);
  const all = messages.map((_, index) => index);
  if (total <= budget) {
    return all;
  }
  const lastTurn = Math.max(0, messages.findLastIndex((message) => message.role === 'user'));
  const step = Math.max(1, Math.floor(budget / 4));
  const toDrop = Math.ceil((total - budget) / step) * step;
  const dropped = new Set<number>();
  let droppedTokens = 0;
  for (let index = 0; index < lastTurn; index++) {
    const message = messages[index]!;
    if (message.role === 'system') {
      continue;
    }
    // A turn begins with a user message; what belongs to a dropped one goes with it.
    if (droppedTokens >= toDrop && message.role === 'user') {
      break;
    }
    dropped.add(index);
    droppedTokens += message.tokens;
  }
  return all.filter((index) => !dropped.has(index));
}
