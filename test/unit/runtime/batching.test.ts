import assert from 'node:assert/strict';
import type { BatchItem } from 'node-llama-cpp';
import { Batching } from '../../../src/runtime/batching';

/** A step of that many tokens takes so long, ms. */
type Clockwork = (tokens: number) => number;

const item = (tokens: number, evaluationPriority = 1): BatchItem =>
  ({ tokens: Array.from({ length: tokens }, () => 1), logits: [], evaluationPriority }) as unknown as BatchItem;

function createBatching(takes: Clockwork) {
  let now = 0;
  const batching = new Batching(undefined, () => now);
  const place = batching.enter(0);
  const step = (...waiting: BatchItem[]): number[] => {
    const amounts = batching.choose({ items: waiting, size: 512 }).map(({ processAmount }) => processAmount);
    now += takes(amounts.reduce((sum, amount) => sum + amount, 0));
    place.drawn();
    return amounts;
  };
  return { batching, step };
}

describe('answers in one step', () => {
  it('wait for each other, and not for those that have ended', async () => {
    const batching = new Batching();
    const first = batching.enter(0);
    assert.equal(first.turn(), undefined, 'alone there is nothing to wait for');
    const [second, third] = [batching.enter(1), batching.enter(2)];
    const order: string[] = [];
    const turns = [second.turn()!.then(() => order.push('second')), first.turn()!.then(() => order.push('first'))];
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(order, []);
    third.leave();
    await Promise.all(turns);
    assert.deepEqual(order, ['second', 'first']);
    const again = first.turn()!;
    void second.turn();
    await again;
  });

  it('count as writing from their first token on: those whose prompts are read leave each other whole tiles', () => {
    const batching = new Batching();
    const [reader, writer] = [batching.enter(0), batching.enter(1)];
    assert.equal(batching.writing, 0);
    writer.drawn();
    writer.drawn();
    assert.equal(batching.writing, 1);
    reader.leave();
    writer.leave();
    assert.equal(batching.writing, 0);
  });

  it('are computed together', () => {
    const { step } = createBatching((tokens) => 10 + tokens);
    step(item(1));
    assert.deepEqual(step(item(1), item(1), item(1), item(1)), [1, 1, 1, 1]);
    assert.deepEqual(step(item(1), item(1), item(1), item(1)), [1, 1, 1, 1]);
  });

  it('come in the order of their sequences, as only neighbours are computed together', () => {
    const waiting = [item(1, 3), item(1, 1), item(1, 2)];
    const chosen = new Batching().choose({ items: waiting, size: 512 });
    assert.deepEqual(chosen.map((one) => one.item), [waiting[1], waiting[2], waiting[0]]);
  });

  it('take turns where a step of several takes longer than a step for each', () => {
    // As Q8_0 on one thread.
    const { step } = createBatching((tokens) => (tokens === 1 ? 8 : 25 + 6 * tokens));
    step(item(1));
    assert.deepEqual(step(item(1), item(1), item(1), item(1)), [1, 1, 1, 1], 'it has to be seen once');
    assert.deepEqual(step(item(1), item(1), item(1), item(1)), [1]);
  });

  it('learn nothing of a step whose answer was given up', () => {
    let now = 0;
    const batching = new Batching(undefined, () => now);
    const first = batching.enter(0);
    batching.choose({ items: [item(1)], size: 512 });
    now += 10;
    first.drawn();
    batching.choose({ items: [item(1)], size: 512 });
    first.leave();
    now += 3_600_000;
    batching.enter(0);
    batching.choose({ items: [item(1)], size: 512 });
    assert.equal(batching.cost.of(1), 10);
  });

  it('share a step with a prompt that is read, which gets what room there is', () => {
    const { step } = createBatching((tokens) => tokens);
    assert.deepEqual(step(item(1), item(500)), [1, 500]);
    assert.deepEqual(step(item(1), item(2000)), [1, 511]);
    assert.deepEqual(step(item(2000), item(2000)), [256, 256]);
  });
});
