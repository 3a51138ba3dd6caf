import assert from 'node:assert/strict';
import { estimateTokens, samplingOf, splitContext, textOf, toChatMessages } from '../../../src/ui/languageModelMessages';

describe('languageModelMessages', () => {
  it('takes text parts and skips what it does not know', () => {
    const content = [{ value: 'Hello ' }, { callId: '1', input: {} }, null, 7, { value: { not: 'text' } }, { data: new Uint8Array(1) }, { value: 'there' }];
    assert.equal(textOf(content), 'Hello there');
    assert.equal(textOf('plain'), 'plain');
  });

  it('keeps roles and leaves out messages without text', () => {
    const messages = toChatMessages([
      { role: 3, content: [{ value: 'Be brief.' }] },
      { role: 1, content: [{ value: 'Hi' }] },
      { role: 2, content: [{ callId: 'x' }] },
      { role: 2, content: [{ value: 'Hello' }] },
      { role: 99, content: 'odd' },
    ]);
    assert.deepEqual(messages, [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello' },
      { role: 'user', content: 'odd' },
    ]);
  });

  it('estimates tokens by bytes', () => {
    assert.equal(estimateTokens(''), 0);
    assert.equal(estimateTokens('four'), 1);
    assert.equal(estimateTokens('fives'), 2);
    assert.equal(estimateTokens('漢字漢字'), 3);
  });

  it('takes sampling that is in range, by either spelling', () => {
    assert.deepEqual(samplingOf({ temperature: 0, top_p: 0.5, max_tokens: 10.7, other: 1 }), { temperature: 0, topP: 0.5, maxTokens: 10 });
    assert.deepEqual(samplingOf({ temperature: 3, topP: 0, maxTokens: '9' }), {});
    assert.deepEqual(samplingOf(undefined), {});
  });

  it('leaves room for the answer', () => {
    assert.deepEqual(splitContext(2048), { maxInputTokens: 1536, maxOutputTokens: 512 });
    assert.deepEqual(splitContext(131_072), { maxInputTokens: 6144, maxOutputTokens: 2048 });
    assert.deepEqual(splitContext(undefined), { maxInputTokens: 3072, maxOutputTokens: 1024 });
    for (const context of [1, 100, 5000, 1e6]) {
      const { maxInputTokens, maxOutputTokens } = splitContext(context);
      assert.ok(maxInputTokens > 0 && maxInputTokens + maxOutputTokens <= context);
    }
  });
});
