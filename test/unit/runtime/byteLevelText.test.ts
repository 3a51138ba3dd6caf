import assert from 'node:assert/strict';
import { byteLevelText } from '../../../src/runtime/byteLevelText';

describe('text of byte-level tokens', () => {
  it('gives each stand-in its byte', () => {
    const cases: [string, string][] = [
      ['Ġ?', ' ?'],
      ["Ġ'", " '"],
      ['Ċĉ', '\n\t'],
      ['ĠâĢľ', ' “'],
      ['Ã©', 'é'],
      ['', ''],
    ];
    for (const [written, text] of cases) {
      assert.equal(byteLevelText(written), text);
    }
  });

  it('gives nothing for half a character, and for what stands for no byte', () => {
    assert.equal(byteLevelText('âĢ'), undefined);
    assert.equal(byteLevelText('日'), undefined);
    assert.equal(byteLevelText('a b'), undefined);
  });
});
