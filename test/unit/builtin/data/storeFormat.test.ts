import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import * as path from 'node:path';
import type { Conversation, Message, MessageStatus } from '../../../../src/api/jan';
import { createUuidV7 } from '../../../../src/common/uuid';
import { readBlobByTheBook, readStoreByTheBook } from '../../../fixtures/data/independentReader';
import { seededRandom, StoreFixture, type TestStore } from '../../../fixtures/data/storeFixture';

const texts = ['plain', 'ü 😀 中文', 'NUL \0 inside', '\ufeffBOM in front', 'half \ud83d', '\udc00 half', '\r\n\u001a', ''];

describe('docs/store-format.md', function () {
  this.timeout(120_000);
  const fixture = new StoreFixture();
  afterEach(() => fixture.dispose());

  it('is enough to read a store without our code: a reader written from it alone sees what the Data service says', async () => {
    for (const seed of [1, 2, 3]) {
      const directory = await fixture.directory();
      const windows = [fixture.open(directory), fixture.open(directory)] as const;
      const random = seededRandom(seed);
      for (const part of [1, 2, 3, 4]) {
        await work(windows, random, 120);
        await assertReadsTheSame(directory, windows[part % 2]!, `seed ${seed}, part ${part}`);
        if (part === 2 || part === 3) {
          await windows[part % 2]!.compact();
          await assertReadsTheSame(directory, windows[part % 2]!, `seed ${seed}, compacted after part ${part}`);
        } else if (part === 1) {
          await appendFile(path.join(directory, 'journal-1.log'), Buffer.from('\x89JAN\r\n\x1a\n torn', 'latin1'));
        }
      }
      const { damage } = windows[0];
      assert.ok(damage.length === 1, 'the torn bytes were met');
    }
  });

  it('says which answers were interrupted', async () => {
    const directory = await fixture.directory();
    const writer = await fixture.spawn('storeWriter', [directory, 'silent', '0', '1']);
    await writer.until((told) => told.length > 0);
    await writer.kill();
    const store = fixture.open(directory);
    const { conversation } = writer.messages[0] as { conversation: string };
    assert.equal((await store.getConversationMessages(conversation))[0]!.status, 'interrupted');
    await assertReadsTheSame(directory, store, 'interrupted');
  });
});

/** Every kind of change, in two windows. */
async function work(windows: readonly [TestStore, TestStore], random: () => number, operations: number): Promise<void> {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const maybe = <T>(value: T): T | undefined => (random() < 0.4 ? value : undefined);
  const statuses: readonly MessageStatus[] = ['complete', 'streaming', 'stopped', 'failed'];
  for (let n = 0; n < operations; n++) {
    const store = windows[n % 2]!;
    const conversations = await store.getConversations({ limit: 1000 });
    const conversation = conversations.length === 0 ? undefined : pick(conversations);
    const messages = conversation === undefined ? [] : await store.getConversationMessages(conversation.id, { branch: 'all' });
    const choice = random();
    const organised = {
      pinned: maybe(random() < 0.5), archived: maybe(random() < 0.5), tags: maybe(pick([['a', 'b'], []])),
      workspace: maybe(pick(['file:///x', ''])), settings: maybe(pick([{ temperature: 0.5 }, {}])),
    };
    if (conversation === undefined || choice < 0.1) {
      await store.createConversation(defined({ name: pick(texts), modelId: maybe('m'), systemPrompt: maybe(pick(texts)), ...organised }));
    } else if (choice < 0.2) {
      const active = messages.length === 0 ? undefined : maybe(pick(messages).id);
      await store.updateConversation(defined({ id: conversation.id, name: maybe(pick(texts)), activeMessageId: active, ...organised }));
    } else if (choice < 0.55 || messages.length === 0) {
      const bytes = Buffer.from(`bytes ${n}`);
      const attachments = random() < 0.15 ? [await store.storeAttachment(bytes, { name: 'n', mediaType: 'text/plain', range: { startLine: 1, endLine: 2 } })] : undefined;
      await store.createMessage(defined({
        conversationId: conversation.id, role: pick(['user', 'assistant', 'system'] as const), content: pick(texts),
        parentId: maybe(pick([null, ...messages.map(({ id }) => id)])), status: pick(statuses), attachments,
        reasoning: maybe(pick(texts)), error: maybe({ code: 'internal', message: 'm' } as const),
        usage: maybe({ promptTokens: 1, completionTokens: 2 }), timings: maybe({ totalMs: 1.5 }),
      }));
    } else if (choice < 0.75) {
      await store.updateMessage(defined({
        id: pick(messages).id, ...(random() < 0.2 ? { content: pick(texts) } : { append: maybe(pick(texts)) }), appendReasoning: maybe(pick(texts)),
        status: maybe(pick(statuses)), error: maybe({ code: 'network', message: 'm' } as const), modelId: maybe('other'),
      }));
    } else if (choice < 0.8) {
      await store.deleteConversation(conversation.id);
      if (random() < 0.5) {
        await store.restoreConversation(conversation.id);
      } else if (random() < 0.3) {
        await store.purgeConversations({ olderThan: Date.now() + 1000, deletedOnly: true });
      }
    } else if (choice < 0.86) {
      await store.forkConversation(conversation.id, pick(messages).id);
    } else if (choice < 0.92) {
      const times = { createdAt: 5, updatedAt: 6 };
      const target = random() < 0.4 ? conversation : { id: createUuidV7(), name: pick(texts), ...organised, createdAt: 5, updatedAt: 6 };
      const root = { id: createUuidV7(), conversationId: target.id, parentId: null, role: 'user', content: 'in', status: 'complete', ...times } as const;
      const child = { ...root, id: createUuidV7(), parentId: root.id };
      const active = target === conversation ? {} : { activeMessageId: maybe(root.id) };
      const imported: Conversation = defined({ ...target, ...active });
      await store.importConversation({ conversation: imported, messages: [root, child] });
    } else {
      const id = `m${Math.floor(random() * 4)}`;
      await store.storeModel(defined({ id, name: pick(texts), backendId: 'llama.cpp', source: 'huggingface', startDownloadAt: maybe(7), description: maybe(pick(texts)) } as const));
      await (random() < 0.5 ? store.finishModel(id, 9) : random() < 0.3 ? store.deleteModel(id) : Promise.resolve());
    }
  }
}

async function assertReadsTheSame(directory: string, store: TestStore, place: string): Promise<void> {
  const conversations = await store.getConversations({ limit: 10_000 });
  const read = await readStoreByTheBook(directory);
  assert.equal(read.newer, false);
  const live = [...read.conversations.values()].filter(({ deleted }) => deleted !== true);
  assert.deepEqual(live.map(({ id }) => id).sort(), conversations.map(({ id }) => id).sort(), place);
  for (const conversation of conversations) {
    const { messages, ...fields } = read.conversations.get(conversation.id)!;
    assert.deepEqual(essence({ ...fields, deleted: undefined }), essence(conversation), place);
    const shown = await store.getConversationMessages(conversation.id, { branch: 'all' });
    const found = messages.map((message) => essence({ ...message, writer: undefined, conversationId: conversation.id }));
    assert.deepEqual(found, shown.map(essence), place);
    for (const { id } of shown.flatMap((message: Message) => message.attachments ?? [])) {
      assert.deepEqual(await readBlobByTheBook(directory, id), Buffer.from(await store.getAttachment(id)), place);
    }
  }
  for (const model of [...(await store.getModels('finished')), ...(await store.getModels('unfinished'))]) {
    assert.deepEqual(essence(read.models.get(model.id)!), essence(model), place);
  }
}

/** Without what is empty: the service leaves that out. */
function essence(fields: object): Record<string, unknown> {
  const isEmpty = (value: unknown): boolean =>
    value === undefined || value === '' || value === false || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value)));
}

function defined<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
