import assert from 'node:assert/strict';
import { JanError } from '../../../../src/common/errors';
import { maxAttachments } from '../../../../src/protocol/chatProtocol';
import type { FoundFile } from '../../../../src/ui/chat/composer/attachable';
import { ChatPage, eventually } from './chatPage';
import { FakeJan } from './fakeJan';

const file = (name: string, text: string): FoundFile => ({ name, bytes: new TextEncoder().encode(text) });
const names = (page: ChatPage): string[] => page.state.attachments.map(({ name }) => name);

describe('The box of the next message', () => {
  let jan: FakeJan;
  let page: ChatPage;

  beforeEach(async () => {
    jan = new FakeJan();
    jan.engine = { status: 'running', models: [{ modelId: 'guide', name: 'Guide', backendId: 'llama.cpp', status: 'ready' }], activeRequests: 0 };
    page = await new ChatPage(jan).show();
  });
  afterEach(() => page.controller.dispose());

  it('takes files, shows them, and sends them with the message, once', async () => {
    page.chosenFiles = [file('src/a.ts', 'let a;'), file('b.md', '# B')];
    page.say({ type: 'attach', conversationId: null });
    await page.until((state) => state.attachments.length === 2);
    page.send('What is this?');
    const state = await page.until((one) => !one.answering && one.messages.length === 2);
    assert.deepEqual(state.messages[0]!.attachments.map(({ name, kind }) => [name, kind]), [['src/a.ts', 'text'], ['b.md', 'text']]);
    assert.deepEqual(state.attachments, []);
    assert.equal(jan.requests[0]!.messages.at(-1)!.content, 'File: src/a.ts\n```ts\nlet a;\n```\n\nFile: b.md\n```md\n# B\n```\n\nWhat is this?');

    page.send('And now?');
    await page.until((one) => !one.answering && one.messages.length === 4);
    assert.equal(jan.messagesOf(state.conversationId!).filter((one) => (one.attachments ?? []).length > 0).length, 1);
  });

  it('sends files without a word, and names the conversation after the first', async () => {
    await page.controller.attachFiles(async () => [file('src/a.ts', 'let a;')]);
    page.send('');
    const state = await page.until((one) => !one.answering && one.messages.length === 2);
    assert.equal(state.messages[0]!.content, '');
    assert.equal(jan.conversations.get(state.conversationId!)!.name, 'src/a.ts');
  });

  it('keeps text and files when sending fails', async () => {
    await page.controller.attachFiles(async () => [file('a.ts', 'let a;')]);
    jan.beforeCall = (name) => {
      if (name === 'createMessage') {
        throw new JanError('disk-full', 'The disk is full.');
      }
    };
    page.send('What is this?');
    const state = await page.until((one) => one.notice?.code === 'disk-full');
    assert.equal(state.draft.text, 'What is this?');
    assert.deepEqual(names(page), ['a.ts']);
  });

  it('keeps them across a reload, per conversation', async () => {
    const other = jan.addConversation();
    await page.controller.attachFiles(async () => [file('new.ts', 'let a;')]);
    page.say({ type: 'openConversation', id: other.id });
    await page.until((state) => state.conversationId === other.id && state.attachments.length === 0);
    await page.controller.attachFiles(async () => [file('old.ts', 'let b;')]);
    page.controller.dispose();
    page = await new ChatPage(jan, page.memory).show();
    assert.deepEqual(names(page), ['old.ts']);
    page.say({ type: 'newConversation' });
    await page.until((state) => state.attachments[0]?.name === 'new.ts');
  });

  it('removes one, opens one, and takes the same one only once', async () => {
    await page.controller.attachFiles(async () => [file('a', '1'), file('b', '2'), file('a', '1')]);
    await page.until((state) => state.attachments.length === 2);
    page.say({ type: 'openAttachment', messageId: null, index: 1 });
    await eventually(() => page.asked.some(([what, name]) => what === 'openAttachment' && name === 'b'));
    page.say({ type: 'removeAttachment', conversationId: null, index: 0 });
    await page.until((state) => state.attachments.length === 1);
    assert.deepEqual(names(page), ['b']);
  });

  it('takes those of several that it can, and says what is wrong with the first other', async () => {
    page.say({ type: 'attachFiles', conversationId: null, files: [{ name: 'no.bin', bytes: new Uint8Array([0, 1]) }, { name: 'yes.txt', bytes: new Uint8Array([65]) }] });
    const state = await page.until((one) => one.notice !== null && one.attachments.length === 1);
    assert.match(state.notice!.message, /^no\.bin was not attached/);
    assert.deepEqual(names(page), ['yes.txt']);
  });

  it('takes no more than a message can have', async () => {
    await page.controller.attachFiles(async () => Array.from({ length: maxAttachments + 1 }, (_, index) => file(`${index}`, `${index}`)));
    const state = await page.until((one) => one.notice !== null);
    assert.match(state.notice!.message, new RegExp(`up to ${maxAttachments} files`));
    assert.equal(state.attachments.length, maxAttachments);
  });

  it('keeps the files of a question that is asked in other words', async () => {
    await page.controller.attachFiles(async () => [file('a.ts', 'let a;')]);
    page.send('What?');
    const { messages } = await page.until((state) => !state.answering && state.messages.length === 2);
    page.say({ type: 'edit', messageId: messages[0]!.id, text: 'What is it?' });
    const state = await page.until((one) => !one.answering && one.messages[0]?.content === 'What is it?' && one.messages.length === 2);
    assert.deepEqual(state.messages[0]!.attachments.map(({ name }) => name), ['a.ts']);
  });

  describe('its length in tokens', () => {
    it('is counted with what goes before it and what is attached, by a model that is loaded', async () => {
      page.say({ type: 'draft', conversationId: null, text: 'one two three' });
      await page.until((state) => state.tokens?.count === 3);
      assert.equal(page.state.tokens!.limit, 10);
      await page.controller.attachFiles(async () => [file('a', 'four five')]);
      await page.until((state) => (state.tokens?.count ?? 0) > 5);
      assert.equal(jan.counted.at(-1)!.messages.length, 1);
      page.say({ type: 'draft', conversationId: null, text: '' });
      page.say({ type: 'removeAttachment', conversationId: null, index: 0 });
      await page.until((state) => state.tokens === null);
    });

    it('is told apart from what may be left out where both together are too long', async () => {
      page.send('one two three four five six');
      await page.until((state) => !state.answering && state.messages.length === 2);
      page.say({ type: 'draft', conversationId: page.state.conversationId, text: 'seven eight' });
      await page.until((state) => state.tokens?.count === 9 && state.tokens.newest === null);
      page.say({ type: 'draft', conversationId: page.state.conversationId, text: 'seven eight nine ten' });
      await page.until((state) => state.tokens?.count === 11 && state.tokens.newest === 4);
      page.say({ type: 'draft', conversationId: page.state.conversationId, text: '1 2 3 4 5 6 7 8 9 10 11' });
      await page.until((state) => state.tokens?.count === 18 && state.tokens.newest === 11);
      page.send('1 2 3 4 5 6 7 8 9 10 11');
      await page.until((state) => !state.answering && state.messages.length === 4 && (state.tokens?.count ?? 0) > 18 && state.tokens?.newest === null);
    });

    it('is not asked of a model that would have to be loaded for it', async () => {
      jan.setEngine({ status: 'stopped', models: [], activeRequests: 0 });
      await page.until((state) => state.model.state === 'idle');
      page.say({ type: 'draft', conversationId: null, text: 'one two three' });
      await new Promise((resolve) => setTimeout(resolve, 30));
      assert.deepEqual(jan.counted, []);
      assert.equal(page.state.tokens, null);
    });

    it('is that of the conversation once a message is sent', async () => {
      page.send('one two');
      await page.until((state) => !state.answering && state.messages.length === 2 && state.tokens?.count === 3);
    });

    it('is not known when the model cannot count, and nothing is said about it', async () => {
      jan.beforeCall = (name) => {
        if (name === 'countTokens') {
          throw new JanError('unsupported', 'This model cannot count.');
        }
      };
      page.say({ type: 'draft', conversationId: null, text: 'one two three' });
      await new Promise((resolve) => setTimeout(resolve, 30));
      assert.equal(page.state.tokens, null);
      assert.equal(page.state.notice, null);
    });
  });
});
