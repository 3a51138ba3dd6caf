// Slow clients, huge and broken bodies, readers that do not read: bounded, and an honest client is still served.

import assert from 'node:assert/strict';
import OpenAI from 'openai';
import type { GatewayLimits } from '../../../src/gateway/gateway';
import { createRoutes, type RouteServices } from '../../../src/gateway/routes';
import { createEchoCore, echo, Gate, type Answer, type EchoCore } from './echoCore';
import { exchangeRaw, openRaw, statusOf } from './rawHttp';

describe('gateway and hostile clients', () => {
  let echoCore: EchoCore;

  const open = async (options: { answer?: Answer; limits?: Partial<GatewayLimits> } = {}): Promise<void> => {
    echoCore = await createEchoCore(options);
  };
  const head = (...more: string[]): string[] => [
    'POST /v1/chat/completions HTTP/1.1',
    `Host: 127.0.0.1:${echoCore.port}`,
    `Authorization: Bearer ${echoCore.endpoint.token}`,
    'Content-Type: application/json',
    ...more,
  ];
  const honest = async (): Promise<void> => {
    const client = new OpenAI({ baseURL: echoCore.endpoint.url, apiKey: echoCore.endpoint.token, maxRetries: 0 });
    const completion = await client.chat.completions.create({ model: 'test/echo', messages: [{ role: 'user', content: 'still here' }] });
    assert.equal(completion.choices[0]?.message.content, 'still here');
  };

  afterEach(() => echoCore.dispose());

  it('refuses a body that says it is too large, before it comes', async () => {
    await open();
    const answer = await exchangeRaw(echoCore.port, head('Content-Length: 99999999999', 'Connection: close'));
    assert.equal(statusOf(answer), 413);
    await honest();
  });

  it('counts a body of unknown length while it comes', async () => {
    await open({ limits: { maxBodyBytes: 1000 } });
    const connection = await openRaw(echoCore.port);
    connection.socket.write(`${head('Transfer-Encoding: chunked').join('\r\n')}\r\n\r\n`);
    const part = 'x'.repeat(400);
    for (let i = 0; i < 3; i++) {
      connection.socket.write(`190\r\n${part}\r\n`);
    }
    await connection.received('body_too_large'); // although the body never ends
    const answer = await connection.ended;
    assert.equal(statusOf(answer), 413);
    await honest();
  });

  it('takes a body of exactly the limit', async () => {
    const body = JSON.stringify({ messages: [{ role: 'user', content: 'x' }] });
    await open({ limits: { maxBodyBytes: body.length } });
    const answer = await exchangeRaw(echoCore.port, head(`Content-Length: ${body.length}`, 'Connection: close'), body);
    assert.equal(statusOf(answer), 200);
    const longer = await exchangeRaw(echoCore.port, head(`Content-Length: ${body.length + 1}`, 'Connection: close'), `${body} `);
    assert.equal(statusOf(longer), 413);
  });

  it('answers broken chunks and bodies with 400, and unparsable heads too', async () => {
    await open();
    const brokenChunk = await exchangeRaw(echoCore.port, head('Transfer-Encoding: chunked'), 'zz\r\n{}\r\n0\r\n\r\n');
    assert.equal(statusOf(brokenChunk), 400);
    const both = await exchangeRaw(echoCore.port, head('Transfer-Encoding: chunked', 'Content-Length: 5'), '0\r\n\r\n');
    assert.equal(statusOf(both), 400);
    for (const body of ['{"messages":', 'null', '[]', '"x"', '\xff\xfe{}', '', `${'['.repeat(100_000)}`]) {
      const bytes = Buffer.from(body, 'latin1');
      const connection = await openRaw(echoCore.port);
      connection.socket.write(`${head(`Content-Length: ${bytes.length}`, 'Connection: close').join('\r\n')}\r\n\r\n`);
      connection.socket.write(bytes);
      assert.equal(statusOf(await connection.ended), 400, body.slice(0, 20));
    }
    const garbage = await openRaw(echoCore.port);
    garbage.socket.write('\x16\x03\x01 not http at all\r\n\r\n');
    assert.equal(statusOf(await garbage.ended), 400);
    const longHead = await exchangeRaw(echoCore.port, head(`X-Long: ${'x'.repeat(20_000)}`));
    assert.equal(statusOf(longHead), 431);
    await honest();
  });

  it('asks for the body only of those who may send one', async () => {
    await open();
    const stranger = await openRaw(echoCore.port);
    stranger.socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:${echoCore.port}\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n`,
    );
    await stranger.received('invalid_api_key');
    assert.equal(statusOf(await stranger.ended), 401);
    const friend = await openRaw(echoCore.port);
    friend.socket.write(`${head('Expect: 100-continue', 'Content-Length: 2', 'Connection: close').join('\r\n')}\r\n\r\n`);
    await friend.received('100 Continue');
    friend.socket.write('{}');
    assert.match(await friend.ended, /HTTP\/1\.1 400/);
  });

  it('cuts off heads and bodies that trickle, while others are served', async function () {
    this.timeout(10_000);
    await open({ limits: { headersTimeoutMs: 200, requestTimeoutMs: 400 } });
    const slowHead = await openRaw(echoCore.port);
    slowHead.socket.write('POST /v1/chat/completions HTTP/1.1\r\nHost: ');
    const slowBody = await openRaw(echoCore.port);
    slowBody.socket.write(`${head('Content-Length: 100').join('\r\n')}\r\n\r\n{`);
    await honest();
    assert.equal(statusOf(await slowHead.ended), 408);
    await slowBody.ended;
    await honest();
  });

  it('a body that breaks off keeps nothing', async () => {
    await open({ limits: { maxActive: 1, maxWaiting: 0 } });
    const broken = await openRaw(echoCore.port);
    broken.socket.write(`${head('Expect: 100-continue', 'Content-Length: 100').join('\r\n')}\r\n\r\n`);
    await broken.received('100 Continue'); // it holds the only place now
    const refused = await exchangeRaw(echoCore.port, head('Content-Length: 2', 'Connection: close'), '{}');
    assert.equal(statusOf(refused), 429);
    assert.match(refused, /Retry-After: 1/i);
    broken.socket.destroy();
    await broken.ended;
    // The server hears of it a moment later; a refusal until then is right.
    for (;;) {
      const answer = await exchangeRaw(echoCore.port, head('Content-Length: 2', 'Connection: close'), '{}');
      if (statusOf(answer) !== 429) {
        assert.equal(statusOf(answer), 400);
        break;
      }
    }
    await honest();
  });

  it('does not run ahead of a reader that does not read, and ends when it leaves', async () => {
    let made = 0;
    const ended = new Gate();
    const answer: Answer = async function* (_request, signal) {
      signal?.addEventListener('abort', ended.open, { once: true });
      const text = 'x'.repeat(64 * 1024);
      for (; !signal?.aborted; made++) {
        yield { text };
      }
    };
    await open({ answer });
    const body = JSON.stringify({ stream: true, messages: [{ role: 'user', content: 'x' }] });
    const connection = await openRaw(echoCore.port);
    connection.socket.pause();
    connection.socket.write(`${head(`Content-Length: ${body.length}`).join('\r\n')}\r\n\r\n${body}`);
    const madeAtRest = await new Promise<number>((resolve) => {
      let calm = 0;
      let before = 0;
      const timer = setInterval(() => {
        calm = made > 0 && made === before ? calm + 1 : 0;
        before = made;
        if (calm === 3 || made > 5000) {
          clearInterval(timer);
          resolve(made);
        }
      }, 50);
    });
    assert.ok(madeAtRest < 500, `${madeAtRest} pieces of 64 KiB`);
    connection.socket.destroy();
    await ended.opened;
  });

  it('cuts off a reader that takes nothing for too long', async () => {
    const ended = new Gate();
    const answer: Answer = async function* (_request, signal) {
      signal?.addEventListener('abort', ended.open, { once: true });
      while (!signal?.aborted) {
        yield { text: 'x'.repeat(64 * 1024) };
      }
    };
    await open({ answer, limits: { stallTimeoutMs: 100 } });
    const body = JSON.stringify({ stream: true, messages: [{ role: 'user', content: 'x' }] });
    const connection = await openRaw(echoCore.port);
    connection.socket.pause();
    connection.socket.write(`${head(`Content-Length: ${body.length}`).join('\r\n')}\r\n\r\n${body}`);
    await ended.opened;
    connection.socket.destroy();
  });

  it('keeps no turn for requests that were sent at once on a connection that closed', async function () {
    this.timeout(5000);
    let begun = 0;
    let running = 0;
    const answer: Answer = async function* (request, signal) {
      if (request.maxTokens === undefined) {
        yield* echo(request);
        return;
      }
      begun++;
      running++;
      try {
        while (!signal?.aborted) {
          yield { text: 'x' };
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      } finally {
        running--;
      }
    };
    await open({ answer, limits: { maxActive: 8 } });
    const body = JSON.stringify({ stream: true, max_tokens: 5, messages: [{ role: 'user', content: 'x' }] });
    const connection = await openRaw(echoCore.port);
    connection.socket.write(`${head(`Content-Length: ${body.length}`).join('\r\n')}\r\n\r\n${body}`.repeat(9));
    await connection.received('"content":"x"');
    const metrics = await fetch(new URL('/metrics', echoCore.endpoint.url), { headers: { Authorization: `Bearer ${echoCore.endpoint.token}` } });
    assert.match(await metrics.text(), /requests_processing 1\n/);
    connection.socket.destroy();
    await honest();
    while (running > 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.equal(begun, 1, 'what nobody could read yet is not begun');
    const after = await fetch(new URL('/metrics', echoCore.endpoint.url), { headers: { Authorization: `Bearer ${echoCore.endpoint.token}` } });
    assert.match(await after.text(), /requests_processing 0\n[\s\S]*requests_deferred 0\n/);
  });

  it('answers what was sent at once on one connection in its order, one after the other', async () => {
    let running = 0;
    let most = 0;
    const answer: Answer = async function* (request) {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 20));
      yield* echo(request);
      running--;
    };
    await open({ answer });
    const connection = await openRaw(echoCore.port);
    const ask = (content: string, ...more: string[]): string => {
      const body = JSON.stringify({ stream: true, messages: [{ role: 'user', content }] });
      return `${head(`Content-Length: ${body.length}`, ...more).join('\r\n')}\r\n\r\n${body}`;
    };
    connection.socket.write(ask('first') + ask('second') + ask('third', 'Connection: close'));
    const text = await connection.ended;
    assert.deepEqual([...text.matchAll(/"content":"(\w+)"/g)].map(([, word]) => word), ['first', 'second', 'third']);
    assert.equal(text.match(/HTTP\/1\.1 200/g)?.length, 3);
    assert.equal(most, 1);
  });

  it('closes connections beyond the limit and serves those it has', async () => {
    await open({ limits: { maxConnections: 2 } });
    const first = await openRaw(echoCore.port);
    const second = await openRaw(echoCore.port);
    const third = await openRaw(echoCore.port);
    assert.equal(await third.ended, '');
    for (const connection of [first, second]) {
      connection.socket.write(`GET /health HTTP/1.1\r\nHost: localhost:${echoCore.port}\r\nConnection: close\r\n\r\n`);
      assert.equal(statusOf(await connection.ended), 200);
    }
  });

  describe('on every route that takes a body', () => {
    const paths = postPaths();
    const to = (path: string, ...more: string[]): string[] => [`POST ${path} HTTP/1.1`, ...head(...more).slice(1)];
    const send = async (path: string, body: string): Promise<string> => {
      const bytes = Buffer.from(body);
      return exchangeRaw(echoCore.port, to(path, `Content-Length: ${bytes.length}`, 'Connection: close'), body);
    };

    it('knows them all', async () => {
      await open();
      assert.ok(paths.length >= 10 && paths.includes('/v1/messages') && paths.includes('/v1/responses'), paths.join(', '));
    });

    for (const path of paths) {
      it(`${path} refuses what is too large, broken or no request, and an honest client is served after it`, async function () {
        this.timeout(20_000);
        await open({ limits: { maxBodyBytes: 4000 } });
        assert.equal(statusOf(await exchangeRaw(echoCore.port, to(path, 'Content-Length: 99999999999', 'Connection: close'))), 413);
        assert.equal(statusOf(await send(path, JSON.stringify({ model: 'x'.repeat(5000) }))), 413);
        assert.equal(statusOf(await exchangeRaw(echoCore.port, to(path, 'Transfer-Encoding: chunked'), 'zz\r\n{}\r\n0\r\n\r\n')), 400);
        for (const body of ['', '{', 'null', '[]', '"x"', '1e999', '['.repeat(3000), '{"a":'.repeat(600), '{"__proto__":{"model":"test/echo"}}', '{}']) {
          assert.equal(statusOf(await send(path, body)), 400, body.slice(0, 20));
        }
        await honest();
      });

      it(`${path} refuses values of every wrong kind in every field, by 4xx`, async function () {
        this.timeout(20_000);
        await open();
        const fields = ['model', 'messages', 'prompt', 'input', 'query', 'documents', 'content', 'tokens', 'system', 'instructions', 'max_tokens', 'max_output_tokens',
          'max_completion_tokens', 'temperature', 'top_p', 'top_k', 'top_n', 'n', 'seed', 'stop', 'stop_sequences', 'stream', 'stream_options', 'tools', 'tool_choice',
          'response_format', 'text', 'logprobs', 'top_logprobs', 'logit_bias', 'reasoning', 'thinking', 'metadata', 'encoding_format', 'previous_response_id'];
        const values: unknown[] = [-1, 1e308, 0.5, true, 'x', '', [], [null], [[1]], {}, { a: { b: [] } }, [{ role: 'x' }], [{ role: 'user', content: [{ type: 'image_url' }] }]];
        const valid = { model: 'test/echo', messages: [{ role: 'user', content: 'x' }], prompt: 'x', input: 'x', query: 'x', documents: ['x'], content: 'x', tokens: [1], max_tokens: 5 };
        const broken: string[] = [];
        for (const field of fields) {
          const answers = await Promise.all(values.map(async (value) => [value, statusOf(await send(path, JSON.stringify({ ...valid, [field]: value })))] as const));
          broken.push(...answers.filter(([, status]) => status >= 500 || status < 200).map(([value, status]) => `${status} ${field}: ${JSON.stringify(value)}`));
        }
        assert.deepEqual(broken, []);
        await honest();
      });
    }

    const messages = [{ role: 'user', content: 'x' }];
    const streamed: Readonly<Record<string, object>> = {
      '/v1/chat/completions': { messages },
      '/v1/completions': { prompt: 'x' },
      '/completion': { prompt: 'x' },
      '/v1/responses': { input: 'x' },
      '/v1/messages': { messages, max_tokens: 100 },
    };
    for (const [path, request] of Object.entries(streamed)) {
      it(`${path} stops the model when its reader leaves`, async () => {
        const ended = new Gate();
        const answer: Answer = async function* (_request, signal) {
          signal?.addEventListener('abort', ended.open, { once: true });
          while (signal?.aborted === false) {
            yield { text: 'word ' };
            await new Promise((resolve) => setTimeout(resolve, 1));
          }
        };
        await open({ answer });
        const text = JSON.stringify({ model: 'test/echo', stream: true, ...request });
        const connection = await openRaw(echoCore.port);
        connection.socket.write(`${to(path, `Content-Length: ${text.length}`).join('\r\n')}\r\n\r\n${text}`);
        await connection.received('word');
        connection.socket.destroy();
        await ended.opened;
      });
    }
  });
});

/** As the product has them: a new route is tried without a word here. */
function postPaths(): string[] {
  const { routes } = createRoutes({} as RouteServices);
  return [...new Set(routes.filter(({ method }) => method === 'POST').map(({ path }) => path))];
}
