import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import OpenAI from 'openai';
import type { ChatChunk, JanApi } from '../../src/api/jan';
import { writeEncoderModel } from '../fixtures/gguf/encoderModels';
import { testModelPath } from '../fixtures/gguf/testModels';
import { apiOfCompanion, rejects } from './support';

const ask = (content: string): { role: 'user'; content: string }[] => [{ role: 'user', content }];

describe('Inference service, through the companion', () => {
  let api: JanApi;
  before(async () => {
    api = await apiOfCompanion();
  });

  async function collect(stream: AsyncIterable<ChatChunk>): Promise<{ text: string; last: ChatChunk; chunks: number }> {
    let text = '';
    let chunks = 0;
    let last: ChatChunk = {};
    for await (const chunk of stream) {
      text += chunk.text ?? '';
      last = chunk;
      chunks += 1;
    }
    return { text, last, chunks };
  }

  it('INIT_MODEL loads the starter model into llama.cpp, STOP_MODEL frees it', async () => {
    const running = await api.invoke(api.InferenceService.INIT_MODEL, 'jan-guide');
    assert.equal(running.status, 'ready');
    assert.ok(running.contextLength! >= 512);
    const engine = await api.inference.getEngineState();
    assert.equal(engine.status, 'running');
    assert.ok(engine.models.some(({ modelId }) => modelId === 'jan-guide'));
    await api.invoke(api.InferenceService.STOP_MODEL, 'jan-guide');
    assert.ok(!(await api.inference.getEngineState()).models.some(({ modelId }) => modelId === 'jan-guide'));
    await api.inference.stopModel('jan-guide');
  });

  it('INIT_MODEL and STOP_MODEL reject or accept wrong input as documented', async () => {
    await rejects(api.inference.initModel('no/such'), 'model-not-found', api);
    await rejects(api.inference.initModel(undefined as never), 'invalid-argument', api);
    await rejects(api.inference.initModel('jan-guide', { contextLength: -1 }), 'invalid-argument', api);
    await api.inference.stopModel('no/such');
  });

  it('streams an answer, with usage and timings at the end', async () => {
    const answer = await collect(await api.inference.createChatCompletion({ modelId: 'jan-guide', messages: ask('What is Jan?'), temperature: 0 }));
    assert.match(answer.text, /Jan/);
    assert.ok(answer.chunks > 2, 'in several pieces');
    assert.equal(answer.last.finishReason, 'stop');
    assert.ok(answer.last.usage!.completionTokens > 3);
    assert.ok(answer.last.timings!.totalMs! > 0);
  });

  it('stops when asked to', async function () {
    this.timeout(60_000);
    // A model with random weights never ends by itself.
    const { id: modelId } = await api.models.addModelFile(await testModelPath('small'));
    const abort = new AbortController();
    let last: ChatChunk = {};
    let text = '';
    const stream = await api.inference.createChatCompletion({ modelId, messages: ask('Go on for ever') }, { signal: abort.signal });
    try {
      for await (const chunk of stream) {
        last = chunk;
        text += chunk.text ?? '';
        abort.abort();
      }
      assert.equal(last.finishReason, 'cancelled');
    } catch (error) {
      assert.ok(api.isJanError(error, 'cancelled'), String(error));
    }
    assert.ok(text.length > 0);
    await api.models.deleteModel(modelId);
  });

  it('rejects wrong requests', async () => {
    const open = async (request: unknown): Promise<void> => {
      await collect(await api.inference.createChatCompletion(request as never));
    };
    await rejects(open({ modelId: 'no/such', messages: ask('x') }), 'model-not-found', api);
    await rejects(open({ modelId: 'jan-guide', messages: 'x' }), 'invalid-argument', api);
    await rejects(open({ modelId: 'jan-guide', messages: ask('x'), temperature: 99 }), 'invalid-argument', api);
    await rejects(open({ modelId: 'jan-guide', messages: ask('word '.repeat(20_000)) }), 'context-overflow', api);
  });

  it('reaches the companion\'s own backend', async () => {
    assert.ok((await api.inference.getInferenceModels()).some(({ id, backendId }) => id === 'echo' && backendId === 'echo'));
    const answer = await collect(await api.inference.createChatCompletion({ modelId: 'echo', messages: ask('say this again') }));
    assert.equal(answer.text, 'say this again');
  });

  it('INFERENCE_URL serves every model to the official OpenAI client', async () => {
    const { url, token } = await api.invoke(api.InferenceService.INFERENCE_URL);
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/v1$/);
    const client = new OpenAI({ baseURL: url, apiKey: token, maxRetries: 0 });
    const ids = (await client.models.list()).data.map(({ id }) => id);
    assert.ok(ids.includes('jan-guide') && ids.includes('echo'), ids.join());
    const whole = await client.chat.completions.create({ model: 'jan-guide', messages: ask('What is Jan?'), temperature: 0 });
    assert.match(whole.choices[0]?.message.content ?? '', /Jan/);
    assert.equal(whole.choices[0]?.finish_reason, 'stop');
    let streamed = '';
    for await (const part of await client.chat.completions.create({ model: 'echo', messages: ask('one two three'), stream: true })) {
      streamed += part.choices[0]?.delta.content ?? '';
    }
    assert.equal(streamed, 'one two three');
    const intruder = new OpenAI({ baseURL: url, apiKey: 'wrong', maxRetries: 0 });
    await assert.rejects(async () => intruder.models.list(), (error) => error instanceof OpenAI.AuthenticationError);
    assert.deepEqual(await api.inference.inferenceUrl(), { url, token });
  });

  it('CREATE_COMPLETION goes on with a text; wrong input is refused', async () => {
    const base = { modelId: 'jan-guide', prompt: 'Jan is', maxTokens: 5, temperature: 0 };
    const answer = await collect(await api.invoke(api.InferenceService.CREATE_COMPLETION, { ...base, logprobs: 2 }));
    assert.ok(answer.text.length > 0);
    assert.ok(answer.last.usage!.completionTokens <= 5);
    await rejects(collect(await api.inference.createCompletion({ ...base, prompt: [99_999_999] })), 'invalid-argument', api);
    await rejects(api.inference.createCompletion({ ...base, prompt: 7 } as never), 'invalid-argument', api);
    await rejects(api.inference.createCompletion({ ...base, modelId: 'echo' }), 'unsupported', api);
    const formed = await collect(await api.inference.createCompletion({ ...base, responseFormat: { type: 'grammar', grammar: 'root ::= "yes" | "no"' } }));
    assert.ok(['yes', 'no'].includes(formed.text), formed.text);
    await rejects(collect(await api.inference.createCompletion({ ...base, responseFormat: { type: 'grammar', grammar: 'nonsense' } })), 'invalid-argument', api);
  });

  it('TOKENIZE, DETOKENIZE, COUNT_TOKENS and APPLY_CHAT_TEMPLATE say how a model reads', async () => {
    const modelId = 'jan-guide';
    const tokens = await api.invoke(api.InferenceService.TOKENIZE, { modelId, text: 'What is Jan?' });
    assert.ok(tokens.length > 1);
    assert.equal((await api.invoke(api.InferenceService.DETOKENIZE, { modelId, tokens })).trim(), 'What is Jan?');
    const counted = await api.invoke(api.InferenceService.COUNT_TOKENS, { modelId, messages: ask('What is Jan?') });
    assert.ok(counted.tokens > tokens.length);
    assert.equal(counted.modelId, modelId);
    assert.match(await api.invoke(api.InferenceService.APPLY_CHAT_TEMPLATE, { modelId, messages: ask('What is Jan?') }), /What is Jan\?/);
    await rejects(api.inference.tokenize({ modelId: 'no/such', text: 'x' }), 'model-not-found', api);
    await rejects(api.inference.tokenize({ modelId } as never), 'invalid-argument', api);
    await rejects(api.inference.detokenize({ modelId, tokens: [99_999_999] }), 'invalid-argument', api);
    await rejects(api.inference.countTokens({ modelId, messages: [] }), 'invalid-argument', api);
    await rejects(api.inference.applyChatTemplate({ modelId: 'echo', messages: ask('x') }), 'unsupported', api);
  });

  it('CREATE_EMBEDDINGS and RERANK_DOCUMENTS are done by models made for it', async function () {
    this.timeout(60_000);
    const folder = await mkdtemp(path.join(os.tmpdir(), 'jan-host-'));
    await writeEncoderModel(path.join(folder, 'vectors.gguf'), 'embeddings');
    await writeEncoderModel(path.join(folder, 'ranks.gguf'), 'rerank');
    await rejects(api.inference.createEmbeddings({ input: ['x'] }), 'unsupported', api);
    const vectors = await api.models.addModelFile(path.join(folder, 'vectors.gguf'));
    const ranks = await api.models.addModelFile(path.join(folder, 'ranks.gguf'));
    const { embeddings } = await api.invoke(api.InferenceService.CREATE_EMBEDDINGS, { input: ['the cat', 'the rain'] });
    assert.equal(embeddings.length, 2);
    const { results } = await api.invoke(api.InferenceService.RERANK_DOCUMENTS, { query: 'cat', documents: ['rain', 'the cat'] });
    assert.equal(results.length, 2);
    await rejects(api.inference.createEmbeddings({ input: [] }), 'invalid-argument', api);
    await rejects(api.inference.rerankDocuments({ query: 'x', documents: [] }), 'invalid-argument', api);
    await rejects(api.inference.createEmbeddings({ modelId: 'jan-guide', input: ['x'] }), 'unsupported', api);
    await api.models.deleteModel(vectors.id);
    await api.models.deleteModel(ranks.id);
    await rm(folder, { recursive: true, force: true });
  });

  it('tools are called when asked for', async () => {
    const tools = [{ name: 'look_up', parameters: { type: 'object', properties: { word: { enum: ['jan'] } }, required: ['word'] } }];
    const chunks: ChatChunk[] = [];
    for await (const chunk of await api.inference.createChatCompletion({ modelId: 'jan-guide', messages: ask('What is Jan?'), tools, toolChoice: { name: 'look_up' }, temperature: 0 })) {
      chunks.push(chunk);
    }
    const deltas = chunks.flatMap(({ toolCalls }) => toolCalls ?? []);
    assert.equal(deltas[0]?.name, 'look_up');
    assert.deepEqual(JSON.parse(deltas.map((delta) => delta.arguments ?? '').join('')), { word: 'jan' });
    assert.equal(chunks.at(-1)!.finishReason, 'tool-calls');
  });

  it('restarts the engine on request', async () => {
    await api.inference.initModel('jan-guide');
    const { pid } = await api.inference.getEngineState();
    await api.inference.restartEngine();
    const answer = await collect(await api.inference.createChatCompletion({ modelId: 'jan-guide', messages: ask('Hello'), temperature: 0 }));
    assert.ok(answer.text.length > 0);
    assert.notEqual((await api.inference.getEngineState()).pid, pid);
  });
});
