import assert from 'node:assert/strict';
import type { InferenceModel } from '../../../../src/api/jan';
import { titleFrom } from '../../../../src/ui/chat/conversationTitles';
import { ChatPage } from './chatPage';
import { FakeJan } from './fakeJan';

const real: InferenceModel = { id: 'real', name: 'Real', backendId: 'llama.cpp', loaded: true, remote: false };
const question = 'How can it be that my program prints nothing when I pipe it into another one?';

describe('titles of conversations', () => {
  let jan: FakeJan;
  let page: ChatPage;
  /** What the model says when it is asked for a title. */
  let title: string;

  beforeEach(async () => {
    jan = new FakeJan();
    jan.models = [real];
    title = '"Buffered output in pipes."';
    jan.answer = async function* (request) {
      yield { text: request.messages.at(-1)!.content.includes('title') ? title : 'It is buffered.', modelId: 'real', finishReason: 'stop' };
    };
    page = await new ChatPage(jan).show();
  });

  afterEach(() => page.controller.dispose());

  const nameOf = (): string | undefined => [...jan.conversations.values()][0]?.name;

  it('are made by the model from the first exchange, once', async () => {
    page.send(question);
    await page.until((state) => state.title === 'Buffered output in pipes');
    assert.equal(jan.requests.length, 2);
    assert.ok(jan.requests[1]!.maxTokens! <= 32);
    page.send('And then?');
    await page.until((state) => state.messages.length === 4 && !state.answering);
    assert.equal(jan.requests.length, 3);
  });

  it('are the first words where the model says nothing of use, is remote or is the guide', async () => {
    for (const [models, words] of [
      [[real], '...'],
      [[{ ...real, remote: true }], 'A title'],
    ] as const) {
      jan = new FakeJan();
      jan.models = [...models];
      title = words;
      jan.answer = async function* (request) {
        yield { text: request.messages.at(-1)!.content.includes('title') ? title : 'It is.', modelId: 'real', finishReason: 'stop' };
      };
      page.controller.dispose();
      page = await new ChatPage(jan).show();
      page.send(question);
      await page.until((state) => state.messages.length === 2 && !state.answering);
      await new Promise((resolve) => setTimeout(resolve, 30));
      assert.match(nameOf()!, /^How can it be/);
    }
  });

  it('leave a name alone that the user gave meanwhile', async () => {
    let release = (): void => undefined;
    const asked = new Promise<void>((resolve) => (release = resolve));
    jan.answer = async function* (request) {
      if (request.messages.at(-1)!.content.includes('title')) {
        await asked;
      }
      yield { text: 'Words', modelId: 'real', finishReason: 'stop' };
    };
    page.send(question);
    await page.until((state) => state.messages.length === 2 && !state.answering);
    page.say({ type: 'renameConversation', id: page.state.conversationId!, name: 'Mine' });
    await page.until((state) => state.title === 'Mine');
    release();
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(nameOf(), 'Mine');
  });

  it('are cleaned of what models put around them', () => {
    assert.equal(titleFrom('**Title:** “Pipes and buffers”\n\nBecause …'), 'Pipes and buffers');
    assert.equal(titleFrom('\n# Pipes.\n'), 'Pipes');
    assert.equal(titleFrom('!!!'), undefined);
    assert.equal(titleFrom('x'.repeat(200)), undefined);
  });
});
