import assert from 'node:assert/strict';
import { TokenText } from '../../../src/runtime/tokenText';

/** Tokens that are bytes, as a byte-level tokenizer falls back to. */
const bytesToText = (bytes: readonly number[]): string => new TextDecoder().decode(Uint8Array.from(bytes));

function pieces(text: string): string[] {
  const tokenText = new TokenText<number>(bytesToText);
  return [...new TextEncoder().encode(text)].map((byte) => tokenText.push(byte)).concat(tokenText.end());
}

describe('text of tokens', () => {
  it('is complete and never holds half a character', () => {
    for (const text of ['plain', 'naïve café', '日本語', '👩‍👩‍👧 family', 'a👍b']) {
      const all = pieces(text);
      assert.equal(all.join(''), text);
      assert.ok(!all.join('').includes('\uFFFD'));
    }
  });

  it('comes as soon as a character is complete', () => {
    assert.deepEqual(pieces('a👍b'), ['a', '', '', '', '👍', 'b', '']);
  });

  it('does not wait for ever for a character that never becomes complete', () => {
    const tokenText = new TokenText<number>(bytesToText);
    const all = [0xf0, 0x9f, 0x41, 0x42].map((byte) => tokenText.push(byte)).concat(tokenText.end());
    assert.ok(all.join('').endsWith('AB'), JSON.stringify(all));
  });

  it('drops half a character at the end', () => {
    const tokenText = new TokenText<number>(bytesToText);
    assert.equal(tokenText.push(0x61), 'a');
    assert.equal(tokenText.push(0xf0), '');
    assert.equal(tokenText.end(), '');
  });

  it('tells the detokeniser what came before', () => {
    const seen: string[] = [];
    const tokenText = new TokenText<string>((tokens, before) => {
      seen.push(`${before.join('')}|${tokens.join('')}`);
      return tokens.join('');
    });
    [...'abcde'].forEach((token) => tokenText.push(token));
    assert.deepEqual(seen, ['|a', 'a|b', 'ab|c', 'abc|d', 'bcd|e']);
  });
});
