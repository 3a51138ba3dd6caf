import assert from 'node:assert/strict';
import { once, EventEmitter } from 'node:events';
import { mock } from 'node:test';
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

  it('waits a whole frame where many pieces come in half a one, and half a one again where they do not', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      let now = 1000;
      const sent: number[] = [];
      const sender = new ChunkSender(() => sent.push(now), () => now);
      const write = (pieces: number, everyMs: number): number[] => {
        sent.splice(0);
        for (let piece = 0; piece < pieces; piece++) {
          sender.push({ text: 'x' });
          now += everyMs;
          mock.timers.tick(everyMs);
        }
        return sent.map((time, index) => time - (sent[index - 1] ?? time)).slice(2);
      };
      assert.deepEqual(new Set(write(100, 1)), new Set([16]));
      assert.ok(write(20, 5).every((gap) => gap <= 10), 'no piece waits longer than half a frame');
      assert.deepEqual(new Set(write(20, 20)), new Set([20]), 'slow ones are sent at once');
    } finally {
      mock.timers.reset();
    }
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
