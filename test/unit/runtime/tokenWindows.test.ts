import assert from 'node:assert/strict';
import type { Token } from 'node-llama-cpp';
import { tokenizeWindows } from '../../../src/runtime/tokenWindows';

/** Numbers from 0 up to 1, the same in every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
}

/** Merges by rank, leftmost first, as byte-pair and SentencePiece vocabularies do: a rank for each text that is a token. */
function merging(ranks: ReadonlyMap<string, number>): (text: string) => Token[] {
  return (text) => {
    let parts = [...text];
    for (;;) {
      let best = Infinity;
      for (let index = 0; index + 1 < parts.length; index++) {
        best = Math.min(best, ranks.get(parts[index]! + parts[index + 1]!) ?? Infinity);
      }
      if (best === Infinity) {
        return parts.map((part) => (part.length === 1 ? part.charCodeAt(0) : 100_000 + ranks.get(part)!) as Token);
      }
      const merged: string[] = [];
      for (let index = 0; index < parts.length; index++) {
        const both = parts[index]! + (parts[index + 1] ?? '');
        const fits = index + 1 < parts.length && ranks.get(both) === best;
        merged.push(fits ? both : parts[index]!);
        index += fits ? 1 : 0;
      }
      parts = merged;
    }
  };
}

/** As a training would: each merge is of two tokens that there are. */
function vocabulary(letters: string, size: number, next: () => number): Map<string, number> {
  const tokens = [...letters];
  const ranks = new Map<string, number>();
  for (let attempt = 0; ranks.size < size && attempt < size * 50; attempt++) {
    const text = tokens[Math.floor(next() * tokens.length)]! + tokens[Math.floor(next() * tokens.length)]!;
    if (text.length <= 16 && !ranks.has(text)) {
      ranks.set(text, ranks.size);
      tokens.push(text);
    }
  }
  return ranks;
}

/** Greedy, the longest token first, as RWKV's. */
function greedy(ranks: ReadonlyMap<string, number>): (text: string) => Token[] {
  return (text) => {
    const tokens: Token[] = [];
    for (let at = 0; at < text.length; ) {
      let length = Math.min(16, text.length - at);
      while (length > 1 && !ranks.has(text.slice(at, at + length))) {
        length--;
      }
      tokens.push((length === 1 ? text.charCodeAt(at) : 100_000 + ranks.get(text.slice(at, at + length))!) as Token);
      at += length;
    }
    return tokens;
  };
}

describe('texts without a place to cut', function () {
  this.timeout(60_000);
  const length = 20_000;
  const letters = 'abcdefgh';
  const texts = (next: () => number): Record<string, string> => ({
    'letters by chance': Array.from({ length }, () => letters[Math.floor(next() * letters.length)]).join(''),
    'few letters by chance': Array.from({ length }, () => letters[Math.floor(next() * next() * 3)]).join(''),
    'a run of one': 'a'.repeat(length),
    'a run of two': 'ab'.repeat(length / 2),
    'a run of seven': 'abcdefg'.repeat(length / 7),
    'runs of all lengths': Array.from({ length: 200 }, (_, index) => letters[index % letters.length]!.repeat(index)).join(''),
  });

  for (const [kind, make] of [['by rank', merging], ['greedily', greedy]] as const) {
    it(`become the tokens of one go, merged ${kind}`, async () => {
      let slowest = 0;
      for (let seed = 1; seed <= 12; seed++) {
        const next = random(seed);
        const tokenize = make(vocabulary(letters, 40 * seed, next));
        for (const [name, text] of Object.entries(texts(next))) {
          const tokens = await tokenizeWindows(text, (part) => {
            slowest = Math.max(slowest, part.length);
            return tokenize(part);
          }, true);
          assert.deepEqual(tokens, tokenize(text), `${name}, vocabulary ${seed}`);
        }
      }
      assert.ok(slowest < 5000, `${slowest} characters in one go`);
    });
  }

  it('say the same text where no cut is sure, and are not taken apart within a character', async () => {
    const pieces: string[] = [];
    let count = 0;
    const text = '😀'.repeat(10_000);
    const tokens = await tokenizeWindows(
      text,
      (part) => {
        pieces.push(part);
        // No two are the same.
        return [...part].map(() => count++ as Token);
      },
      true,
    );
    assert.equal(tokens.length, 10_000);
    assert.ok(pieces.every((piece) => !/^[\udc00-\udfff]|[\ud800-\udbff]$/.test(piece)));
  });

  it('leave others their turn, and begin only once', async () => {
    const starts: boolean[] = [];
    let turns = 0;
    const count = setInterval(() => turns++, 0);
    await tokenizeWindows('a'.repeat(200_000), (part, isStart) => {
      starts.push(isStart);
      return [...part].map((letter) => letter.charCodeAt(0) as Token);
    }, true);
    clearInterval(count);
    assert.ok(turns > 3, `${turns} turns`);
    assert.deepEqual(starts.flatMap((isStart, index) => (isStart ? [index] : [])), [0]);
  });
});
