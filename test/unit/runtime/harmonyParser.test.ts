import assert from 'node:assert/strict';
import { AnswerText } from '../../../src/runtime/answerText';
import { HarmonyParser } from '../../../src/runtime/harmonyParser';
import type { AnswerPiece } from '../../../src/protocol/runtimeProtocol';

const none = new Set<string>();

/** The answer in pieces of `size` characters, put together again. */
function parse(answer: string, size: number, { inAnswer = false, tools = none } = {}) {
  const parser = new HarmonyParser({ inAnswer, tools });
  const pieces = [...(answer.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? []).map((piece) => parser.push(piece)), parser.end()];
  const calls: { name: string; arguments: string }[] = [];
  for (const { toolCalls } of pieces) {
    for (const call of toolCalls) {
      if (call.name !== undefined) {
        assert.match(call.id!, /^[a-zA-Z0-9]{9}$/);
        calls.push({ name: call.name, arguments: '' });
      }
      calls[call.index]!.arguments += call.arguments ?? '';
    }
  }
  return { text: pieces.map(({ text }) => text).join(''), reasoning: pieces.map(({ reasoning }) => reasoning).join(''), calls, done: parser.isDone };
}

function parsedAlike(answer: string, expected: Partial<ReturnType<typeof parse>>, options?: Parameters<typeof parse>[2]): void {
  for (let size = 1; size <= answer.length; size++) {
    const { text, reasoning, calls, done } = parse(answer, size, options);
    assert.deepEqual({ text, reasoning, calls, done }, { text: '', reasoning: '', calls: [], done: false, ...expected }, `pieces of ${size}`);
  }
}

describe('an answer in channels', () => {
  it('is parted into reasoning and answer, whatever the cut', () => {
    const answer = '<|channel|>analysis<|message|>The user asks <b>2+2</b>.<|end|><|start|>assistant<|channel|>final<|message|>It is **4**.<|return|>';
    parsedAlike(answer, { reasoning: 'The user asks <b>2+2</b>.', text: 'It is **4**.', done: true });
  });

  it('ends with the answer’s own end, also where the model goes on', () => {
    parsedAlike('<|channel|>final<|message|>Yes.<|end|><|start|>user<|message|>More?', { text: 'Yes.', done: true });
  });

  it('calls tools, after a word to the user', () => {
    const answer =
      '<|channel|>analysis<|message|>Look it up.<|end|><|start|>assistant<|channel|>commentary<|message|>One moment.<|end|>' +
      '<|start|>assistant<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{"city": "Paris"}<|call|>';
    const calls = [{ name: 'weather', arguments: '{"city": "Paris"}' }];
    parsedAlike(answer, { reasoning: 'Look it up.', text: 'One moment.', calls, done: true }, { tools: new Set(['weather']) });
    const before = ' to=functions.weather<|channel|>commentary json<|message|>{}<|call|>';
    parsedAlike(before, { calls: [{ name: 'weather', arguments: '{}' }], done: true }, { tools: new Set(['weather']) });
  });

  it('does not call what is not there', () => {
    parsedAlike('<|channel|>commentary to=functions.rm<|message|>{"all": true}<|call|>', { reasoning: '{"all": true}', done: true }, { tools: new Set(['weather']) });
  });

  it('is as it is where the model does not keep to the form, or stops in the middle', () => {
    parsedAlike('Just an answer, 1 < 2.', { text: 'Just an answer, 1 < 2.' });
    parsedAlike('<', { text: '<' });
    parsedAlike('<|channel|>analysis<|message|>on and on <|e', { reasoning: 'on and on <|e' });
    parsedAlike(' world.<|return|>', { text: ' world.', done: true }, { inAnswer: true });
    const long = `<|channel|>${'x'.repeat(400)}`;
    assert.ok(parse(long, 7).text.length > 0, 'a header without end is not waited for');
  });

  it('sets one thought apart from the next', () => {
    parsedAlike('<|channel|>analysis<|message|>One.<|end|><|start|>assistant<|channel|>analysis<|message|>Two.<|end|>', { reasoning: 'One.\n\nTwo.' });
  });

  it('reaches its reader as pieces, and ends the answer', () => {
    const pieces: Omit<AnswerPiece, 'droppedMessages'>[] = [];
    const answer = new AnswerText<string>({
      detokenize: (tokens) => tokens.join(''),
      stops: ['END'],
      templateStops: [],
      reasoning: { tags: { open: '<think>', close: '</think>' }, opened: false },
      harmony: { inAnswer: false, tools: new Set(['look']), parallel: true },
      onPiece: (piece) => pieces.push(piece),
    });
    const joined = (key: 'text' | 'reasoning'): string => pieces.map((piece) => piece[key] ?? '').join('');
    for (const token of ['<|channel|>', 'analysis', '<|message|>', 'Hm.', '<|end|>', '<|start|>', 'assistant', '<|channel|>', 'final', '<|message|>']) {
      assert.equal(answer.push(token), false);
    }
    assert.equal(answer.isReasoning, false, 'a grammar may hold what comes now');
    assert.equal(answer.push('Fine.'), false);
    assert.equal(answer.push('<|end|>'), true);
    assert.deepEqual([joined('text'), joined('reasoning'), answer.hasToolCalls], ['Fine.', 'Hm.', false]);
  });
});
