// Reads our own export (docs/export-format.md), strictly enough that nothing invalid reaches the store, and without
// losing anything of a valid one.
// Must not know: other formats, the store.

import type { Attachment, SamplingOptions } from '../../../api/jan';
import { janErrorCodes, type JanErrorCode } from '../../../common/errors';
import type { JsonObject, JsonValue } from './jsonTypes';
import type { TreeNode } from './messageTree';
import type { FoundMessage, PlanBuilder } from './planBuilder';
import { asCount, asLabel, asList, asNumber, asObject, asText } from './values';

export const exportFormat = 'jan-conversations';
export const exportVersion = 1;

const statuses = ['streaming', 'complete', 'stopped', 'failed', 'interrupted'] as const;
const roles = ['system', 'user', 'assistant'] as const;

/** From and to, both included (`topP`: 0 excluded, as in the contract). */
const settingRanges: Readonly<Record<keyof SamplingOptions, readonly [number, number]>> = {
  temperature: [0, 2],
  topP: [Number.MIN_VALUE, 1],
  topK: [0, 1000],
  minP: [0, 1],
  seed: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  frequencyPenalty: [-2, 2],
  presencePenalty: [-2, 2],
  repeatPenalty: [0, Number.MAX_VALUE],
};

/** An entry of `conversations`. */
export async function readJanConversation(entry: JsonObject, where: string, plan: PlanBuilder): Promise<void> {
  const nodes: TreeNode<FoundMessage>[] = [];
  const messages = asList(entry['messages']);
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
  const workspace = asText(entry['workspace']);
  const tags = asList(entry['tags'])
    ?.slice(0, 50)
    .filter((tag): tag is string => typeof tag === 'string' && tag.length > 0 && tag.length <= 100);
  await plan.add({
    source: 'jan',
    exact: true,
    sourceId: asLabel(entry['id']),
    where,
    name: asText(entry['name']),
    modelId: asText(entry['modelId'])?.slice(0, 500),
    systemPrompt: asText(entry['systemPrompt']),
    pinned: entry['pinned'] === true,
    archived: entry['archived'] === true,
    tags: tags === undefined ? undefined : [...new Set(tags)],
    workspace: workspace !== undefined && workspace !== '' && workspace.length <= 4000 ? workspace : undefined,
    settings: readSettings(asObject(entry['settings'])),
    forkedFrom: readFork(asObject(entry['forkedFrom'])),
    createdAt: asCount(entry['createdAt']),
    updatedAt: asCount(entry['updatedAt']),
    nodes,
    activeId: asText(entry['activeMessageId']),
  });
}

/** An entry of `attachments`. */
export function readJanAttachment(entry: JsonObject, where: string, plan: PlanBuilder): void {
  const id = asText(entry['id']);
  const pieces = asList(entry['data']);
  if (id === undefined || !/^[\da-f]{64}$/.test(id) || !pieces?.every((piece) => typeof piece === 'string')) {
    plan.skip(where, 'It is no attachment: its id or its data is malformed.');
    return;
  }
  plan.addAttachment(id, pieces, where);
}

function readMessage(entry: JsonObject | undefined, index: number): TreeNode<FoundMessage> | undefined {
  const role = oneOf(roles, entry?.['role']);
  const content = asText(entry?.['content']);
  if (entry === undefined || role === undefined || content === undefined) {
    return undefined;
  }
  const status = entry['status'] === undefined ? 'complete' : oneOf(statuses, entry['status']);
  const message: FoundMessage = {
    role,
    content,
    ...optional('reasoning', asText(entry['reasoning'])),
    status: status ?? 'complete',
    ...optional('error', readError(asObject(entry['error']))),
    ...optional('modelId', asText(entry['modelId'])?.slice(0, 500)),
    ...optional('usage', readUsage(asObject(entry['usage']))),
    ...optional('timings', readTimings(asObject(entry['timings']))),
    ...optional('attachments', readAttachments(asList(entry['attachments']))),
    ...optional('createdAt', asCount(entry['createdAt'])),
    ...optional('updatedAt', asCount(entry['updatedAt'])),
  };
  return { id: asLabel(entry['id']) ?? `#${index}`, parentId: asText(entry['parentId']), message };
}

function readError(value: JsonObject | undefined): FoundMessage['error'] {
  const message = asText(value?.['message']);
  if (value === undefined || message === undefined) {
    return undefined;
  }
  const code = oneOf(janErrorCodes, value['code']) ?? ('internal' satisfies JanErrorCode);
  return { code, message: message.slice(0, 10_000) };
}

function readUsage(value: JsonObject | undefined): FoundMessage['usage'] {
  const promptTokens = asCount(value?.['promptTokens']);
  const completionTokens = asCount(value?.['completionTokens']);
  if (promptTokens === undefined || completionTokens === undefined) {
    return undefined;
  }
  return { promptTokens, completionTokens, ...optional('cachedTokens', asCount(value?.['cachedTokens'])) };
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
    ...optional('firstTokenMs', duration(value['firstTokenMs'])),
    ...optional('totalMs', duration(value['totalMs'])),
    ...optional('tokensPerSecond', duration(value['tokensPerSecond'])),
  };
}

function readAttachments(list: JsonValue[] | undefined): Attachment[] | undefined {
  const attachments = list?.slice(0, 100).flatMap((value): Attachment[] => {
    const entry = asObject(value);
    const id = asText(entry?.['id']);
    const name = asLabel(entry?.['name'], 1000);
    const mediaType = asLabel(entry?.['mediaType'], 200);
    const size = asCount(entry?.['size']);
    if (id === undefined || !/^[\da-f]{64}$/.test(id) || name === undefined || mediaType === undefined || size === undefined) {
      return [];
    }
    const range = asObject(entry?.['range']);
    const startLine = asCount(range?.['startLine']);
    const endLine = asCount(range?.['endLine']);
    const hasRange = startLine !== undefined && endLine !== undefined && startLine >= 1 && endLine >= startLine;
    return [{ id, name, mediaType, size, ...(hasRange && { range: { startLine, endLine } }) }];
  });
  return attachments?.length ? attachments : undefined;
}

function readSettings(value: JsonObject | undefined): SamplingOptions | undefined {
  if (value === undefined) {
    return undefined;
  }
  const settings: { -readonly [K in keyof SamplingOptions]: number } = {};
  for (const key of Object.keys(settingRanges) as (keyof SamplingOptions)[]) {
    const setting = asNumber(value[key]);
    const [least, most] = settingRanges[key];
    const whole = key !== 'topK' && key !== 'seed';
    if (setting !== undefined && setting >= least && setting <= most && (whole || Number.isSafeInteger(setting))) {
      settings[key] = setting;
    }
  }
  return Object.keys(settings).length > 0 ? settings : undefined;
}

function readFork(value: JsonObject | undefined): { conversationId: string; messageId: string } | undefined {
  const conversationId = asLabel(value?.['conversationId']);
  const messageId = asLabel(value?.['messageId']);
  return conversationId === undefined || messageId === undefined ? undefined : { conversationId, messageId };
}

function oneOf<const T extends readonly string[]>(all: T, value: JsonValue | undefined): T[number] | undefined {
  return all.find((one) => one === value);
}

function optional<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, V>);
}
