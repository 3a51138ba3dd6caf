import assert from 'node:assert/strict';
import type { LlamaContextSequence, Token } from 'node-llama-cpp';
import { Slots, type Slot } from '../../../src/runtime/slots';
import type { KeptState, StateCache } from '../../../src/runtime/stateCache';

const tokensOf = (from: number, count: number): Token[] => Array.from({ length: count }, (_, index) => (from + index) as Token);

class FakeSequence {
  readonly needsCheckpoints = false;
  readonly stateCellsStartIndex = 0;
  contextTokens: Token[] = [];

  get nextTokenIndex(): number {
    return this.contextTokens.length;
  }

  compareContextTokens(tokens: Token[]): { firstDifferentIndex: number } {
    const different = this.contextTokens.findIndex((token, index) => token !== tokens[index]);
    return { firstDifferentIndex: different < 0 ? this.contextTokens.length : different };
  }
}

/** Keeps when it is told to. */
class FakeStates {
  readonly kept: { tokens: Token[] }[] = [];
  keeping = 0;
  allow: () => void = () => undefined;

  find(_owner: object, tokens: readonly Token[]): { state: KeptState; sharedPrefix: number } | undefined {
    const shared = (state: KeptState): number => state.tokens.findIndex((token, index) => token !== tokens[index]);
    const [best] = this.kept.map((state) => ({ state, sharedPrefix: shared(state) < 0 ? state.tokens.length : shared(state) })).sort((a, b) => b.sharedPrefix - a.sharedPrefix);
    return best;
  }

  async keep(_owner: object, { contextTokens }: FakeSequence): Promise<KeptState> {
    this.keeping++;
    await new Promise<void>((resolve) => (this.allow = resolve));
    const state = { tokens: [...contextTokens] };
    this.kept.push(state);
    return state;
  }

  /** Until when a state is copied in. */
  restoring: Promise<void> = Promise.resolve();

  async restore({ tokens }: KeptState, sequence: FakeSequence): Promise<boolean> {
    await this.restoring;
    sequence.contextTokens = [...tokens];
    return true;
  }

  async forget(): Promise<void> {
    this.kept.length = 0;
  }
}

describe('slots', () => {
  const { signal } = new AbortController();
  let states: FakeStates;
  let slots: Slots;

  function create(count: number): void {
    states = new FakeStates();
    const sequences = Array.from({ length: count }, () => new FakeSequence());
    slots = new Slots(sequences as unknown as LlamaContextSequence[], states as unknown as StateCache, () => undefined, 5);
  }

  const tokensIn = (slot: Slot | undefined): number => slot?.sequence.nextTokenIndex ?? -1;

  /** A slot that answers, and has read this. */
  async function answering(tokens: Token[]): Promise<Slot> {
    const slot = (await slots.acquire(tokens, signal))!;
    (slot.sequence as unknown as FakeSequence).contextTokens = tokens;
    return slot;
  }

  it('are given what an answer under way has read, which is kept once for all who want it', async () => {
    create(3);
    const prompt = tokensOf(0, 300);
    await answering([...prompt, ...tokensOf(5000, 20)]);
    const others = [slots.acquire(prompt, signal), slots.acquire(prompt, signal)];
    states.allow();
    assert.deepEqual((await Promise.all(others)).map(tokensIn), [320, 320]);
    assert.equal(states.keeping, 1);
  });

  it('disturb no answer for what is little of its state', async () => {
    create(2);
    const shared = tokensOf(0, 300);
    await answering([...shared, ...tokensOf(5000, 400)]);
    assert.equal(tokensIn(await slots.acquire([...shared, ...tokensOf(9000, 50)], signal)), 0);
    assert.equal(states.keeping, 0);
  });

  it('lend what they know while nobody uses them, and are free again after it', async () => {
    create(3);
    const shared = tokensOf(0, 300);
    const donor = await answering([...shared, ...tokensOf(5000, 400)]);
    slots.release(donor);
    const other = slots.acquire([...shared, ...tokensOf(9000, 50)], signal);
    assert.equal(donor.busy, true, 'nobody takes it while it is copied');
    states.allow();
    assert.equal(tokensIn(await other), 700);
    assert.equal(donor.busy, false);
  });

  it('that end while they are copied are free, and stay the next one’s when they are taken', async () => {
    create(2);
    const prompt = tokensOf(0, 300);
    const donor = await answering(prompt);
    const other = slots.acquire([...prompt, ...tokensOf(9000, 50)], signal);
    slots.release(donor);
    assert.equal(donor.busy, false);
    assert.equal(await slots.acquire(prompt, signal), donor);
    states.allow();
    assert.equal(tokensIn(await other), 300);
    assert.equal(donor.busy, true);
  });

  it('are not closed before what is copied in is there, and answer nobody after that', async () => {
    create(1);
    states.kept.push({ tokens: tokensOf(0, 300) });
    let allow = (): void => undefined;
    states.restoring = new Promise((resolve) => (allow = resolve));
    const refused = assert.rejects(slots.acquire(tokensOf(0, 310), signal), { code: 'cancelled', message: /unloaded/ });
    let isClosed = false;
    const closed = slots.close().then(() => (isClosed = true));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isClosed, false, 'native code writes into the context');
    allow();
    await Promise.all([refused, closed]);
    await assert.rejects(slots.acquire(tokensOf(0, 10), signal), { code: 'cancelled' });
  });

  describe('of which one had to forget', () => {
    const quiet = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 30));

    /** Two slots; the first conversation of three was pushed out of the first one. */
    async function pushedOut(): Promise<{ oldest: Slot; newest: Slot }> {
      create(2);
      slots.release(await answering(tokensOf(0, 300)));
      const oldest = await answering(tokensOf(1000, 300));
      slots.release(oldest);
      await quiet();
      assert.equal(states.keeping, 0, 'there was room for both');
      const third = slots.acquire(tokensOf(2000, 300), signal);
      states.allow();
      const newest = (await third)!;
      (newest.sequence as unknown as FakeSequence).contextTokens = tokensOf(2000, 300);
      slots.release(newest);
      return { oldest, newest };
    }

    it('keep the one that is next to forget while nobody asks, and only that one', async () => {
      const { oldest } = await pushedOut();
      await quiet();
      assert.deepEqual([states.keeping, oldest.busy], [2, true]);
      states.allow();
      await quiet();
      assert.deepEqual(states.kept.map(({ tokens }) => tokens[0]), [0, 1000]);
      assert.deepEqual([states.keeping, oldest.busy], [2, false]);
    });

    it('keep nothing ahead when someone asks at once', async () => {
      const { newest } = await pushedOut();
      assert.equal(await slots.acquire(tokensOf(2000, 310), signal), newest);
      await quiet();
      assert.equal(states.keeping, 1);
    });

    it('leave no state behind when they are closed while one is kept', async () => {
      await pushedOut();
      await quiet();
      const closed = slots.close();
      states.allow();
      await closed;
      assert.deepEqual(states.kept, []);
    });
  });
});
