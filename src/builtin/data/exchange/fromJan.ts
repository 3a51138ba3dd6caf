// Reads our own export (docs/export-format.md), strictly enough that nothing invalid reaches the store, and without
// losing anything of a valid one.
// Must not know: other formats, the store.

import type { Attachment, ConversationSettings } from '../../../api/jan';
import { janErrorCodes, type JanErrorCode } from '../../../common/errors';
import { validSettings } from '../../settingsSchema';
import type { JsonObject, JsonValue } from './jsonTypes';
import type { TreeNode } from './messageTree';
import type { FoundMessage, PlanBuilder } from './planBuilder';
import { asCount, asLabel, asList, asNumber, asObject, asText } from './values';

export const exportFormat = 'jan-conversations';
export const exportVersion = 1;

const statuses = ['streaming', 'complete', 'stopped', 'failed', 'interrupted'] as const;
const roles = ['system', 'user', 'assistant'] as const;

/** An entry of `conversations`. */
export async function readJanConversation(entry: JsonObject, where: string, plan: PlanBuilder): Promise<void> {
  const nodes: TreeNode<FoundMessage>[] = [];
  const messages = asList(entry.get('messages'));
  if (messages === undefined) {
    plan.skip(where, 'It has no list of messages.');
    return;
  }
  let bad = 0;
  for (const [index, value] of messages.entries()) {
    const node = readMessage(asObject(value), index);
    if (node === undefined) {
      bad++;
    } else {
      nodes.push(node);
    }
    if (plan.pacer.due) {
      await plan.pacer.pause();
    }
  }
  if (bad > 0) {
    plan.adapt(where, `Messages that can’t be read were left out: ${bad}.`);
  }
  const workspace = asText(entry.get('workspace'));
  const tags = asList(entry.get('tags'))
    ?.slice(0, 50)
    .filter((tag): tag is string => typeof tag === 'string' && tag.length > 0 && tag.length <= 100);
  await plan.add({
    source: 'jan',
    exact: true,
    sourceId: asLabel(entry.get('id')),
    where,
    name: asText(entry.get('name')),
    modelId: asText(entry.get('modelId'))?.slice(0, 500),
    systemPrompt: asText(entry.get('systemPrompt')),
    pinned: entry.get('pinned') === true,
    archived: entry.get('archived') === true,
    tags: tags === undefined ? undefined : [...new Set(tags)],
    workspace: workspace !== undefined && workspace !== '' && workspace.length <= 4000 ? workspace : undefined,
    settings: readSettings(asObject(entry.get('settings'))),
    forkedFrom: readFork(asObject(entry.get('forkedFrom'))),
    createdAt: asCount(entry.get('createdAt')),
    updatedAt: asCount(entry.get('updatedAt')),
    nodes,
    activeId: asText(entry.get('activeMessageId')),
  });
}

/** An entry of `attachments`. */
export function readJanAttachment(entry: JsonObject, where: string, plan: PlanBuilder): void {
  const id = asText(entry.get('id'));
  const pieces = asList(entry.get('data'));
  if (id === undefined || !/^[\da-f]{64}$/.test(id) || !pieces?.every((piece) => typeof piece === 'string')) {
    plan.skip(where, 'It is no attachment: its id or its data is malformed.');
    return;
  }
  plan.addAttachment(id, pieces, where);
}

function readMessage(entry: JsonObject | undefined, index: number): TreeNode<FoundMessage> | undefined {
  const role = oneOf(roles, entry?.get('role'));
  const content = asText(entry?.get('content'));
  if (entry === undefined || role === undefined || content === undefined) {
    return undefined;
  }
  const status = entry.get('status') === undefined ? 'complete' : oneOf(statuses, entry.get('status'));
  const message: FoundMessage = {
    role,
    content,
    ...optional('reasoning', asText(entry.get('reasoning'))),
    status: status ?? 'complete',
    ...optional('error', readError(asObject(entry.get('error')))),
    ...optional('modelId', asText(entry.get('modelId'))?.slice(0, 500)),
    ...optional('usage', readUsage(asObject(entry.get('usage')))),
    ...optional('timings', readTimings(asObject(entry.get('timings')))),
    ...optional('attachments', readAttachments(asList(entry.get('attachments')))),
    ...optional('createdAt', asCount(entry.get('createdAt'))),
    ...optional('updatedAt', asCount(entry.get('updatedAt'))),
  };
  return { id: asLabel(entry.get('id')) ?? `#${index}`, parentId: asText(entry.get('parentId')), message };
}

function readError(value: JsonObject | undefined): FoundMessage['error'] {
  const message = asText(value?.get('message'));
  if (value === undefined || message === undefined) {
    return undefined;
  }
  const code = oneOf(janErrorCodes, value.get('code')) ?? ('internal' satisfies JanErrorCode);
  return { code, message: message.slice(0, 10_000) };
}

function readUsage(value: JsonObject | undefined): FoundMessage['usage'] {
  const promptTokens = asCount(value?.get('promptTokens'));
  const completionTokens = asCount(value?.get('completionTokens'));
  if (promptTokens === undefined || completionTokens === undefined) {
    return undefined;
  }
  return { promptTokens, completionTokens, ...optional('cachedTokens', asCount(value?.get('cachedTokens'))) };
}

function readTimings(value: JsonObject | undefined): FoundMessage['timings'] {
  if (value === undefined) {
    return undefined;
  }
  const duration = (field: JsonValue | undefined): number | undefined => {
    const ms = asNumber(field);
    return ms !== undefined && ms >= 0 ? ms : undefined;
  };
  return {
    ...optional('firstTokenMs', duration(value.get('firstTokenMs'))),
    ...optional('totalMs', duration(value.get('totalMs'))),
    ...optional('tokensPerSecond', duration(value.get('tokensPerSecond'))),
  };
}

function readAttachments(list: JsonValue[] | undefined): Attachment[] | undefined {
  const attachments = list?.slice(0, 100).flatMap((value): Attachment[] => {
    const entry = asObject(value);
    const id = asText(entry?.get('id'));
    const name = asLabel(entry?.get('name'), 1000);
    const mediaType = asLabel(entry?.get('mediaType'), 200);
    const size = asCount(entry?.get('size'));
    if (id === undefined || !/^[\da-f]{64}$/.test(id) || name === undefined || mediaType === undefined || size === undefined) {
      return [];
    }
    const range = asObject(entry?.get('range'));
    const startLine = asCount(range?.get('startLine'));
    const endLine = asCount(range?.get('endLine'));
    const hasRange = startLine !== undefined && endLine !== undefined && startLine >= 1 && endLine >= startLine;
    return [{ id, name, mediaType, size, ...(hasRange && { range: { startLine, endLine } }) }];
  });
  return attachments?.length ? attachments : undefined;
}

function readSettings(value: JsonObject | undefined): ConversationSettings | undefined {
  const settings = validSettings(toPlain(value ?? new Map()) as Record<string, unknown>);
  return Object.keys(settings).length > 0 ? settings : undefined;
}

function toPlain(value: JsonValue | undefined): unknown {
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, item]) => [key, toPlain(item)]));
  }
  return Array.isArray(value) ? value.map(toPlain) : value;
}

function readFork(value: JsonObject | undefined): { conversationId: string; messageId: string } | undefined {
  const conversationId = asLabel(value?.get('conversationId'));
  const messageId = asLabel(value?.get('messageId'));
  return conversationId === undefined || messageId === undefined ? undefined : { conversationId, messageId };
}

function oneOf<const T extends readonly string[]>(all: T, value: JsonValue | undefined): T[number] | undefined {
  return all.find((one) => one === value);
}

function optional<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, V>);
}
