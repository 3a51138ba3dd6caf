// Reads a conversation of Claude's export: `chat_messages`, each naming the one it follows where branches are exported.
// Must not know: other formats, the store.

import type { JsonObject, JsonValue } from './jsonTypes';
import type { TreeNode } from './messageTree';
import type { FoundMessage, PlanBuilder } from './planBuilder';
import { asLabel, asList, asMarkdownLabel, asObject, asText, asTime, fenced, smallJson } from './values';

/** The parent that first messages name. */
const rootParent = /^0{8}-0{4}-[04]0{3}-[08]0{3}-0{12}$/;

export async function readClaudeConversation(entry: JsonObject, where: string, plan: PlanBuilder): Promise<void> {
  const list = asList(entry['chat_messages']);
  if (list === undefined) {
    plan.skip(where, 'It has no `chat_messages`.');
    return;
  }
  const isTree = list.some((value) => asText(asObject(value)?.['parent_message_uuid']) !== undefined);
  const nodes: TreeNode<FoundMessage>[] = [];
  let bad = 0;
  for (const [index, value] of list.entries()) {
    const message = asObject(value);
    const sender = asText(message?.['sender']);
    if (message === undefined || (sender !== 'human' && sender !== 'assistant' && sender !== 'user' && sender !== 'system')) {
      bad++;
      continue;
    }
    const parent = asText(message['parent_message_uuid']);
    nodes.push({
      id: asLabel(message['uuid']) ?? `#${index}`,
      parentId: !isTree ? nodes[nodes.length - 1]?.id : parent !== undefined && rootParent.test(parent) ? undefined : parent,
      message: readMessage(message, sender),
    });
    if (plan.pacer.due) {
      await plan.pacer.pause();
    }
  }
  if (bad > 0) {
    plan.adapt(where, `Messages that can’t be read were left out: ${bad}.`);
  }
  await plan.add({
    source: 'claude',
    sourceId: asLabel(entry['uuid']),
    where,
    name: asText(entry['name']),
    modelId: asLabel(entry['model']),
    pinned: entry['is_starred'] === true,
    createdAt: asTime(entry['created_at']),
    updatedAt: asTime(entry['updated_at']),
    nodes,
    activeId: asText(entry['current_leaf_message_uuid']),
  });
}

function readMessage(message: JsonObject, sender: string): FoundMessage | undefined {
  const texts: string[] = [];
  const reasoning: string[] = [];
  let hasText = false;
  for (const value of asList(message['content']) ?? []) {
    const block = asObject(value);
    switch (asText(block?.['type'])) {
      case 'text':
        hasText ||= (asText(block?.['text']) ?? '') !== '';
        texts.push(asText(block?.['text']) ?? '');
        break;
      case 'thinking':
        reasoning.push(asText(block?.['thinking']) ?? '');
        break;
      case 'tool_use':
        texts.push(toolUse(block!));
        break;
      case 'tool_result':
        texts.push(toolResult(block!));
        break;
      case 'image':
        texts.push('[Image]');
        break;
      default: // Flags, token budgets and the like.
    }
  }
  if (!hasText) {
    texts.unshift(asText(message['text']) ?? ''); // Older exports have this only.
  }
  for (const value of asList(message['attachments']) ?? []) {
    texts.push(attachment(asObject(value)));
  }
  for (const value of [...(asList(message['files_v2']) ?? asList(message['files']) ?? [])].slice(0, 1000)) {
    const name = asLabel(asObject(value)?.['file_name']) ?? asLabel(asObject(value)?.['file_kind']);
    texts.push(name === undefined ? '' : `[File: ${asMarkdownLabel(name)}]`);
  }
  const shown = texts.filter((text) => text !== '');
  const thought = reasoning.filter((text) => text !== '').join('\n\n');
  if (shown.length === 0 && thought === '') {
    return undefined;
  }
  const createdAt = asTime(message['created_at']);
  const updatedAt = asTime(message['updated_at']);
  const modelId = asLabel(message['model']);
  return {
    role: sender === 'assistant' ? 'assistant' : sender === 'system' ? 'system' : 'user',
    content: shown.length === 1 ? shown[0]! : shown.join('\n\n'),
    ...(thought !== '' && { reasoning: thought }),
    status: asText(message['stop_reason']) === 'user_canceled' ? 'stopped' : 'complete',
    ...(modelId !== undefined && { modelId }),
    ...(createdAt !== undefined && { createdAt }),
    ...(updatedAt !== undefined && { updatedAt }),
  };
}

/** The text of a pasted or attached document is in the export; it goes below the message. */
function attachment(value: JsonObject | undefined): string {
  if (value === undefined) {
    return '';
  }
  const name = asLabel(value['file_name']);
  const label = name === undefined ? 'Attachment' : `Attachment: ${asMarkdownLabel(name)}`;
  const text = asText(value['extracted_content']);
  return text === undefined || text === '' ? `[${label}]` : `**${label}**\n\n${fenced(text)}`;
}

/** Documents that the model wrote (artifacts) are texts within the input: each in a block of its own. */
function toolUse(block: JsonObject): string {
  const parts = [`*Tool ${asMarkdownLabel(asLabel(block['name']) ?? '')}:*`];
  const input = asObject(block['input']);
  const rest: JsonObject = {};
  for (const key of Object.keys(input ?? {}).slice(0, 100)) {
    const value: JsonValue = input![key]!;
    if (typeof value === 'string' && (value.length > 200 || value.includes('\n'))) {
      parts.push(`${asMarkdownLabel(key)}:\n\n${fenced(value)}`);
    } else if (key !== '__proto__') {
      rest[key] = value;
    }
  }
  if (Object.keys(rest).length > 0) {
    parts.splice(1, 0, fenced(smallJson(rest) ?? 'Too large to show.', 'json'));
  }
  return parts.join('\n\n');
}

function toolResult(block: JsonObject): string {
  const content = block['content'];
  const texts = typeof content === 'string' ? [content] : (asList(content) ?? []).map((part) => asText(asObject(part)?.['text']) ?? '');
  const text = texts.filter((one) => one !== '').join('\n');
  return text === '' ? '' : `*Result of tool ${asMarkdownLabel(asLabel(block['name']) ?? '')}:*\n\n${fenced(text)}`;
}
