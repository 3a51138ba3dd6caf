// What has changed between two states of the chat, as the few words that the webview needs.
// Must not know: the controller, how the webview draws. `webview/chatState.ts` is its inverse.

import type { ChatState, MessageItem, StateChange } from '../../protocol/chatProtocol';

type Fields = Omit<ChatState, 'messages'>;

/** Every field, which the type sees to: one that is forgotten here would never reach the page. */
const isField: Readonly<Record<keyof Fields, true>> = {
  conversations: true,
  hasMoreConversations: true,
  history: true,
  search: true,
  conversationId: true,
  title: true,
  reveal: true,
  earlier: true,
  loading: true,
  answering: true,
  hasSettings: true,
  draft: true,
  attachments: true,
  tokens: true,
  model: true,
  notice: true,
  undo: true,
};
const fieldNames = Object.keys(isField) as (keyof Fields)[];

/** `undefined`: so much is different that the whole state should be sent. `[]`: nothing is. */
export function diffState(before: ChatState, after: ChatState): StateChange[] | undefined {
  if (
    before.conversationId !== after.conversationId ||
    before.messages.length !== after.messages.length ||
    before.messages.some((message, index) => message.id !== after.messages[index]!.id)
  ) {
    return undefined;
  }
  const changes: StateChange[] = [];
  after.messages.forEach((message, index) => {
    const change = diffMessage(before.messages[index]!, message);
    if (change !== undefined) {
      changes.push(...change);
    }
  });
  const fields: { -readonly [K in keyof Fields]?: Fields[K] } = {};
  for (const name of fieldNames) {
    if (!isSame(before[name], after[name])) {
      Object.assign(fields, { [name]: after[name] });
    }
  }
  if (Object.keys(fields).length > 0) {
    changes.push({ kind: 'fields', fields });
  }
  return changes;
}

function diffMessage(before: MessageItem, after: MessageItem): StateChange[] | undefined {
  if (before === after || isSame(before, after)) {
    return undefined;
  }
  const isOnlyMoreText =
    after.content.startsWith(before.content) &&
    after.reasoning.startsWith(before.reasoning) &&
    isSame({ ...before, content: '', reasoning: '', stats: null }, { ...after, content: '', reasoning: '', stats: null });
  if (!isOnlyMoreText) {
    return [{ kind: 'message', message: after }];
  }
  const content = after.content.slice(before.content.length);
  const reasoning = after.reasoning.slice(before.reasoning.length);
  return [
    {
      kind: 'text',
      id: after.id,
      ...(content === '' ? {} : { content }),
      ...(reasoning === '' ? {} : { reasoning }),
      ...(isSame(before.stats, after.stats) ? {} : { stats: after.stats }),
    },
  ];
}

/** Equal as JSON values. */
export function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) {
    return true;
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || Array.isArray(a) !== Array.isArray(b)) {
    return false;
  }
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => isSame((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]))
  );
}
