// Reads the messages of a conversation in steps, so that a long one does not hold the event loop.
// Must not know: the journal, the API's registration.

import type { Message, MessageQuery } from '../../api/jan';
import type { ViewQueries } from './viewQueries';

/** How long one step may take, ms. */
const sliceMs = 3;
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * The view must not change meanwhile.
 * @returns oldest first, or undefined when there is no such conversation
 */
export async function readMessages(
  queries: ViewQueries,
  conversationId: string,
  query: MessageQuery,
): Promise<Message[] | undefined> {
  if (!queries.has('conversation', conversationId)) {
    return undefined;
  }
  const seqs = query.branch === 'all' ? queries.allMessages(conversationId) : await activeBranch(queries, conversationId);
  const messages: Message[] = [];
  let deadline = performance.now() + sliceMs;
  for (const seq of seqs) {
    messages.push(queries.messageAt(seq) ?? gone(seq));
    if (performance.now() > deadline) {
      await nextTurn();
      deadline = performance.now() + sliceMs;
    }
  }
  return messages;
}

/** No journal leads there: the snapshot was not sound, which the caller deals with. */
function gone(seq: number): never {
  throw new Error(`Message ${seq} is named and not there.`);
}

async function activeBranch(queries: ViewQueries, conversationId: string): Promise<number[]> {
  const seqs: number[] = [];
  for (let next = queries.activeMessage(conversationId); next !== undefined; ) {
    const step = queries.ancestors(next);
    seqs.push(...step.seqs);
    next = step.next;
    if (next !== undefined) {
      await nextTurn();
    }
  }
  return seqs.reverse();
}
