// Reads Jan desktop's threads: a folder for each, with `thread.json` and `messages.jsonl` (a message a line).
// Must not know: other formats, the store.

import type { JsonObject } from './jsonTypes';
import type { TreeNode } from './messageTree';
import type { FoundMessage, PlanBuilder } from './planBuilder';
import { asLabel, asList, asMarkdownLabel, asNumber, asObject, asText, asTime, fenced, smallJson } from './values';

export interface ThreadFiles {
  thread?: { readonly where: string; readonly value: JsonObject };
  messages: { readonly index: number; readonly value: JsonObject }[];
  messagesWhere?: string;
}

/** @param folder the path of the thread's folder; its last part is the id where `thread.json` is missing */
export async function readJanThread(folder: string, files: ThreadFiles, plan: PlanBuilder): Promise<void> {
  const { thread, messages } = files;
  const where = thread?.where ?? files.messagesWhere ?? folder;
  if (thread === undefined) {
    plan.adapt(where, '`thread.json` is missing or can’t be read: title and model are not known.');
  }
  const found: { message: FoundMessage; id: string }[] = [];
  let bad = 0;
  for (const { value, index } of messages) {
    const message = readMessage(value);
    if (message === undefined) {
      bad++;
    } else {
      found.push({ message, id: asLabel(value.get('id')) ?? `#${index}` });
    }
    if (plan.pacer.due) {
      await plan.pacer.pause();
    }
  }
  if (bad > 0) {
    plan.adapt(where, `Messages that can’t be read were left out: ${bad}.`);
  }
  // The order of the file, unless the times say otherwise (older versions wrote the newest first).
  if (found.every(({ message }) => message.createdAt !== undefined)) {
    const time = (place: number): number => found[place]?.message.createdAt ?? 0;
    if (time(0) > time(found.length - 1)) {
      found.reverse();
    }
    found.sort((a, b) => a.message.createdAt! - b.message.createdAt!);
  }
  const seen = new Set<string>();
  const nodes: TreeNode<FoundMessage>[] = [];
  for (const { message, id } of found) {
    const own = seen.has(id) ? `${id}#${nodes.length}` : id;
    seen.add(own);
    nodes.push({ id: own, parentId: nodes[nodes.length - 1]?.id, message });
  }
  const value = thread?.value;
  const metadata = asObject(value?.get('metadata'));
  const assistant = asObject(asList(value?.get('assistants'))?.[0]);
  const model = asObject(assistant?.get('model')) ?? asObject(value?.get('model'));
  await plan.add({
    source: 'jan-desktop',
    sourceId: asLabel(value?.get('id')) ?? asLabel(folder.split('/').pop()),
    where,
    name: asText(value?.get('title')) ?? asText(metadata?.get('title')) ?? asText(value?.get('summary')),
    modelId: asLabel(model?.get('id')) ?? asLabel(value?.get('model_id')),
    systemPrompt: asLabel(assistant?.get('instructions'), Infinity),
    pinned: value?.get('isFavorite') === true || metadata?.get('is_favorite') === true,
    createdAt: asTime(value?.get('created')),
    updatedAt: asTime(value?.get('updated')),
    nodes,
  });
}

function readMessage(value: JsonObject): FoundMessage | undefined {
  const role = asText(value.get('role'));
  if (role !== 'user' && role !== 'assistant' && role !== 'system' && role !== 'tool') {
    return undefined;
  }
  const texts: string[] = [];
  const reasoning: string[] = [];
  const plainText = asText(value.get('content'));
  for (const part of plainText === undefined ? (asList(value.get('content')) ?? []) : []) {
    const content = asObject(part);
    const text = asText(asObject(content?.get('text'))?.get('value')) ?? asText(content?.get('text')) ?? '';
    switch (asText(content?.get('type'))) {
      case 'text':
        texts.push(text);
        break;
      case 'reasoning':
        reasoning.push(text);
        break;
      case 'image_url':
      case 'image':
        texts.push('[Image]');
        break;
      case 'tool_call': {
        texts.push(`*Tool ${asMarkdownLabel(asLabel(content?.get('tool_name')) ?? '')}:*`);
        for (const field of ['input', 'output']) {
          const value = content?.get(field) ?? null;
          texts.push(value === null ? '' : fenced(smallJson(value) ?? 'Too large to show.', 'json'));
        }
        break;
      }
      default:
        texts.push(text);
    }
  }
  if (plainText !== undefined) {
    texts.push(plainText);
  }
  let text = texts.filter((one) => one !== '').join('\n\n');
  if (role === 'assistant' && text.startsWith('<think>')) {
    // Earlier versions kept the reasoning within the text.
    const end = text.indexOf('</think>');
    reasoning.push((end < 0 ? text.slice(7) : text.slice(7, end)).trim());
    text = end < 0 ? '' : text.slice(end + 8).trimStart();
  }
  const metadata = asObject(value.get('metadata'));
  const tokenSpeed = asNumber(asObject(metadata?.get('tokenSpeed'))?.get('tokenSpeed'));
  const thought = reasoning.filter((one) => one !== '').join('\n\n');
  const status = asText(value.get('status'));
  const createdAt = asTime(value.get('created_at')) ?? asTime(value.get('created'));
  const completedAt = asTime(value.get('completed_at'));
  const modelId = asLabel(metadata?.get('modelId')) ?? asLabel(metadata?.get('model_id'));
  if (text === '' && thought === '' && status !== 'error' && status !== 'stopped') {
    return undefined;
  }
  return {
    role: role === 'tool' ? 'assistant' : role,
    content: role === 'tool' ? `*Tool:*\n\n${fenced(text)}` : text,
    ...(thought !== '' && { reasoning: thought }),
    status: status === 'stopped' ? 'stopped' : status === 'pending' ? 'interrupted' : status === 'error' ? 'failed' : 'complete',
    ...(status === 'error' && {
      error: { code: 'backend-failed' as const, message: `Jan reported: ${asLabel(value.get('error_code')) ?? 'an error'}.` },
    }),
    ...(modelId !== undefined && { modelId }),
    ...(tokenSpeed !== undefined && tokenSpeed >= 0 && { timings: { tokensPerSecond: tokenSpeed } }),
    ...(createdAt !== undefined && { createdAt }),
    ...(createdAt !== undefined && completedAt !== undefined && completedAt >= createdAt && { updatedAt: completedAt }),
  };
}
