// Compares a plan with the store, writes it through the Data service's names, and takes it back as one step.
// Must not know: formats, how the store keeps anything.

import { createHash } from 'node:crypto';
import type {
  Attachment,
  ConversationImport,
  DataService,
  ExchangeOptions,
  ImportNote,
  ImportOptions,
  ImportReceipt,
  Message,
} from '../../../api/jan';
import { JanError, toJanError } from '../../../common/errors';
import { contentHash, type HashedMessage } from './contentHash';
import type { ImportPlan, PlannedConversation } from './exchangeTypes';
import { Pacer } from './pacer';
import { copyIdOf } from './planBuilder';

/** The names that an import calls; `api.data` is one. */
export type ImportTarget = Pick<
  DataService,
  'getConversations' | 'getConversationMessages' | 'importConversation' | 'deleteConversations' | 'storeAttachment'
>;

/** Most ids that one call takes. */
const idsPerQuery = 250;
const idsPerDelete = 1000;
/** What one call of `importConversation` is given at most; it is checked in one go. */
const messagesPerCall = 1000;
const charactersPerCall = 1024 * 1024;
/** Conversations written at a time, so that the store can sync several at once. */
const writersAtOnce = 4;
/** Errors that the next conversation would meet as well. */
const fatal = new Set(['store-unavailable', 'store-read-only', 'store-damaged', 'disk-full', 'denied', 'no-provider', 'cancelled']);

/**
 * Says of each conversation whether it is in the store already.
 * @throws JanError `cancelled`, and what the store says
 */
export async function markDuplicates(data: ImportTarget, plan: ImportPlan, options: ExchangeOptions = {}): Promise<ImportPlan> {
  const pacer = new Pacer(options.signal);
  const conversations: PlannedConversation[] = [];
  for (let at = 0; at < plan.conversations.length; at += idsPerQuery) {
    const batch = plan.conversations.slice(at, at + idsPerQuery);
    const ids = batch.flatMap(({ id, hash }) => [id, copyIdOf(id, hash)]);
    const here = new Set((await data.getConversations({ ids, limit: ids.length })).map(({ id }) => id));
    pacer.throwIfCancelled();
    for (const conversation of batch) {
      let standing: PlannedConversation['standing'] = 'new';
      if (here.has(copyIdOf(conversation.id, conversation.hash))) {
        standing = 'duplicate';
      } else if (here.has(conversation.id)) {
        const hash = await contentHash(
          await hashed(await data.getConversationMessages(conversation.id, { branch: 'all' }), pacer),
          pacer,
        );
        standing = hash === conversation.hash ? 'duplicate' : 'changed';
      }
      conversations.push({ ...conversation, standing });
      if (pacer.due) {
        await pacer.pause();
      }
    }
    options.onProgress?.({
      stage: 'comparing',
      done: conversations.length,
      total: plan.conversations.length,
      conversations: conversations.length,
    });
  }
  return { ...plan, conversations };
}

/**
 * Writes a plan (compared with `markDuplicates` before; what is not compared counts as new). Never throws: an early end
 * is in the receipt, with everything that was written until then. No conversation is there in part.
 */
export async function applyImport(
  data: ImportTarget,
  plan: ImportPlan,
  options: ImportOptions = {},
): Promise<ImportReceipt> {
  const pacer = new Pacer(options.signal);
  const conversationIds: string[] = [];
  const failed: ImportNote[] = [];
  let messages = 0;
  let duplicates = 0;
  let done = 0;
  const ending: { error?: JanError } = {};
  const wanted: PlannedConversation[] = [];
  for (const conversation of plan.conversations) {
    if (conversation.standing === 'duplicate' || (conversation.standing === 'changed' && options.changed === 'skip')) {
      duplicates++;
    } else {
      wanted.push(conversation);
    }
  }
  let next = 0;
  const stored = new Map<string, Promise<void>>();
  const write = async (): Promise<void> => {
    while (next < wanted.length && ending.error === undefined) {
      const planned = wanted[next++]!;
      try {
        await pacer.pause();
        for (const attachment of planned.messages.flatMap((message) => message.attachments ?? [])) {
          const pieces = plan.attachments.get(attachment.id);
          if (pieces !== undefined) {
            let storing = stored.get(attachment.id);
            if (storing === undefined) {
              storing = storeAttachment(data, attachment, pieces, failed, pacer);
              stored.set(attachment.id, storing);
            }
            await storing;
          }
        }
        const asCopy = planned.standing === 'changed' && options.changed !== 'merge';
        const input = await toConversation(planned, asCopy ? copyIdOf(planned.id, planned.hash) : planned.id, asCopy, pacer);
        const result = await importInParts(data, input, pacer);
        messages += result.messages;
        if (result.created) {
          conversationIds.push(input.conversation.id);
        }
      } catch (thrown) {
        const problem = toJanError(thrown);
        if (fatal.has(problem.code)) {
          ending.error ??= problem;
          return;
        }
        failed.push({ where: planned.where, reason: problem.message });
      }
      options.onProgress?.({ stage: 'writing', done: ++done, total: wanted.length, conversations: conversationIds.length });
    }
  };
  await Promise.all(Array.from({ length: writersAtOnce }, write));
  const { error } = ending;
  return {
    outcome: error === undefined ? 'complete' : error.code === 'cancelled' ? 'cancelled' : 'failed',
    ...(error !== undefined && { error }),
    conversationIds,
    messages,
    duplicates,
    failed,
  };
}

/** A long conversation goes in several calls; one that can't be finished is taken away again. */
async function importInParts(
  data: ImportTarget,
  { conversation, messages }: ConversationImport,
  pacer: Pacer,
): Promise<{ created: boolean; messages: number }> {
  let created = false;
  let added = 0;
  let at = 0;
  try {
    do {
      let end = at;
      for (let characters = 0; end < messages.length && end - at < messagesPerCall; end++) {
        characters += messages[end]!.content.length + (messages[end]!.reasoning?.length ?? 0);
        if (characters > charactersPerCall && end > at) {
          break;
        }
      }
      const result = await data.importConversation({ conversation, messages: messages.slice(at, end) });
      created ||= result.created;
      added += result.messages;
      at = end;
      pacer.throwIfCancelled();
    } while (at < messages.length);
  } catch (error) {
    if (at >= messages.length) {
      return { created, messages: added }; // Cancelled, but whole.
    }
    if (created) {
      await data.deleteConversations([conversation.id]).catch(() => undefined); // The first error is the one to tell.
    }
    throw error;
  }
  return { created, messages: added };
}

/**
 * Takes an import back: deletes what it created. What is gone already is passed over.
 * @returns how many were deleted. @throws what the store says
 */
export async function undoImport(
  data: ImportTarget,
  { conversationIds: ids }: Pick<ImportReceipt, 'conversationIds'>,
  options: ExchangeOptions = {},
): Promise<number> {
  let deleted = 0;
  for (let at = 0; at < ids.length; at += idsPerDelete) {
    if (options.signal?.aborted) {
      throw new JanError('cancelled', 'Cancelled.');
    }
    deleted += (await data.deleteConversations(ids.slice(at, at + idsPerDelete))).length;
    const done = Math.min(ids.length, at + idsPerDelete);
    options.onProgress?.({ stage: 'removing', done, total: ids.length, conversations: done });
  }
  return deleted;
}

/** Bytes that are not what they say, or that the store refuses, are left out; the reference stays. */
async function storeAttachment(
  data: ImportTarget,
  attachment: Attachment,
  pieces: readonly string[],
  failed: ImportNote[],
  pacer: Pacer,
): Promise<void> {
  const parts: Buffer[] = [];
  const hash = createHash('sha256');
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += 65536) {
      const part = Buffer.from(piece.slice(at, at + 65536), 'base64');
      parts.push(part);
      hash.update(part);
      if (pacer.due) {
        await pacer.pause();
      }
    }
  }
  const where = `attachment “${attachment.name}”`;
  if (hash.digest('hex') !== attachment.id) {
    failed.push({ where, reason: 'Its data is damaged. The conversation is imported without it.' });
    return;
  }
  const { name, mediaType, range } = attachment;
  try {
    await data.storeAttachment(Buffer.concat(parts), { name, mediaType, ...(range !== undefined && { range }) });
  } catch (thrown) {
    const problem = toJanError(thrown);
    if (fatal.has(problem.code)) {
      throw problem;
    }
    failed.push({ where, reason: problem.message });
  }
}

/** @param asCopy messages need ids of their own, as the others are here already */
async function toConversation(
  planned: PlannedConversation,
  id: string,
  asCopy: boolean,
  pacer: Pacer,
): Promise<ConversationImport> {
  const messages: Message[] = [];
  for (const { parent, ...message } of planned.messages) {
    messages.push({
      ...message,
      id: asCopy ? copyIdOf(message.id, id) : message.id,
      conversationId: id,
      parentId: parent === null ? null : messages[parent]!.id,
    });
    if (pacer.due) {
      await pacer.pause();
    }
  }
  const { name, modelId, systemPrompt, pinned, archived, tags, workspace, settings, forkedFrom, createdAt, updatedAt } = planned;
  const activeMessageId = planned.active === undefined ? undefined : messages[planned.active]?.id;
  return {
    conversation: {
      id,
      name,
      ...(modelId !== undefined && { modelId }),
      ...(systemPrompt !== undefined && { systemPrompt }),
      ...(activeMessageId !== undefined && { activeMessageId }),
      ...(pinned && { pinned }),
      ...(archived && { archived }),
      ...(tags !== undefined && { tags }),
      ...(workspace !== undefined && { workspace }),
      ...(settings !== undefined && { settings }),
      ...(forkedFrom !== undefined && { forkedFrom }),
      createdAt,
      updatedAt,
    },
    messages,
  };
}

async function hashed(messages: readonly Message[], pacer: Pacer): Promise<HashedMessage[]> {
  const places = new Map<string, number>();
  const list: HashedMessage[] = [];
  for (const { id, parentId, role, content, reasoning } of messages) {
    places.set(id, list.length);
    list.push({ parent: parentId === null ? null : (places.get(parentId) ?? null), role, content, reasoning });
    if (pacer.due) {
      await pacer.pause();
    }
  }
  return list;
}
