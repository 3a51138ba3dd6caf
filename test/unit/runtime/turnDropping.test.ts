import assert from 'node:assert/strict';
import { keepNewestTurns, turnStarts, type TurnMessage } from '../../../src/runtime/turnDropping';

const message = (role: TurnMessage['role'], tokens: number): TurnMessage => ({ role, tokens });
const turns = (count: number, tokens: number): TurnMessage[] =>
  Array.from({ length: count }, () => [message('user', tokens / 2), message('assistant', tokens / 2)]).flat();

describe('dropping turns', () => {
  it('drops nothing that fits', () => {
    assert.deepEqual(keepNewestTurns([message('system', 10), ...turns(2, 40)], 90), [0, 1, 2, 3, 4]);
  });

  it('drops the oldest whole turns and keeps the system prompt', () => {
    const messages = [message('system', 10), ...turns(10, 100), message('user', 50)];
    const kept = keepNewestTurns(messages, 500);
    assert.equal(kept[0], 0);
    assert.equal(kept.at(-1), messages.length - 1);
    assert.equal(messages[kept[1]!]!.role, 'user');
    assert.deepEqual(kept.slice(1), messages.map((_, index) => index).slice(kept[1]));
    assert.ok(kept.reduce((sum, index) => sum + messages[index]!.tokens, 0) <= 500);
  });

  it('drops what the system says in mid-conversation with its turn, and keeps it before the last question', () => {
    const reminded = Array.from({ length: 10 }, () => [message('user', 40), message('system', 20), message('assistant', 40)]).flat();
    const messages = [message('system', 10), ...reminded, message('system', 20), message('user', 50)];
    const kept = keepNewestTurns(messages, 500);
    assert.deepEqual(kept, [0, ...messages.map((_, index) => index).slice(kept[1])]);
    assert.equal(messages[kept[1]!]!.role, 'user');
    assert.ok(kept.reduce((sum, index) => sum + messages[index]!.tokens, 0) <= 500);
    assert.deepEqual(keepNewestTurns(messages, 60), [0, messages.length - 2, messages.length - 1]);
    assert.deepEqual(turnStarts([message('system', 1), message('system', 1), message('user', 1), message('system', 1), message('user', 1), message('assistant', 1), message('user', 1)]), [2, 3, 6]);
    assert.deepEqual(turnStarts([message('system', 1)]), []);
  });

  it('keeps the last turn even when it does not fit by itself', () => {
    assert.deepEqual(keepNewestTurns([...turns(3, 100), message('user', 1000)], 500), [6]);
  });

  it('drops a question that was too long to be answered before the next one', () => {
    assert.deepEqual(keepNewestTurns([message('user', 20), message('assistant', 20), message('user', 1000), message('user', 20)], 500), [3]);
  });

  it('moves the cut rarely, so that the prefix in memory stays of use', () => {
    const cuts = new Set<number>();
    let changes = 0;
    let before = -1;
    for (let count = 20; count <= 60; count++) {
      const messages = [message('system', 10), ...turns(count, 20), message('user', 10)];
      const first = keepNewestTurns(messages, 400)[1]!;
      changes += first !== before ? 1 : 0;
      before = first;
      cuts.add(first);
    }
    // 40 turns of 20 tokens go past; a quarter of 400 tokens goes at a time.
    assert.ok(changes <= 10, `${changes} changes`);
  });
});
