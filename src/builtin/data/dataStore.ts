// The store of conversations, messages and models: each operation in terms of records and of the view. All arguments
// and results are plain data, so that it runs in a worker as well.
// Must not know: the public API's registration, whether its input was validated for users (dataProviders does that).

import type {
  Attachment,
  AttachmentInfo,
  BackupResult,
  Conversation,
  ConversationChange,
  ConversationImport,
  ConversationQuery,
  ImportResult,
  Message,
  MessageChange,
  MessageQuery,
  Model,
  NewConversation,
  NewMessage,
  NewModel,
  PurgeQuery,
  PurgeResult,
  RestoreResult,
  SearchPage,
  SearchQuery,
  TagCount,
  StoreReport,
} from '../../api/jan';
import { isJanError, JanError } from '../../common/errors';
import { createUuidV7 } from '../../common/uuid';
import { AttachmentFiles } from './attachmentFiles';
import { backUp, restoreFrom } from './backup';
import { readMessages } from './branchReader';
import type { Damage } from './follower';
import { importParts, missingMessages } from './imports';
import type { Payload } from './operations';
import { checkStore } from './storeCheck';
import { missing, StoreCore, type DataStoreOptions } from './storeCore';

/** How long a deleted conversation can be brought back, ms. */
const keptAfterDeletion = 30 * 24 * 60 * 60 * 1000;
/** How long indexing may hold this thread, ms. */
const indexSliceMs = 5;
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class DataStore {
  readonly #core: StoreCore;
  readonly #attachments: AttachmentFiles;

  constructor(options: DataStoreOptions) {
    this.#core = new StoreCore(options, () => this.#purgeDeleted());
    this.#attachments = new AttachmentFiles(this.#core.files, options.directory);
  }

  /** What could not be read, since this window opened the store. */
  get damage(): readonly Damage[] {
    return this.#core.damage;
  }

  //#region Reading

  async getConversations(query: ConversationQuery = {}): Promise<Conversation[]> {
    return this.#core.read((view) => view.queries.conversations(query));
  }

  async getConversation(id: string): Promise<Conversation> {
    return (await this.#core.read((view) => view.queries.conversation(id))) ?? missing('conversation', id);
  }

  async getConversationMessages(conversationId: string, query: MessageQuery = {}): Promise<Message[]> {
    const isStreaming = await this.#core.read((view) => view.queries.streamingMessages(conversationId).length > 0);
    const dead = isStreaming ? await this.#core.interruptions.end(conversationId) : new Set();
    const messages = await this.#core.readSteps(({ queries }) => readMessages(queries, conversationId, query));
    return (
      messages?.map((message) => (dead.has(message.id) ? { ...message, status: 'interrupted' } : message)) ??
      missing('conversation', conversationId)
    );
  }

  async getConversationTags(): Promise<TagCount[]> {
    return this.#core.read((view) => view.queries.tags());
  }

  /** What is new or changed since the last search is indexed first. */
  async searchMessages(query: SearchQuery): Promise<SearchPage> {
    for (let attempt = 1; ; attempt++) {
      try {
        for (;;) {
          await this.#core.read(() => undefined);
          const { view } = this.#core.follower;
          if (!view.searchIndex.indexSome(indexSliceMs)) {
            return view.search(query);
          }
          await nextTurn();
        }
      } catch (error) {
        if (isJanError(error)) {
          throw error;
        }
        if (attempt > 1) {
          // Not the index, then: what it is made of.
          return await this.#core.read((view) => view.search(query));
        }
        this.#core.options.log.warn(`store: the search index is made anew: ${String(error)}`);
        await this.#core.read((view) => view.searchIndex.reset());
      }
    }
  }

  async getModel(id: string): Promise<Model> {
    return (await this.#core.read((view) => view.queries.model(id))) ?? missing('model', id);
  }

  async getModels(downloads: 'finished' | 'unfinished'): Promise<Model[]> {
    return this.#core.read((view) => view.queries.models(downloads));
  }

  /** Equal in all windows that hold the same. For checks and tests. */
  async contentHash(): Promise<string> {
    return this.#core.read((view) => view.queries.contentHash());
  }
  //#endregion

  //#region Conversations

  async createConversation(input: NewConversation = {}): Promise<Conversation> {
    const id = createUuidV7(this.#core.now());
    const payload = { name: '', ...plain(input), id, at: this.#core.now() } as Payload<'createConversation'>;
    return this.#core.change('createConversation', payload, (view) => view.queries.conversation(id));
  }

  async updateConversation(change: ConversationChange): Promise<Conversation> {
    await this.#core.demand('conversation', change.id);
    const payload = { ...plain(change), at: this.#core.now() } as Payload<'updateConversation'>;
    return this.#core.change('updateConversation', payload, (view) => view.queries.conversation(change.id));
  }

  async deleteConversation(id: string): Promise<void> {
    await this.#core.demand('conversation', id);
    await this.#core.change('deleteConversation', { id, keep: true, at: this.#core.now() }, () => true);
  }

  async deleteConversations(ids: readonly string[]): Promise<string[]> {
    const deleted = await Promise.all(
      [...new Set(ids)].map((id) =>
        this.deleteConversation(id).then(
          () => [id],
          (error: unknown) => {
            if (isJanError(error, 'conversation-not-found')) {
              return [];
            }
            throw error;
          },
        ),
      ),
    );
    return deleted.flat();
  }

  async restoreConversation(id: string): Promise<Conversation> {
    const deletedAt = await this.#core.read((view) => view.queries.deletedAt(id));
    if (deletedAt === undefined) {
      return this.getConversation(id);
    }
    if (deletedAt < this.#core.now() - keptAfterDeletion) {
      throw new JanError(
        'conversation-not-found',
        'This conversation was deleted more than 30 days ago and cannot be brought back. Restore it from a backup.',
        { details: { id } },
      );
    }
    return this.#core.change('restoreConversation', { id, at: this.#core.now() }, (view) =>
      view.queries.conversation(id),
    );
  }

  async forkConversation(from: string, messageId: string): Promise<Conversation> {
    await this.#core.demand('conversation', from);
    const length = await this.#core.read((view) => {
      const message = view.queries.message(messageId);
      return message?.conversationId === from ? view.queries.depth(messageId) : missing('message', messageId);
    });
    const id = createUuidV7(this.#core.now());
    const ids = Array.from({ length }, () => createUuidV7(this.#core.now()));
    return this.#core.change('forkConversation', { id, from, messageId, ids, at: this.#core.now() }, (view) =>
      view.queries.conversation(id),
    );
  }

  async importConversation({ conversation, messages }: ConversationImport): Promise<ImportResult> {
    const { id } = conversation;
    const [created, added] = await this.#core.read((view): [boolean, Message[]] => [
      !view.queries.has('conversation', id),
      missingMessages(view, id, messages),
    ]);
    if (!created && added.length === 0) {
      return { conversation: await this.getConversation(id), created, messages: 0 };
    }
    for (const part of importParts(conversation, added, created)) {
      await this.#core.change('importConversation', { ...part, at: this.#core.now() }, () => true);
    }
    return { conversation: await this.getConversation(id), created, messages: added.length };
  }

  async purgeConversations(query: PurgeQuery): Promise<PurgeResult> {
    const found = await this.#core.read((view) => view.queries.purgeable(query));
    if (query.dryRun === true) {
      return purgeResult(found);
    }
    await Promise.all(
      found.map(([id]) => this.#core.change('purgeConversation', { id, at: this.#core.now() }, () => true)),
    );
    if (found.length > 0) {
      await this.#attachments.sweep(await this.#core.read((view) => view.queries.attachments()));
    }
    return purgeResult(found);
  }
  //#endregion

  //#region Messages and attachments

  async createMessage(input: NewMessage): Promise<Message> {
    await this.#core.demand('conversation', input.conversationId);
    if (typeof input.parentId === 'string') {
      await this.#core.demand('message', input.parentId);
    }
    await this.#attachments.demand(input.attachments ?? []);
    const id = createUuidV7(this.#core.now());
    const status = input.status ?? 'complete';
    const payload = {
      ...plain(input),
      attachments: input.attachments?.length === 0 ? undefined : input.attachments,
      id,
      status,
      writer: status === 'streaming' ? await this.#core.interruptions.identify() : undefined,
      at: this.#core.now(),
    } as Payload<'createMessage'>;
    return this.#core.change('createMessage', payload, (view) => view.queries.message(id));
  }

  async updateMessage(change: MessageChange): Promise<Message> {
    await this.#core.demand('message', change.id);
    const payload = {
      ...plain(change),
      writer: change.status === 'streaming' ? await this.#core.interruptions.identify() : undefined,
      at: this.#core.now(),
    } as Payload<'updateMessage'>;
    return this.#core.change('updateMessage', payload, (view) => view.queries.message(change.id));
  }

  async storeAttachment(bytes: Uint8Array, info: AttachmentInfo): Promise<Attachment> {
    return { ...info, ...(await this.#attachments.store(bytes)) };
  }

  async getAttachment(id: string): Promise<Uint8Array> {
    return this.#attachments.read(id);
  }
  //#endregion

  //#region Models

  async storeModel(model: NewModel): Promise<Model> {
    await this.#core.read(() => undefined);
    return this.#core.change('storeModel', { model, at: this.#core.now() }, (view) => view.queries.model(model.id));
  }

  async finishModel(id: string, finishedAt: number = this.#core.now()): Promise<Model> {
    await this.#core.demand('model', id);
    return this.#core.change('finishModel', { id, finishedAt, at: this.#core.now() }, (view) => view.queries.model(id));
  }

  async deleteModel(id: string): Promise<void> {
    await this.#core.demand('model', id);
    await this.#core.change('deleteModel', { id, at: this.#core.now() }, () => true);
  }
  //#endregion

  //#region The store as a whole

  async checkStore(): Promise<StoreReport> {
    await this.#core.read(() => undefined);
    return checkStore(this.#core.environment, this.#attachments, {
      contentHash: () => this.contentHash(),
      quarantine: () => this.#core.follower.quarantine(),
    });
  }

  async backupStore(targetPath: string): Promise<BackupResult> {
    await this.#core.read(() => undefined);
    return backUp(this.#core.environment, this.#attachments, targetPath);
  }

  async restoreStore(path: string): Promise<RestoreResult> {
    await this.#core.read(() => undefined);
    return restoreFrom(this.#core.environment, path, {
      attachments: this.#attachments,
      importConversation: (input) => this.importConversation(input),
      hasModel: (id) => this.#core.read((view) => view.queries.has('model', id)),
      storeModel: (model) => this.storeModel(model),
    });
  }

  /** Resolves when no compaction is under way. */
  async settled(): Promise<void> {
    await this.#core.settled();
  }

  /** Seals this generation and writes the next one's snapshot now. */
  async compact(): Promise<void> {
    await this.#core.compact();
  }

  /** Finishes what was begun, then lets go of files and memory. Later calls are refused. */
  async close(): Promise<void> {
    await this.#core.close();
  }

  /** What cannot be brought back any more. */
  async #purgeDeleted(): Promise<void> {
    await this.purgeConversations({ olderThan: this.#core.now() - keptAfterDeletion, deletedOnly: true });
  }
  //#endregion
}

function purgeResult(found: readonly (readonly [string, number])[]): PurgeResult {
  return { conversations: found.length, messages: found.reduce((sum, [, messages]) => sum + messages, 0) };
}

/** The contract's interfaces as the plain, changeable objects that a record holds; what is absent stays so. */
function plain<T extends object>(input: T): { -readonly [K in keyof T]: T[K] } {
  return { ...input };
}

export type { DataStoreOptions } from './storeCore';
