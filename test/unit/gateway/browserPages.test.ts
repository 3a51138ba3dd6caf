// Real web pages in a real Chromium against the gateway: a page of another origin, one on a host name that was made to
// point here (DNS rebinding), and one that tries every way a page has. None of them gets a word or reaches a service.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chromium, type Browser } from 'playwright-core';
import { createEchoCore, type EchoCore } from './echoCore';

const browserPaths = [process.env['JAN_CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Runs in the page. What each way of asking brought: the text, or `nothing`. */
async function askEveryWay(input: { readonly url: string; readonly token: string }): Promise<Record<string, string>> {
  const { url, token } = input;
  const results: Record<string, string> = {};
  const attempt = async (name: string, ask: () => Promise<string>): Promise<void> => {
    results[name] = await ask().catch(() => 'nothing');
  };
  const body = JSON.stringify({ messages: [{ role: 'user', content: 'x' }] });
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
  const text = async (response: Response): Promise<string> => `${response.status} ${await response.text()}`;
  await attempt('plain', async () => text(await fetch(`${url}/v1/models`)));
  await attempt('health', async () => text(await fetch(`${url}/health`)));
  await attempt('with the token', async () => text(await fetch(`${url}/v1/models`, { headers })));
  await attempt('chat', async () => text(await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body })));
  await attempt('messages', async () => text(await fetch(`${url}/v1/messages`, { method: 'POST', headers: { 'X-Api-Key': token, 'Content-Type': 'application/json' }, body })));
  await attempt('simple post', async () => text(await fetch(`${url}/v1/chat/completions`, { method: 'POST', body })));
  await attempt('opaque post', async () => (await fetch(`${url}/v1/chat/completions`, { method: 'POST', mode: 'no-cors', body })).text());
  await attempt('opaque read', async () => (await fetch(`${url}/v1/models`, { mode: 'no-cors' })).text());
  const load = (element: HTMLElement, attribute: string): Promise<string> =>
    new Promise((resolve, reject) => {
      element.addEventListener('load', () => resolve('loaded'));
      element.addEventListener('error', () => reject(new Error('refused')));
      element.setAttribute(attribute, `${url}/v1/models`);
      document.body.append(element);
    });
  await attempt('image', () => load(document.createElement('img'), 'src'));
  await attempt('script', () => load(document.createElement('script'), 'src'));
  return results;
}

describe('web pages and the gateway', function () {
  this.timeout(120_000);
  let echoCore: EchoCore;
  let browser: Browser;
  let site: Server;
  let sitePort = 0;
  let calls = 0;

  before(async function () {
    const executablePath = browserPaths.find((path) => path !== undefined && existsSync(path));
    if (executablePath === undefined) {
      console.log('skipped: there is no Chromium on this machine');
      this.skip();
    }
    echoCore = await createEchoCore();
    echoCore.core.onDidCall(() => (calls += 1));
    site = createServer((_, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><body>a page'));
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    sitePort = (site.address() as AddressInfo).port;
    browser = await chromium.launch({
      executablePath,
      // Every name leads here, as an attacker's name server would have it.
      args: ['--no-sandbox', '--host-resolver-rules=MAP *.example 127.0.0.1', '--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests'],
    });
  });
  after(async () => {
    await browser?.close();
    site?.close();
    echoCore?.dispose();
  });

  for (const origin of ['evil.example', '127.0.0.1', 'localhost']) {
    it(`a page of http://${origin} on another port gets nothing`, async () => {
      const page = await browser.newPage();
      await page.goto(`http://${origin}:${sitePort}/`);
      const results = await page.evaluate(askEveryWay, { url: `http://127.0.0.1:${echoCore.port}`, token: echoCore.endpoint.token });
      await page.close();
      for (const [way, result] of Object.entries(results)) {
        assert.ok(result === 'nothing' || result === '', `${way}: ${result}`);
      }
      assert.equal(Object.keys(results).length, 10);
      assert.equal(calls, 0);
    });
  }

  it('a host name that was made to point here gets nothing, its own origin or not', async () => {
    const page = await browser.newPage();
    const opened = await page.goto(`http://rebound.example:${echoCore.port}/health`);
    assert.equal(opened?.status(), 403);
    assert.match(await page.content(), /host_refused/);
    // The page's origin is the endpoint's now, so it may read the answers: they must be refusals.
    const results = await page.evaluate(askEveryWay, { url: `http://rebound.example:${echoCore.port}`, token: echoCore.endpoint.token });
    await page.close();
    for (const [way, result] of Object.entries(results)) {
      assert.ok(result === 'nothing' || /^(403 )?\{.*"message":"(This endpoint answers only|Web pages may not)/.test(result), `${way}: ${result}`);
    }
    assert.equal(calls, 0);
  });

  it('the same requests from a program that is no page are answered', async () => {
    const response = await fetch(`${echoCore.endpoint.url}/models`, { headers: { Authorization: `Bearer ${echoCore.endpoint.token}` } });
    assert.equal(response.status, 200);
    assert.equal(calls, 1);
  });
});
