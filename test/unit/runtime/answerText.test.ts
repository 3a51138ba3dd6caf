import assert from 'node:assert/strict';
import { AnswerText } from '../../../src/runtime/answerText';
import { ToolCallParser } from '../../../src/runtime/tools/toolCallParser';
import { coder } from '../../../src/runtime/tools/toolStyle';

describe('the text of an answer', () => {
  it('has calls also where the last one is known with its end only', () => {
    const names: (string | undefined)[] = [];
    const answer = new AnswerText<string>({
      detokenize: (tokens) => tokens.join(''),
      stops: [],
      templateStops: [],
      tools: { parser: new ToolCallParser(coder, [{ name: 'get_time' }]), parallel: true },
      onPiece: ({ toolCalls = [] }) => names.push(...toolCalls.map(({ name }) => name)),
    });
    for (const token of ['<function=', 'get_time>\n<parameter=zone>\nUTC\n', '</parameter>\n</function>']) {
      answer.push(token);
    }
    assert.equal(answer.hasToolCalls, false);
    answer.end();
    assert.deepEqual(names, ['get_time']);
    assert.equal(answer.hasToolCalls, true);
  });
});
