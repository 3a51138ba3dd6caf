// Which messages to leave out when a conversation does not fit the context: the oldest whole turns. Pure.
// Must not know: tokens' meaning, templates, llama.cpp.

export interface TurnMessage {
  readonly role: 'system' | 'user' | 'assistant';
  /** Tokens it takes, template text included; an estimate will do. */
  readonly tokens: number;
}

/**
 * Where turns begin: at a message of the user, or at what the system says right before it. What the system says at the
 * start is before all turns; later it belongs to one, and is left out with it.
 */
export function turnStarts(messages: readonly { readonly role: string }[]): number[] {
  const first = messages.findIndex(({ role }) => role !== 'system');
  return messages.flatMap(({ role }, index) => {
    let start = index;
    while (role === 'user' && start - 1 > first && messages[start - 1]!.role === 'system') {
      start--;
    }
    return role === 'user' ? [start] : [];
  });
}

/**
 * Indexes of the messages to keep, oldest first. System messages at the start and the last turn (last user message and
 * what follows) always stay, even when they do not fit by themselves: the caller finds that out. When something must go,
 * it goes in steps of a quarter of `budget`, so that the cut stays where it is for many turns and the prefix that the
 * engine has in memory stays of use.
 */
export function keepNewestTurns(messages: readonly TurnMessage[], budget: number): number[] {
  const total = messages.reduce((sum, message) => sum + message.tokens, 0);
  const all = messages.map((_, index) => index);
  if (total <= budget) {
    return all;
  }
  const starts = turnStarts(messages);
  const isStart = new Set(starts);
  const lastTurn = starts.at(-1) ?? 0;
  const step = Math.max(1, Math.floor(budget / 4));
  const toDrop = Math.ceil((total - budget) / step) * step;
  const dropped = new Set<number>();
  let droppedTokens = 0;
  for (let index = Math.max(0, messages.findIndex(({ role }) => role !== 'system')); index < lastTurn; index++) {
    // What belongs to a dropped turn goes with it.
    if (droppedTokens >= toDrop && isStart.has(index)) {
      break;
    }
    dropped.add(index);
    droppedTokens += messages[index]!.tokens;
  }
  return all.filter((index) => !dropped.has(index));
}
