import assert from 'node:assert/strict';
import type { JanApi, Model } from '../../src/api/jan';
import { apiOfCompanion, eventually, rejects } from './support';

const unknownId = '01930000-0000-7000-8000-000000000000';

describe('Data service, through the companion', () => {
  let api: JanApi;
  before(async () => {
    api = await apiOfCompanion();
  });

  describe('CREATE_CONVERSATION, GET_CONVERSATIONS', () => {
    it('creates, announces and lists the newest first', async () => {
      const announced = eventually(api.onDidChangeConversations, 'the event', (event) => event.kind === 'created');
      const first = await api.data.createConversation({ name: 'First' });
      assert.ok((await announced).ids.includes(first.id));
      const second = await api.invoke(api.DataService.CREATE_CONVERSATION, { name: 'Second 漢字 🙂', modelId: 'jan-guide' });
      const list = await api.invoke(api.DataService.GET_CONVERSATIONS);
      assert.deepEqual(list.slice(0, 2).map(({ id }) => id), [second.id, first.id]);
      assert.equal(list[0]?.name, 'Second 漢字 🙂');
      assert.equal(list[0]?.modelId, 'jan-guide');
    });

    it('pages without gap or repeat', async () => {
      for (let i = 0; i < 5; i++) {
        await api.data.createConversation({ name: `Page ${i}` });
      }
      const all = await api.data.getConversations({ limit: 500 });
      const paged: string[] = [];
      for (let page = await api.data.getConversations({ limit: 2 }); page.length > 0; ) {
        paged.push(...page.map(({ id }) => id));
        page = await api.data.getConversations({ limit: 2, after: page.at(-1)! });
      }
      assert.deepEqual(paged, all.map(({ id }) => id));
    });

    it('rejects wrong input', async () => {
      await rejects(api.data.getConversations({ limit: 0 }), 'invalid-argument', api);
      await rejects(api.data.getConversations({ limit: 'all' } as never), 'invalid-argument', api);
      await rejects(api.data.createConversation({ name: 7 } as never), 'invalid-argument', api);
      await rejects(api.data.createConversation({ name: 'x'.repeat(501) }), 'invalid-argument', api);
    });
  });

  describe('CREATE_MESSAGE, UPDATE_MESSAGE, GET_CONVERSATION_MESSAGES', () => {
    it('keeps a conversation in order, with what a stream appends', async () => {
      const { id: conversationId } = await api.data.createConversation();
      const question = await api.data.createMessage({ conversationId, role: 'user', content: "'; DROP TABLE messages; --" });
      const answer = await api.data.createMessage({ conversationId, role: 'assistant', content: '', status: 'streaming' });
      await api.data.updateMessage({ id: answer.id, append: 'Hello' });
      await api.data.updateMessage({ id: answer.id, append: ', world' });
      const done = await api.invoke(api.DataService.UPDATE_MESSAGE, {
        id: answer.id,
        status: 'complete',
        usage: { promptTokens: 3, completionTokens: 2 },
      });
      assert.equal(done.content, 'Hello, world');
      const messages = await api.data.getConversationMessages(conversationId);
      assert.deepEqual(messages.map(({ id }) => id), [question.id, answer.id]);
      assert.equal(messages[0]?.content, "'; DROP TABLE messages; --");
      assert.equal(messages[1]?.parentId, question.id);
      assert.equal(messages[1]?.status, 'complete');
      assert.deepEqual(messages[1]?.usage, { promptTokens: 3, completionTokens: 2 });
      assert.equal((await api.data.getConversation(conversationId)).activeMessageId, answer.id);
    });

    it('keeps both branches of a regenerated answer', async () => {
      const { id: conversationId } = await api.data.createConversation();
      const question = await api.data.createMessage({ conversationId, role: 'user', content: 'Q' });
      const one = await api.data.createMessage({ conversationId, role: 'assistant', content: 'A1', parentId: question.id });
      const two = await api.data.createMessage({ conversationId, role: 'assistant', content: 'A2', parentId: question.id });
      const active = await api.data.getConversationMessages(conversationId);
      assert.deepEqual(active.map(({ content }) => content), ['Q', 'A2']);
      assert.equal((await api.data.getConversationMessages(conversationId, { branch: 'all' })).length, 3);
      await api.data.updateConversation({ id: conversationId, activeMessageId: one.id });
      const switched = await api.data.getConversationMessages(conversationId);
      assert.deepEqual(switched.map(({ content }) => content), ['Q', 'A1']);
      assert.notEqual(one.id, two.id);
    });

    it('rejects wrong input', async () => {
      const { id: conversationId } = await api.data.createConversation();
      await rejects(api.data.createMessage({ conversationId: unknownId, role: 'user', content: 'x' }), 'conversation-not-found', api);
      await rejects(api.data.createMessage({ conversationId, role: 'user', content: 'x', parentId: unknownId }), 'message-not-found', api);
      await rejects(api.data.createMessage({ conversationId, role: 'robot' as never, content: 'x' }), 'invalid-argument', api);
      await rejects(api.data.updateMessage({ id: unknownId, content: 'x' }), 'message-not-found', api);
      await rejects(api.data.getConversationMessages(unknownId), 'conversation-not-found', api);
      await rejects(api.data.getConversationMessages(7 as never), 'invalid-argument', api);
      const message = await api.data.createMessage({ conversationId, role: 'user', content: 'x' });
      await rejects(api.data.updateMessage({ id: message.id, content: 'a', append: 'b' }), 'invalid-argument', api);
    });
  });

  describe('UPDATE_CONVERSATION, DELETE_CONVERSATION', () => {
    it('renames, then deletes with all messages', async () => {
      const { id } = await api.data.createConversation({ name: 'Old' });
      const message = await api.data.createMessage({ conversationId: id, role: 'user', content: 'x' });
      assert.equal((await api.data.updateConversation({ id, name: 'New' })).name, 'New');
      await api.invoke(api.DataService.DELETE_CONVERSATION, id);
      await rejects(api.data.getConversation(id), 'conversation-not-found', api);
      await rejects(api.data.getConversationMessages(id), 'conversation-not-found', api);
      await rejects(api.data.updateMessage({ id: message.id, content: 'y' }), 'message-not-found', api);
    });

    it('rejects what is not there', async () => {
      await rejects(api.data.deleteConversation(unknownId), 'conversation-not-found', api);
      await rejects(api.data.updateConversation({ id: unknownId, name: 'x' }), 'conversation-not-found', api);
      await rejects(api.data.deleteConversation(undefined as never), 'invalid-argument', api);
    });
  });

  describe('STORE_MODEL to GET_MODEL_BY_ID', () => {
    const id = 'acme/tiny';

    it('follows a download from start to end', async () => {
      const stored = await api.invoke(api.DataService.STORE_MODEL, {
        id, name: 'Tiny', backendId: 'acme', source: 'backend', size: 5, startDownloadAt: 1000,
      });
      assert.equal(stored.finishDownloadAt, -1);
      const unfinished = await api.invoke(api.DataService.GET_UNFINISHED_DOWNLOAD_MODELS);
      assert.ok(hasId(unfinished, id));
      assert.ok(!hasId(await api.data.getFinishedDownloadModels(), id));
      const finished = await api.invoke(api.DataService.UPDATE_FINISHED_DOWNLOAD, id, 2000);
      assert.equal(finished.finishDownloadAt, 2000);
      assert.ok(hasId(await api.invoke(api.DataService.GET_FINISHED_DOWNLOAD_MODELS), id));
      assert.ok(!hasId(await api.data.getUnfinishedDownloadModels(), id));
      assert.equal((await api.invoke(api.DataService.GET_MODEL_BY_ID, id)).name, 'Tiny');
      await api.invoke(api.DataService.DELETE_DOWNLOAD_MODEL, id);
      await rejects(api.data.getModelById(id), 'model-not-found', api);
    });

    it('rejects wrong input', async () => {
      await rejects(api.data.getModelById('no/such'), 'model-not-found', api);
      await rejects(api.data.updateFinishedDownloadAt('no/such'), 'model-not-found', api);
      await rejects(api.data.deleteDownloadModel('no/such'), 'model-not-found', api);
      await rejects(api.data.storeModel({ id: '', name: 'x', backendId: 'b', source: 'file' }), 'invalid-argument', api);
      await rejects(api.data.storeModel({ name: 'x' } as never), 'invalid-argument', api);
    });
  });
});

function hasId(models: readonly Model[], id: string): boolean {
  return models.some((model) => model.id === id);
}
