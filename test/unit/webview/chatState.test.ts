import assert from 'node:assert/strict';
import type { ChatState, MessageItem } from '../../../src/protocol/chatProtocol';
import { diffState } from '../../../src/ui/chat/stateDiff';
import { ChatStateCopy } from '../../../webview/chatState';
import { conversation, message as messageOf, state as stateOf } from './chatFixtures';

const message = (id: string, change: Partial<MessageItem> = {}): MessageItem => messageOf(id, 'text', change);
const state = (change: Partial<ChatState> = {}): ChatState =>
  stateOf([message('a'), message('b')], { conversations: [conversation('c', { updatedAt: 1 })], ...change });

const changes: Readonly<Record<string, Partial<ChatState>>> = {
  'text added': { messages: [message('a'), message('b', { content: 'text and more' })] },
  'text and numbers added': {
    messages: [message('a'), message('b', { content: 'text!', stats: { live: true, tokensPerSecond: 3 } })],
  },
  'reasoning added': { messages: [message('a'), message('b', { reasoning: 'because' })] },
  'text replaced': { messages: [message('a', { content: 'other' }), message('b')] },
  'text cut': { messages: [message('a', { content: 'te' }), message('b')] },
  'status and text': { messages: [message('a'), message('b', { content: 'text.', status: 'stopped' })] },
  error: {
    messages: [message('a'), message('b', { status: 'failed', error: { code: 'network', message: 'No.', actions: ['retry'] } })],
  },
  fields: { answering: true, notice: { code: 'x', message: 'y', actions: [] }, undo: { count: 1, name: 'C' } },
  list: { conversations: [] },
  model: { model: { id: null, name: '', remote: false, starter: false, state: 'none', progress: null } },
  draft: { draft: { text: 'x', revision: 2 } },
};

describe('diffState and ChatStateCopy', () => {
  for (const [name, change] of Object.entries(changes)) {
    it(`bring the page to the same state: ${name}`, () => {
      for (const [before, after] of [[state(), state(change)], [state(change), state()]] as const) {
        const copy = new ChatStateCopy();
        copy.setState({ type: 'state', sequence: 7, state: before });
        const delta = diffState(before, after);
        assert.ok(delta !== undefined && delta.length > 0);
        assert.equal(copy.applyDelta({ type: 'delta', sequence: 8, changes: structuredClone(delta) }), 'applied');
        assert.deepEqual(copy.state, after);
      }
    });
  }

  it('say nothing when nothing changed', () => {
    assert.deepEqual(diffState(state(), structuredClone(state())), []);
  });

  it('send only the new text of a long message', () => {
    const long = 'x'.repeat(100_000);
    const delta = diffState(state({ messages: [message('a', { content: long })] }), state({ messages: [message('a', { content: `${long}y` })] }));
    assert.deepEqual(delta, [{ kind: 'text', id: 'a', content: 'y' }]);
  });

  it('want the whole state when the messages are others', () => {
    assert.equal(diffState(state(), state({ messages: [message('a')] })), undefined);
    assert.equal(diffState(state(), state({ messages: [message('b'), message('a')] })), undefined);
    assert.equal(diffState(state(), state({ conversationId: 'd' })), undefined);
  });
});

describe('ChatStateCopy', () => {
  it('asks once for the state when a delta is missing, and ignores what follows until it comes', () => {
    const copy = new ChatStateCopy();
    assert.equal(copy.applyDelta({ type: 'delta', sequence: 1, changes: [] }), 'gap');
    copy.setState({ type: 'state', sequence: 4, state: state() });
    assert.equal(copy.applyDelta({ type: 'delta', sequence: 6, changes: [] }), 'gap');
    assert.equal(copy.applyDelta({ type: 'delta', sequence: 7, changes: [] }), 'waiting');
    copy.setState({ type: 'state', sequence: 8, state: state() });
    assert.equal(copy.applyDelta({ type: 'delta', sequence: 9, changes: [] }), 'applied');
    assert.equal(copy.applyDelta({ type: 'delta', sequence: 9, changes: [] }), 'gap');
  });

  it('keeps the identity of messages that are as they were', () => {
    const copy = new ChatStateCopy();
    copy.setState({ type: 'state', sequence: 1, state: state() });
    const [first] = copy.state!.messages;
    copy.setState({ type: 'state', sequence: 2, state: structuredClone(state({ messages: [message('a'), message('b', { content: 'x' })] })) });
    assert.equal(copy.state!.messages[0], first);
    assert.equal(copy.state!.messages[1]!.content, 'x');
  });
});
