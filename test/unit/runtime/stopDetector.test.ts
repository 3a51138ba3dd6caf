import assert from 'node:assert/strict';
import { StopDetector } from '../../../src/runtime/stopDetector';

/** Feeds pieces until stopped; returns what came out. */
function run(stops: readonly string[], pieces: readonly string[]): { text: string; stopped: boolean } {
  const detector = new StopDetector(stops);
  let text = '';
  for (const piece of pieces) {
    const result = detector.push(piece);
    text += result.text;
    if (result.stopped) {
      return { text, stopped: true };
    }
  }
  return { text: text + detector.end(), stopped: false };
}

describe('stop strings', () => {
  it('end the answer and are no part of it', () => {
    assert.deepEqual(run(['END'], ['before END after']), { text: 'before ', stopped: true });
  });

  it('are found across pieces, whatever the cut', () => {
    const whole = 'one two###three';
    for (let cut = 0; cut <= whole.length; cut++) {
      for (let second = cut; second <= whole.length; second++) {
        const pieces = [whole.slice(0, cut), whole.slice(cut, second), whole.slice(second)];
        assert.deepEqual(run(['###'], pieces), { text: 'one two', stopped: true }, JSON.stringify(pieces));
      }
    }
  });

  it('hold back no more than what may be the beginning of one', () => {
    const detector = new StopDetector(['<end>']);
    assert.equal(detector.push('text <en').text, 'text ');
    assert.equal(detector.push('try').text, '<entry');
    assert.equal(detector.push('plain').text, 'plain');
  });

  it('give the beginning of a stop string back when nothing follows', () => {
    assert.deepEqual(run(['<end>'], ['a <e']), { text: 'a <e', stopped: false });
  });

  it('may overlap with themselves and each other; the first one counts', () => {
    assert.deepEqual(run(['aab'], ['a', 'a', 'a', 'b']), { text: 'a', stopped: true });
    assert.deepEqual(run(['yz', 'x'], ['wx', 'yz']), { text: 'w', stopped: true });
  });
});
