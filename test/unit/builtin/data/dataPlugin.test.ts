import assert from 'node:assert/strict';
import type { ConversationsChangeEvent, JanApi, JanErrorCode, MessagesChangeEvent, NewMessage, NewModel } from '../../../../src/api/jan';
import { registerDataPlugin } from '../../../../src/builtin/data/dataPlugin';
import { isJanError } from '../../../../src/common/errors';
import type { Disposable } from '../../../../src/common/lifecycle';
import { nullLogger } from '../../../../src/common/log';
import { createUuidV7, isUuid } from '../../../../src/common/uuid';
import { createCore } from '../../../../src/core/core';
import { eventually, StoreFixture } from '../../../fixtures/data/storeFixture';

const rejects = (promise: Promise<unknown>, code: JanErrorCode, text?: RegExp): Promise<void> =>
  assert.rejects(promise, (error) => {
    assert.ok(isJanError(error, code), `${code} expected, not ${String(error)}`);
    assert.match(error.message, text ?? /\S.*\.$/);
    return true;
  });

describe('Data service', () => {
  const fixture = new StoreFixture();
  const owned: Disposable[] = [];
  let api: JanApi;
  let clock: number;
  const model: NewModel = { id: 'owner/name-1.gguf', name: 'Name', backendId: 'llama.cpp', source: 'huggingface' };
  const unknownId = createUuidV7();

  beforeEach(async () => {
    const core = createCore({ log: nullLogger });
    clock = 1_800_000_000_000;
    const plugin = registerDataPlugin(core.api('builtin'), {
      directory: await fixture.directory(),
      log: nullLogger,
      now: () => ++clock,
    });
    owned.push(core, plugin);
    api = core.api('test');
  });

  afterEach(async () => {
    owned.splice(0).reverse().forEach((item) => item.dispose());
    await fixture.dispose();
  });

  const ask = async (content = 'Hello'): Promise<{ conversationId: string; messageId: string }> => {
    const { id: conversationId } = await api.data.createConversation();
    const { id: messageId } = await api.data.createMessage({ conversationId, role: 'user', content });
    return { conversationId, messageId };
  };

  it('supplies every name of the group', () => {
    const info = api.getPlugins().find((plugin) => plugin.id === 'jan.data');
    assert.deepEqual([...(info?.providers ?? [])].sort(), Object.values(api.DataService).sort());
  });

  describe('GET_CONVERSATIONS', () => {
    it('is empty in the beginning, then newest change first', async () => {
      assert.deepEqual(await api.invoke(api.DataService.GET_CONVERSATIONS), []);
      const first = await api.data.createConversation({ name: 'first' });
      const second = await api.data.createConversation({ name: 'second' });
      assert.deepEqual((await api.data.getConversations()).map(({ id }) => id), [second.id, first.id]);
      await api.data.createMessage({ conversationId: first.id, role: 'user', content: 'up' });
      assert.deepEqual((await api.data.getConversations()).map(({ id }) => id), [first.id, second.id]);
    });

    it('gives pages that hold each conversation once, even where times are equal', async () => {
      const made: string[] = [];
      for (let i = 0; i < 7; i++) {
        clock = 1_900_000_000_000;
        made.push((await api.data.createConversation({ name: String(i) })).id);
      }
      const seen: string[] = [];
      let page = await api.data.getConversations({ limit: 3 });
      while (page.length > 0) {
        seen.push(...page.map(({ id }) => id));
        page = await api.data.getConversations({ limit: 3, after: page.at(-1)! });
      }
      assert.deepEqual(seen, [...made].reverse());
    });

    it('refuses a wrong query', async () => {
      for (const limit of [0, 501, 1.5, NaN, '5']) {
        await rejects(api.data.getConversations({ limit: limit as number }), 'invalid-argument', /query\.limit/);
      }
      await rejects(api.data.getConversations({ after: { updatedAt: 1 } as never }), 'invalid-argument', /after\.id/);
      await rejects(api.data.getConversations('all' as never), 'invalid-argument');
    });
  });

  describe('CREATE_CONVERSATION', () => {
    it('gives back what is then found', async () => {
      const made = await api.data.createConversation({ name: 'Ünï 😀', modelId: 'm', systemPrompt: 'Be brief.' });
      assert.ok(isUuid(made.id));
      const { id, createdAt, updatedAt } = made;
      assert.deepEqual(made, { id, name: 'Ünï 😀', modelId: 'm', systemPrompt: 'Be brief.', createdAt, updatedAt });
      assert.deepEqual(await api.data.getConversation(id), made);
      assert.deepEqual(await api.data.createConversation(), {
        ...(await api.data.getConversations({ limit: 1 }))[0]!,
        name: '',
      });
    });

    it('refuses wrong fields and keeps nothing of them', async () => {
      await rejects(api.data.createConversation({ name: 'x'.repeat(501) }), 'invalid-argument', /input\.name.*500/);
      await rejects(api.data.createConversation({ name: 5 as never }), 'invalid-argument');
      await rejects(api.data.createConversation(null as never), 'invalid-argument');
      assert.deepEqual(await api.data.getConversations(), []);
    });
  });

  describe('GET_CONVERSATION and UPDATE_CONVERSATION', () => {
    it('rename, pick a model and switch the branch', async () => {
      const { conversationId, messageId } = await ask();
      await api.data.createMessage({ conversationId, role: 'assistant', content: 'A' });
      const changed = await api.data.updateConversation({ id: conversationId, name: 'New', activeMessageId: messageId });
      assert.equal(changed.name, 'New');
      assert.equal(changed.activeMessageId, messageId);
      assert.deepEqual(await api.data.getConversation(conversationId), changed);
      assert.equal((await api.data.getConversationMessages(conversationId)).length, 1);
      assert.equal((await api.data.updateConversation({ id: conversationId, modelId: 'm' })).name, 'New');
    });

    it('refuse what is not there', async () => {
      const { conversationId } = await ask();
      const { messageId: foreign } = await ask();
      await rejects(api.data.getConversation(unknownId), 'conversation-not-found');
      await rejects(api.data.getConversation("x' OR '1'='1"), 'conversation-not-found');
      await rejects(api.data.getConversation(undefined as never), 'invalid-argument');
      await rejects(api.data.updateConversation({ id: unknownId, name: 'x' }), 'conversation-not-found');
      await rejects(api.data.updateConversation({ id: conversationId, activeMessageId: foreign }), 'invalid-argument');
      await rejects(api.data.updateConversation({ id: conversationId, activeMessageId: unknownId }), 'invalid-argument');
      await rejects(api.data.updateConversation({ id: conversationId, name: 1 as never }), 'invalid-argument');
    });
  });

  describe('DELETE_CONVERSATION', () => {
    it('takes the messages with it, and no other conversation', async () => {
      const { conversationId, messageId } = await ask();
      const other = await ask('stays');
      assert.equal(await api.data.deleteConversation(conversationId), undefined);
      assert.deepEqual((await api.data.getConversations()).map(({ id }) => id), [other.conversationId]);
      await rejects(api.data.getConversationMessages(conversationId), 'conversation-not-found');
      await rejects(api.data.updateMessage({ id: messageId, content: 'x' }), 'message-not-found');
      assert.equal((await api.data.getConversationMessages(other.conversationId))[0]!.content, 'stays');
    });

    it('refuses unknown ids, twice the same, and statements', async () => {
      const { conversationId } = await ask();
      await rejects(api.data.deleteConversation(unknownId), 'conversation-not-found');
      await rejects(api.data.deleteConversation("'; DROP TABLE conversations; --"), 'conversation-not-found');
      await rejects(api.data.deleteConversation(`${conversationId}\0`), 'conversation-not-found');
      await rejects(api.data.deleteConversation({} as never), 'invalid-argument');
      await api.data.deleteConversation(conversationId);
      await rejects(api.data.deleteConversation(conversationId), 'conversation-not-found');
    });
  });

  describe('CREATE_MESSAGE and GET_CONVERSATION_MESSAGES', () => {
    it('make a tree of which the active branch is shown', async () => {
      const { conversationId, messageId: question } = await ask('Q');
      const first = await api.data.createMessage({ conversationId, role: 'assistant', content: 'A1' });
      assert.equal(first.parentId, question);
      const second = await api.data.createMessage({ conversationId, role: 'assistant', content: 'A2', parentId: question });
      const follow = await api.data.createMessage({ conversationId, role: 'user', content: 'Q2' });
      assert.equal(follow.parentId, second.id);
      const root = await api.data.createMessage({ conversationId, role: 'user', content: 'R', parentId: null });
      assert.equal(root.parentId, null);
      const texts = async (branch?: 'active' | 'all'): Promise<string[]> =>
        (await api.data.getConversationMessages(conversationId, { branch })).map(({ content }) => content);
      assert.deepEqual(await texts(), ['R']);
      assert.deepEqual(await texts('all'), ['Q', 'A1', 'A2', 'Q2', 'R']);
      await api.data.updateConversation({ id: conversationId, activeMessageId: follow.id });
      assert.deepEqual(await texts('active'), ['Q', 'A2', 'Q2']);
      await api.data.updateConversation({ id: conversationId, activeMessageId: first.id });
      assert.deepEqual(await texts(), ['Q', 'A1']);
    });

    it('keep every field', async () => {
      const { conversationId, messageId } = await ask();
      const input: NewMessage = {
        conversationId,
        role: 'assistant',
        content: '',
        reasoning: 'thinking',
        status: 'failed',
        error: { code: 'engine-crashed', message: 'It crashed.' },
        modelId: 'm',
        usage: { promptTokens: 1, completionTokens: 2, cachedTokens: 3 },
        timings: { firstTokenMs: 1.5, totalMs: 2, tokensPerSecond: 3.25 },
      };
      const made = await api.data.createMessage(input);
      const { id, createdAt, updatedAt } = made;
      assert.deepEqual(made, { ...input, id, createdAt, updatedAt, parentId: messageId });
      assert.deepEqual((await api.data.getConversationMessages(conversationId))[1], made);
      assert.equal((await api.data.getConversation(conversationId)).updatedAt, createdAt);
      assert.equal((await api.data.getConversation(conversationId)).activeMessageId, id);
    });

    it('refuse what is wrong', async () => {
      const { conversationId } = await ask();
      const { messageId: foreign } = await ask();
      const good: NewMessage = { conversationId, role: 'user', content: 'x' };
      await rejects(api.data.createMessage({ ...good, conversationId: unknownId }), 'conversation-not-found');
      await rejects(api.data.createMessage({ ...good, parentId: unknownId }), 'message-not-found');
      await rejects(api.data.createMessage({ ...good, parentId: foreign }), 'message-not-found');
      await rejects(api.data.createMessage({ ...good, role: 'robot' as never }), 'invalid-argument', /input\.role/);
      await rejects(api.data.createMessage({ ...good, content: undefined as never }), 'invalid-argument');
      await rejects(api.data.createMessage({ ...good, status: 'done' as never }), 'invalid-argument');
      await rejects(api.data.createMessage({ ...good, content: 'x'.repeat(16 * 1024 * 1024 + 1) }), 'invalid-argument');
      await rejects(
        api.data.createMessage({ ...good, usage: { promptTokens: -1, completionTokens: 0 } }),
        'invalid-argument',
        /usage\.promptTokens/,
      );
      await rejects(api.data.createMessage({ ...good, error: { code: 'nonsense' as never, message: '' } }), 'invalid-argument');
      await rejects(api.data.getConversationMessages(unknownId), 'conversation-not-found');
      await rejects(api.data.getConversationMessages(conversationId, { branch: 'some' as never }), 'invalid-argument');
      assert.equal((await api.data.getConversationMessages(conversationId)).length, 1);
    });
  });

  describe('UPDATE_MESSAGE', () => {
    it('adds to a streamed answer, then ends it', async () => {
      const { conversationId } = await ask();
      const input = { conversationId, role: 'assistant', content: '', status: 'streaming' } as const;
      const { id } = await api.data.createMessage(input);
      await api.data.updateMessage({ id, append: 'Hel', appendReasoning: 'a' });
      assert.equal((await api.data.updateMessage({ id, append: 'lo', appendReasoning: 'b' })).status, 'streaming');
      const usage = { promptTokens: 5, completionTokens: 2 };
      const ended = await api.data.updateMessage({ id, status: 'complete', usage });
      assert.deepEqual(
        [ended.content, ended.reasoning, ended.status, ended.usage],
        ['Hello', 'ab', 'complete', usage],
      );
      assert.equal((await api.data.updateMessage({ id, content: 'other' })).content, 'other');
      assert.deepEqual((await api.data.getConversationMessages(conversationId))[1]!.content, 'other');
    });

    it('drops the error of a message that failed and is tried again', async () => {
      const { messageId: id } = await ask();
      const error = { code: 'no-model', message: 'No model.' } as const;
      assert.deepEqual((await api.data.updateMessage({ id, status: 'failed', error })).error, error);
      assert.equal('error' in (await api.data.updateMessage({ id, status: 'complete' })), false);
    });

    it('refuses what is wrong', async () => {
      const { messageId: id } = await ask('kept');
      await rejects(api.data.updateMessage({ id: unknownId, content: 'x' }), 'message-not-found');
      await rejects(api.data.updateMessage({ id, content: 'a', append: 'b' }), 'invalid-argument', /not both/);
      await rejects(api.data.updateMessage({ id, append: 7 as never }), 'invalid-argument');
      await rejects(api.data.updateMessage({} as never), 'invalid-argument', /change\.id/);
      await rejects(api.data.updateMessage({ id, append: 'x'.repeat(16 * 1024 * 1024) }), 'invalid-argument', /at most/);
      assert.equal((await api.data.updateMessage({ id })).content, 'kept');
    });
  });

  describe('models', () => {
    it('STORE_MODEL, GET_MODEL_BY_ID: stored, replaced, found', async () => {
      const stored = await api.data.storeModel({ ...model, size: 5_000_000_000, description: 'é\0\ud800' });
      assert.deepEqual(stored, {
        ...model,
        size: 5_000_000_000,
        description: 'é\0\ud800',
        createdAt: clock,
        startDownloadAt: -1,
        finishDownloadAt: -1,
      });
      assert.deepEqual(await api.data.getModelById(model.id), stored);
      const replaced = await api.data.storeModel({ ...model, name: 'Other' });
      assert.deepEqual([replaced.name, replaced.createdAt, replaced.size], ['Other', stored.createdAt, undefined]);
    });

    it('GET_UNFINISHED…, UPDATE_FINISHED_DOWNLOAD, GET_FINISHED_DOWNLOAD_MODELS: a download from start to end', async () => {
      const ids = async (): Promise<string[][]> => [
        (await api.data.getUnfinishedDownloadModels()).map(({ id }) => id),
        (await api.data.getFinishedDownloadModels()).map(({ id }) => id),
      ];
      await api.data.storeModel({ ...model, id: 'never-started' });
      await api.data.storeModel({ ...model, id: 'a', startDownloadAt: 5 });
      await api.data.storeModel({ ...model, id: 'b', startDownloadAt: 6 });
      assert.deepEqual(await ids(), [['b', 'a'], []]);
      assert.equal((await api.data.updateFinishedDownloadAt('a', 9)).finishDownloadAt, 9);
      assert.deepEqual(await ids(), [['b'], ['a']]);
      assert.ok((await api.data.updateFinishedDownloadAt('b')).finishDownloadAt > 1_700_000_000_000);
      assert.deepEqual(await ids(), [[], ['b', 'a']]);
      assert.equal((await api.data.getModelById('a')).finishDownloadAt, 9);
    });

    it('DELETE_DOWNLOAD_MODEL forgets', async () => {
      await api.data.storeModel(model);
      assert.equal(await api.data.deleteDownloadModel(model.id), undefined);
      await rejects(api.data.getModelById(model.id), 'model-not-found');
      await rejects(api.data.deleteDownloadModel(model.id), 'model-not-found');
    });

    it('refuse what is wrong', async () => {
      for (const id of ['', 'a b', "a'; DROP TABLE models", 'a\0b', 'x'.repeat(501), 7]) {
        await rejects(api.data.storeModel({ ...model, id: id as string }), 'invalid-argument');
      }
      await rejects(api.data.storeModel({ ...model, source: 'web' as never }), 'invalid-argument', /model\.source/);
      await rejects(api.data.storeModel({ ...model, size: -1 }), 'invalid-argument');
      await rejects(api.data.storeModel(undefined as never), 'invalid-argument');
      await rejects(api.data.getModelById('nobody'), 'model-not-found');
      await rejects(api.data.getModelById(3 as never), 'invalid-argument');
      await rejects(api.data.updateFinishedDownloadAt('nobody'), 'model-not-found');
      await api.data.storeModel(model);
      await rejects(api.data.updateFinishedDownloadAt(model.id, -5), 'invalid-argument');
      await rejects(api.data.updateFinishedDownloadAt(model.id, 'now' as never), 'invalid-argument');
    });
  });

  it('keeps any text as it is', async () => {
    const { conversationId } = await ask();
    const texts = [
      '', ' ', '\0', 'a\0b', '\uFEFFbom', '\ud83d', '\ude00 lone', 'e\u0301', '😀👩‍👩‍👧', '漢字かな', 'עברית',
      "'; DROP TABLE messages; --", '?1 :a @b $c', '\r\n\u001a\u0089JAN\r\n\u001a\n', '\u2028\u2029', '\uffff\ufffe',
      'x'.repeat(1_000_000), '\0'.repeat(10_000), '"{}[]\\u0000', '{"json":1}',
    ];
    for (const text of texts) {
      const made = await api.data.createMessage({ conversationId, role: 'user', content: text, reasoning: `${text}.` });
      assert.equal(made.content, text);
      assert.equal((await api.data.updateConversation({ id: conversationId, name: text.slice(0, 500) })).name, text.slice(0, 500));
    }
    const read = await api.data.getConversationMessages(conversationId);
    assert.deepEqual(read.slice(1).map(({ content }) => content), texts);
    assert.deepEqual(read.slice(1).map(({ reasoning }) => reasoning), texts.map((text) => `${text}.`));
  });

  it('joins the halves of a character that came in two pieces', async () => {
    const { messageId: id } = await ask('');
    await api.data.updateMessage({ id, append: '\ud83d' });
    assert.equal((await api.data.updateMessage({ id, append: '\ude00' })).content, '😀');
  });

  it('tells of every change, after it can be read', async () => {
    const seen: string[] = [];
    const note = (topic: string) => (event: ConversationsChangeEvent | MessagesChangeEvent) =>
      seen.push(`${topic} ${event.kind} ${event.origin} ${event.ids.length}`);
    owned.push(api.onDidChangeConversations(note('conversation')), api.onDidChangeMessages(note('message')));
    owned.push(api.onDidChangeModels(({ ids }) => seen.push(`model ${ids.join()}`)));
    const { conversationId, messageId } = await ask();
    await api.data.updateMessage({ id: messageId, append: '!' });
    await api.data.storeModel(model);
    await api.data.deleteConversation(conversationId);
    await eventually(() => seen.length >= 6);
    assert.deepEqual(seen, [
      'conversation created local 1',
      'conversation updated local 1',
      'message created local 1',
      'message updated local 1',
      `model ${model.id}`,
      'conversation deleted local 1',
    ]);
  });

  it('refuses calls after it was disposed, and lets go of everything', async () => {
    await ask();
    owned.pop()!.dispose();
    await rejects(api.data.getConversations(), 'no-provider');
  });
});
