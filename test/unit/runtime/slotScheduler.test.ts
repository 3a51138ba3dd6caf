import assert from 'node:assert/strict';
import { chooseSlot, type SlotView } from '../../../src/runtime/slotScheduler';

const slot = (part: Partial<SlotView>): SlotView => ({ busy: false, length: 0, sharedPrefix: 0, lastUsed: 0, ...part });

describe('slot scheduler', () => {
  it('takes the free slot that shares the longest prefix', () => {
    const slots = [slot({ length: 100, sharedPrefix: 60 }), slot({ length: 90, sharedPrefix: 90 }), slot({ length: 80, sharedPrefix: 70 })];
    assert.equal(chooseSlot(slots, 120), 1);
  });

  it('never takes a busy slot, however much it shares', () => {
    assert.equal(chooseSlot([slot({ busy: true, length: 100, sharedPrefix: 100 }), slot({ length: 50, sharedPrefix: 2 })], 120), 1);
    assert.equal(chooseSlot([slot({ busy: true }), slot({ busy: true })], 10), undefined);
    assert.equal(chooseSlot([], 10), undefined);
  });

  it('keeps a long conversation that shares only its system prompt, while a slot is empty', () => {
    assert.equal(chooseSlot([slot({ length: 4000, sharedPrefix: 40, lastUsed: 1 }), slot({})], 60), 1);
  });

  it('evicts what was unused for longest when all share alike', () => {
    const slots = [slot({ length: 4000, sharedPrefix: 40, lastUsed: 9 }), slot({ length: 3000, sharedPrefix: 40, lastUsed: 4 })];
    assert.equal(chooseSlot(slots, 600), 1);
  });

  it('prefers a clearly longer prefix to an older slot', () => {
    const slots = [slot({ length: 4000, sharedPrefix: 500, lastUsed: 9 }), slot({ length: 3000, sharedPrefix: 5, lastUsed: 1 })];
    assert.equal(chooseSlot(slots, 600), 0);
  });

  it('lets two conversations with one system prompt take turns in two slots', () => {
    const contents: string[] = ['', ''];
    const uses = [0, 0];
    const ask = (prompt: string, turn: number): number => {
      const shared = (held: string): number => [...held].findIndex((letter, index) => letter !== prompt[index]);
      const views = contents.map((held, index) =>
        slot({ length: held.length, sharedPrefix: shared(held) < 0 ? held.length : shared(held), lastUsed: uses[index] }),
      );
      const chosen = chooseSlot(views, prompt.length)!;
      contents[chosen] = prompt;
      uses[chosen] = turn;
      return chosen;
    };
    const system = 'S'.repeat(20);
    const chosen: number[] = [];
    for (let turn = 1; turn <= 8; turn++) {
      chosen.push(ask(system + (turn % 2 === 0 ? 'b' : 'a').repeat(30 * turn), turn));
    }
    assert.deepEqual(chosen, [0, 1, 0, 1, 0, 1, 0, 1]);
  });
});
