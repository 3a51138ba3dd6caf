// Reads a conversation of Claude's export: `chat_messages`, each naming the one it follows where branches are exported.
// Must not know: other formats, the store.

import type { JsonObject, JsonValue } from './jsonTypes';
import type { TreeNode } from './messageTree';
import type { FoundMessage, PlanBuilder } from './planBuilder';
import { asLabel, asList, asMarkdownLabel, asObject, asText, asTime, fenced, smallJson } from './values';

/** The parent that first messages name. */
const rootParent = /^0{8}-0{4}-[04]0{3}-[08]0{3}-0{12}$/;

export async function readClaudeConversation(entry: JsonObject, where: string, plan: PlanBuilder): Promise<void> {
  const list = asList(entry.get('chat_messages'));
  if (list === undefined) {
    plan.skip(where, 'It has no `chat_messages`.');
    return;
  }
  const isTree = list.some((value) => asText(asObject(value)?.get('parent_message_uuid')) !== undefined);
  const nodes: TreeNode<FoundMessage>[] = [];
  let bad = 0;
  for (const [index, value] of list.entries()) {
    const message = asObject(value);
    const sender = asText(message?.get('sender'));
    if (message === undefined || (sender !== 'human' && sender !== 'assistant' && sender !== 'user' && sender !== 'system')) {
      bad++;
      continue;
    }
    const parent = asText(message.get('parent_message_uuid'));
    nodes.push({
      id: asLabel(message.get('uuid')) ?? `#${index}`,
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
    sourceId: asLabel(entry.get('uuid')),
    where,
    name: asText(entry.get('name')),
    modelId: asLabel(entry.get('model')),
    pinned: entry.get('is_starred') === true,
    createdAt: asTime(entry.get('created_at')),
    updatedAt: asTime(entry.get('updated_at')),
    nodes,
    activeId: asText(entry.get('current_leaf_message_uuid')),
  });
}

function readMessage(message: JsonObject, sender: string): FoundMessage | undefined {
  const texts: string[] = [];
  const reasoning: string[] = [];
  let hasText = false;
  for (const value of asList(message.get('content')) ?? []) {
    const block = asObject(value);
    switch (asText(block?.get('type'))) {
      case 'text':
        hasText ||= (asText(block?.get('text')) ?? '') !== '';
        texts.push(asText(block?.get('text')) ?? '');
        break;
      case 'thinking':
        reasoning.push(asText(block?.get('thinking')) ?? '');
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
    texts.unshift(asText(message.get('text')) ?? ''); // Older exports have this only.
  }
  for (const value of asList(message.get('attachments')) ?? []) {
    texts.push(attachment(asObject(value)));
  }
  for (const value of [...(asList(message.get('files_v2')) ?? asList(message.get('files')) ?? [])].slice(0, 1000)) {
    const name = asLabel(asObject(value)?.get('file_name')) ?? asLabel(asObject(value)?.get('file_kind'));
    texts.push(name === undefined ? '' : `[File: ${asMarkdownLabel(name)}]`);
  }
  const shown = texts.filter((text) => text !== '');
  const thought = reasoning.filter((text) => text !== '').join('\n\n');
  if (shown.length === 0 && thought === '') {
    return undefined;
  }
  const createdAt = asTime(message.get('created_at'));
  const updatedAt = asTime(message.get('updated_at'));
  const modelId = asLabel(message.get('model'));
  return {
    role: sender === 'assistant' ? 'assistant' : sender === 'system' ? 'system' : 'user',
    content: shown.length === 1 ? shown[0]! : shown.join('\n\n'),
    ...(thought !== '' && { reasoning: thought }),
    status: asText(message.get('stop_reason')) === 'user_canceled' ? 'stopped' : 'complete',
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
  const name = asLabel(value.get('file_name'));
  const label = name === undefined ? 'Attachment' : `Attachment: ${asMarkdownLabel(name)}`;
  const text = asText(value.get('extracted_content'));
  return text === undefined || text === '' ? `[${label}]` : `**${label}**\n\n${fenced(text)}`;
}

/** Documents that the model wrote (artifacts) are texts within the input: each in a block of its own. */
function toolUse(block: JsonObject): string {
  const parts = [`*Tool ${asMarkdownLabel(asLabel(block.get('name')) ?? '')}:*`];
  const input = asObject(block.get('input'));
  const rest: JsonObject = new Map<string, JsonValue>();
  for (const [key, value] of input ?? []) {
    if (typeof value === 'string' && (value.length > 200 || value.includes('\n'))) {
      parts.push(`${asMarkdownLabel(key)}:\n\n${fenced(value)}`);
    } else {
      rest.set(key, value);
    }
  }
  if (rest.size > 0) {
    parts.splice(1, 0, fenced(smallJson(rest) ?? 'Too large to show.', 'json'));
  }
  return parts.join('\n\n');
}

function toolResult(block: JsonObject): string {
  const content = block.get('content');
  const texts = typeof content === 'string' ? [content] : (asList(content) ?? []).map((part) => asText(asObject(part)?.get('text')) ?? '');
  const text = texts.filter((one) => one !== '').join('\n');
  return text === '' ? '' : `*Result of tool ${asMarkdownLabel(asLabel(block.get('name')) ?? '')}:*\n\n${fenced(text)}`;
}
