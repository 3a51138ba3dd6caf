import assert from 'node:assert/strict';
import type { Token } from 'node-llama-cpp';
import { tokenizeLong } from '../../../src/runtime/tokenizing';

/** A vocabulary; its tokens are the characters, whatever it says. */
function vocabulary(vocabularyType: string, texts: readonly string[]) {
  const asked: number[] = [];
  return {
    asked,
    vocabularyType,
    fileInfo: { metadata: { tokenizer: { ggml: { tokens: texts } } } },
    tokenize: (text: string): Token[] => {
      asked.push(text.length);
      return [...text].map((character) => character.codePointAt(0) as Token);
    },
  };
}
type Model = Parameters<typeof tokenizeLong>[0];

const longest = 64 * 1024;
const bytePairs = ['Ċ', 'ĊĊ', 'Ġa', 'ab', 'Ġ', 'ĠĠ', ';Ċ', 'Ċĉ', 'ĊÂł', 'Ã©'];

describe('long texts', () => {
  const lines = 'const value = 1;\nreturn value;\n\n  indented\n'.repeat(10_000);
  const prose = 'The quick brown fox jumps over the lazy dog, again and again. '.repeat(8000);

  it('become tokens in pieces, and others have their turn in between', async () => {
    for (const [type, texts, text] of [
      ['bpe', bytePairs, lines],
      ['bpe', bytePairs, prose],
      ['spm', ['▁a', '<0x0A>', 'ab'], lines],
      ['spm', ['▁a', '<0x0A>', 'ab'], lines.replaceAll('\n', '\r\n')],
    ] as const) {
      const model = vocabulary(type, texts);
      let turns = 0;
      const count = setInterval(() => turns++, 0);
      const tokens = await tokenizeLong(model as unknown as Model, text, false);
      clearInterval(count);
      assert.equal(String.fromCodePoint(...tokens.slice(0, 100_000)), text.slice(0, 100_000));
      assert.equal(tokens.length, text.length);
      assert.ok(Math.max(...model.asked) <= longest, `${Math.max(...model.asked)} characters in one go`);
      assert.ok(turns > 1, `${turns} turns`);
    }
  });

  it('are cut by trying alone where a token reaches over lines or words', async () => {
    const isTried = ({ asked }: { readonly asked: readonly number[] }): void => assert.ok(Math.max(...asked) < 5000, `${Math.max(...asked)} characters in one go`);
    const overLines = vocabulary('spm', ['\na']);
    await tokenizeLong(overLines as unknown as Model, lines, false);
    isTried(overLines);
    // In GPT-2's writing: a line break and a letter; a word, a space and a word.
    const overBoth = vocabulary('bpe', ['ĊA', 'ofĠthe']);
    await tokenizeLong(overBoth as unknown as Model, prose, false);
    isTried(overBoth);
    const unknown = vocabulary('bpe', []);
    await tokenizeLong(unknown as unknown as Model, lines, false);
    isTried(unknown);
  });

  it('that have no place to cut are tried window by window, where that gives the same tokens', async () => {
    const unbroken = 'a'.repeat(300_000);
    for (const [type, isLocal] of [['bpe', true], ['spm', true], ['wpm', false], ['ugm', false]] as const) {
      const model = vocabulary(type, ['ab']);
      const tokens = await tokenizeLong(model as unknown as Model, `${unbroken}\n${unbroken}`, false);
      assert.equal(tokens.length, 600_001);
      assert.equal(Math.max(...model.asked) < longest, isLocal, type);
    }
  });

  it('go on without the space that SentencePiece puts before a text, also where special tokens are read', async () => {
    const model = { ...vocabulary('spm', ['ab']), tokenize: (text: string): Token[] => [...`▁${text}`].map((character) => character.codePointAt(0) as Token) };
    for (const text of [lines, 'a'.repeat(100_000)]) {
      const tokens = await tokenizeLong(model as unknown as Model, text, true);
      assert.equal(tokens.map((token) => String.fromCodePoint(token)).join(''), `▁${text}`);
    }
  });

  it('that are short are taken as they are', async () => {
    const model = vocabulary('bpe', bytePairs);
    await tokenizeLong(model as unknown as Model, 'short\ntext', false);
    assert.deepEqual(model.asked, [10]);
  });
});
