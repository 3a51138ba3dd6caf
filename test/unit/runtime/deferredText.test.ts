import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DeferredText } from '../../../src/runtime/deferredText';

describe('deferred text', () => {
  it('is read after the step has been begun and before it ends', async () => {
    const happened: string[] = [];
    const text = new DeferredText<string>((token) => (happened.push(`read ${token}`), false));
    const step = async (): Promise<string> => {
      happened.push('begun');
      await nextTurn();
      await nextTurn();
      happened.push('ended');
      return 'b';
    };
    text.hold('a');
    assert.equal(await text.during(step()), 'b');
    assert.deepEqual(happened, ['begun', 'read a', 'ended']);
  });

  it('is read once, by whoever comes first, in order, up to its end', async () => {
    const read: string[] = [];
    const text = new DeferredText<string>((token) => (read.push(token), token === 'b'));
    text.hold('a');
    const step = text.during(Promise.resolve());
    text.catchUp();
    assert.deepEqual(read, ['a']);
    await step;
    text.hold('b');
    assert.equal(text.hasEnded, false);
    text.hold('c');
    assert.equal(text.hasEnded, true);
    text.catchUp();
    assert.deepEqual(read, ['a', 'b'], 'nothing follows the end');
  });

  it('hands on what fails, of the step and of the reading', async () => {
    const text = new DeferredText<string>(() => {
      throw new Error('unreadable');
    });
    text.hold('a');
    await assert.rejects(text.during(nextTurn()), /unreadable/);
    await assert.rejects(new DeferredText<string>(() => false).during(Promise.reject(new Error('no memory'))), /no memory/);
  });
});
