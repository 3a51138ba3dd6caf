import assert from 'node:assert/strict';
import { availableParallelism, cpus } from 'node:os';
import { sampleNow, ThreadPace } from '../../../src/runtime/threadPace';

describe('threads of the engine', () => {
  /** A machine on which others keep so many cores busy, and the engine as many as it was told. */
  function machine(cores: number) {
    let now = 0;
    let busy = 0;
    let own = 0;
    let samples = 0;
    const pace = new ThreadPace(
      cores,
      () => {
        samples++;
        return { at: now, busy, own };
      },
      () => now,
    );
    const pass = (seconds: number, others: number): number => {
      for (let step = 0; step < seconds * 10; step++) {
        const threads = pace.threads;
        now += 100;
        own += threads * 100;
        busy += (threads + others) * 100;
      }
      return pace.threads;
    };
    return { pace, pass, samples: () => samples, sleep: (seconds: number) => (now += seconds * 1000) };
  }

  it('are all cores but one, and at least one', () => {
    assert.deepEqual([1, 2, 4, 16].map((cores) => new ThreadPace(cores).threads), [1, 1, 3, 15]);
  });

  it('stay as they are while others use less than the core that is left to them', () => {
    assert.equal(machine(8).pass(10, 0.9), 7);
  });

  it('become fewer at once when others are busy, and more again only when that has lasted', () => {
    const { pass } = machine(8);
    assert.equal(pass(3, 0.2), 7);
    assert.equal(pass(2, 4), 4);
    assert.equal(pass(5, 20), 1, 'never none');
    assert.equal(pass(2, 0), 1);
    assert.equal(pass(5, 0), 7);
  });

  it('do not flutter with a load that comes and goes', () => {
    const { pass } = machine(8);
    const seen = new Set<number>();
    for (let round = 0; round < 10; round++) {
      pass(1, 3);
      seen.add(pass(1, 0));
    }
    assert.deepEqual([...seen], [5]);
  });

  it('are looked at once a second, and figures from before a pause are not believed', () => {
    const { pass, samples, sleep } = machine(8);
    pass(10, 0);
    assert.ok(samples() <= 11, `${samples()} samples`);
    sleep(3600);
    assert.equal(pass(0.1, 7), 7);
  });

  it('are not counted against cores that this process may not use', () => {
    const machine = cpus().length;
    const [all, one] = [sampleNow(machine), sampleNow(1)];
    const others = (all.busy - all.own) / machine;
    assert.ok(Math.abs(one.busy - one.own - others) <= others * 0.02 + 50, `${one.busy - one.own} and ${others}`);
  });

  it('are measured on the real machine: its cores are busy at least with what this process does', () => {
    const before = sampleNow();
    while (sampleNow().own - before.own < 500) {
      // Works.
    }
    const after = sampleNow();
    assert.ok(after.busy - before.busy > (after.own - before.own) * 0.8, `${after.busy - before.busy} ms`);
    // Other threads of this process may have worked as well.
    assert.ok((after.at - before.at) * availableParallelism() > (after.own - before.own) * 0.8, `${after.at - before.at} ms`);
  });
});
