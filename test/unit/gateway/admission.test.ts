// Nothing without a right to it reaches a handler: every route × method × Host × Origin × token × content type, over
// real HTTP. What is right is said here a second time, on its own, and compared.

import assert from 'node:assert/strict';
import { Agent, request as httpRequest } from 'node:http';
import { nullLogger } from '../../../src/common/log';
import { tokenComparer } from '../../../src/gateway/admission';
import { defaultGatewayLimits } from '../../../src/gateway/gateway';
import { GatewayMetrics } from '../../../src/gateway/metrics';
import { createRoutes } from '../../../src/gateway/routes';
import { createEchoCore, type EchoCore } from './echoCore';
import { exchangeRaw, statusOf } from './rawHttp';

const messages = [{ role: 'user', content: 'x' }];

/** A body for each path, so that every allowed request reaches its handler and the service behind it. */
const bodies: Readonly<Record<string, unknown>> = {
  '/v1/chat/completions': { messages },
  '/chat/completions': { messages },
  '/v1/chat/completions/input_tokens': { messages },
  '/chat/completions/input_tokens': { messages },
  '/v1/completions': { prompt: 'x' },
  '/completion': { prompt: 'x' },
  '/completions': { prompt: 'x' },
  '/infill': { input_prefix: 'x', input_suffix: 'y' },
  '/v1/embeddings': { input: 'x' },
  '/v1/rerank': { query: 'x', documents: ['x'] },
  '/rerank': { query: 'x', documents: ['x'] },
  '/v1/reranking': { query: 'x', documents: ['x'] },
  '/reranking': { query: 'x', documents: ['x'] },
  '/v1/responses': { input: 'x' },
  '/responses': { input: 'x' },
  '/v1/messages': { max_tokens: 5, messages },
  '/v1/messages/count_tokens': { messages },
  '/tokenize': { content: 'x' },
  '/detokenize': { tokens: [65] },
  '/apply-template': { messages },
};
const readPathsWithCalls = ['/v1/models', '/models', '/v1/models/test/echo', '/health/../v1/models'];

interface Combination {
  readonly target: string;
  readonly method: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** A header's name and value. */
  readonly credential: readonly [string, string] | undefined;
  readonly contentType: string | undefined;
}

function send(port: number, agent: Agent, combination: Combination): Promise<{ status: number; headers: NodeJS.Dict<string | string[]> }> {
  const { target, method, host, origin, credential, contentType } = combination;
  const headers: Record<string, string> = {};
  const put = (name: string, value: string | undefined): void => {
    if (value !== undefined) {
      headers[name] = value;
    }
  };
  put('Host', host);
  put('Origin', origin);
  put(credential?.[0] ?? 'Authorization', credential?.[1]);
  put('Content-Type', contentType);
  const hasBody = method === 'POST' || method === 'PUT' || method === 'PATCH';
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ host: '127.0.0.1', port, path: target, method, headers, setHost: false, agent }, (response) => {
      response.resume().once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers }));
    });
    outgoing.once('error', reject).end(hasBody ? JSON.stringify(bodies[target] ?? { messages }) : undefined);
  });
}

function refusal(addressed: boolean, known: boolean, method: string): number {
  if (!addressed) {
    return 403;
  }
  if (!known) {
    return 401;
  }
  return method === 'POST' ? 415 : 405;
}

describe('gateway admission', () => {
  let echoCore: EchoCore;
  let calls = 0;

  before(async () => {
    echoCore = await createEchoCore();
    echoCore.core.onDidCall(() => (calls += 1));
  });
  after(() => echoCore.dispose());

  it('lets nothing through without a right to it', async function () {
    this.timeout(300_000);
    const { port } = echoCore;
    const token = echoCore.endpoint.token;
    const routes = createRoutes({ api: echoCore.core.api('test'), log: nullLogger, limits: defaultGatewayLimits, metrics: new GatewayMetrics() });
    const paths = [...new Set(routes.routes.map((route) => route.path.replace(/:[^/]+$/, 'test/echo')))];
    const known = [...Object.keys(bodies), '/health', '/metrics', '/v1/models', '/models', '/v1/models/test/echo'];
    assert.deepEqual([...paths].sort(), known.sort(), 'a new route wants a body here, so that it is tried');
    const targets = [...paths, '/health/../v1/models', '/unknown'];
    const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'];
    const goodHosts = [`127.0.0.1:${port}`, `localhost:${port}`];
    const hosts = [...goodHosts, undefined, `evil.example:${port}`, `127.0.0.1:${port + 1}`];
    const origins = [undefined, 'null', `http://127.0.0.1:${port}`];
    const good = `Bearer ${token}`;
    const goodCredentials: readonly (readonly [string, string])[] = [
      ['Authorization', good],
      ['X-Api-Key', token],
    ];
    const credentials = [...goodCredentials, undefined, ['Authorization', `Bearer ${token.slice(0, -1)}`], ['X-Api-Key', 'wrong']] as const;
    const contentTypes = ['application/json', 'text/plain'];
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    let count = 0;
    let expectedCalls = 0;
    const running: Promise<void>[] = [];
    for (const target of targets) {
      for (const method of methods) {
        for (const host of hosts) {
          for (const origin of origins) {
            for (const credential of credentials) {
              for (const contentType of contentTypes) {
                const combination = { target, method, host, origin, credential, contentType };
                const addressed = host !== undefined && goodHosts.includes(host) && origin === undefined;
                const isRead = method === 'GET' || method === 'HEAD';
                const isOpen = isRead && target === '/health';
                const isKnown = isOpen || goodCredentials.some((one) => one === credential);
                const allowed =
                  addressed && isKnown && (isRead || (method === 'POST' && contentType === 'application/json'));
                count += 1;
                const makesCall = isRead ? readPathsWithCalls.includes(target) : Object.hasOwn(bodies, target);
                expectedCalls += allowed && makesCall ? 1 : 0;
                running.push(
                  send(port, agent, combination).then(({ status, headers }) => {
                    const said = JSON.stringify(combination).replaceAll(token, 'TOKEN');
                    const expected = allowed ? [200, 404, 405] : [refusal(addressed, isKnown, method)];
                    assert.ok(expected.includes(status), `${status} for ${said}`);
                    const names = Object.keys(headers);
                    assert.ok(!names.some((name) => name.startsWith('access-control-')), `CORS header for ${said}`);
                  }),
                );
                if (running.length >= 64) {
                  await Promise.all(running.splice(0));
                }
              }
            }
          }
        }
      }
    }
    await Promise.all(running.splice(0));
    agent.destroy();
    assert.ok(count >= 5000, `${count} combinations`);
    assert.ok(expectedCalls > 0);
    assert.equal(calls, expectedCalls, 'each call of a service came from a request with a right to it');
  });

  it('refuses what only raw bytes can say', async () => {
    const { port, endpoint } = echoCore;
    const auth = `Authorization: Bearer ${endpoint.token}`;
    const host = `Host: 127.0.0.1:${port}`;
    const close = 'Connection: close';
    const cases: [string, number, readonly string[]][] = [
      ['two Host headers', 403, ['GET /v1/models HTTP/1.1', host, 'Host: evil.example', auth, close]],
      ['the wrong Host first', 403, ['GET /v1/models HTTP/1.1', 'Host: evil.example', host, auth, close]],
      ['HTTP/1.0 without Host', 403, ['GET /v1/models HTTP/1.0', auth]],
      ['an absolute target', 400, [`GET http://evil.example/v1/models HTTP/1.1`, host, auth, close]],
      ['OPTIONS *', 400, ['OPTIONS * HTTP/1.1', host, auth, close]],
      ['two keys', 401, ['GET /v1/models HTTP/1.1', host, `X-Api-Key: ${endpoint.token}`, 'X-Api-Key: x', close]],
      ['an empty key', 401, ['GET /v1/models HTTP/1.1', host, 'X-Api-Key:', close]],
      ['two tokens', 401, ['GET /v1/models HTTP/1.1', host, auth, auth, close]],
      ['an empty token', 401, ['GET /v1/models HTTP/1.1', host, 'Authorization: Bearer ', close]],
      ['the token in the query', 401, [`GET /v1/models?token=${endpoint.token} HTTP/1.1`, host, close]],
      ['an empty Origin', 403, ['GET /health HTTP/1.1', host, 'Origin:', close]],
      ['a page that hides its Origin', 403, ['GET /health HTTP/1.1', host, 'Sec-Fetch-Site: cross-site', close]],
      ['an upgrade', 401, ['GET /v1/models HTTP/1.1', host, 'Upgrade: websocket', 'Connection: upgrade']],
      ['/health by another spelling', 401, ['GET /%68ealth HTTP/1.1', host, close]],
      ['a GET with a body', 400, ['GET /v1/models HTTP/1.1', host, auth, 'Content-Length: 1', close]],
      ['a compressed body', 415, ['POST /v1/chat/completions HTTP/1.1', host, auth, 'Content-Type: application/json', 'Content-Encoding: gzip', 'Content-Length: 1', close]],
      ['two content types', 415, ['POST /v1/chat/completions HTTP/1.1', host, auth, 'Content-Type: application/json', 'Content-Type: text/plain', 'Content-Length: 1', close]],
    ];
    const before = calls;
    for (const [what, status, lines] of cases) {
      const isUpgrade = what === 'an upgrade';
      const answer = await exchangeRaw(port, isUpgrade ? [...lines.slice(0, -1), 'Connection: close, upgrade'] : lines, /Content-Length: 1/.test(lines.join()) ? '{' : '');
      assert.equal(statusOf(answer), status, `${what}: ${answer}`);
    }
    assert.equal(calls, before);
    const open = await exchangeRaw(port, ['GET /health?x HTTP/1.1', `Host: [::1]:${port}`, close]);
    assert.equal(statusOf(open), 200);
  });

  it('listens on loopback only', async () => {
    assert.match(echoCore.endpoint.url, /^http:\/\/127\.0\.0\.1:\d+\/v1$/);
    const { networkInterfaces } = await import('node:os');
    const outside = Object.values(networkInterfaces()).flat().find((address) => address?.internal === false && address.family === 'IPv4');
    if (outside !== undefined) {
      await assert.rejects(fetch(`http://${outside.address}:${echoCore.port}/health`));
    }
  });

  it('compares tokens of any length', () => {
    const isValid = tokenComparer('secret');
    assert.deepEqual(['secret', 'secre', 'secrets', '', 'SECRET'].map(isValid), [true, false, false, false, false]);
    assert.equal(tokenComparer('')(''), false);
  });
});
