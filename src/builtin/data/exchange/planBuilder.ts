// Collects what the readers of the formats found into a plan: bounded, with ids and hashes, each entry that can't be
// used listed with its reason.
// Must not know: any format, the store.

import { createHash } from 'node:crypto';
import type { Conversation, ImportNote, ImportSource, Message } from '../../../api/jan';
import { isUuid } from '../../../common/uuid';
import { contentHash } from './contentHash';
import type { ImportLimits, ImportPlan, PlannedConversation, PlannedMessage } from './exchangeTypes';
import { arrangeTree, type Placed, type TreeNode } from './messageTree';
import type { Pacer } from './pacer';
import { asLine } from './values';

const maxNameLength = 500;
const maxSystemPromptLength = 1024 * 1024;

/** A message as a format's reader gives it; absent times are taken from its neighbours. */
export type FoundMessage = Pick<Message, 'role' | 'content'> &
  Partial<Omit<Message, 'id' | 'conversationId' | 'parentId' | 'role' | 'content'>>;

export interface FoundConversation extends Partial<Omit<Conversation, 'id' | 'activeMessageId'>> {
  readonly source: ImportSource;
  readonly sourceId: string | undefined;
  readonly where: string;
  /** Every node with its id in the source; without a message it only links others. */
  readonly nodes: readonly TreeNode<FoundMessage>[];
  /** Id of the end of the branch that is shown. Default: the newest end. */
  readonly activeId?: string;
  /** Keep name and ids as they are (our own format). Default: false. */
  readonly exact?: boolean;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class PlanBuilder {
  private readonly conversations: Mutable<PlannedConversation>[] = [];
  private readonly attachments = new Map<string, readonly string[]>();
  private readonly skipped: ImportNote[] = [];
  private readonly adapted: ImportNote[] = [];
  private moreNotes = 0;
  private messages = 0;
  private characters = 0;
  private readonly ids = new Map<string, string[]>();

  constructor(
    readonly limits: ImportLimits,
    readonly pacer: Pacer,
    /** Time for what has none, Unix ms. */
    private readonly now: number,
  ) {}

  get count(): number {
    return this.conversations.length;
  }

  skip(where: string, reason: string): void {
    this.note(this.skipped, where, reason);
  }

  adapt(where: string, reason: string): void {
    this.note(this.adapted, where, reason);
  }

  /** Forgets what came from a file that turned out not to be what it seemed. @param mark an earlier `count` */
  dropSince(mark: number): void {
    for (const { id } of this.conversations.splice(mark)) {
      this.ids.delete(id);
    }
  }

  addAttachment(id: string, pieces: readonly string[], where: string): void {
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (this.characters + length > this.limits.characters) {
      this.skip(where, 'The import is too large already. Import this file on its own.');
      return;
    }
    this.characters += length;
    this.attachments.set(id, pieces);
  }

  async add(found: FoundConversation): Promise<void> {
    const { limits } = this;
    const { where } = found;
    if (this.conversations.length >= limits.conversations || this.messages >= limits.messages) {
      this.skip(where, 'The import has too many conversations already. Import the rest on its own.');
      return;
    }
    let nodes = found.nodes;
    if (nodes.length > limits.messagesPerConversation) {
      this.adapt(where, `Only its first ${limits.messagesPerConversation} messages are imported, of ${nodes.length}.`);
      nodes = nodes.slice(0, limits.messagesPerConversation);
    }
    const tree = await arrangeTree(nodes, this.pacer);
    if (tree.messages.length === 0 && !found.exact) {
      this.skip(where, 'It has no messages.');
      return;
    }
    const characters = await this.bound(tree.messages, where);
    if (this.characters + characters > limits.characters) {
      this.skip(where, 'The import is too large already. Import this conversation’s file on its own.');
      return;
    }
    this.report(tree, where);
    const hash = await contentHash(tree.messages, this.pacer);
    const name = found.exact ? (found.name ?? '').slice(0, maxNameLength) : nameOf(found.name, tree.messages);
    const sourceId = found.sourceId ?? hash;
    const createdAt = found.createdAt ?? earliest(tree.messages) ?? this.now;
    // Ids come from what the file says only: a time of now would make them others with each import.
    const idTime = found.createdAt ?? earliest(tree.messages) ?? 0;
    const id = this.idOf(found, sourceId, hash, idTime);
    if (id === undefined) {
      this.skip(where, 'It is there twice.');
      return;
    }
    const messages = await this.finishMessages(found, tree.messages, id, { createdAt, idTime });
    const updatedAt = found.updatedAt ?? latest(messages) ?? createdAt;
    const active = found.activeId === undefined ? undefined : tree.indexOf(found.activeId);
    const { pinned, archived, tags, workspace, settings, forkedFrom, modelId, systemPrompt } = found;
    this.conversations.push({
      id,
      name,
      ...(modelId !== undefined && { modelId }),
      ...(systemPrompt !== undefined && { systemPrompt: systemPrompt.slice(0, maxSystemPromptLength) }),
      ...(pinned && { pinned }),
      ...(archived && { archived }),
      ...(tags !== undefined && tags.length > 0 && { tags }),
      ...(workspace !== undefined && { workspace }),
      ...(settings !== undefined && { settings }),
      ...(forkedFrom !== undefined && { forkedFrom }),
      createdAt,
      updatedAt,
      source: found.source,
      sourceId,
      where,
      hash,
      messages,
      ...(messages.length > 0 && { active: active ?? messages.length - 1 }),
    });
    this.messages += messages.length;
    this.characters += characters;
  }

  /** Gives conversations without dates of their own the time of their beginning. @param dates by id at the source */
  async setDates(source: ImportSource, dates: ReadonlyMap<string, number>): Promise<void> {
    for (const conversation of this.conversations) {
      const createdAt = conversation.source === source ? dates.get(conversation.sourceId) : undefined;
      if (createdAt !== undefined) {
        const shift = createdAt - conversation.createdAt;
        conversation.createdAt = createdAt;
        conversation.updatedAt += shift;
        const messages: PlannedMessage[] = [];
        for (const message of conversation.messages) {
          messages.push({ ...message, createdAt: message.createdAt + shift, updatedAt: message.updatedAt + shift });
          if (this.pacer.due) {
            await this.pacer.pause();
          }
        }
        conversation.messages = messages;
      }
      if (this.pacer.due) {
        await this.pacer.pause();
      }
    }
  }

  finish(): ImportPlan {
    const counts = new Map<ImportSource, number>();
    for (const { source } of this.conversations) {
      counts.set(source, (counts.get(source) ?? 0) + 1);
    }
    return {
      sources: [...counts].sort((a, b) => b[1] - a[1]).map(([source]) => source),
      conversations: this.conversations,
      attachments: this.attachments,
      skipped: this.skipped,
      adapted: this.adapted,
      moreNotes: this.moreNotes,
    };
  }

  private note(list: ImportNote[], where: string, reason: string): void {
    if (list.length >= this.limits.notes) {
      this.moreNotes++;
      return;
    }
    list.push({ where, reason });
  }

  /** Cuts what is too long. @returns characters of all */
  private async bound(messages: { content: string; reasoning?: string }[], where: string): Promise<number> {
    let characters = 0;
    let cut = 0;
    for (const message of messages) {
      for (const field of ['content', 'reasoning'] as const) {
        const text = message[field];
        if (text !== undefined && text.length > this.limits.textLength) {
          message[field] = text.slice(0, this.limits.textLength);
          cut++;
        }
        characters += message[field]?.length ?? 0;
      }
      if (this.pacer.due) {
        await this.pacer.pause();
      }
    }
    if (cut > 0) {
      this.adapt(where, `Texts longer than ${this.limits.textLength} characters were cut: ${cut}.`);
    }
    return characters;
  }

  private report(tree: { loops: number; lostParents: number; doubleIds: number }, where: string): void {
    if (tree.loops > 0) {
      this.adapt(where, `Messages that follow each other in a circle were taken apart: ${tree.loops} circles.`);
    }
    if (tree.lostParents > 0) {
      this.adapt(where, `Messages whose predecessor is missing begin a branch of their own: ${tree.lostParents}.`);
    }
    if (tree.doubleIds > 0) {
      this.adapt(where, `Messages with an id that another one has were given new ids: ${tree.doubleIds}.`);
    }
  }

  /** Undefined when the same conversation was added before. */
  private idOf(found: FoundConversation, sourceId: string, hash: string, idTime: number): string | undefined {
    const own = found.exact && isUuid(sourceId) ? sourceId : deriveId([found.source, sourceId], idTime);
    const hashes = this.ids.get(own);
    if (hashes === undefined) {
      this.ids.set(own, [hash]);
      return own;
    }
    if (hashes.includes(hash)) {
      return undefined;
    }
    hashes.push(hash);
    this.adapt(found.where, 'Another conversation has the same id: this one is given a new one.');
    return copyIdOf(own, hash);
  }

  private async finishMessages(
    found: FoundConversation,
    messages: readonly Placed<FoundMessage>[],
    conversationId: string,
    times: { createdAt: number; idTime: number },
  ): Promise<PlannedMessage[]> {
    const keepIds = found.exact === true && conversationId === found.sourceId;
    const taken = new Set<string>();
    const idTimes: number[] = [];
    const finished: PlannedMessage[] = [];
    for (const message of messages) {
      const { parent, origin, ...fields } = message;
      const at = fields.createdAt ?? (parent === null ? times.createdAt : finished[parent]!.createdAt);
      const idTime = fields.createdAt ?? (parent === null ? times.idTime : idTimes[parent]!);
      idTimes.push(idTime);
      let id = keepIds && isUuid(origin) ? origin : deriveId([conversationId, origin], idTime);
      for (let n = 2; taken.has(id); n++) {
        id = deriveId([conversationId, origin, String(n)], idTime);
      }
      taken.add(id);
      finished.push({
        id,
        parent,
        ...fields,
        status: fields.status === undefined ? 'complete' : fields.status === 'streaming' ? 'interrupted' : fields.status,
        createdAt: at,
        updatedAt: fields.updatedAt ?? at,
      });
      if (this.pacer.due) {
        await this.pacer.pause();
      }
    }
    return finished;
  }
}

/**
 * A UUIDv7 whose random bits are a hash of `parts`: the same thing imported again has the same id.
 * @param at Unix ms
 */
export function deriveId(parts: readonly string[], at: number): string {
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  const time = Math.max(0, Math.min(at, 0xffff_ffff_ffff)).toString(16).padStart(12, '0');
  const variant = '89ab'[parseInt(hash[3]!, 16) & 3]!;
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hash.slice(0, 3)}-${variant}${hash.slice(4, 7)}-${hash.slice(7, 19)}`;
}

/** The id under which another state of a known conversation is kept beside it. */
export function copyIdOf(id: string, hash: string): string {
  return deriveId([id, hash], parseInt(id.replace('-', '').slice(0, 12), 16) || 0);
}

function nameOf(name: string | undefined, messages: readonly FoundMessage[]): string {
  const own = asLine(name ?? '', maxNameLength);
  if (own !== '') {
    return own;
  }
  const first = messages.find(({ role, content }) => role === 'user' && content.trim() !== '') ?? messages[0];
  return asLine(first?.content ?? '', 60);
}

function earliest(messages: readonly FoundMessage[]): number | undefined {
  let time: number | undefined;
  for (const { createdAt } of messages) {
    time = createdAt === undefined ? time : Math.min(time ?? createdAt, createdAt);
  }
  return time;
}

function latest(messages: readonly PlannedMessage[]): number | undefined {
  let time: number | undefined;
  for (const { updatedAt } of messages) {
    time = Math.max(time ?? updatedAt, updatedAt);
  }
  return time;
}
