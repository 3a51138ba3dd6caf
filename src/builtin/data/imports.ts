// Takes a whole conversation apart into records of a bearable size.
// Must not know: where it comes from, files.

import type { Conversation, Message } from '../../api/jan';
import { JanError } from '../../common/errors';
import type { Payload } from './operations';
import type { View } from './view';

type Part = Omit<Payload<'importConversation'>, 'at'>;

/** Characters of text in one record. */
const partSize = 256 * 1024;

/**
 * The messages that are not in the store.
 * @throws JanError `invalid-argument` when the messages make no tree
 */
export function missingMessages(view: View, conversationId: string, messages: readonly Message[]): Message[] {
  const known = new Set<string>();
  const isHere = (id: string): boolean => known.has(id) || view.queries.conversationOf(id) === conversationId;
  return messages.filter((message) => {
    const { id, parentId } = message;
    if (message.conversationId !== conversationId || (parentId !== null && !isHere(parentId))) {
      throw new JanError(
        'invalid-argument',
        `Message ${id} does not belong to the conversation: its parent must come before it. Correct the order and call again.`,
        { details: { argument: 'input', id } },
      );
    }
    const place = view.queries.conversationOf(id);
    if (place !== undefined && place !== conversationId) {
      throw new JanError('invalid-argument', `Message ${id} is there already, in another conversation. Give it a new id.`, {
        details: { argument: 'input', id },
      });
    }
    const isNew = place === undefined && !known.has(id);
    known.add(id);
    return isNew;
  });
}

/**
 * @param messages those that are missing
 * @param created the branch to show is taken over for a conversation that was not there, or with the message it ends with
 */
export function importParts(conversation: Conversation, messages: readonly Message[], created: boolean): Part[] {
  const parts: Message[][] = [[]];
  let size = 0;
  for (const message of messages) {
    const length = message.content.length + (message.reasoning?.length ?? 0) + 500;
    if (size > 0 && size + length > partSize) {
      parts.push([]);
      size = 0;
    }
    parts.at(-1)!.push(message);
    size += length;
  }
  const { activeMessageId, ...head } = conversation;
  const shows = activeMessageId !== undefined && (created || messages.some(({ id }) => id === activeMessageId));
  return parts.map((part, i) => ({
    conversation: {
      ...(head as Part['conversation']),
      ...(shows && i === parts.length - 1 ? { activeMessageId } : {}),
    },
    messages: part.map(toRecord),
  }));
}

/** Nobody is writing an imported message. */
function toRecord(message: Message): Part['messages'][number] {
  const status = message.status === 'streaming' ? 'interrupted' : message.status;
  const fields: { -readonly [K in keyof Message]?: Message[K] } = { ...message, status };
  delete fields.conversationId;
  return fields as Part['messages'][number];
}
