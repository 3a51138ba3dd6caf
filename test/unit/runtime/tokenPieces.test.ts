import assert from 'node:assert/strict';
import type { LlamaModel, Token } from 'node-llama-cpp';
import { AnswerText } from '../../../src/runtime/answerText';
import { createDetokenizer, detokenizersOf } from '../../../src/runtime/tokenPieces';

const control = ['[THINK]', '[/THINK]', '[TOOL_CALLS]', '[INST]'];
const vocabulary = [...control, 'Let', ' me', ' look', 'Yes', '?'];
const token = (text: string): Token => vocabulary.indexOf(text) as Token;
/** Each byte of é is a token of its own. */
const [first, last] = [100, 101] as Token[];

const model = (vocabularyType: string): LlamaModel =>
  ({
    vocabularyType,
    fileInfo: { metadata: {} },
    tokenize: (text: string) => (control.includes(text) ? [token(text)] : [...text].map(() => 99 as Token)),
    detokenize: (tokens: Token[], special: boolean) =>
      tokens
        .map((one, index) => {
          if (one === first) {
            return tokens[index + 1] === last ? 'é' : '\uFFFD';
          }
          return one === last || (one < control.length && !special) ? '' : vocabulary[one];
        })
        .join(''),
  }) as unknown as LlamaModel;

describe('the texts of tokens', () => {
  for (const type of ['bpe', 'spm']) {
    it(`say the special tokens that are asked for: ${type}`, () => {
      const all = [token('[THINK]'), token('Let'), token('[/THINK]'), token('[INST]'), token('Yes')];
      const said = (special?: boolean | ReadonlySet<Token>): string => all.map((one) => createDetokenizer(model(type), special)([one], [])).join('');
      assert.equal(said(), 'LetYes');
      assert.equal(said(true), '[THINK]Let[/THINK][INST]Yes');
      assert.equal(said(new Set([token('[THINK]'), token('[/THINK]')])), '[THINK]Let[/THINK]Yes');
      const some = createDetokenizer(model(type), new Set([token('[THINK]')]));
      assert.equal(some([first!, last!, token('[THINK]'), token('[INST]'), first!, last!], []), 'é[THINK]é');
      const detokenizer = detokenizersOf(model(type));
      assert.equal(all.map((one) => detokenizer(['[THINK]', '</think>'])([one], [])).join(''), '[THINK]LetYes');
      assert.equal(all.map((one) => detokenizer()([one], [])).join(''), '[THINK]Let[/THINK][INST]Yes');
      assert.equal(detokenizer([]), detokenizer([]), 'what is known of tokens is kept');
    });
  }

  it('let what was thought be told from the answer where its marks are special tokens', () => {
    const tags = { open: '[THINK]', close: '[/THINK]' };
    let [text, reasoning] = ['', ''];
    const answer = new AnswerText<Token>({
      detokenize: detokenizersOf(model('bpe'))([tags.open, tags.close]),
      stops: [],
      templateStops: [],
      reasoning: { tags, opened: false },
      onPiece: (piece) => {
        text += piece.text ?? '';
        reasoning += piece.reasoning ?? '';
      },
    });
    [token('[THINK]'), token('Let'), token(' me'), token(' look'), token('[/THINK]'), token('[INST]'), token('Yes')].forEach((one) => answer.push(one));
    answer.end();
    assert.deepEqual([reasoning, text], ['Let me look', 'Yes']);
  });
});
