import assert from 'node:assert/strict';
import { once, EventEmitter } from 'node:events';
import type { AnswerPiece } from '../../../src/protocol/runtimeProtocol';
import { ChunkSender } from '../../../src/runtime/chunkSender';

describe('chunk sender', () => {
  it('sends the first piece at once and those of the same frame together', async () => {
    const sent: AnswerPiece[] = [];
    const events = new EventEmitter();
    const sender = new ChunkSender((piece) => {
      sent.push(piece);
      events.emit('sent');
    });
    sender.push({ text: 'a' });
    assert.deepEqual(sent, [{ text: 'a' }]);
    const second = once(events, 'sent');
    sender.push({ text: 'b' });
    sender.push({ reasoning: 'because' });
    sender.push({ text: 'c' });
    assert.equal(sent.length, 1);
    await second;
    assert.deepEqual(sent.slice(1), [{ text: 'bc', reasoning: 'because' }]);
  });

  it('sends nothing for nothing, and everything on flush', () => {
    const sent: AnswerPiece[] = [];
    const sender = new ChunkSender((piece) => sent.push(piece), () => 1000);
    sender.push({ text: '' });
    sender.push({ text: 'a' });
    sender.push({ text: 'b' });
    sender.flush();
    sender.flush();
    assert.deepEqual(sent, [{ text: 'a' }, { text: 'b' }]);
  });
});
