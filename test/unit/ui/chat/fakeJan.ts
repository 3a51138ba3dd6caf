// A Jan without disk and engine: the real core, with providers that keep everything in memory and answer by a script.
// Must not know: the chat controller.

import { createHash } from 'node:crypto';
import type {
  Attachment,
  ChatChunk,
  ChatRequest,
  Conversation,
  EngineState,
  InferenceModel,
  InitModelOptions,
  JanApi,
  Message,
  MessageChange,
  PluginHandle,
} from '../../../../src/api/jan';
import { JanError } from '../../../../src/common/errors';
import { nullLogger } from '../../../../src/common/log';
import { createUuidV7 } from '../../../../src/common/uuid';
import { createCore } from '../../../../src/core/core';

export type AnswerScript = (request: ChatRequest, signal: AbortSignal) => AsyncIterable<ChatChunk>;

export const guideModel: InferenceModel = {
  id: 'guide',
  name: 'Jan guide',
  backendId: 'llama.cpp',
  loaded: false,
  remote: false,
};

export class FakeJan {
  readonly api: JanApi;
  readonly conversations = new Map<string, Conversation>();
  readonly messages = new Map<string, Message>();
  readonly blobs = new Map<string, Uint8Array>();
  /** Requests whose tokens were counted. */
  readonly counted: ChatRequest[] = [];
  models: InferenceModel[] = [guideModel];
  engine: EngineState = { status: 'stopped', models: [], activeRequests: 0 };
  readonly loads: [string, InitModelOptions][] = [];
  /** What was asked of the model. */
  readonly requests: ChatRequest[] = [];
  readonly updates: MessageChange[] = [];
  answer: AnswerScript = async function* () {
    yield { text: 'Hello.', finishReason: 'stop' };
  };
  /** Called before each data call by name; throw to make it fail. */
  beforeCall: (name: string) => void = () => undefined;
  readonly #plugin: PluginHandle;
  readonly #deleted = new Map<string, Conversation>();
  #clock = 1_700_000_000_000;

  constructor() {
    const core = createCore({ log: nullLogger });
    this.#plugin = core.api('builtin').registerPlugin({ id: 'jan.fake', name: 'Fake', version: '1.0.0' });
    this.api = core.api('ui');
    this.#provideData();
    this.#provideAttachments();
    this.#provideInference();
  }

  /** As if another window had written it: in the store, and told as remote. */
  writeRemotely(write: () => { readonly conversationId: string; readonly ids: readonly string[] }): void {
    const { conversationId, ids } = write();
    this.#plugin.emit('onDidChangeMessages', { kind: 'updated', ids, conversationId, origin: 'remote' });
    this.#plugin.emit('onDidChangeConversations', { kind: 'updated', ids: [conversationId], origin: 'remote' });
  }

  deleteRemotely(id: string): void {
    this.conversations.delete(id);
    this.#plugin.emit('onDidChangeConversations', { kind: 'deleted', ids: [id], origin: 'remote' });
  }

  setEngine(state: EngineState): void {
    this.engine = state;
    this.#plugin.emit('onDidChangeEngine', state);
  }

  addConversation(change: Partial<Conversation> = {}): Conversation {
    const at = this.now();
    const conversation = { id: createUuidV7(), name: 'Old', createdAt: at, updatedAt: at, ...change };
    this.conversations.set(conversation.id, conversation);
    return conversation;
  }

  addMessage(change: Pick<Message, 'conversationId' | 'role' | 'content'> & Partial<Message>): Message {
    const at = this.now();
    const conversation = this.conversations.get(change.conversationId)!;
    const message: Message = {
      id: createUuidV7(),
      parentId: conversation.activeMessageId ?? null,
      status: 'complete',
      createdAt: at,
      updatedAt: at,
      ...change,
    };
    this.messages.set(message.id, message);
    this.conversations.set(conversation.id, { ...conversation, activeMessageId: message.id, updatedAt: at });
    return message;
  }

  messagesOf(conversationId: string): Message[] {
    return [...this.messages.values()].filter((one) => one.conversationId === conversationId);
  }

  now(): number {
    return (this.#clock += 1000);
  }

  #provideData(): void {
    const plugin = this.#plugin;
    const known = (id: string): Conversation => {
      const found = this.conversations.get(id);
      if (found === undefined) {
        throw new JanError('conversation-not-found', `There is no conversation ${id}.`);
      }
      return found;
    };
    plugin.registerProvider('getConversations', async (query) => {
      this.beforeCall('getConversations');
      return [...this.conversations.values()]
        .filter((one) => query?.ids?.includes(one.id) !== false && (one.archived === true) === (query?.archived ?? false))
        .sort((a, b) => b.updatedAt - a.updatedAt)
        .slice(0, query?.limit ?? 50);
    });
    plugin.registerProvider('getConversation', async (id) => {
      this.beforeCall('getConversation');
      return known(id);
    });
    plugin.registerProvider('createConversation', async (input = {}) => {
      this.beforeCall('createConversation');
      const conversation = this.addConversation({ name: '', ...input });
      plugin.emit('onDidChangeConversations', { kind: 'created', ids: [conversation.id], origin: 'local' });
      return conversation;
    });
    plugin.registerProvider('updateConversation', async (change) => {
      this.beforeCall('updateConversation');
      const conversation = { ...known(change.id), ...change, updatedAt: this.now() };
      this.conversations.set(change.id, conversation);
      plugin.emit('onDidChangeConversations', { kind: 'updated', ids: [change.id], origin: 'local' });
      return conversation;
    });
    plugin.registerProvider('deleteConversations', async (ids) => {
      this.beforeCall('deleteConversations');
      const gone = ids.filter((id) => this.conversations.has(id));
      for (const id of gone) {
        this.#deleted.set(id, known(id));
        this.conversations.delete(id);
      }
      plugin.emit('onDidChangeConversations', { kind: 'deleted', ids: gone, origin: 'local' });
      return gone;
    });
    plugin.registerProvider('restoreConversation', async (id) => {
      this.beforeCall('restoreConversation');
      const conversation = this.#deleted.get(id) ?? known(id);
      this.conversations.set(id, conversation);
      plugin.emit('onDidChangeConversations', { kind: 'created', ids: [id], origin: 'local' });
      return conversation;
    });
    plugin.registerProvider('getConversationMessages', async (id) => {
      this.beforeCall('getConversationMessages');
      known(id);
      return this.messagesOf(id);
    });
    plugin.registerProvider('createMessage', async (input) => {
      this.beforeCall('createMessage');
      known(input.conversationId);
      const message = this.addMessage(input);
      const { id, conversationId } = message;
      plugin.emit('onDidChangeMessages', { kind: 'created', ids: [id], conversationId, origin: 'local' });
      return message;
    });
    plugin.registerProvider('updateMessage', async (change) => {
      this.beforeCall('updateMessage');
      const old = this.messages.get(change.id);
      if (old === undefined) {
        throw new JanError('message-not-found', `There is no message ${change.id}.`);
      }
      this.updates.push(change);
      const { append, appendReasoning, ...fields } = change;
      const message: Message = {
        ...old,
        ...fields,
        content: fields.content ?? old.content + (append ?? ''),
        ...(appendReasoning === undefined ? {} : { reasoning: (old.reasoning ?? '') + appendReasoning }),
        updatedAt: this.now(),
      };
      this.messages.set(change.id, message);
      const { id, conversationId } = message;
      plugin.emit('onDidChangeMessages', { kind: 'updated', ids: [id], conversationId, origin: 'local' });
      return message;
    });
  }

  #provideAttachments(): void {
    this.#plugin.registerProvider('storeAttachment', async (bytes, info): Promise<Attachment> => {
      this.beforeCall('storeAttachment');
      const id = createHash('sha256').update(bytes).digest('hex');
      this.blobs.set(id, bytes);
      return { ...info, id, size: bytes.length };
    });
    this.#plugin.registerProvider('getAttachment', async (id) => {
      this.beforeCall('getAttachment');
      const bytes = this.blobs.get(id);
      if (bytes === undefined) {
        throw new JanError('attachment-not-found', 'It is gone.');
      }
      return bytes;
    });
  }

  #provideInference(): void {
    const plugin = this.#plugin;
    plugin.registerProvider('countTokens', async (request) => {
      this.beforeCall('countTokens');
      this.counted.push(request);
      const words = request.messages.map(({ content }) => (typeof content === 'string' ? content.split(/\s+/).length : 0));
      return { modelId: request.modelId ?? 'guide', tokens: words.reduce((sum, count) => sum + count, 0), contextLength: 10 };
    });
    plugin.registerProvider('initModel', async (modelId, options = {}) => {
      this.loads.push([modelId, options]);
      return { modelId, name: modelId, backendId: 'llama.cpp', status: 'ready' };
    });
    plugin.registerProvider('getInferenceModels', async () => this.models);
    plugin.registerProvider('getEngineState', async () => this.engine);
    plugin.registerProvider('getDownloadedModels', async () =>
      this.models.map(({ id, name, backendId }) => ({
        id,
        name,
        backendId,
        source: id === guideModel.id ? ('starter' as const) : ('file' as const),
        createdAt: 0,
        startDownloadAt: -1,
        finishDownloadAt: 0,
      })),
    );
    plugin.registerProvider('createChatCompletion', async (request, options) => {
      this.requests.push(request);
      return this.answer(request, options?.signal ?? new AbortController().signal);
    });
  }
}

/** An answer that the test writes piece by piece. */
export class Pen {
  readonly #pieces: ChatChunk[] = [];
  #failure: Error | undefined;
  #isEnded = false;
  #wake: () => void = () => undefined;
  /** The reader has left (stopped, or the end). */
  isLeft = false;

  readonly script: AnswerScript = () => this.#read();

  write(...pieces: readonly ChatChunk[]): void {
    this.#pieces.push(...pieces);
    this.#wake();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  fail(error: Error): void {
    this.#failure = error;
    this.end();
  }

  async *#read(): AsyncGenerator<ChatChunk> {
    try {
      for (;;) {
        const piece = this.#pieces.shift();
        if (piece !== undefined) {
          yield piece;
        } else if (this.#isEnded) {
          if (this.#failure !== undefined) {
            throw this.#failure;
          }
          return;
        } else {
          await new Promise<void>((resolve) => (this.#wake = resolve));
        }
      }
    } finally {
      this.isLeft = true;
    }
  }
}
