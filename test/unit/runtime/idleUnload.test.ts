import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { IdleUnload, type IdleModel } from '../../../src/runtime/idleUnload';

describe('models that nobody uses', () => {
  let idle: IdleModel[];
  let unloaded: string[];
  let watch: IdleUnload;

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout', 'Date'] });
    idle = [];
    unloaded = [];
    watch = new IdleUnload({
      idle: () => idle,
      unload: (modelId) => {
        unloaded.push(modelId);
        idle = idle.filter((model) => model.modelId !== modelId);
      },
      now: () => Date.now(),
    });
  });
  afterEach(() => mock.timers.reset());

  const used = (modelId: string, wasAsked = true): void => {
    idle = [...idle.filter((model) => model.modelId !== modelId), { modelId, lastUsed: Date.now(), wasAsked }];
    watch.update();
  };

  it('leave when their time is up, each at its own', () => {
    watch.setKeepAlive(600_000);
    used('a');
    mock.timers.tick(300_000);
    used('b');
    mock.timers.tick(299_999);
    assert.deepEqual(unloaded, []);
    mock.timers.tick(1);
    assert.deepEqual(unloaded, ['a']);
    mock.timers.tick(300_000);
    assert.deepEqual(unloaded, ['a', 'b']);
  });

  it('start their time anew with each use, and have none while in use', () => {
    watch.setKeepAlive(1000);
    used('a');
    mock.timers.tick(900);
    used('a');
    mock.timers.tick(900);
    assert.deepEqual(unloaded, []);
    idle = [];
    watch.update();
    mock.timers.tick(100_000);
    assert.deepEqual(unloaded, []);
    used('a');
    mock.timers.tick(1000);
    assert.deepEqual(unloaded, ['a']);
  });

  it('leave at once with a time of nothing, but are given a minute for their first question', () => {
    watch.setKeepAlive(0);
    used('loaded', false);
    mock.timers.tick(59_999);
    assert.deepEqual(unloaded, []);
    used('asked');
    assert.deepEqual(unloaded, ['asked']);
    mock.timers.tick(1);
    assert.deepEqual(unloaded, ['asked', 'loaded']);
  });

  it('stay until the setting says otherwise', () => {
    used('a');
    watch.setKeepAlive(undefined);
    mock.timers.tick(10_000_000);
    assert.deepEqual(unloaded, []);
    watch.setKeepAlive(5_000_000);
    assert.deepEqual(unloaded, ['a']);
  });
});
