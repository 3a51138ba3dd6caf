import assert from 'node:assert/strict';
import { fromErrorWire, isJanError, JanError, toErrorWire, toJanError } from '../../../src/common/errors';
import { Emitter, onceEvent } from '../../../src/common/events';
import { DisposableStore, toDisposable } from '../../../src/common/lifecycle';
import { createUuidV7, isUuid } from '../../../src/common/uuid';

describe('errors', () => {
  it('survive a wire with code, message and details', () => {
    const wire: unknown = JSON.parse(JSON.stringify(toErrorWire(new JanError('disk-full', 'Full.', { details: { free: 1 } }))));
    const back = fromErrorWire(wire);
    assert.ok(isJanError(back, 'disk-full'));
    assert.equal(back.message, 'Full.');
    assert.deepEqual(back.details, { free: 1 });
  });

  it('rebuild anything else as internal', () => {
    for (const wire of [undefined, null, 1, 'x', {}, { code: 'made-up', message: 'x' }, { code: 'denied' }]) {
      assert.ok(isJanError(fromErrorWire(wire), 'internal'));
    }
  });

  it('recognise the error of another bundle, and an abort', () => {
    const foreign = Object.assign(new Error('x'), { name: 'JanError', code: 'denied' });
    assert.ok(isJanError(foreign, 'denied'));
    assert.ok(!isJanError(foreign, 'timeout'));
    assert.ok(!isJanError(new Error('x')));
    assert.equal(toJanError(new DOMException('stop', 'AbortError')).code, 'cancelled');
  });
});

describe('DisposableStore', () => {
  it('disposes in reverse, all of them, once, and rethrows the first failure', () => {
    const order: number[] = [];
    const store = new DisposableStore();
    store.add(toDisposable(() => order.push(1)));
    store.add(toDisposable(() => { throw new Error('second'); }));
    store.add(toDisposable(() => order.push(3)));
    assert.throws(() => store.dispose(), /second/);
    store.dispose();
    assert.deepEqual(order, [3, 1]);
  });

  it('disposes late arrivals at once', () => {
    const store = new DisposableStore();
    store.dispose();
    let released = false;
    store.add(toDisposable(() => (released = true)));
    assert.ok(released);
  });
});

describe('Emitter', () => {
  it('resolves onceEvent with the first match and rejects it on abort', async () => {
    const emitter = new Emitter<number>();
    const found = onceEvent(emitter.event, (value) => value > 1);
    emitter.fire(1);
    emitter.fire(2);
    assert.equal(await found, 2);
    assert.equal(emitter.hasListeners, false);
    const abort = new AbortController();
    const never = onceEvent(emitter.event, () => false, abort.signal);
    abort.abort();
    await assert.rejects(never);
    assert.equal(emitter.hasListeners, false);
  });
});

describe('createUuidV7', () => {
  it('is a valid version 7 id and strictly increases, within a millisecond and when the clock steps back', () => {
    let last = '';
    for (let i = 0; i < 20_000; i++) {
      const id = createUuidV7(i % 3 === 0 ? 1_700_000_000_000 : undefined);
      assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      assert.ok(isUuid(id));
      assert.ok(id > last, `${id} after ${last}`);
      last = id;
    }
  });
});
