import assert from 'node:assert/strict';
import { JanError } from '../../../../src/common/errors';
import type { ChatState } from '../../../../src/protocol/chatProtocol';
import { ChatPage, eventually } from './chatPage';
import { FakeJan, guideModel, Pen } from './fakeJan';

const texts = (state: ChatState): string[] => state.messages.map((message) => message.content);
const lastOf = (state: ChatState): ChatState['messages'][number] => state.messages.at(-1)!;
const isDone = (state: ChatState): boolean => !state.answering && state.messages.length > 0;

describe('ChatController', () => {
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

  it('begins with an empty conversation that does not exist yet, and the starter model named as such', () => {
    assert.equal(page.state.conversationId, null);
    assert.deepEqual(page.state.messages, []);
    assert.equal(jan.conversations.size, 0);
    assert.deepEqual(
      { id: page.state.model.id, starter: page.state.model.starter, remote: page.state.model.remote },
      { id: 'guide', starter: true, remote: false },
    );
  });

  it('creates the conversation with the first message, names it, streams the answer and stores it', async () => {
    page.send('What is Jan, and why would anybody want to use it instead of something else?');
    await page.until((state) => state.answering && state.messages.length === 2);
    pen.write({ text: 'Jan ', modelId: 'guide' });
    await page.until((state) => lastOf(state).content === 'Jan ');
    const id = page.state.conversationId!;
    await eventually(() => jan.messagesOf(id).at(-1)?.content === 'Jan ');
    assert.equal(jan.messagesOf(id).at(-1)!.status, 'streaming');

    pen.write({ text: 'runs models.' });
    pen.write({ finishReason: 'stop', usage: { promptTokens: 9, completionTokens: 4 }, timings: { tokensPerSecond: 40 } });
    pen.end();
    const state = await page.until(isDone);
    assert.equal(lastOf(state).content, 'Jan runs models.');
    assert.equal(lastOf(state).status, 'complete');
    assert.equal(lastOf(state).modelName, 'Jan guide');
    assert.equal(lastOf(state).stats?.tokensPerSecond, 40);

    const [question, answer] = jan.messagesOf(id);
    assert.equal(question!.role, 'user');
    assert.equal(answer!.parentId, question!.id);
    assert.equal(answer!.content, 'Jan runs models.');
    assert.equal(answer!.status, 'complete');
    assert.deepEqual(answer!.usage, { promptTokens: 9, completionTokens: 4 });
    assert.equal(jan.conversations.get(id)!.name, 'What is Jan, and why would anybody want to use it…');
    assert.deepEqual(jan.requests[0]!.messages.map((one) => one.role), ['user']);
  });

  it('asks the model that was chosen also before it is known which there are', async () => {
    page.controller.dispose();
    jan = new FakeJan();
    jan.answer = pen.script;
    // A backend that takes its time holds up the list.
    Object.defineProperty(jan, 'models', { get: () => new Promise(() => undefined) });
    page = new ChatPage(jan, new Map([['jan.chat.model', 'other']]));
    void page.show();
    await page.until((state) => !state.loading);
    page.send('Hello');
    await eventually(() => jan.requests.length === 1);
    assert.equal(jan.requests[0]!.modelId, 'other');
    assert.deepEqual([...jan.conversations.values()].map(({ modelId }) => modelId), ['other']);
  });

  it('sends deltas while text arrives, never the whole state again', async () => {
    page.send('Tell me.');
    await page.until((state) => state.answering && state.messages.length === 2);
    const before = page.received.length;
    for (let i = 0; i < 20; i++) {
      pen.write({ text: `${i} ` });
      await page.until((state) => lastOf(state).content.endsWith(`${i} `));
    }
    const since = page.received.slice(before);
    assert.ok(since.every((message) => message.type === 'delta'), JSON.stringify(since.map((one) => one.type)));
    pen.end();
    await page.until(isDone);
  });

  it('asks for the state again when a delta was lost', async () => {
    page.send('Tell me.');
    await page.until((state) => state.answering && state.messages.length === 2);
    pen.write({ text: 'one ' });
    await page.until((state) => lastOf(state).content === 'one ');
    page.losesNextDelta = true;
    pen.write({ text: 'two ' });
    await eventually(() => !page.losesNextDelta);
    pen.write({ text: 'three' });
    await page.until((state) => lastOf(state).content === 'one two three');
  });

  it('stops at once, even when the model does not listen, and keeps the text', async () => {
    page.send('Tell me.');
    await page.until((state) => state.answering && state.messages.length === 2);
    pen.write({ text: 'Half an ans' });
    await page.until((state) => lastOf(state).content === 'Half an ans');
    assert.deepEqual(page.asked.filter(([name]) => name === 'answering').at(-1), ['answering', true]);
    page.say({ type: 'stop' });
    const state = await page.until(isDone);
    assert.equal(lastOf(state).status, 'stopped');
    assert.equal(lastOf(state).content, 'Half an ans');
    const stored = jan.messages.get(lastOf(state).id)!;
    assert.equal(stored.status, 'stopped');
    assert.equal(stored.content, 'Half an ans');
    assert.deepEqual(page.asked.filter(([name]) => name === 'answering').at(-1), ['answering', false]);
  });

  it('does not call an answer stopped, nor whole, whose model was unloaded elsewhere', async () => {
    page.send('Tell me.');
    await page.until((state) => state.answering && state.messages.length === 2);
    pen.write({ text: 'Half an ans' }, { finishReason: 'cancelled' });
    pen.end();
    const state = await page.until(isDone);
    const { status, content, error } = lastOf(state);
    assert.deepEqual([status, content, error?.code], ['failed', 'Half an ans', 'cancelled']);
    assert.match(error!.message, /unloaded/);
    assert.ok(error!.actions.includes('retry'));
  });

  it('keeps the text of an answer that fails, says why, and offers to try again', async () => {
    page.send('Tell me.');
    await page.until((state) => state.answering && state.messages.length === 2);
    pen.write({ text: 'Half' });
    await page.until((state) => lastOf(state).content === 'Half');
    pen.fail(new JanError('engine-crashed', 'The engine ended. Send again to start it anew.'));
    const failed = lastOf(await page.until(isDone));
    assert.equal(failed.status, 'failed');
    assert.equal(failed.content, 'Half');
    assert.equal(failed.error?.code, 'engine-crashed');
    assert.equal(failed.error?.message, 'The engine ended. Send again to start it anew.');
    assert.equal(failed.error?.actions[0], 'retry');
    assert.equal(jan.messages.get(failed.id)!.content, 'Half');
    assert.equal(jan.messages.get(failed.id)!.error?.code, 'engine-crashed');

    jan.answer = async function* () {
      yield { text: 'Whole.', finishReason: 'stop' };
    };
    page.say({ type: 'action', action: 'retry', messageId: failed.id });
    const again = lastOf(await page.until((state) => isDone(state) && lastOf(state).id !== failed.id));
    assert.equal(again.content, 'Whole.');
    assert.deepEqual(again.branch && { index: again.branch.index, count: again.branch.count }, { index: 2, count: 2 });
    assert.equal(jan.messages.get(failed.id)!.content, 'Half');
  });

  it('loads a model that has ended the engine before only when the user says so', async () => {
    pen.fail(new JanError('model-crashed', '“Guide” is not loaded: the engine crashed before.'));
    page.send('Hello?');
    const failed = lastOf(await page.until((state) => lastOf(state)?.status === 'failed'));
    assert.deepEqual(failed.error?.actions, ['pickModel', 'tryAnyway', 'showLog']);
    assert.deepEqual(jan.loads, []);
    jan.answer = async function* () {
      yield { text: 'Back.', finishReason: 'stop' };
    };
    page.say({ type: 'action', action: 'tryAnyway', messageId: failed.id });
    await page.until((state) => lastOf(state).content === 'Back.' && !state.answering);
    assert.deepEqual(jan.loads, [['guide', { retryCrashed: true }]]);
  });

  it('offers a download when there is no model, through the one command for it', async () => {
    jan.answer = async function* () {
      yield* [];
      throw new JanError('no-model', 'There is no model.');
    };
    page.send('Hello');
    const failed = lastOf(await page.until(isDone));
    assert.deepEqual(failed.error?.actions, ['downloadModel', 'addModelFile', 'retry']);
    page.say({ type: 'action', action: 'downloadModel', messageId: failed.id });
    await eventually(() => page.asked.some(([name]) => name === 'command'));
    assert.deepEqual(page.asked.find(([name]) => name === 'command'), ['command', 'jan.downloadModel']);
  });

  it('goes on while the view is hidden, and shows all of it when it is back', async () => {
    page.send('Tell me.');
    await page.until((state) => state.answering && state.messages.length === 2);
    const id = page.state.conversationId!;
    pen.write({ text: 'Before. ' });
    await page.until((state) => lastOf(state).content === 'Before. ');
    page.hide();
    const heard = page.received.length;
    pen.write({ text: 'Hidden. ' });
    await eventually(() => jan.messagesOf(id).at(-1)!.content === 'Before. Hidden. ');
    assert.equal(page.received.length, heard);

    await page.show();
    assert.equal(lastOf(page.state).content, 'Before. Hidden. ');
    assert.equal(page.state.answering, true);
    pen.write({ text: 'After.', finishReason: 'stop' });
    pen.end();
    assert.equal(lastOf(await page.until(isDone)).content, 'Before. Hidden. After.');
  });

  it('ends and stores an answer that nobody looks at', async () => {
    page.send('Tell me.');
    await page.until((state) => state.answering && state.messages.length === 2);
    const { id } = lastOf(page.state);
    page.hide();
    pen.write({ text: 'Done.', finishReason: 'stop' });
    pen.end();
    await eventually(() => jan.messages.get(id)!.status === 'complete');
    await page.show();
    assert.equal(lastOf(page.state).content, 'Done.');
    assert.equal(page.state.answering, false);
  });

  it('opens the conversation that was open, in a new window as well', async () => {
    page.send('Remember me');
    await page.until((state) => state.answering && state.messages.length === 2);
    pen.write({ text: 'Yes.', finishReason: 'stop' });
    pen.end();
    await page.until(isDone);
    const other = await new ChatPage(jan, page.memory).show();
    assert.deepEqual(texts(other.state), ['Remember me', 'Yes.']);
    other.controller.dispose();
  });

  it('answers several conversations at once', async () => {
    const pens = [new Pen(), new Pen()];
    let asked = 0;
    jan.answer = (request, signal) => pens[asked++]!.script(request, signal);
    page.send('First');
    await page.until((state) => state.answering && state.messages.length === 2);
    const first = page.state.conversationId!;
    page.say({ type: 'newConversation' });
    await page.until((state) => state.conversationId === null);
    page.send('Second');
    await page.until((state) => state.answering && state.messages[0]?.content === 'Second' && state.messages.length === 2);
    const second = page.state.conversationId!;
    assert.deepEqual(page.state.conversations.filter((one) => one.answering).map((one) => one.id).sort(), [first, second].sort());
    pens[0]!.write({ text: 'one', finishReason: 'stop' });
    pens[0]!.end();
    pens[1]!.write({ text: 'two' });
    await page.until((state) => lastOf(state).content === 'two' && !state.conversations.find((one) => one.id === first)!.answering);
    page.say({ type: 'openConversation', id: first });
    await page.until((state) => state.conversationId === first && texts(state).join() === 'First,one');
    assert.equal(page.state.answering, false);
    pens[1]!.end();
    await page.until((state) => state.conversations.every((one) => !one.answering));
  });

  it('answers again beside the old answer, and switches between them', async () => {
    jan.answer = async function* () {
      yield { text: `Answer ${jan.requests.length}`, finishReason: 'stop' };
    };
    page.send('Question');
    await page.until((state) => isDone(state) && lastOf(state).content === 'Answer 1');
    const first = lastOf(page.state).id;
    page.say({ type: 'regenerate', messageId: first });
    await page.until((state) => isDone(state) && lastOf(state).content === 'Answer 2');
    const second = lastOf(page.state);
    assert.deepEqual(second.branch, { index: 2, count: 2, previousId: first, nextId: null });
    assert.deepEqual(jan.requests[1]!.messages, [{ role: 'user', content: 'Question' }]);
    assert.equal(jan.messages.get(first)!.content, 'Answer 1');

    page.send('More');
    await page.until((state) => isDone(state) && lastOf(state).content === 'Answer 3');
    page.say({ type: 'switchBranch', messageId: first });
    await page.until((state) => texts(state).join() === 'Question,Answer 1');
    page.say({ type: 'switchBranch', messageId: second.id });
    await page.until((state) => texts(state).join() === 'Question,Answer 2,More,Answer 3');
    assert.equal(jan.conversations.get(page.state.conversationId!)!.activeMessageId, lastOf(page.state).id);
  });

  it('edits a question beside the old one', async () => {
    jan.answer = async function* () {
      yield { text: `Answer ${jan.requests.length}`, finishReason: 'stop' };
    };
    page.send('Qestion');
    await page.until((state) => isDone(state) && state.messages.length === 2);
    const old = page.state.messages[0]!;
    page.say({ type: 'edit', messageId: old.id, text: 'Question' });
    await page.until((state) => isDone(state) && texts(state).join() === 'Question,Answer 2');
    assert.deepEqual(page.state.messages[0]!.branch, { index: 2, count: 2, previousId: old.id, nextId: null });
    assert.equal(jan.messages.get(old.id)!.content, 'Qestion');
  });

  it('shows what another window writes', async () => {
    const conversation = jan.addConversation({ name: 'Shared' });
    jan.addMessage({ conversationId: conversation.id, role: 'user', content: 'Hi' });
    page.say({ type: 'openConversation', id: conversation.id });
    await page.until((state) => texts(state).join() === 'Hi');
    let answerId = '';
    jan.writeRemotely(() => {
      answerId = jan.addMessage({ conversationId: conversation.id, role: 'assistant', content: 'Hel', status: 'streaming' }).id;
      return { conversationId: conversation.id, ids: [answerId] };
    });
    const remote = lastOf(await page.until((state) => texts(state).join() === 'Hi,Hel'));
    assert.equal(remote.elsewhere, true);
    assert.equal(page.state.answering, false);
    jan.writeRemotely(() => {
      jan.messages.set(answerId, { ...jan.messages.get(answerId)!, content: 'Hello', status: 'complete' });
      return { conversationId: conversation.id, ids: [answerId] };
    });
    await page.until((state) => lastOf(state).content === 'Hello' && !lastOf(state).elsewhere);
  });

  it('stays on its own answer when another window answers the same question', async () => {
    page.send('Both ask');
    await page.until((state) => state.answering && state.messages.length === 2);
    const conversationId = page.state.conversationId!;
    const mine = lastOf(page.state).id;
    jan.writeRemotely(() => ({
      conversationId,
      ids: [jan.addMessage({ conversationId, role: 'assistant', content: 'Theirs', parentId: page.state.messages[0]!.id }).id],
    }));
    await page.until((state) => lastOf(state).branch?.count === 2);
    assert.equal(lastOf(page.state).id, mine);
    pen.write({ text: 'Mine', finishReason: 'stop' });
    pen.end();
    await page.until((state) => isDone(state) && lastOf(state).content === 'Mine');
  });

  it('leaves a conversation that another window deletes', async () => {
    const conversation = jan.addConversation();
    page.say({ type: 'openConversation', id: conversation.id });
    await page.until((state) => state.conversationId === conversation.id && !state.loading);
    jan.deleteRemotely(conversation.id);
    await page.until((state) => state.conversationId === null && state.conversations.length === 0);
    assert.equal(page.state.notice, null);
  });

  it('keeps an unsent text per conversation, over a reload of the page and of the window', async () => {
    const conversation = jan.addConversation();
    page.say({ type: 'draft', conversationId: null, text: 'for a new one' });
    page.say({ type: 'openConversation', id: conversation.id });
    await page.until((state) => state.conversationId === conversation.id && state.draft.text === '');
    page.say({ type: 'draft', conversationId: conversation.id, text: 'for the old one' });
    page.say({ type: 'newConversation' });
    await page.until((state) => state.conversationId === null && state.draft.text === 'for a new one');
    page.hide();
    await page.show();
    assert.equal(page.state.draft.text, 'for a new one');
    page.controller.dispose();

    const other = await new ChatPage(jan, page.memory).show();
    assert.equal(other.state.draft.text, 'for a new one');
    other.say({ type: 'openConversation', id: conversation.id });
    await other.until((state) => state.draft.text === 'for the old one');
    other.controller.dispose();
  });

  it('does not touch the box while its own draft comes back', async () => {
    const { revision } = page.state.draft;
    page.say({ type: 'draft', conversationId: null, text: 'typing' });
    page.say({ type: 'resync' });
    await eventually(() => page.received.at(-1)?.type === 'state');
    assert.equal(page.state.draft.revision, revision);
  });

  it('uses the model that was picked, for this conversation and new ones', async () => {
    jan.models = [guideModel, { ...guideModel, id: 'cloud', name: 'Cloud', remote: true }];
    await page.show();
    page.pickedModel = 'cloud';
    page.say({ type: 'pickModel' });
    await page.until((state) => state.model.id === 'cloud' && state.model.remote && !state.model.starter);
    page.send('Hello');
    await page.until((state) => state.answering && state.messages.length === 2);
    await eventually(() => jan.requests.length === 1);
    assert.equal(jan.requests[0]!.modelId, 'cloud');
    assert.equal(jan.conversations.get(page.state.conversationId!)!.modelId, 'cloud');
    pen.end();
    await page.until(isDone);
  });

  it('shows how far the model is loaded', async () => {
    const loading = { modelId: 'guide', name: 'Jan guide', backendId: 'llama.cpp', status: 'loading', progress: 0.5 } as const;
    jan.setEngine({ status: 'running', models: [loading], activeRequests: 0 });
    await page.until((state) => state.model.state === 'loading' && state.model.progress === 0.5);
    jan.models = [{ ...guideModel, loaded: true }];
    jan.setEngine({ status: 'running', models: [{ ...loading, status: 'ready' }], activeRequests: 0 });
    await page.until((state) => state.model.state === 'ready');
  });

  it('sends at most the last 200 messages of a long thread', async () => {
    const conversation = jan.addConversation();
    for (let i = 0; i < 450; i++) {
      jan.addMessage({ conversationId: conversation.id, role: i % 2 === 0 ? 'user' : 'assistant', content: String(i) });
    }
    page.say({ type: 'openConversation', id: conversation.id });
    await page.until((state) => state.messages.length === 200 && state.earlier === 250);
    assert.equal(lastOf(page.state).content, '449');
    page.say({ type: 'showEarlier' });
    await page.until((state) => state.messages.length === 400 && state.earlier === 50);
  });

  it('opens http and https only', async () => {
    for (const url of ['javascript:alert(1)', 'command:workbench.action.quit', 'file:///etc/passwd', 'vscode://x', 'data:text/html,x', 'nonsense']) {
      page.say({ type: 'dismissNotice' });
      await page.until((state) => state.notice === null);
      page.say({ type: 'openLink', url });
      assert.equal((await page.until((state) => state.notice !== null)).notice?.code, 'denied', url);
    }
    page.say({ type: 'openLink', url: 'https://jan.ai/docs?a=1#b' });
    await eventually(() => page.asked.some(([name]) => name === 'open'));
    assert.deepEqual(page.asked.filter(([name]) => name === 'open'), [['open', 'https://jan.ai/docs?a=1#b']]);
  });

  it('says what to do when there is no editor to insert into', async () => {
    page.hasEditor = false;
    page.say({ type: 'insert', text: 'x' });
    assert.match((await page.until((state) => state.notice !== null)).notice!.message, /put the cursor/);
  });

  it('does not send twice', async () => {
    page.say({ type: 'send', conversationId: null, text: 'once' });
    page.say({ type: 'send', conversationId: null, text: 'twice' });
    await page.until((state) => state.draft.text === 'twice');
    await page.until((state) => state.answering && state.messages.length === 2);
    pen.write({ text: 'ok', finishReason: 'stop' });
    pen.end();
    await page.until(isDone);
    assert.equal(jan.conversations.size, 1);
    assert.deepEqual(jan.messagesOf([...jan.conversations.keys()][0]!).map((one) => one.content), ['once', 'ok']);
  });

  it('loads nothing before it is looked at', async () => {
    const calls: string[] = [];
    jan.beforeCall = (name) => calls.push(name);
    const unseen = new ChatPage(jan);
    jan.writeRemotely(() => ({ conversationId: jan.addConversation().id, ids: [] }));
    await new Promise((resolve) => setImmediate(resolve));
    unseen.controller.dispose();
    page.hide();
    assert.deepEqual(calls, []);
  });
});
