import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { EngineState, ModelBackend } from '../../../../src/api/jan';
import { testModelPath, testModels, writeTestModel } from '../../../fixtures/gguf/testModels';
import { ask, createHarness, modelAt, processEnd, type Answer, type Harness } from './inferenceHarness';

const hello = [{ role: 'user' as const, content: 'Hello' }];

describe('inference plugin', function () {
  this.timeout(90_000);
  let harness: Harness;
  let folder: string;

  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'jan-gguf-'));
    harness = await createHarness([modelAt('null', await testModelPath('null'))], { starterModelId: 'null' });
  });

  after(async () => {
    await harness.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  it('starts nothing until it is used', async () => {
    assert.deepEqual(await harness.api.inference.getEngineState(), { status: 'stopped', models: [], activeRequests: 0 });
    assert.deepEqual(await harness.api.inference.getInferenceModels(), [
      { id: 'null', name: 'null', backendId: 'llama.cpp', loaded: false, remote: false, capabilities: ['chat', 'completion'] },
    ]);
    await harness.api.inference.stopModel('null');
    assert.equal((await harness.api.inference.getEngineState()).status, 'stopped');
  });

  it('loads the model on first use and streams an answer, whole and in pieces', async () => {
    const { chunks, last, text } = await ask(harness.api, { messages: hello, maxTokens: 200, temperature: 0 });
    assert.equal(chunks[0]!.modelId, 'null');
    assert.ok(chunks.length >= 3, `${chunks.length} pieces`);
    assert.ok(text.length > 100);
    assert.equal(last.finishReason, 'length');
    assert.equal(last.usage!.completionTokens, 200);
    assert.ok(last.timings!.firstTokenMs! > 0 && last.timings!.tokensPerSecond! > 0);
    assert.equal((await harness.api.inference.getEngineState()).tokensPerSecond, last.timings!.tokensPerSecond);
    const again = await ask(harness.api, { messages: hello, maxTokens: 200, temperature: 0 });
    assert.equal(again.text, text, 'greedy answers are the same');
  });

  it('does not read again what it has read before', async () => {
    const messages = [{ role: 'user' as const, content: 'What is this? '.repeat(50) }];
    const first = await ask(harness.api, { messages, maxTokens: 20, temperature: 0 });
    const next = [...messages, { role: 'assistant' as const, content: first.text }, ...hello];
    const second = await ask(harness.api, { messages: next, maxTokens: 20, temperature: 0 });
    assert.ok(second.last.usage!.cachedTokens! >= first.last.usage!.promptTokens, `${second.last.usage!.cachedTokens} tokens reused`);
    const same = await ask(harness.api, { messages, maxTokens: 20, temperature: 0 });
    assert.equal(same.text, first.text, 'an answer from a warm slot is the same');
    assert.equal(same.last.usage!.cachedTokens, same.last.usage!.promptTokens - 1);
  });

  it('copies what another answer under way has read', async () => {
    const messages = [{ role: 'user' as const, content: 'Which of these is it? '.repeat(40) }];
    const abort = new AbortController();
    let others: Promise<Answer[]> | undefined;
    const first = ask(harness.api, { messages, temperature: 1.5, seed: 1, ignoreEnd: true }, abort.signal, ({ text }) => {
      if (text !== undefined) {
        others ??= Promise.all([2, 3].map((seed) => ask(harness.api, { messages, temperature: 1.5, seed, maxTokens: 10 }))).finally(() => abort.abort());
      }
    });
    assert.equal((await first).last.finishReason, 'cancelled', 'it was under way to the end');
    for (const { last } of (await others)!) {
      assert.equal(last.usage!.cachedTokens, last.usage!.promptTokens - 1);
    }
  });

  it('keeps to seeds, and without one varies', async () => {
    const answer = async (seed?: number) => (await ask(harness.api, { messages: hello, maxTokens: 40, temperature: 1.5, seed })).text;
    assert.equal(await answer(7), await answer(7));
    assert.notEqual(await answer(7), await answer(8));
    assert.notEqual(await answer(), await answer());
  });

  it('ends at a stop string that the model says', async () => {
    const { text } = await ask(harness.api, { messages: hello, maxTokens: 100, temperature: 0 });
    const stop = text.slice(50, 54);
    const stopped = await ask(harness.api, { messages: hello, maxTokens: 100, temperature: 0, stop: [stop] });
    assert.equal(stopped.text, text.slice(0, text.indexOf(stop)));
    assert.equal(stopped.last.finishReason, 'stop');
  });

  it('treats what looks like a special token in a message as text', async () => {
    const plain = await ask(harness.api, { messages: [{ role: 'user', content: 'x' }], maxTokens: 1 });
    const special = await ask(harness.api, { messages: [{ role: 'user', content: 'x<|im_end|>' }], maxTokens: 1 });
    // As a special token it would be one more; its letters and signs are many.
    assert.ok(special.last.usage!.promptTokens - plain.last.usage!.promptTokens > 4);
  });

  it('stops when cancelled, and when the reader leaves', async () => {
    const abort = new AbortController();
    const { last } = await ask(harness.api, { messages: hello, maxTokens: 8000 }, abort.signal, () => abort.abort());
    assert.equal(last.finishReason, 'cancelled');
    assert.ok(last.usage!.completionTokens < 1000, `${last.usage!.completionTokens} tokens`);
    for await (const chunk of await harness.api.inference.createChatCompletion({ messages: hello, maxTokens: 8000 })) {
      assert.ok(chunk.text !== undefined);
      break;
    }
    assert.equal((await harness.api.inference.getEngineState()).activeRequests, 0);
    const before = await ask(harness.api, { messages: hello, maxTokens: 5 }, AbortSignal.abort());
    assert.equal(before.last.finishReason, 'cancelled');
    assert.equal(before.text, '');
  });

  it('drops the oldest turns of a conversation that is too long, and says when one message is', async () => {
    const turn = (index: number) => [
      { role: 'user' as const, content: `Question ${index}: ${'why '.repeat(150)}` },
      { role: 'assistant' as const, content: `Answer ${index}` },
    ];
    const long = [{ role: 'system' as const, content: 'Be brief.' }, ...Array.from({ length: 40 }, (_, index) => turn(index)).flat(), ...hello];
    const { last } = await ask(harness.api, { messages: long, maxTokens: 10 });
    assert.equal(last.usage!.completionTokens, 10);
    assert.ok(last.usage!.promptTokens > 3000 && last.usage!.promptTokens < 8192, `${last.usage!.promptTokens} tokens`);
    await assert.rejects(ask(harness.api, { messages: [{ role: 'user', content: 'why '.repeat(20_000) }] }), (error: unknown) => {
      assert.ok(harness.api.isJanError(error, 'context-overflow'));
      assert.match((error as Error).message, /\d{5} tokens.*8192/);
      return true;
    });
  });

  it('answers by a model without a chat template, and with a shorter context when asked', async () => {
    const file = path.join(folder, 'bare.gguf');
    await writeTestModel(file, { ...testModels.null, chatTemplate: null });
    harness.models.push(modelAt('bare', file));
    const fractions: number[] = [];
    const running = await harness.api.inference.initModel('bare', { contextLength: 512, onProgress: (fraction) => fractions.push(fraction) });
    assert.equal(running.status, 'ready');
    assert.equal(running.contextLength, 512);
    assert.equal(fractions.at(-1), 1);
    assert.deepEqual(fractions, [...fractions].sort((a, b) => a - b));
    assert.ok(running.memory! > 0);
    const { last } = await ask(harness.api, { modelId: 'bare', messages: hello, temperature: 0 });
    assert.equal(last.finishReason, 'length');
    assert.equal(last.usage!.promptTokens + last.usage!.completionTokens, 512);
    assert.equal(last.contextFull, true);
    await harness.api.inference.stopModel('bare');
    const models = await harness.api.inference.getInferenceModels();
    assert.deepEqual(models.map(({ id, loaded }) => [id, loaded]), [['null', true], ['bare', false]]);
  });

  it('refuses files that are no models, says why, and goes on', async () => {
    const { pid } = await harness.api.inference.getEngineState();
    const whole = path.join(folder, 'cut.gguf');
    await writeTestModel(whole, testModels.null);
    await truncate(whole, 400_000);
    await writeFile(path.join(folder, 'text.gguf'), 'This is a text file, not a model, whatever its name says.');
    await writeFile(path.join(folder, 'empty.gguf'), '');
    await writeFile(path.join(folder, 'huge.gguf'), Buffer.concat([Buffer.from('GGUF'), Buffer.from([3, 0, 0, 0]), Buffer.alloc(16, 0xff), Buffer.alloc(64)]));
    for (const [name, code] of [['cut', 'model-invalid'], ['text', 'model-invalid'], ['empty', 'model-invalid'], ['huge', 'model-invalid'], ['absent', 'model-file-missing']] as const) {
      harness.models.push(modelAt(name, path.join(folder, `${name}.gguf`)));
      await assert.rejects(harness.api.inference.initModel(name), { name: 'JanError', code }, name);
    }
    await assert.rejects(harness.api.inference.initModel('unknown'), { code: 'model-not-found' });
    const state = await harness.api.inference.getEngineState();
    assert.equal(state.pid, pid);
    assert.deepEqual(state.models.map(({ modelId }) => modelId), ['null']);
  });

  it('rejects malformed requests with what is wrong', async () => {
    const { inference } = harness.api;
    await assert.rejects(inference.createChatCompletion({ messages: [] }), { code: 'invalid-argument' });
    await assert.rejects(inference.createChatCompletion({ messages: [{ role: 'robot' as 'user', content: 'x' }] }), { code: 'invalid-argument' });
    await assert.rejects(ask(harness.api, { messages: hello, temperature: 5 }), { code: 'invalid-argument' });
    await assert.rejects(ask(harness.api, { messages: hello, maxTokens: 0 }), { code: 'invalid-argument' });
  });

  it('routes to a companion\'s backend by model id', async () => {
    const echo: ModelBackend = {
      id: 'echo',
      name: 'Echo',
      remote: false,
      getModels: async () => [{ id: 'echo', name: 'Echo', backendId: 'echo', loaded: true, remote: false }],
      async *createChatCompletion(request) {
        yield { text: request.messages.at(-1)!.content, modelId: 'echo' };
        yield { finishReason: 'stop' };
      },
    };
    const plugin = harness.api.registerPlugin({ id: 'test.echo', name: 'Echo', version: '1.0.0' });
    plugin.registerBackend(echo);
    assert.equal((await ask(harness.api, { modelId: 'echo', messages: hello })).text, 'Hello');
    assert.equal((await harness.api.inference.initModel('echo')).status, 'ready');
    assert.equal((await ask(harness.api, { messages: hello, maxTokens: 3 })).chunks[0]!.modelId, 'null', 'the loaded model stays the default');
    plugin.dispose();
    await assert.rejects(ask(harness.api, { modelId: 'echo', messages: hello }), { code: 'model-not-found' });
  });

  it('rejects with the cause when the engine is killed in mid-answer, and works again with the next message', async () => {
    const states: EngineState[] = [];
    const subscription = harness.api.onDidChangeEngine((state) => states.push(state));
    await harness.api.inference.initModel('null');
    const { pid } = await harness.api.inference.getEngineState();
    let text = '';
    await assert.rejects(
      ask(harness.api, { modelId: 'null', messages: hello, maxTokens: 8000 }, undefined, (chunk) => {
        text += chunk.text ?? '';
        process.kill(pid!, 'SIGKILL');
      }),
      { code: 'engine-crashed', message: 'The engine was killed (SIGKILL), perhaps because memory ran out. Send the message again to restart it.' },
    );
    assert.ok(text.length > 0, 'what was said before is kept');
    const crashed = await harness.api.inference.getEngineState();
    assert.equal(crashed.status, 'crashed');
    assert.equal(crashed.error!.code, 'engine-crashed');
    assert.equal((await ask(harness.api, { messages: hello, maxTokens: 5, modelId: 'null' })).last.usage!.completionTokens, 5);
    const state = await harness.api.inference.getEngineState();
    assert.equal(state.status, 'running');
    assert.notEqual(state.pid, pid);
    assert.ok(states.length > 0);
    subscription.dispose();
  });

  it('restarts when told to: running answers end, saying so', async () => {
    const { pid } = await harness.api.inference.getEngineState();
    let restarted: Promise<void> | undefined;
    await assert.rejects(
      ask(harness.api, { messages: hello, maxTokens: 8000, modelId: 'null' }, undefined, () => {
        restarted ??= harness.api.inference.restartEngine();
      }),
      { code: 'engine-crashed', message: 'The engine was restarted. Send the message again.' },
    );
    await restarted;
    const state = await harness.api.inference.getEngineState();
    assert.equal(state.status, 'running');
    assert.notEqual(state.pid, pid);
    await processEnd(pid, 1000);
  });

  it('says so when the engine cannot be started at all', async () => {
    const broken = await createHarness([modelAt('null', await testModelPath('null'))], { runtimeEntry: path.join(folder, 'absent.mjs') });
    await assert.rejects(broken.api.inference.initModel('null'), { code: 'engine-unavailable', message: /could not be started.*exit code 1/ });
    await broken.dispose();
  });
});
