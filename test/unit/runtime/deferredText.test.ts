import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DeferredText } from '../../../src/runtime/deferredText';

describe('deferred text', () => {
  it('is read when the next step has been begun and before it ends', async () => {
    const happened: string[] = [];
    const text = new DeferredText<string>((token) => (happened.push(`read ${token}`), false));
    const step = async (): Promise<void> => {
      happened.push('begun');
      await nextTurn();
      await nextTurn();
      happened.push('ended');
    };
    text.hold('a');
    await step();
    assert.deepEqual(happened, ['begun', 'read a', 'ended']);
  });

  it('is read once, by whoever comes first, in order, up to its end', async () => {
    const read: string[] = [];
    const text = new DeferredText<string>((token) => (read.push(token), token === 'b'));
    text.hold('a');
    text.catchUp();
    assert.deepEqual(read, ['a']);
    await nextTurn();
    text.hold('b');
    assert.equal(text.hasEnded, false);
    text.hold('c');
    assert.equal(text.hasEnded, true);
    text.catchUp();
    assert.deepEqual(read, ['a', 'b'], 'nothing follows the end');
  });

  it('says what failed to whoever catches up', async () => {
    const text = new DeferredText<string>(() => {
      throw new Error('unreadable');
    });
    text.hold('a');
    await nextTurn();
    assert.throws(() => text.catchUp(), /unreadable/);
    assert.throws(() => text.hold('b'), /unreadable/);
  });
});
