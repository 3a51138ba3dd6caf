// Reads a conversation of ChatGPT's export: `mapping`, a tree of nodes, and `current_node`, the end of the shown branch.
// Must not know: other formats, the store.

import type { JsonObject, JsonValue } from './jsonTypes';
import type { FoundMessage, PlanBuilder } from './planBuilder';
import { asLabel, asList, asMarkdownLabel, asNumber, asObject, asText, asTime, fenced, smallJson } from './values';

interface Node {
  readonly id: string;
  parentId: string | undefined;
  message: FoundMessage | undefined;
  /** Reasoning that belongs to the answer below. */
  thoughts?: string;
}

export async function readChatGptConversation(entry: JsonObject, where: string, plan: PlanBuilder): Promise<void> {
  const { pacer } = plan;
  const mapping = asObject(entry.get('mapping'));
  if (mapping === undefined) {
    plan.skip(where, 'It has no `mapping` of messages.');
    return;
  }
  const nodes: Node[] = [];
  const parentByChild = new Map<string, string>();
  let bad = 0;
  for (const [id, element] of mapping) {
    const value = asObject(element);
    if (value === undefined) {
      bad++;
      continue;
    }
    for (const child of asList(value.get('children')) ?? []) {
      if (typeof child === 'string' && !parentByChild.has(child)) {
        parentByChild.set(child, id);
      }
    }
    const node: Node = { id, parentId: asText(value.get('parent')), message: undefined };
    readMessage(node, asObject(value.get('message')));
    nodes.push(node);
    if (pacer.due) {
      await pacer.pause();
    }
  }
  for (const node of nodes) {
    // Some exports name the children only.
    node.parentId ??= parentByChild.get(node.id);
    if (pacer.due) {
      await pacer.pause();
    }
  }
  await joinThoughts(nodes, plan);
  if (bad > 0) {
    plan.adapt(where, `Messages that can’t be read were left out: ${bad}.`);
  }
  await plan.add({
    source: 'chatgpt',
    sourceId: asLabel(entry.get('conversation_id')) ?? asLabel(entry.get('id')),
    where,
    name: asText(entry.get('title')),
    modelId: asLabel(entry.get('default_model_slug')),
    archived: entry.get('is_archived') === true,
    pinned: entry.get('is_starred') === true,
    createdAt: asTime(entry.get('create_time')),
    updatedAt: asTime(entry.get('update_time')),
    nodes,
    activeId: asText(entry.get('current_node')),
  });
}

/** Fills `message` or `thoughts`; a node with nothing to show stays a link. */
function readMessage(node: Node, message: JsonObject | undefined): void {
  const content = asObject(message?.get('content'));
  if (message === undefined || content === undefined) {
    return;
  }
  const author = asObject(message.get('author'));
  const metadata = asObject(message.get('metadata'));
  const role = asText(author?.get('role'));
  if (metadata?.get('is_visually_hidden_from_conversation') === true && role !== 'user') {
    return;
  }
  const type = asText(content.get('content_type'));
  if (type === 'thoughts') {
    node.thoughts = thoughtsOf(content);
    return;
  }
  if (type === 'reasoning_recap' || type === 'model_editable_context') {
    return; // “Thought for 8 seconds”; the memory that was sent along.
  }
  const parts = [contentText(content, type, asText(message.get('recipient')))];
  for (const attachment of asList(metadata?.get('attachments')) ?? []) {
    const name = asLabel(asObject(attachment)?.get('name'));
    parts.push(name === undefined ? '' : `[Attachment: ${asMarkdownLabel(name)}]`);
  }
  let text = parts.filter((part) => part !== '').join('\n\n');
  if (text === '') {
    return;
  }
  if (role === 'tool') {
    const name = asLabel(author?.get('name'), 100);
    text = `*Tool${name === undefined ? '' : ` ${asMarkdownLabel(name)}`}:*\n\n${text}`;
  }
  node.message = {
    // Jan has no role for tools: what they gave is part of the answer.
    role: role === 'user' || role === 'system' ? role : 'assistant',
    content: text,
    status: statusOf(message, metadata),
    ...(role === 'assistant' && { modelId: asLabel(metadata?.get('model_slug')) }),
    createdAt: asTime(message.get('create_time')),
    updatedAt: asTime(message.get('update_time')),
  };
  for (const key of ['modelId', 'createdAt', 'updatedAt'] as const) {
    if (node.message[key] === undefined) {
      delete node.message[key];
    }
  }
}

function contentText(content: JsonObject, type: string | undefined, recipient: string | undefined): string {
  switch (type) {
    case 'code':
    case 'execution_output': {
      const text = asText(content.get('text')) ?? partsText(content.get('parts'));
      const language = asLabel(content.get('language'));
      return text === '' ? '' : fenced(text, language === 'unknown' || language === undefined ? '' : language);
    }
    case 'tether_quote': {
      const title = asLabel(content.get('title')) ?? asLabel(content.get('url')) ?? 'Quote';
      return `**${asMarkdownLabel(title)}**\n\n${fenced(asText(content.get('text')) ?? '')}`;
    }
    case 'tether_browsing_display':
      return asText(content.get('result')) ?? '';
    case 'user_editable_context':
      return [asText(content.get('user_profile')), asText(content.get('user_instructions'))].filter(Boolean).join('\n\n');
    case 'system_error':
      return [asText(content.get('name')), asText(content.get('text'))].filter(Boolean).join(': ');
    default: {
      const text = partsText(content.get('parts'));
      const shown = text === '' ? (asText(content.get('text')) ?? asText(content.get('result')) ?? '') : text;
      // What the model wrote for a tool is no prose.
      return recipient !== undefined && recipient !== 'all' && recipient !== '' && shown !== '' ? fenced(shown) : shown;
    }
  }
}

function partsText(value: JsonValue | undefined): string {
  const texts: string[] = [];
  for (const part of asList(value) ?? []) {
    const text = typeof part === 'string' ? part : partPlaceholder(asObject(part));
    if (text !== '') {
      texts.push(text);
    }
  }
  return texts.length === 1 ? texts[0]! : texts.join('\n\n');
}

/** Pictures and sound lie in other files of the export: they are named, not taken. */
function partPlaceholder(part: JsonObject | undefined): string {
  if (part === undefined) {
    return '';
  }
  const type = asText(part.get('content_type')) ?? asText(part.get('type')) ?? '';
  const text = asText(part.get('text'));
  if (text !== undefined && (type === 'audio_transcription' || !type.includes('pointer'))) {
    return text;
  }
  const pointer = asLabel(part.get('asset_pointer'))?.replace(/^[a-z-]+:\/\//, '');
  const name = pointer === undefined ? '' : `: ${asMarkdownLabel(pointer)}`;
  if (type.includes('image')) {
    const width = asNumber(part.get('width'));
    const height = asNumber(part.get('height'));
    return `[Image${name}${width === undefined || height === undefined ? '' : `, ${width} × ${height}`}]`;
  }
  if (type.includes('audio') || type.includes('video')) {
    return `[${type.includes('video') ? 'Video' : 'Sound'}${name}]`;
  }
  const json = smallJson(part, 4096);
  return json === undefined ? `[${asMarkdownLabel(type) || 'Content'} that can’t be shown]` : fenced(json, 'json');
}

function thoughtsOf(content: JsonObject): string {
  const texts = (asList(content.get('thoughts')) ?? []).map((value) => {
    const thought = asObject(value);
    return [asText(thought?.get('summary')), asText(thought?.get('content'))].filter(Boolean).join('\n\n');
  });
  return texts.filter((text) => text !== '').join('\n\n') || partsText(content.get('parts'));
}

function statusOf(message: JsonObject, metadata: JsonObject | undefined): FoundMessage['status'] {
  const finish = asText(asObject(metadata?.get('finish_details'))?.get('type'));
  const status = asText(message.get('status'));
  if (finish === 'interrupted' || status === 'finished_partial_completion') {
    return 'stopped';
  }
  return status === 'in_progress' ? 'interrupted' : 'complete';
}

/** Reasoning is a node of its own, above the answer: it goes to the answer, or stays where no answer follows. */
async function joinThoughts(nodes: Node[], plan: PlanBuilder): Promise<void> {
  const byId = new Map<string, Node>();
  for (const node of nodes) {
    byId.set(node.id, node);
    if (plan.pacer.due) {
      await plan.pacer.pause();
    }
  }
  const joined = new Set<Node>();
  for (const node of nodes) {
    if (node.message?.role === 'assistant' && node.thoughts === undefined) {
      const thoughts: string[] = [];
      let above = node.parentId === undefined ? undefined : byId.get(node.parentId);
      for (let steps = 0; above !== undefined && above.message === undefined && steps < 100; steps++) {
        if (above.thoughts) {
          thoughts.unshift(above.thoughts);
          joined.add(above);
        }
        above = above.parentId === undefined ? undefined : byId.get(above.parentId);
      }
      if (thoughts.length > 0) {
        node.message = { ...node.message, reasoning: thoughts.join('\n\n') };
      }
    }
    if (plan.pacer.due) {
      await plan.pacer.pause();
    }
  }
  for (const node of nodes) {
    if (node.thoughts && !joined.has(node)) {
      node.message = { role: 'assistant', content: '', reasoning: node.thoughts, status: 'stopped' };
    }
  }
}

