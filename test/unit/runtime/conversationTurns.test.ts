import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { ChatChunk, ChatMessage } from '../../../src/api/jan';
import { testModelPath } from '../../fixtures/gguf/testModels';
import { createHarness, modelAt, processEnd, type Harness } from '../builtin/inference/inferenceHarness';

/** Conversations that take turns in the real engine, more of them than it has slots. */
describe('conversations that take turns', function () {
  this.timeout(90_000);
  let harness: Harness;

  beforeEach(async () => {
    harness = await createHarness([modelAt('null', await testModelPath('null'))]);
  });

  afterEach(() => harness.dispose());

  async function ask(messages: readonly ChatMessage[]): Promise<{ text: string; last: ChatChunk }> {
    const chunks: ChatChunk[] = [];
    for await (const chunk of await harness.api.inference.createChatCompletion({ modelId: 'null', messages, temperature: 0, maxTokens: 20 })) {
      chunks.push(chunk);
    }
    return { text: chunks.map(({ text }) => text ?? '').join(''), last: chunks.at(-1)! };
  }

  const opening = (index: number): ChatMessage => ({ role: 'user', content: `${index} ${'some words of the conversation '.repeat(15 + index)}` });

  it('find all that they said in memory, and get the answers that they would get alone', async () => {
    const conversations = Array.from({ length: 8 }, (_, index) => [opening(index)]);
    for (const messages of conversations) {
      messages.push({ role: 'assistant', content: (await ask(messages)).text });
    }
    const answers: string[] = [];
    for (const messages of conversations) {
      messages.push({ role: 'user', content: 'And then?' });
      const { text, last } = await ask(messages);
      answers.push(text);
      const { promptTokens, cachedTokens } = last.usage!;
      assert.ok(promptTokens - cachedTokens! < 60, `${cachedTokens} of ${promptTokens} tokens were remembered`);
    }
    await harness.api.inference.stopModel('null');
    assert.deepEqual([(await ask(conversations[3]!)).text, (await ask(conversations[6]!)).text], [answers[3], answers[6]]);
  });

  it('share a long beginning also when another conversation has it', async () => {
    const system: ChatMessage = { role: 'system', content: 'You are a helpful assistant of great patience. '.repeat(20) };
    await ask([system, opening(1)]);
    const { last } = await ask([system, { role: 'user', content: 'Something else altogether' }]);
    assert.ok(last.usage!.cachedTokens! > 200, `${last.usage!.cachedTokens} tokens were remembered`);
  });

  it('leave nothing on the disk or in memory when the engine is killed', async function () {
    if (process.platform !== 'linux') {
      console.log('skipped: only Linux lets a file lose its name while it is in use');
      this.skip();
    }
    for (let index = 0; index < 8; index++) {
      await ask([opening(index)]);
    }
    const { pid } = await harness.api.inference.getEngineState();
    // A container's folder in memory may be too small, then it is the one for temporary files.
    const below = async (parent: string): Promise<string[]> => (await readdir(parent)).map((name) => path.join(parent, name));
    const folder = [...(await below('/dev/shm')), ...(await below(os.tmpdir()))].find((name) => name.includes(`jan-states-${pid}-`));
    assert.notEqual(folder, undefined, 'states were kept');
    process.kill(pid!, 'SIGKILL');
    await processEnd(pid, 5000);
    assert.deepEqual(await readdir(folder!), []);
  });
});
