import assert from 'node:assert/strict';
import type { ChatState, ToWebview } from '../../../../src/protocol/chatProtocol';
import { StatePublisher } from '../../../../src/ui/chat/statePublisher';

describe('state publisher', () => {
  it('keeps a request for a page that is not drawn yet, and makes it once', () => {
    const publisher = new StatePublisher(() => ({}) as ChatState, 1);
    const sent: ToWebview['type'][] = [];
    publisher.post({ type: 'focusInput' });
    const attached = publisher.attach(({ type }) => sent.push(type));
    publisher.post({ type: 'focusInput' });
    assert.deepEqual(sent, []);
    publisher.sendState();
    publisher.sendState();
    assert.deepEqual(sent, ['state', 'focusInput', 'state']);
    publisher.post({ type: 'showHistory' });
    assert.equal(sent.at(-1), 'showHistory');
    attached.hidden();
    publisher.post({ type: 'focusInput' });
    assert.equal(sent.at(-1), 'showHistory');
    publisher.sendState();
    assert.deepEqual(sent.slice(-2), ['state', 'focusInput']);
    attached.dispose();
    publisher.dispose();
  });
});
