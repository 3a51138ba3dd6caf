import assert from 'node:assert/strict';
import { JanError } from '../../../../src/common/errors';
import type { ChatState } from '../../../../src/protocol/chatProtocol';
import { ChatPage, eventually } from './chatPage';
import { FakeJan, Pen } from './fakeJan';

const lastOf = (state: ChatState): ChatState['messages'][number] => state.messages.at(-1)!;
const isDone = (state: ChatState): boolean => !state.answering && state.messages.length > 0;

describe('ChatController and the store', () => {
  let jan: FakeJan;
  let page: ChatPage;
  let pen: Pen;

  beforeEach(async () => {
    jan = new FakeJan();
    pen = new Pen();
    jan.answer = pen.script;
    page = await new ChatPage(jan).show();
  });

  afterEach(() => page.controller.dispose());

  it('gives the text back when it could not be stored', async () => {
    jan.beforeCall = (name) => {
      if (name === 'createMessage') {
        throw new JanError('disk-full', 'The disk is full. Free some space.');
      }
    };
    page.send('Precious');
    const state = await page.until((one) => one.notice !== null);
    assert.equal(state.notice?.code, 'disk-full');
    await page.until((one) => one.draft.text === 'Precious');
    assert.equal(jan.messages.size, 0);
  });

  it('keeps the answer in sight and says so when it could not be stored', async () => {
    page.send('Tell me.');
    await page.until((state) => state.answering && state.messages.length === 2);
    jan.beforeCall = (name) => {
      if (name === 'updateMessage') {
        throw new JanError('disk-full', 'The disk is full.');
      }
    };
    pen.write({ text: 'Not stored', finishReason: 'stop' });
    pen.end();
    const state = await page.until((one) => isDone(one) && one.notice !== null);
    assert.equal(lastOf(state).content, 'Not stored');
    assert.match(state.notice!.message, /could not be saved: The disk is full\./);
  });

  it('writes the whole text at the end when a part of it could not be written', async () => {
    page.send('Tell me.');
    await page.until((state) => state.answering && state.messages.length === 2);
    let failures = 0;
    jan.beforeCall = (name) => {
      if (name === 'updateMessage' && failures === 0) {
        failures += 1;
        throw new JanError('store-unavailable', 'Not now.');
      }
    };
    pen.write({ text: 'First part, ' });
    await eventually(() => failures === 1);
    pen.write({ text: 'second part.', finishReason: 'stop' });
    pen.end();
    const state = await page.until(isDone);
    assert.equal(jan.messages.get(lastOf(state).id)!.content, 'First part, second part.');
    assert.equal(state.notice, null);
  });

  it('deletes at once and brings back with a click, as long as that is offered', async () => {
    const conversation = jan.addConversation({ name: 'Old one' });
    await page.show();
    page.say({ type: 'openConversation', id: conversation.id });
    await page.until((state) => state.conversationId === conversation.id && state.conversations.length === 1);
    page.say({ type: 'deleteConversations', ids: [conversation.id] });
    await page.until((state) => state.undo?.name === 'Old one' && state.conversations.length === 0);
    assert.equal(page.state.conversationId, null);
    assert.ok(!jan.conversations.has(conversation.id));
    page.say({ type: 'undoDelete' });
    await page.until((state) => state.conversations.length === 1 && state.conversationId === conversation.id);
    assert.equal(page.state.undo, null);

    page.say({ type: 'deleteConversations', ids: [conversation.id] });
    await page.until((state) => state.undo !== null);
    await page.until((state) => state.undo === null);
    assert.ok(!jan.conversations.has(conversation.id));
  });

  it('lists a conversation again that could not be deleted, and says why', async () => {
    const conversation = jan.addConversation({ name: 'Stays' });
    await page.show();
    await page.until((state) => state.conversations.length === 1);
    jan.beforeCall = (name) => {
      if (name === 'deleteConversations') {
        throw new JanError('store-read-only', 'The store is read-only.');
      }
    };
    page.say({ type: 'deleteConversations', ids: [conversation.id] });
    const state = await page.until((one) => one.notice !== null && one.conversations.length === 1);
    assert.equal(state.undo, null);
  });

  it('says how many messages were left out of the context, also when the answer has ended', async () => {
    page.send('Go on.');
    await page.until((state) => state.answering);
    pen.write({ droppedMessages: 3 }, { text: 'Yes.', finishReason: 'stop' });
    pen.end();
    const state = await page.until(isDone);
    assert.equal(lastOf(state).dropped, 3);
  });

  it('says what cut an answer off, also when it has ended', async () => {
    for (const [contextFull, cut] of [[undefined, 'length'], [true, 'context']] as const) {
      const before = page.state.messages.length;
      jan.answer = (pen = new Pen()).script;
      page.send('Go on.');
      await page.until((state) => state.answering && state.messages.length === before + 2);
      pen.write({ text: 'And then', finishReason: 'length', contextFull });
      pen.end();
      assert.equal(lastOf(await page.until(isDone)).cut, cut);
    }
  });

  it('marks an answer as interrupted when the window closes', async () => {
    page.send('Tell me.');
    await page.until((state) => state.answering && state.messages.length === 2);
    pen.write({ text: 'Half' });
    await page.until((state) => lastOf(state).content === 'Half');
    const { id } = lastOf(page.state);
    page.controller.dispose();
    await eventually(() => jan.messages.get(id)!.status === 'interrupted');
    assert.equal(jan.messages.get(id)!.content, 'Half');
  });
});
