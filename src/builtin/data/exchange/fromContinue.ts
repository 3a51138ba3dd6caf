// Reads Continue's sessions: one file each with `history`, and the index `sessions.json`, the only one to know dates.
// Must not know: other formats, the store.

import type { JsonObject, JsonValue } from './jsonTypes';
import type { TreeNode } from './messageTree';
import type { FoundMessage, PlanBuilder } from './planBuilder';
import { asLabel, asList, asMarkdownLabel, asObject, asText, asTime, fenced } from './values';

export async function readContinueSession(entry: JsonObject, where: string, plan: PlanBuilder): Promise<void> {
  const history = asList(entry.get('history'));
  if (history === undefined) {
    plan.skip(where, 'It has no `history` of messages.');
    return;
  }
  const modelTitle = asLabel(entry.get('chatModelTitle'));
  const nodes: TreeNode<FoundMessage>[] = [];
  let thoughts: string[] = [];
  let bad = 0;
  const add = (index: number, message: FoundMessage): void => {
    nodes.push({ id: `#${index}`, parentId: nodes[nodes.length - 1]?.id, message });
  };
  for (const [index, value] of history.entries()) {
    const item = asObject(value);
    const message = asObject(item?.get('message'));
    const role = asText(message?.get('role'));
    if (item === undefined || message === undefined || role === undefined) {
      bad++;
      continue;
    }
    const text = contentText(message.get('content'));
    if (role === 'thinking') {
      thoughts.push(text);
      continue;
    }
    if (role !== 'assistant' && thoughts.length > 0) {
      add(index - 0.5, { role: 'assistant', content: '', reasoning: thoughts.join('\n\n'), status: 'stopped' });
      thoughts = [];
    }
    switch (role) {
      case 'user': {
        const context = (asList(item.get('contextItems')) ?? []).map((one) => contextItem(asObject(one)));
        const content = [text, ...context].filter((part) => part !== '').join('\n\n');
        if (content !== '') {
          add(index, { role: 'user', content });
        }
        break;
      }
      case 'assistant': {
        const own = asText(asObject(item.get('reasoning'))?.get('text'));
        const reasoning = [...thoughts, own ?? ''].filter((part) => part !== '').join('\n\n');
        thoughts = [];
        const content = [text, ...toolCalls(message)].filter((part) => part !== '').join('\n\n');
        const modelId = asLabel(asObject(asList(item.get('promptLogs'))?.[0])?.get('modelTitle')) ?? modelTitle;
        if (content !== '' || reasoning !== '') {
          add(index, {
            role: 'assistant',
            content,
            ...(reasoning !== '' && { reasoning }),
            ...(modelId !== undefined && { modelId }),
          });
        }
        break;
      }
      case 'tool':
        if (text !== '') {
          add(index, { role: 'assistant', content: `*Tool:*\n\n${fenced(text)}` });
        }
        break;
      case 'system':
        if (text !== '') {
          add(index, { role: 'system', content: text });
        }
        break;
      default:
        bad++;
    }
    if (plan.pacer.due) {
      await plan.pacer.pause();
    }
  }
  if (thoughts.length > 0) {
    add(history.length, { role: 'assistant', content: '', reasoning: thoughts.join('\n\n'), status: 'stopped' });
  }
  if (bad > 0) {
    plan.adapt(where, `Messages that can’t be read were left out: ${bad}.`);
  }
  const folder = asLabel(entry.get('workspaceDirectory'), 4000);
  await plan.add({
    source: 'continue',
    sourceId: asLabel(entry.get('sessionId')),
    where,
    name: asText(entry.get('title')),
    modelId: modelTitle,
    workspace: folder === undefined ? undefined : folderUri(folder),
    createdAt: asTime(entry.get('dateCreated')),
    nodes,
  });
}

/** An entry of `sessions.json`. @returns whether it is one */
export function isContinueIndexEntry(entry: JsonObject): boolean {
  return (
    typeof entry.get('sessionId') === 'string' && entry.get('history') === undefined && entry.has('dateCreated')
  );
}

function contentText(content: JsonValue | undefined): string {
  if (typeof content === 'string') {
    return content;
  }
  const texts = (asList(content) ?? []).map((value) => {
    const part = asObject(value);
    const type = asText(part?.get('type'));
    return type === 'imageUrl' || type === 'image_url' ? '[Image]' : (asText(part?.get('text')) ?? '');
  });
  return texts.filter((text) => text !== '').join('\n\n');
}

/** Files that were sent along: their text belongs to the question. */
function contextItem(item: JsonObject | undefined): string {
  const content = asText(item?.get('content')) ?? '';
  if (item === undefined || content === '' || item.get('hidden') === true) {
    return '';
  }
  const name = asLabel(item.get('name')) ?? asLabel(item.get('description')) ?? '';
  return `**Context: ${asMarkdownLabel(name)}**\n\n${fenced(content)}`;
}

function toolCalls(message: JsonObject): string[] {
  return (asList(message.get('toolCalls')) ?? []).slice(0, 1000).map((value) => {
    const call = asObject(asObject(value)?.get('function'));
    const name = asLabel(call?.get('name'));
    return name === undefined ? '' : `*Tool ${asMarkdownLabel(name)}:*\n\n${fenced(asText(call?.get('arguments')) ?? '', 'json')}`;
  });
}

/** Newer versions write a URI, older ones a path. */
function folderUri(folder: string): string | undefined {
  if (/^[a-z][a-z\d+.-]+:\/\//i.test(folder)) {
    return folder;
  }
  const path = folder.replaceAll('\\', '/');
  if (!path.startsWith('/') && !/^[a-z]:\//i.test(path)) {
    return undefined;
  }
  try {
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    return `file://${path.startsWith('/') ? '' : '/'}${encoded}`;
  } catch {
    return undefined; // A lone half of a character.
  }
}
