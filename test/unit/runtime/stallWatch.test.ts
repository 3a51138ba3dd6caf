import assert from 'node:assert/strict';
import { StallWatch } from '../../../src/runtime/stallWatch';

describe('stall watch', () => {
  const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  let stalls: number;
  let watch: StallWatch;

  beforeEach(() => {
    stalls = 0;
    watch = new StallWatch(100, () => stalls++);
  });

  it('tells once when something is under way and makes no step, whoever else comes and goes', async () => {
    watch.begin();
    for (let other = 0; other < 10; other++) {
      watch.begin()();
      await wait(20);
    }
    assert.equal(stalls, 1);
  });

  it('is quiet while steps are made, and when all has ended', async () => {
    const ends = [watch.begin(), watch.begin()];
    for (let step = 0; step < 10; step++) {
      await wait(20);
      watch.step();
    }
    ends.forEach((end) => (end(), end()));
    await wait(200);
    assert.equal(stalls, 0);
    watch.begin();
    await wait(200);
    assert.equal(stalls, 1);
  });
});
