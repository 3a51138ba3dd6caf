// Reads the conversations that are to be exported, one after the other, through the Data service's names.
// Must not know: the formats, where the export goes.

import type { Conversation, DataService, ExchangeOptions, Message } from '../../../api/jan';
import { isJanError, JanError } from '../../../common/errors';

export type ExportTarget = Pick<DataService, 'getConversations' | 'getConversation' | 'getConversationMessages'>;

export interface ExportedConversation {
  readonly conversation: Conversation;
  /** All branches, parents before children. */
  readonly messages: readonly Message[];
}

const pageSize = 500;

/**
 * @param ids which; default: all, archived ones too, newest change first. One that is deleted meanwhile is passed over.
 * @throws JanError `cancelled`, and what the store says
 */
export async function* readConversations(
  data: ExportTarget,
  ids?: readonly string[],
  options: ExchangeOptions = {},
): AsyncGenerator<ExportedConversation, void, undefined> {
  let done = 0;
  const seen = new Set<string>();
  const load = async (known: Conversation | string): Promise<ExportedConversation | undefined> => {
    if (options.signal?.aborted) {
      throw new JanError('cancelled', 'Cancelled.');
    }
    const id = typeof known === 'string' ? known : known.id;
    try {
      const conversation = typeof known === 'string' ? await data.getConversation(id) : known;
      return { conversation, messages: await data.getConversationMessages(id, { branch: 'all' }) };
    } catch (error) {
      if (isJanError(error, 'conversation-not-found')) {
        return undefined;
      }
      throw error;
    } finally {
      options.onProgress?.({ stage: 'reading', done: ++done, ...(ids && { total: ids.length }), conversations: done });
    }
  };
  if (ids !== undefined) {
    for (const id of ids) {
      const loaded = await load(id);
      if (loaded !== undefined) {
        yield loaded;
      }
    }
    return;
  }
  let after: { updatedAt: number; id: string } | undefined;
  for (;;) {
    const page = await data.getConversations({ limit: pageSize, ...(after && { after }) });
    for (const conversation of page) {
      // One that changes meanwhile moves up in the list and is not met twice.
      const loaded = seen.has(conversation.id) ? undefined : await load(conversation);
      seen.add(conversation.id);
      if (loaded !== undefined) {
        yield loaded;
      }
    }
    const last = page[page.length - 1];
    if (last === undefined || page.length < pageSize) {
      return;
    }
    after = { updatedAt: last.updatedAt, id: last.id };
  }
}
