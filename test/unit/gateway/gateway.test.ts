// The gateway as its users see it: the official `openai` client against a core with an echo backend.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import type { ChatCompletionChunk } from 'openai/resources/chat/completions';
import type { ChatChunk } from '../../../src/api/jan';
import { isJanError, JanError } from '../../../src/common/errors';
import { nullLogger } from '../../../src/common/log';
import { createGateway } from '../../../src/gateway/gateway';
import { createEchoCore, Gate, type Answer, type EchoCore } from './echoCore';

const user = (content: string) => [{ role: 'user' as const, content }];

describe('gateway with the openai client', () => {
  let echoCore: EchoCore;
  let client: OpenAI;

  const open = async (...options: Parameters<typeof createEchoCore>): Promise<void> => {
    echoCore = await createEchoCore(...options);
    client = new OpenAI({ baseURL: echoCore.endpoint.url, apiKey: echoCore.endpoint.token, maxRetries: 0 });
  };

  afterEach(() => echoCore.dispose());

  it('lists and retrieves models', async () => {
    await open();
    const { data } = await client.models.list();
    assert.deepEqual(
      data.map(({ id, object, owned_by }) => ({ id, object, owned_by })),
      [{ id: 'test/echo', object: 'model', owned_by: 'echo' }],
    );
    assert.equal((await client.models.retrieve('test/echo')).id, 'test/echo');
    await assert.rejects(client.models.retrieve('none'), (error) => error instanceof OpenAI.NotFoundError && error.code === 'model_not_found');
  });

  it('answers whole, with usage', async () => {
    await open();
    const completion = await client.chat.completions.create({ model: 'test/echo', messages: user('hello big world') });
    assert.equal(completion.object, 'chat.completion');
    assert.equal(completion.model, 'test/echo');
    assert.deepEqual(completion.choices[0]?.message.content, 'hello big world');
    assert.equal(completion.choices[0]?.finish_reason, 'stop');
    assert.deepEqual(completion.usage, {
      prompt_tokens: 3,
      completion_tokens: 3,
      total_tokens: 6,
      prompt_tokens_details: { cached_tokens: 1 },
    });
  });

  it('streams: role first, text, finish reason, usage last', async () => {
    await open();
    const stream = await client.chat.completions.create({
      model: 'test/echo',
      messages: user('hello "big"\n wörld'),
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks: ChatCompletionChunk[] = [];
    for await (const chunk of stream) {
      chunks.push(chunk);
    }
    assert.deepEqual(chunks[0]?.choices[0]?.delta, { role: 'assistant', content: null });
    assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''), 'hello "big"\n wörld');
    assert.deepEqual(
      chunks.map((chunk) => chunk.choices[0]?.finish_reason).filter((reason) => reason !== null),
      ['stop', undefined],
    );
    const last = chunks.at(-1);
    assert.deepEqual(last?.choices, []);
    assert.equal(last?.usage?.completion_tokens, 3);
    assert.ok(chunks.slice(0, -1).every((chunk) => chunk.usage === null));
    assert.equal(new Set(chunks.map((chunk) => chunk.id)).size, 1);
  });

  it('sends no usage and ends with [DONE] when usage was not asked for', async () => {
    await open();
    const response = await fetch(`${echoCore.endpoint.url}/chat/completions`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${echoCore.endpoint.token}` },
      body: JSON.stringify({ messages: user('a b'), stream: true }),
    });
    assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
    const text = await response.text();
    assert.ok(text.endsWith('"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'), text);
    assert.ok(!text.includes('usage'));
  });

  it('gives the first token at once, before the second is made', async () => {
    const seen = new Gate();
    const answer: Answer = async function* () {
      yield { text: 'one' };
      await seen.opened;
      yield { text: ' two' };
      yield { finishReason: 'length' };
    };
    await open({ answer });
    const stream = await client.chat.completions.create({ model: 'test/echo', messages: user('x'), stream: true });
    let text = '';
    let reason: string | null | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      reason = chunk.choices[0]?.finish_reason;
      if (text === 'one') {
        seen.open(); // only a client that has the first token lets the backend go on
      }
    }
    assert.equal(text, 'one two');
    assert.equal(reason, 'length');
  });

  it('keeps reasoning apart from the answer', async () => {
    const answer: Answer = async function* () {
      yield { reasoning: 'hmm' };
      yield { text: 'yes' };
      yield { finishReason: 'stop' };
    };
    await open({ answer });
    const completion = await client.chat.completions.create({ model: 'test/echo', messages: user('x') });
    assert.deepEqual(completion.choices[0]?.message, { role: 'assistant', content: 'yes', refusal: null, reasoning_content: 'hmm' });
    const deltas: unknown[] = [];
    for await (const chunk of await client.chat.completions.create({ model: 'test/echo', messages: user('x'), stream: true })) {
      deltas.push(chunk.choices[0]?.delta);
    }
    assert.deepEqual(deltas, [{ role: 'assistant', content: null }, { reasoning_content: 'hmm' }, { content: 'yes' }, {}]);
  });

  for (const stream of [true, false]) {
    it(`a client that goes away stops the backend (${stream ? 'stream' : 'whole'})`, async () => {
      const started = new Gate();
      const aborted = new Gate();
      const answer: Answer = async function* (_request, signal) {
        yield { text: 'one' };
        started.open();
        signal?.addEventListener('abort', aborted.open, { once: true });
        await aborted.opened;
      };
      await open({ answer });
      const controller = new AbortController();
      const read = async (): Promise<string> => {
        const result = await client.chat.completions.create({ model: 'test/echo', messages: user('x'), stream }, { signal: controller.signal });
        if (!(Symbol.asyncIterator in result)) {
          return result.choices[0]?.message.content ?? '';
        }
        let text = '';
        for await (const chunk of result) {
          text += chunk.choices[0]?.delta.content ?? '';
          if (text === 'one') {
            controller.abort(); // the client library then ends its loop quietly
          }
        }
        return text;
      };
      const ended = stream ? read() : assert.rejects(read(), OpenAI.APIUserAbortError);
      await started.opened;
      if (!stream) {
        controller.abort();
      }
      await aborted.opened; // reached only through the abort
      await ended;
    });
  }

  it('a provider that ignores the signal does not keep the turn of others', async () => {
    const started = new Gate();
    let calls = 0;
    const answer: Answer = async function* () {
      calls += 1;
      yield { text: 'one' };
      if (calls === 1) {
        started.open();
        await new Gate().opened; // never
      }
      yield { finishReason: 'stop' };
    };
    await open({ answer, limits: { maxActive: 1 } });
    const controller = new AbortController();
    const hung = assert.rejects(
      client.chat.completions.create({ model: 'test/echo', messages: user('x') }, { signal: controller.signal }),
      OpenAI.APIUserAbortError,
    );
    await started.opened;
    controller.abort();
    await hung;
    const next = await client.chat.completions.create({ model: 'test/echo', messages: user('x') });
    assert.equal(next.choices[0]?.message.content, 'one');
  });

  it('waits for its turn, and answers 429 when too many wait', async () => {
    const release = new Gate();
    const started = new Gate();
    const answer: Answer = async function* () {
      started.open();
      await release.opened;
      yield { text: 'ok', finishReason: 'stop' };
    };
    await open({ answer, limits: { maxActive: 1, maxWaiting: 1 } });
    const create = () => client.chat.completions.create({ model: 'test/echo', messages: user('x') });
    const first = create();
    await started.opened;
    const twoRefused = new Gate();
    let refused = 0;
    const statusOf = (error: { status: number }): number => {
      refused += 1;
      if (refused === 2) {
        twoRefused.open();
      }
      return error.status;
    };
    // Two of three are refused at once; the one in the queue is answered when the first is done.
    const others = [create(), create(), create()].map((request) => request.then(() => 200, statusOf));
    await twoRefused.opened;
    release.open();
    assert.deepEqual((await Promise.all(others)).sort(), [200, 429, 429]);
    assert.equal((await first).choices[0]?.message.content, 'ok');
    assert.equal((await create()).choices[0]?.message.content, 'ok');
  });

  it('says how long a prompt was that is too long', async () => {
    const answer: Answer = async function* () {
      yield* [];
      throw new JanError('context-overflow', 'Too long.', { details: { promptTokens: 9000, contextLength: 4096 } });
    };
    await open({ answer });
    const failure = await client.chat.completions.create({ model: 'test/echo', messages: user('x') }).catch((error: unknown) => error);
    assert.ok(failure instanceof OpenAI.BadRequestError);
    assert.deepEqual([failure.code, failure.type], ['context_length_exceeded', 'exceed_context_size_error']);
    const { n_prompt_tokens: tokens, n_ctx: length } = failure.error as { n_prompt_tokens: number; n_ctx: number };
    assert.deepEqual([tokens, length], [9000, 4096]);
  });

  it('errors before the first token have their status, also on a stream', async () => {
    const cases: [JanError | Error, number, string][] = [
      [new JanError('context-overflow', 'Too long: 9000 of 4096 tokens. Shorten it.'), 400, 'context_length_exceeded'],
      [new JanError('engine-crashed', 'The engine stopped. Try again.'), 503, 'engine_crashed'],
      [new JanError('model-load-failed', 'No.'), 500, 'model_load_failed'],
      [new Error('secret path /root/x'), 500, 'backend_failed'],
    ];
    let failure: Error | undefined;
    const answer: Answer = async function* () {
      if (failure !== undefined) {
        throw failure;
      }
      yield { finishReason: 'stop' } satisfies ChatChunk;
    };
    await open({ answer });
    for (const [error, status, code] of cases) {
      for (const stream of [true, false]) {
        failure = error;
        await assert.rejects(
          client.chat.completions.create({ model: 'test/echo', messages: user('x'), stream }),
          (thrown) => thrown instanceof OpenAI.APIError && thrown.status === status && thrown.code === code,
        );
      }
    }
    await assert.rejects(client.chat.completions.create({ model: 'none', messages: user('x') }), (error) => {
      return error instanceof OpenAI.NotFoundError && error.code === 'model_not_found' && error.param === 'model';
    });
  });

  it('an error in mid-stream is an error event, after what was said', async () => {
    const answer: Answer = async function* () {
      yield { text: 'half' };
      throw new JanError('engine-crashed', 'The engine stopped in mid-answer. Ask again.');
    };
    await open({ answer });
    let text = '';
    const stream = await client.chat.completions.create({ model: 'test/echo', messages: user('x'), stream: true });
    await assert.rejects(
      async () => {
        for await (const chunk of stream) {
          text += chunk.choices[0]?.delta.content ?? '';
        }
      },
      (error) => error instanceof OpenAI.APIError && /stopped in mid-answer/.test(error.message),
    );
    assert.equal(text, 'half');
  });

  it('an answer stopped from inside does not pass for a whole one', async () => {
    const answer: Answer = async function* () {
      yield { text: 'half' };
      yield { finishReason: 'cancelled' };
    };
    await open({ answer });
    await assert.rejects(client.chat.completions.create({ model: 'test/echo', messages: user('x') }), (error) => {
      return error instanceof OpenAI.APIError && error.status === 503 && error.code === 'cancelled';
    });
  });

  it('passes the guards as caller "gateway"', async () => {
    await open();
    const callers: string[] = [];
    echoCore.plugin.registerGuard({
      id: 'no-chat',
      check: (call) => {
        callers.push(call.caller);
        return Promise.resolve(call.name === 'createChatCompletion' ? { allow: false, reason: 'Not today.' } : { allow: true });
      },
    });
    await client.models.list();
    await assert.rejects(client.chat.completions.create({ model: 'test/echo', messages: user('x') }), (error) => {
      return error instanceof OpenAI.PermissionDeniedError && /Not today/.test(error.message);
    });
    assert.deepEqual(callers, ['gateway', 'gateway']);
  });

  it('keeps a silent stream alive with comments that clients ignore', async () => {
    const release = new Gate();
    const answer: Answer = async function* () {
      await release.opened;
      yield { droppedMessages: 3 };
      yield { text: 'late' };
      yield { finishReason: 'stop' };
    };
    await open({ answer, limits: { silenceMs: 20 } });
    const response = await fetch(`${echoCore.endpoint.url}/chat/completions`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${echoCore.endpoint.token}` },
      body: JSON.stringify({ messages: user('x'), stream: true }),
    });
    const decoder = new TextDecoder();
    let text = '';
    for await (const bytes of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(bytes, { stream: true });
      if (text.includes(': still working\n\n')) {
        release.open();
      }
    }
    assert.match(text, /\n\n: X-Jan-Dropped-Messages: 3\n\ndata: /, 'the headers were sent before it was known');
    assert.match(text, /"content":"late"/);
    assert.ok(text.endsWith('data: [DONE]\n\n'));
  });

  it('never logs the token', async () => {
    await open();
    await client.models.list();
    await fetch(`${echoCore.endpoint.url}/models?key=${echoCore.endpoint.token}`);
    await assert.rejects(client.chat.completions.create({ model: 'none', messages: user('x') }));
    assert.ok(echoCore.logged.length > 0);
    assert.ok(!echoCore.logged.join('\n').includes(echoCore.endpoint.token));
    assert.ok(Buffer.from(echoCore.endpoint.token.replace(/^jan-/, ''), 'base64url').length === 32);
  });
});

describe('gateway life', () => {
  it('opens once, and closing ends answers in progress', async () => {
    const started = new Gate();
    const echoCore = await createEchoCore({
      answer: async function* (_request, signal) {
        yield { text: 'one' };
        started.open();
        await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)));
      },
    });
    assert.equal(await echoCore.gateway.start(), echoCore.endpoint);
    const client = new OpenAI({ baseURL: echoCore.endpoint.url, apiKey: echoCore.endpoint.token, maxRetries: 0 });
    const request = client.chat.completions.create({ model: 'test/echo', messages: user('x') });
    await started.opened;
    echoCore.dispose();
    await assert.rejects(request, OpenAI.APIConnectionError);
    await assert.rejects(client.models.list(), OpenAI.APIConnectionError);
    await assert.rejects(echoCore.gateway.start(), (error) => isJanError(error, 'engine-unavailable'));
  });

  it('says which port is taken, and a later start tries again', async () => {
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
    const { port } = blocker.address() as AddressInfo;
    const echoCore = await createEchoCore();
    const gateway = createGateway({ api: echoCore.core.api('gateway'), log: nullLogger, port: () => port });
    await assert.rejects(gateway.start(), (error) => isJanError(error, 'engine-unavailable') && error.message.includes(String(port)));
    await new Promise((resolve) => blocker.close(resolve));
    assert.equal((await gateway.start()).url, `http://127.0.0.1:${port}/v1`);
    gateway.dispose();
    echoCore.dispose();
  });

  it('says which window serves the port, as long as it lives', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'jan-gateway-'));
    const path = join(directory, 'storage', 'endpoint.json');
    const echoCore = await createEchoCore();
    const api = echoCore.core.api('gateway');
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    const options = { api, log: nullLogger, port: () => port };
    const first = createGateway({ ...options, note: { path, window: 'my project' } });
    const second = createGateway({ ...options, note: { path, window: 'other' } });
    await first.start();
    await assert.rejects(second.start(), (error) => isJanError(error, 'engine-unavailable') && /window “my project”/.test(error.message));
    // A note of a process that is gone says nothing about who holds the port now.
    await writeFile(path, JSON.stringify({ port, pid: 2 ** 22 + 1, window: 'gone' }));
    await assert.rejects(second.start(), (error) => isJanError(error, 'engine-unavailable') && /another program/.test(error.message));
    first.dispose();
    second.dispose();
    echoCore.dispose();
    await rm(directory, { recursive: true });
  });
});
