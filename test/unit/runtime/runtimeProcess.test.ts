import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { RuntimeConnection } from '../../../src/builtin/inference/runtimeConnection';
import { JanError } from '../../../src/common/errors';
import { nullLogger } from '../../../src/common/log';
import { chatRequest, chatTextNotification, getStateRequest, loadModelRequest, shutdownRequest, type RuntimeState } from '../../../src/protocol/runtimeProtocol';
import { testModelPath, testModels, writeTestModel } from '../../fixtures/gguf/testModels';
import { getStuck, keepFilesWaiting, stuckableRuntime } from '../../fixtures/runtime/stuckableRuntime';
import { sandboxesEnd, sandboxesOf } from '../../fixtures/runtime/processes';
import { isAlive, processEnd, runtimeEntry } from '../builtin/inference/inferenceHarness';
import { skipOnWindows } from '../../fixtures/skipOnWindows';

/** The process itself, without a supervisor. */
describe('runtime process', function () {
  this.timeout(90_000);
  let directory: string;
  let address: string;
  let children: ChildProcess[];

  beforeEach(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), 'jan-rt-'));
    address = process.platform === 'win32' ? `\\\\.\\pipe\\${path.basename(directory)}` : path.join(directory, 'r.sock');
    children = [];
  });

  afterEach(async () => {
    for (const child of children) {
      child.kill('SIGKILL');
    }
    await rm(directory, { recursive: true, force: true });
  });

  function start([entry, ...args]: readonly [string, ...string[]] = [runtimeEntry]): ChildProcess {
    const child = spawn(process.execPath, [entry, '--listen', address, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    return child;
  }

  async function listening(child: ChildProcess): Promise<void> {
    const [line] = (await once(child.stdout!, 'data')) as [Buffer];
    assert.equal(line.toString(), 'listening\n');
  }

  const open = (): Promise<RuntimeConnection> =>
    RuntimeConnection.open(address, 'test', async () => new JanError('engine-crashed', 'gone'), nullLogger);

  it('ends within a second of the last lease', async () => {
    const child = start();
    await listening(child);
    const first = await open();
    const second = await open();
    first.dispose();
    await second.request(getStateRequest, {});
    second.dispose();
    assert.ok((await processEnd(child.pid, 1000)) <= 1000);
    assert.deepEqual(await readdir(directory), [], 'the socket is gone as well');
  });

  describe('whose main thread is busy in native code', () => {
    before(function () {
      skipOnWindows(this, 'it is made busy by a signal');
    });

    async function startStuck(...args: string[]): Promise<RuntimeConnection> {
      const child = start([await stuckableRuntime(), ...args]);
      await listening(child);
      const connection = await open();
      await connection.request(getStateRequest, {});
      getStuck(child.pid!);
      await notAnswered(connection);
      return connection;
    }

    it('ends within a second of the last lease', async () => {
      const connection = await startStuck();
      connection.dispose();
      assert.ok((await processEnd(connection.pid, 1000)) <= 1000);
    });

    it('ends itself, so that pending calls reject', async () => {
      const connection = await startStuck('--hang-ms', '2000');
      await assert.rejects(connection.request(getStateRequest, {}), { code: 'engine-crashed' });
      await processEnd(connection.pid, 1000);
    });
  });

  it('ends when it is told to, also where the file system hangs', async function () {
    skipOnWindows(this, 'it hangs in a pipe that has a name in a folder');
    const child = start([await stuckableRuntime()]);
    await listening(child);
    const connection = await open();
    await connection.request(getStateRequest, {});
    keepFilesWaiting(child.pid!);
    const [line] = (await once(child.stdout!, 'data')) as [Buffer];
    assert.equal(line.toString(), 'waiting\n');
    await connection.request(shutdownRequest, { reason: 'The engine was restarted.' });
    await processEnd(child.pid, 2000);
  });

  it('is not kept busy by a template that never ends: the model gets a general one, and says so', async () => {
    const chatTemplate = '{% for i in range(100000000) %}{% for j in range(100000000) %}{{ j }}{% endfor %}{% endfor %}';
    const file = path.join(directory, 'hostile.gguf');
    await writeTestModel(file, { ...testModels.null, chatTemplate });
    await listening(start());
    const connection = await open();
    const loading = connection.request(loadModelRequest, { modelId: 'hostile', path: file });
    let slowest = 0;
    let loaded = false;
    const ended = loading.then(() => (loaded = true));
    while (!loaded) {
      const began = performance.now();
      await connection.request(getStateRequest, {});
      slowest = Math.max(slowest, performance.now() - began);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await ended;
    assert.ok(slowest < 5000, `a question waited ${slowest} ms`);
    assert.match((await loading).notes!.join(), /(?:did not end within \d+ ms|needs more than \d+ MiB).*general one/);
    const params = { requestId: '1', modelId: 'hostile', messages: [{ role: 'user' as const, content: 'Hi' }], sampling: {}, maxTokens: 3 };
    assert.equal((await connection.request(chatRequest, params)).usage.completionTokens, 3);
    await assert.rejects(connection.request(chatRequest, { ...params, chatTemplate }), { code: 'invalid-argument', message: /did not end|needs more than/ });
    connection.dispose();
  });

  describe('with a hostile template', () => {
    const sandboxEntry = path.join(path.dirname(runtimeEntry), 'sandbox.mjs');
    const question = { requestId: '1', modelId: 'null', messages: [{ role: 'user' as const, content: 'Hi' }], sampling: {}, maxTokens: 3 };
    const unless = (trap: string): string => `{% if 'Hi' in messages[-1].content %}${trap}{% endif %}{% for m in messages %}{{ m.role }}: {{ m.content }}{% endfor %}`;
    /** A text of 1.06 GB in one step, of marks that take two bytes. */
    const greedy = unless(
      "{% set n = namespace(t='x', u='一') %}{% for i in range(23) %}{% set n.t = n.t ~ n.t %}{% endfor %}{% for i in range(5) %}{% set n.u = n.u ~ n.u ~ '一' %}{% endfor %}{{ n.t | replace('x', n.u) | upper | length }}",
    );
    const endless = unless('{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}');

    it('that takes more than 1 GB at once, goes on answering with the same process', async () => {
      const child = start();
      await listening(child);
      const connection = await open();
      await connection.request(loadModelRequest, { modelId: 'null', path: await testModelPath('null') });
      await connection.request(loadModelRequest, { modelId: 'small', path: await testModelPath('small') });
      for (let round = 0; round < 2; round++) {
        await assert.rejects(connection.request(chatRequest, { ...question, chatTemplate: greedy }), { code: 'model-invalid', message: /did not end|needs more than 256 MiB/ });
        assert.equal((await connection.request(chatRequest, { ...question, modelId: 'small' })).usage.completionTokens, 3);
        assert.equal((await connection.request(chatRequest, question)).usage.completionTokens, 3);
      }
      assert.equal(child.exitCode ?? child.signalCode, null);
      connection.dispose();
    });

    it('that never ends, leaves no sandbox when it is killed', async function () {
      skipOnWindows(this, 'processes are found by ps or /proc');
      await sandboxesEnd(sandboxEntry, 2000);
      const child = start();
      await listening(child);
      const connection = await open();
      await connection.request(loadModelRequest, { modelId: 'null', path: await testModelPath('null') });
      assert.equal((await sandboxesOf(sandboxEntry)).length, 1, 'it has been started with the model');
      const asked = connection.request(chatRequest, { ...question, chatTemplate: endless }).catch((error: unknown) => error);
      await connection.request(getStateRequest, {});
      child.kill('SIGKILL');
      console.log(`        ${Math.round(await sandboxesEnd(sandboxEntry, 1000))} ms`);
      assert.ok((await asked) instanceof Error);
      connection.dispose();
    });
  });

  it('ends by itself when no lease comes', async () => {
    const child = start([runtimeEntry, '--first-lease-ms', '300']);
    await listening(child);
    assert.ok((await processEnd(child.pid, 3000)) >= 0);
  });

  it('takes a look at the socket for no lease, and does not end when it closes', async () => {
    const child = start();
    await listening(child);
    const connection = await open();
    for (let i = 0; i < 3; i++) {
      const probe = connect(address);
      await once(probe, 'connect');
      probe.destroy();
      await once(probe, 'close');
    }
    await connection.request(getStateRequest, {});
    assert.ok(isAlive(child.pid!));
    connection.dispose();
  });

  it('is one when several start at the same instant, also over the socket of a dead one', async function () {
    skipOnWindows(this, 'a pipe leaves no stale name behind');
    const dead = start();
    await listening(dead);
    dead.kill('SIGKILL');
    await once(dead, 'exit');
    assert.deepEqual(await readdir(directory), ['r.sock'], 'a stale socket is there');
    const starters = Array.from({ length: 6 }, () => start());
    const outcomes = await Promise.all(
      starters.map((child) =>
        Promise.race([once(child.stdout!, 'data').then(() => 'listening'), once(child, 'exit').then(([code]) => `exit ${String(code)}`)]),
      ),
    );
    assert.deepEqual(outcomes.sort(), ['exit 3', 'exit 3', 'exit 3', 'exit 3', 'exit 3', 'listening']);
    const connection = await open();
    assert.ok(starters.some(({ pid }) => pid === connection.pid));
    connection.dispose();
  });

  it('answers nobody who does not say hello, and survives nonsense', async () => {
    const child = start();
    await listening(child);
    const good = await open();
    const rude: Socket = connect(address);
    await once(rude, 'connect');
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'getState', params: {} });
    rude.write(`Content-Length: ${body.length}\r\n\r\n${body}`);
    for (let answer = ''; !answer.includes('Say hello first'); ) {
      const [bytes] = (await once(rude, 'data')) as [Buffer];
      answer += bytes.toString();
    }
    rude.write('Content-Length: 5\r\n\r\n{{{{{');
    rude.write('Nonsense\r\n\r\n');
    await good.request(getStateRequest, {});
    rude.destroy();
    good.dispose();
  });

  it('refuses what is out of range, before native code', async () => {
    const child = start();
    await listening(child);
    const connection = await open();
    const request = { requestId: '1', modelId: 'm', messages: [{ role: 'user' as const, content: 'x' }], sampling: { temperature: 99 } };
    await assert.rejects(connection.request(chatRequest, request), { code: 'invalid-argument' });
    await assert.rejects(connection.request(loadModelRequest, { modelId: 'm', path: '/x', contextLength: -1 }), { code: 'invalid-argument' });
    connection.dispose();
  });

  it('keeps two answers apart, lets a third wait, and ends the answers of a lease with it', async () => {
    const child = start();
    await listening(child);
    const one = await open();
    const two = await open();
    await one.request(loadModelRequest, { modelId: 'null', path: await testModelPath('null'), slots: 2 });
    const heard = { one: '', two: '' };
    one.onNotification(chatTextNotification, ({ text }) => (heard.one += text ?? ''));
    two.onNotification(chatTextNotification, ({ text }) => (heard.two += text ?? ''));
    const chat = (connection: RuntimeConnection, requestId: string, maxTokens: number) =>
      connection.request(chatRequest, { requestId, modelId: 'null', messages: [{ role: 'user', content: `Question ${requestId}` }], sampling: { temperature: 0 }, maxTokens });
    const endless = [chat(one, 'a', 8000), chat(one, 'b', 8000)];
    for (const answer of endless) {
      answer.catch(() => undefined);
    }
    const waits = chat(two, 'c', 20);
    await stateUntil(two, ({ models }) => models[0]?.activeRequests === 2 && models[0].queuedRequests === 1);
    one.dispose();
    const result = await waits;
    assert.equal(result.usage.completionTokens, 20);
    assert.ok(heard.two.length > 0);
    await stateUntil(two, ({ models }) => models[0]?.activeRequests === 0);
    two.dispose();
  });
});

async function notAnswered(connection: RuntimeConnection): Promise<void> {
  for (;;) {
    const answer = connection.request(getStateRequest, {}).catch(() => undefined);
    const silent = new Promise<'silent'>((resolve) => setTimeout(() => resolve('silent'), 500));
    if ((await Promise.race([answer, silent])) === 'silent') {
      return;
    }
  }
}

/** Asks until the state is as wanted; mocha's time limit bounds it. */
async function stateUntil(
  connection: RuntimeConnection,
  accepts: (state: RuntimeState) => boolean,
): Promise<void> {
  while (!accepts(await connection.request(getStateRequest, {}))) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
