// Writes a conversation as a Markdown document that reads well anywhere: front matter, then a section a message.
// Must not know: files, the store.

import type { Conversation, ExchangeOptions, Message } from '../../../api/jan';
import type { ExportedConversation } from './exportSource';
import { Pacer, pieceLength } from './pacer';
import { asLine, asMarkdownLabel } from './values';

export interface MarkdownExportOptions extends ExchangeOptions {
  /** `active`: from the first message to the shown end. `all`: the others behind it. Default `active`. */
  readonly branches?: 'active' | 'all';
  /** Front matter, or (where the document does not begin with this conversation) a line with the dates. Default true. */
  readonly frontMatter?: boolean;
  /** The models' reasoning, as quotes before their answers. Default true. */
  readonly reasoning?: boolean;
}

const roleNames = { user: 'You', assistant: 'Assistant', system: 'System' } as const;
const statusNotes: Readonly<Partial<Record<Message['status'], string>>> = {
  stopped: 'Stopped.',
  interrupted: 'Interrupted: the rest was not written.',
  streaming: 'Interrupted: the rest was not written.',
};

/** @returns pieces of text. @throws JanError `cancelled` */
export async function* exportMarkdown(
  { conversation, messages }: ExportedConversation,
  options: MarkdownExportOptions = {},
): AsyncGenerator<string, void, undefined> {
  const pacer = new Pacer(options.signal);
  pacer.throwIfCancelled();
  const all = options.branches === 'all';
  const tree = new Branches(conversation, messages);
  if (options.frontMatter !== false) {
    yield frontMatter(conversation, messages, all);
  }
  yield `# ${asMarkdownLabel(conversation.name, 500) || 'New conversation'}\n`;
  if (options.frontMatter === false) {
    yield `\n*${[conversation.createdAt, conversation.updatedAt].map(isoTime).filter((time) => time !== '').join(' – ')}*\n`;
  }
  if (conversation.systemPrompt) {
    yield `\n**Instructions**\n\n`;
    yield* quote(conversation.systemPrompt, pacer);
  }
  const numbers = new Map<string, number>();
  const writePath = async function* (path: readonly Message[]): AsyncGenerator<string, void, undefined> {
    for (const message of path) {
      numbers.set(message.id, numbers.size + 1);
      yield* writeMessage(message, numbers.size, options, pacer);
      if (pacer.due) {
        await pacer.pause();
      }
    }
  };
  yield* writePath(tree.activePath());
  if (!all) {
    return;
  }
  for (let path = tree.nextPath(numbers); path !== undefined; path = tree.nextPath(numbers)) {
    const parent = path[0]!.parentId;
    const from = parent === null ? 'Another beginning' : `Another branch after message ${numbers.get(parent)}`;
    yield `\n---\n\n*${from}*\n`;
    yield* writePath(path);
  }
}

/**
 * A file name that every system takes, with `.md` (or `extension`); never the same twice for one `taken`.
 * @param taken names given before, in lower case; the new one is added
 */
export function exportFileName(conversation: Conversation, taken: Set<string>, extension = '.md'): string {
  const date = new Date(conversation.createdAt);
  const day = Number.isNaN(date.getTime()) ? '' : `${date.toISOString().slice(0, 10)} `;
  const title = asLine(conversation.name, 80)
    .replace(/[<>:"/\\|?*…]/g, ' ')
    .replace(/[\ud800-\udfff](?![\udc00-\udfff])/g, '')
    .replace(/\s+/g, ' ')
    .replace(/[. ]+$/, '')
    .trim();
  const base = `${day}${title || 'Conversation'}`.replace(/^(con|prn|aux|nul|com\d|lpt\d)(?=\.|$)/i, '_$1');
  let name = `${base}${extension}`;
  for (let n = 2; taken.has(name.toLowerCase()); n++) {
    name = `${base} (${n})${extension}`;
  }
  taken.add(name.toLowerCase());
  return name;
}

class Branches {
  private readonly byId: Map<string, Message>;
  private readonly children = new Map<string | null, Message[]>();
  private readonly pending: Message[] = [];
  private started = false;

  constructor(
    private readonly conversation: Conversation,
    private readonly messages: readonly Message[],
  ) {
    this.byId = new Map(messages.map((message) => [message.id, message]));
    for (const message of messages) {
      const parent = message.parentId !== null && this.byId.has(message.parentId) ? message.parentId : null;
      const siblings = this.children.get(parent);
      if (siblings === undefined) {
        this.children.set(parent, [message]);
      } else {
        siblings.push(message);
      }
    }
  }

  activePath(): Message[] {
    const path: Message[] = [];
    const { activeMessageId } = this.conversation;
    let message = activeMessageId === undefined ? this.messages[this.messages.length - 1] : this.byId.get(activeMessageId);
    while (message !== undefined && path.length < this.messages.length) {
      path.push(message);
      message = message.parentId === null ? undefined : this.byId.get(message.parentId);
    }
    return path.reverse();
  }

  /** The next branch that is not written: down its newest children; undefined at the end. */
  nextPath(written: ReadonlyMap<string, number>): Message[] | undefined {
    if (!this.started) {
      this.started = true;
      this.pending.push(...this.messages.filter(({ id }) => !written.has(id)).reverse());
    }
    let first = this.pending.pop();
    while (first !== undefined && written.has(first.id)) {
      first = this.pending.pop();
    }
    if (first === undefined) {
      return undefined;
    }
    const path = new Set<Message>();
    for (let message: Message | undefined = first; message !== undefined && !path.has(message); ) {
      path.add(message);
      const below: Message[] | undefined = this.children.get(message.id);
      message = below?.[below.length - 1];
    }
    return [...path];
  }
}

async function* writeMessage(
  message: Message,
  number: number,
  options: MarkdownExportOptions,
  pacer: Pacer,
): AsyncGenerator<string, void, undefined> {
  const model = message.role === 'assistant' && message.modelId ? ` (${asMarkdownLabel(message.modelId)})` : '';
  yield `\n## ${number}. ${roleNames[message.role]}${model}\n\n*${isoTime(message.createdAt)}*\n`;
  for (const { name, range } of message.attachments ?? []) {
    const lines = range === undefined ? '' : `, lines ${range.startLine}–${range.endLine}`;
    yield `\n- Attachment: ${asMarkdownLabel(name, 1000)}${lines}\n`;
  }
  if (message.reasoning && options.reasoning !== false) {
    yield '\n> **Reasoning**\n>\n';
    yield* quote(message.reasoning, pacer);
  }
  if (message.content !== '') {
    yield '\n';
    yield* writeText(message.content, pacer);
    yield '\n';
  }
  const note = message.status === 'failed' ? `Failed: ${asMarkdownLabel(message.error?.message ?? 'unknown', 1000)}` : statusNotes[message.status];
  if (note !== undefined) {
    yield `\n*${note}*\n`;
  }
}

/** The text as it is; a code block that was left open is closed, so that what follows is not swallowed. */
async function* writeText(text: string, pacer: Pacer): AsyncGenerator<string, void, undefined> {
  let fence: string | undefined;
  for (let at = 0; at < text.length; at += pieceLength) {
    yield text.slice(at, at + pieceLength);
    if (pacer.due) {
      await pacer.pause();
    }
  }
  let start = 0;
  let steps = 0;
  while (start < text.length) {
    const end = text.indexOf('\n', start);
    const stop = end < 0 ? text.length : end;
    const line = /^ {0,3}(`{3,}|~{3,})([^\n]{0,200})/.exec(text.slice(start, Math.min(stop, start + 300)));
    if (line !== null) {
      const mark = line[1]!;
      if (fence === undefined) {
        fence = mark.startsWith('`') && line[2]!.includes('`') ? undefined : mark;
      } else if (mark[0] === fence[0] && mark.length >= fence.length && line[2]!.trim() === '') {
        fence = undefined;
      }
    }
    start = stop + 1;
    if (++steps % 256 === 0 && pacer.due) {
      await pacer.pause();
    }
  }
  if (fence !== undefined) {
    yield `${text.endsWith('\n') ? '' : '\n'}${fence}`;
  }
}

async function* quote(text: string, pacer: Pacer): AsyncGenerator<string, void, undefined> {
  yield '> ';
  for (let at = 0; at < text.length; at += pieceLength) {
    yield text.slice(at, at + pieceLength).replaceAll('\n', '\n> ');
    if (pacer.due) {
      await pacer.pause();
    }
  }
  yield '\n';
}

function frontMatter(conversation: Conversation, messages: readonly Message[], all: boolean): string {
  const models = new Set<string>();
  for (const { role, modelId } of messages) {
    if (role === 'assistant' && modelId !== undefined && models.size < 20) {
      models.add(modelId);
    }
  }
  if (models.size === 0 && conversation.modelId !== undefined) {
    models.add(conversation.modelId);
  }
  const lines = [
    `title: ${yamlText(conversation.name || 'New conversation')}`,
    models.size === 1 ? `model: ${yamlText([...models][0]!)}` : models.size > 1 ? `models: [${[...models].map(yamlText).join(', ')}]` : '',
    `created: ${isoTime(conversation.createdAt)}`,
    `updated: ${isoTime(conversation.updatedAt)}`,
    conversation.tags?.length ? `tags: [${conversation.tags.map(yamlText).join(', ')}]` : '',
    all ? 'branches: all' : '',
  ];
  return `---\n${lines.filter((line) => line !== '').join('\n')}\n---\n\n`;
}

/** A double-quoted YAML scalar: JSON's escapes are YAML's, and everything beyond printable characters is escaped. */
function yamlText(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function isoTime(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString();
}
