import assert from 'node:assert/strict';
import { once, EventEmitter } from 'node:events';
import { ChunkSender, type Piece } from '../../../src/runtime/chunkSender';

describe('chunk sender', () => {
  it('sends the first piece at once and those of the same frame together', async () => {
    const sent: Piece[] = [];
    const events = new EventEmitter();
    const sender = new ChunkSender((piece) => {
      sent.push(piece);
      events.emit('sent');
    });
    sender.push('a', '');
    assert.deepEqual(sent, [{ text: 'a' }]);
    const second = once(events, 'sent');
    sender.push('b', '');
    sender.push('', 'because');
    sender.push('c', '');
    assert.equal(sent.length, 1);
    await second;
    assert.deepEqual(sent.slice(1), [{ text: 'bc', reasoning: 'because' }]);
  });

  it('sends nothing for nothing, and everything on flush', () => {
    const sent: Piece[] = [];
    const sender = new ChunkSender((piece) => sent.push(piece), () => 1000);
    sender.push('', '');
    sender.push('a', '');
    sender.push('b', '');
    sender.flush();
    sender.flush();
    assert.deepEqual(sent, [{ text: 'a' }, { text: 'b' }]);
  });
});
