import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { LlamaContextSequence, LlamaGrammarEvaluationState, Token } from 'node-llama-cpp';
import type { AnswerPiece, GenerationParams } from '../../../src/protocol/runtimeProtocol';
import { Batching } from '../../../src/runtime/batching';
import { generateAnswer, type Generation } from '../../../src/runtime/generation';
import { defaultReasoningTags } from '../../../src/runtime/reasoningSplitter';
import { ToolCallParser } from '../../../src/runtime/tools/toolCallParser';
import { hermes } from '../../../src/runtime/tools/toolStyle';

const tokensOf = (text: string): Token[] => [...text].map((letter) => letter.codePointAt(0) as Token);

/** A sequence whose model says `answer`, letter by letter, over and over. */
class FakeSequence {
  contextTokens: Token[] = [];
  evaluated: Token[] = [];
  generated = 0;

  constructor(
    readonly answer: string,
    readonly onToken: (count: number) => unknown = () => undefined,
  ) {}

  get nextTokenIndex(): number {
    return this.contextTokens.length;
  }

  compareContextTokens(tokens: Token[]): { firstDifferentIndex: number } {
    const different = this.contextTokens.findIndex((token, index) => token !== tokens[index]);
    return { firstDifferentIndex: different < 0 ? this.contextTokens.length : different };
  }

  async eraseContextTokenRanges([{ start, end }]: [{ start: number; end: number }]): Promise<void> {
    this.contextTokens.splice(start, end - start);
  }

  async evaluateWithoutGeneratingNewTokens(tokens: Token[]): Promise<void> {
    this.contextTokens.push(...tokens);
    this.evaluated.push(...tokens);
  }

  /** Whether a grammar was in force, token by token. */
  readonly held: boolean[] = [];

  async *evaluateWithMetadata(
    tokens: Token[],
    _metadata: object,
    options: { grammarEvaluationState?: () => unknown } = {},
  ): AsyncGenerator<{ token: Token }> {
    let next = tokens;
    for (;;) {
      this.held.push(options.grammarEvaluationState?.() !== undefined);
      await this.evaluateWithoutGeneratingNewTokens(next);
      const token = tokensOf(this.answer)[this.generated % this.answer.length]!;
      this.generated++;
      await this.onToken(this.generated);
      yield { token };
      next = [token];
    }
  }
}

interface Run {
  readonly prompt?: string;
  readonly sequence: FakeSequence;
  readonly params?: Partial<GenerationParams>;
  readonly signal?: AbortSignal;
  readonly contextLength?: number;
  readonly more?: Partial<Generation>;
}

async function run({ prompt = 'Hi', sequence, params = {}, signal, contextLength = 1000, more = {} }: Run) {
  const pieces: AnswerPiece[] = [];
  const result = await generateAnswer({
    sequence: sequence as unknown as LlamaContextSequence,
    detokenize: (tokens) => String.fromCodePoint(...tokens),
    contextLength,
    batchSize: 512,
    hasTiles: true,
    batching: new Batching(),
    sequenceIndex: 0,
    prompt: {
      tokens: tokensOf(prompt),
      stopTokens: new Set(tokensOf('$')),
      stopTexts: [],
      reasoning: { tags: defaultReasoningTags, opened: false },
      droppedMessages: 0,
    },
    params,
    choice: {
      sampling: { temperature: 0, topP: 1, topK: 0, minP: 0, frequencyPenalty: 0, presencePenalty: 0, repeatPenalty: 1 },
      textOf: (token) => String.fromCodePoint(token),
      isEndToken: () => false,
    },
    listener: { onPiece: (piece) => pieces.push(piece), onProgress: () => undefined },
    signal: signal ?? new AbortController().signal,
    started: performance.now(),
    ...more,
  });
  return { ...result, text: pieces.map(({ text }) => text ?? '').join(''), pieces };
}

describe('generation', () => {
  it('makes the text of a token while the model computes the next one, but begins no step after a text that may end the answer', async () => {
    const pieces: string[] = [];
    const seen: string[] = [];
    const sequence = new FakeSequence('abcdef', async () => {
      await nextTurn();
      await nextTurn();
      seen.push(pieces.join(''));
    });
    const listener = { onPiece: ({ text }: AnswerPiece) => void pieces.push(text ?? ''), onProgress: () => undefined };
    await run({ sequence, params: { maxTokens: 2 }, more: { listener } });
    assert.deepEqual(seen, ['', 'a'], 'the first token is with its reader before the second has been computed');

    const stopping = new FakeSequence('abcdef');
    await run({ sequence: stopping, params: { stop: ['bc'] } });
    assert.equal(stopping.generated, 3);
  });

  it('does not keep a token from its reader while others are waited for', async () => {
    const pieces: string[] = [];
    const batching = new Batching();
    const other = batching.enter(1);
    const answer = run({
      sequence: new FakeSequence('abcdef'),
      params: { maxTokens: 3 },
      more: { batching, listener: { onPiece: ({ text }) => void pieces.push(text ?? ''), onProgress: () => undefined } },
    });
    await nextTurn();
    void other.turn();
    while (pieces.length === 0) {
      await nextTurn();
    }
    assert.equal(pieces.join(''), 'a', 'the other one has not come to its second step');
    other.leave();
    assert.equal((await answer).finishReason, 'length');
  });

  it('ends at the length asked for', async () => {
    const { text, finishReason, usage } = await run({ sequence: new FakeSequence('abc'), params: { maxTokens: 7 } });
    assert.equal(text, 'abcabca');
    assert.equal(finishReason, 'length');
    assert.deepEqual(usage, { promptTokens: 2, completionTokens: 7, cachedTokens: 0 });
  });

  it('ends where the context ends', async () => {
    const sequence = new FakeSequence('abc');
    const { usage, finishReason, contextFull } = await run({ sequence, contextLength: 20 });
    assert.deepEqual([finishReason, contextFull], ['length', true]);
    assert.equal(usage.completionTokens, 20 - 2);
    assert.equal(sequence.nextTokenIndex, 20 - 1, 'the last token is not read: one place stays free');
    assert.equal((await run({ sequence: new FakeSequence('abc'), contextLength: 20, params: { maxTokens: 17 } })).contextFull, undefined);
  });

  it('tells how far the prompt is read, and the times so far, where asked', async () => {
    const prompt = 'x'.repeat(150);
    const told = await run({ prompt, sequence: new FakeSequence('abc'), params: { maxTokens: 3, tellProgress: true }, more: { batchSize: 64 } });
    const progress = told.pieces.flatMap(({ promptProgress }) => promptProgress ?? []);
    assert.deepEqual(progress.map(({ total, cached, processed }) => [total, cached, processed]), [[150, 0, 0], [150, 0, 64], [150, 0, 128], [150, 0, 150]]);
    assert.equal(progress[0]!.ms, 0);
    const said = told.pieces.filter(({ text }) => text !== undefined);
    assert.ok(said.length > 0 && said.every(({ usage, timings }) => usage?.promptTokens === 150 && timings !== undefined));
    assert.ok(told.pieces.indexOf(said[0]!) > told.pieces.findIndex(({ promptProgress }) => promptProgress?.processed === 150));
    const silent = await run({ prompt, sequence: new FakeSequence('abc'), params: { maxTokens: 3 }, more: { batchSize: 64 } });
    assert.ok(silent.pieces.every(({ promptProgress, usage }) => promptProgress === undefined && usage === undefined));
  });

  it('ends at a stop string, and at a stop token, which is no part of the answer', async () => {
    const stopped = await run({ sequence: new FakeSequence('hello END more'), params: { stop: ['END'] } });
    assert.equal(stopped.text, 'hello ');
    assert.equal(stopped.finishReason, 'stop');
    const token = await run({ sequence: new FakeSequence('hello$ more') });
    assert.equal(token.text, 'hello');
    assert.equal(token.finishReason, 'stop');
  });

  it('stops within one token of being cancelled', async () => {
    const abort = new AbortController();
    const sequence = new FakeSequence('abc', (count) => {
      if (count === 5) {
        abort.abort();
      }
    });
    const { finishReason, text } = await run({ sequence, signal: abort.signal });
    assert.equal(finishReason, 'cancelled');
    assert.equal(sequence.generated, 5);
    assert.equal(text, 'abca');
  });

  it('stops reading a long prompt when cancelled', async () => {
    const abort = new AbortController();
    const sequence = new FakeSequence('abc');
    const read = sequence.evaluateWithoutGeneratingNewTokens.bind(sequence);
    sequence.evaluateWithoutGeneratingNewTokens = async (tokens) => {
      abort.abort();
      await read(tokens);
    };
    const { finishReason } = await run({ prompt: 'x'.repeat(5000), contextLength: 10_000, sequence, signal: abort.signal });
    assert.equal(finishReason, 'cancelled');
    assert.ok(sequence.evaluated.length <= 512, `${sequence.evaluated.length} tokens read`);
  });

  it('reads only what differs from what the slot remembers', async () => {
    const sequence = new FakeSequence('abc');
    await run({ prompt: 'The same beginning. First', sequence, params: { maxTokens: 3 } });
    sequence.evaluated = [];
    const second = await run({ prompt: 'The same beginning. Second', sequence, params: { maxTokens: 1 } });
    assert.equal(String.fromCodePoint(...sequence.evaluated), 'Second');
    assert.equal(second.usage.cachedTokens, 'The same beginning. '.length);
  });

  it('reads at least one token when the slot remembers all of the prompt', async () => {
    const sequence = new FakeSequence('abc');
    await run({ sequence, params: { maxTokens: 2 } });
    sequence.evaluated = [];
    const { usage } = await run({ sequence, params: { maxTokens: 1 } });
    assert.equal(String.fromCodePoint(...sequence.evaluated), 'i');
    assert.equal(usage.cachedTokens, 1);
  });

  it('is held to a grammar once it has stopped reasoning', async () => {
    const sequence = new FakeSequence('<think>ab</think>yes$');
    const state = {} as LlamaGrammarEvaluationState;
    const prompt = { tokens: tokensOf('x'), stopTokens: new Set(tokensOf('$')), stopTexts: [], droppedMessages: 0 };
    const opened = { ...prompt, reasoning: { tags: defaultReasoningTags, opened: true } };
    const { text, pieces } = await run({ sequence: new FakeSequence('ab</think>yes$'), more: { prompt: opened, grammar: { state, from: 'answer' } } });
    assert.equal(text, 'yes');
    assert.equal(pieces.map(({ reasoning }) => reasoning ?? '').join(''), 'ab');
    await run({ sequence, more: { grammar: { state, from: 'answer' } } });
    assert.deepEqual(sequence.held.map(Number).join(''), `${'1'.repeat(7)}${'0'.repeat(10)}${'1'.repeat(4)}`);
  });

  it('gives calls of tools, held to their grammar from their mark on', async () => {
    const sequence = new FakeSequence('Look: <tool_call>{"name": "f", "arguments": {"x": 1}}</tool_call>$');
    const state = {} as LlamaGrammarEvaluationState;
    const tools = { parser: new ToolCallParser(hermes, [{ name: 'f' }]), parallel: true };
    const { text, pieces, finishReason } = await run({ sequence, more: { tools, grammar: { state, from: 'call' } } });
    assert.equal(text, 'Look:');
    assert.equal(finishReason, 'tool-calls');
    const deltas = pieces.flatMap(({ toolCalls }) => toolCalls ?? []);
    assert.equal(deltas[0]!.name, 'f');
    assert.equal(deltas.map((delta) => delta.arguments ?? '').join(''), '{"x": 1}');
    const mark = 'Look: <tool_call>'.length;
    assert.ok(sequence.held.slice(0, mark).every((held) => !held) && sequence.held.slice(mark).every((held) => held));
  });

  it('ends after one call when no more are allowed', async () => {
    const call = '<tool_call>{"name": "f", "arguments": {}}</tool_call>';
    const tools = { parser: new ToolCallParser(hermes, [{ name: 'f' }]), parallel: false };
    const { pieces, finishReason, usage } = await run({ sequence: new FakeSequence(call + call), more: { tools } });
    assert.equal(finishReason, 'tool-calls');
    assert.equal(pieces.flatMap(({ toolCalls }) => toolCalls ?? []).filter(({ name }) => name === 'f').length, 1);
    assert.ok(usage.completionTokens < call.length);
  });
});
