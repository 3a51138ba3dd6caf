// The page's copy of the chat's state, kept by the host's messages. The inverse of the host's stateDiff.
// Must not know: how it is drawn, how messages arrive.

import type { ChatState, DeltaMessage, MessageItem, StateMessage } from '../src/protocol/chatProtocol';

export class ChatStateCopy {
  #state: ChatState | undefined;
  #sequence = 0;
  #isWaiting = false;

  get state(): ChatState | undefined {
    return this.#state;
  }

  /** Messages that are as they were keep their identity, so that nothing of them is drawn again. */
  setState({ sequence, state }: StateMessage): void {
    const known = new Map(this.#state?.messages.map((message) => [message.id, message]));
    const messages = state.messages.map((message) => {
      const old = known.get(message.id);
      return old !== undefined && JSON.stringify(old) === JSON.stringify(message) ? old : message;
    });
    this.#state = { ...state, messages };
    this.#sequence = sequence;
    this.#isWaiting = false;
  }

  /** `gap`: a message was missed, and the whole state must be asked for (once: `waiting` after that). */
  applyDelta({ sequence, changes }: DeltaMessage): 'applied' | 'gap' | 'waiting' {
    if (this.#state === undefined || sequence !== this.#sequence + 1 || this.#isWaiting) {
      const answer = this.#isWaiting ? 'waiting' : 'gap';
      this.#isWaiting = true;
      return answer;
    }
    this.#sequence = sequence;
    let state = this.#state;
    for (const change of changes) {
      if (change.kind === 'fields') {
        state = { ...state, ...change.fields };
      } else if (change.kind === 'message') {
        state = withMessage(state, change.message.id, () => change.message);
      } else {
        state = withMessage(state, change.id, (message) => ({
          ...message,
          content: message.content + (change.content ?? ''),
          reasoning: message.reasoning + (change.reasoning ?? ''),
          stats: change.stats === undefined ? message.stats : change.stats,
        }));
      }
    }
    this.#state = state;
    return 'applied';
  }
}

function withMessage(state: ChatState, id: string, change: (message: MessageItem) => MessageItem): ChatState {
  // The one that changes is nearly always the last.
  const index = state.messages.findLastIndex((message) => message.id === id);
  return index < 0 ? state : { ...state, messages: state.messages.with(index, change(state.messages[index]!)) };
}
