// Makes what the view shows of a message from what the store holds and what is being generated.
// Must not know: the store's calls, the view, VS Code.

import type { Attachment, JanErrorCode, Message } from '../../api/jan';
import type { AttachmentItem, MessageItem, MessageStats } from '../../protocol/chatProtocol';
import { attachmentKind } from './composer/attachable';
import { actionsForAnswer } from './errorActions';
import { noRemarks, type Generation } from './generation';
import type { MessageTree } from './messageTree';

export function messageItem(message: Message, tree: MessageTree, nameOfModel: (id?: string) => string): MessageItem {
  return {
    id: message.id,
    role: message.role,
    content: message.content,
    reasoning: message.reasoning ?? '',
    status: message.status,
    elsewhere: message.status === 'streaming',
    error: message.status === 'failed' && message.error !== undefined ? errorItem(message.error) : null,
    modelName: nameOfModel(message.modelId),
    stats: message.role === 'assistant' ? statsOf(message) : null,
    branch: tree.branchOf(message),
    attachments: (message.attachments ?? []).map(attachmentItem),
    ...noRemarks,
    createdAt: message.createdAt,
  };
}

/** The same while this window writes it: memory is ahead of the store. */
export function generatingItem(item: MessageItem, generation: Generation, nameOfModel: (id?: string) => string): MessageItem {
  return {
    ...item,
    content: generation.content,
    reasoning: generation.reasoning,
    status: generation.status,
    elsewhere: false,
    error: generation.error === undefined ? null : errorItem(generation.error),
    modelName: nameOfModel(generation.modelId),
    stats: generation.stats,
    ...generation.remarks,
  };
}

/** What the store would hold, had it taken the last write. */
export function messageOfGeneration(message: Message, generation: Generation): Message {
  return {
    ...message,
    content: generation.content,
    reasoning: generation.reasoning,
    status: generation.status,
    error: generation.error,
    modelId: generation.modelId,
    usage: generation.usage,
    timings: generation.timings,
  };
}

export function attachmentItem({ id, name, range, mediaType, size }: Attachment): AttachmentItem {
  return { id, name, range: range ?? null, kind: attachmentKind(mediaType), size };
}

function errorItem(error: { readonly code: JanErrorCode; readonly message: string }): MessageItem['error'] {
  return { code: error.code, message: error.message, actions: actionsForAnswer(error.code) };
}

function statsOf(message: Message): MessageStats | null {
  if (message.timings === undefined && message.usage === undefined) {
    return null;
  }
  return {
    live: false,
    tokensPerSecond: message.timings?.tokensPerSecond,
    tokens: message.usage?.completionTokens,
    firstTokenMs: message.timings?.firstTokenMs,
    totalMs: message.timings?.totalMs,
  };
}
