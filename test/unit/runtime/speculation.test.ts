import assert from 'node:assert/strict';
import { testModelPath } from '../../fixtures/gguf/testModels';
import { createHarness, modelAt, type Harness } from '../builtin/inference/inferenceHarness';

/** In the real engine, which guesses, with a model whose greedy answers repeat themselves. */
describe('speculation', function () {
  this.timeout(90_000);
  let harness: Harness;

  beforeEach(async () => {
    harness = await createHarness([modelAt('null', await testModelPath('null'))]);
  });

  afterEach(() => harness.dispose());

  async function ask(content: string, options: { frequencyPenalty?: number; temperature?: number; seed?: number; logprobs?: number; maxTokens?: number } = {}) {
    let text = '';
    let tokens = 0;
    const request = { modelId: 'null', messages: [{ role: 'user' as const, content }], temperature: 0, maxTokens: 300, ...options };
    for await (const chunk of await harness.api.inference.createChatCompletion(request)) {
      text += chunk.text ?? '';
      tokens = chunk.usage?.completionTokens ?? tokens;
    }
    return { text, tokens };
  }

  it('leaves a greedy answer as it is', async () => {
    const guessed = await ask('repeat this and that');
    // Answers with probabilities are drawn without guesses.
    const plain = await ask('repeat this and that', { logprobs: 0 });
    assert.equal(guessed.text, plain.text);
    assert.equal(guessed.tokens, 300);
  });

  it('remembers nothing of a guess after an answer that ended early', async () => {
    const whole = await ask('early end', { maxTokens: 120 });
    for (const maxTokens of [37, 53, 71, 90]) {
      const part = await ask('early end', { maxTokens });
      assert.equal(part.tokens, maxTokens);
      assert.ok(whole.text.startsWith(part.text));
    }
    // Pushed out of the slots and copied back in.
    for (const other of ['first', 'second', 'third', 'fourth', 'fifth']) {
      await ask(other.repeat(200), { maxTokens: 40 });
    }
    assert.equal((await ask('early end', { maxTokens: 120 })).text, whole.text);
  });
});
