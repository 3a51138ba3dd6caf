// Nothing without a right to it reaches a handler: every route × method × Host × Origin × token × content type, over
// real HTTP. What is right is said here a second time, on its own, and compared.

import assert from 'node:assert/strict';
import { Agent, request as httpRequest } from 'node:http';
import { nullLogger } from '../../../src/common/log';
import { tokenComparer } from '../../../src/gateway/admission';
import { defaultGatewayLimits } from '../../../src/gateway/gateway';
import { createRoutes } from '../../../src/gateway/routes';
import { createEchoCore, type EchoCore } from './echoCore';
import { exchangeRaw, statusOf } from './rawHttp';

const chatBody = JSON.stringify({ messages: [{ role: 'user', content: 'x' }] });

interface Combination {
  readonly target: string;
  readonly method: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly authorization: string | undefined;
  readonly contentType: string | undefined;
}

function send(port: number, agent: Agent, combination: Combination): Promise<{ status: number; headers: NodeJS.Dict<string | string[]> }> {
  const { target, method, host, origin, authorization, contentType } = combination;
  const headers: Record<string, string> = {};
  const put = (name: string, value: string | undefined): void => {
    if (value !== undefined) {
      headers[name] = value;
    }
  };
  put('Host', host);
  put('Origin', origin);
  put('Authorization', authorization);
  put('Content-Type', contentType);
  const hasBody = method === 'POST' || method === 'PUT' || method === 'PATCH';
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ host: '127.0.0.1', port, path: target, method, headers, setHost: false, agent }, (response) => {
      response.resume().once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers }));
    });
    outgoing.once('error', reject).end(hasBody ? chatBody : undefined);
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
    this.timeout(60_000);
    const { port } = echoCore;
    const token = echoCore.endpoint.token;
    const routes = createRoutes({ api: echoCore.core.api('test'), log: nullLogger, limits: defaultGatewayLimits });
    const paths = [...new Set(routes.routes.map((route) => route.path.replace(/:[^/]+$/, 'test/echo')))];
    assert.ok(paths.includes('/health') && paths.includes('/v1/chat/completions') && paths.includes('/v1/models/test/echo'));
    const targets = [...paths, '/health/../v1/models', '/unknown'];
    const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'];
    const goodHosts = [`127.0.0.1:${port}`, `localhost:${port}`];
    const hosts = [...goodHosts, undefined, '127.0.0.1', `evil.example:${port}`, `127.0.0.1:${port + 1}`, `127.0.0.1.evil.example:${port}`];
    const origins = [undefined, 'null', `http://127.0.0.1:${port}`, 'vscode-webview://x'];
    const good = `Bearer ${token}`;
    const authorizations = [good, undefined, 'Bearer wrong', `Bearer ${token.slice(0, -1)}`];
    const contentTypes = ['application/json', undefined, 'text/plain'];
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    let count = 0;
    let allowedCount = 0;
    const running: Promise<void>[] = [];
    for (const target of targets) {
      for (const method of methods) {
        for (const host of hosts) {
          for (const origin of origins) {
            for (const authorization of authorizations) {
              for (const contentType of contentTypes) {
                const combination = { target, method, host, origin, authorization, contentType };
                const addressed = host !== undefined && goodHosts.includes(host) && origin === undefined;
                const isRead = method === 'GET' || method === 'HEAD';
                const isOpen = isRead && target === '/health';
                const allowed =
                  addressed && (authorization === good || isOpen) && (isRead || (method === 'POST' && contentType === 'application/json'));
                count += 1;
                allowedCount += allowed ? 1 : 0;
                running.push(
                  send(port, agent, combination).then(({ status, headers }) => {
                    const said = JSON.stringify({ ...combination, authorization: authorization === good ? 'good' : authorization });
                    const expected = allowed ? [200, 404, 405] : [refusal(addressed, authorization === good || isOpen, method)];
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
    // Every call of a service came from an allowed one: 2 hosts × 3 content types × (GET and HEAD of /v1/models, of one
    // model and of the target that normalises to /v1/models), and 2 hosts × 1 POST.
    assert.ok(allowedCount > 0);
    assert.equal(calls, 2 * 3 * 2 * 3 + 2);
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
