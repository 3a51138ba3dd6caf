import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { prepareRuntimeAddress } from '../../../../src/builtin/inference/runtimeAddress';
import { runtimeProtocolVersion } from '../../../../src/protocol/runtimeProtocol';
import { eventually } from '../../../fixtures/data/storeFixture';
import { testModelPath } from '../../../fixtures/gguf/testModels';
import { ask, createHarness, isAlive, modelAt, processEnd, type Harness } from './inferenceHarness';
import { skipOnWindows } from '../../../fixtures/skipOnWindows';

const hello = [{ role: 'user' as const, content: 'Hello' }];

/** A window in a process of its own: leases the engine, asks for a long answer, and reports that text comes. */
const otherWindow = `
  import { createRequire } from 'node:module';
  import { connect } from 'node:net';
  const { createMessageConnection, StreamMessageReader, StreamMessageWriter } = createRequire(process.cwd() + '/package.json')('vscode-jsonrpc/node');
  const socket = connect(process.argv[1]);
  const rpc = createMessageConnection(new StreamMessageReader(socket), new StreamMessageWriter(socket));
  rpc.onNotification('chatText', () => process.stdout.write('text\\n'));
  rpc.listen();
  await rpc.sendRequest('hello', { protocolVersion: ${runtimeProtocolVersion}, client: 'other window' });
  await rpc.sendRequest('loadModel', { modelId: 'null', path: process.argv[2] });
  const messages = [{ role: 'user', content: 'A long story, please' }];
  await rpc.sendRequest('chat', { requestId: '1', modelId: 'null', messages, sampling: {}, maxTokens: 8000 });
`;

describe('windows that share the engine', function () {
  this.timeout(90_000);
  let directory: string;
  let windows: Harness[];
  let children: ChildProcess[];

  beforeEach(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), 'jan-rt-'));
    windows = [];
    children = [];
  });

  afterEach(async () => {
    children.forEach((child) => child.kill('SIGKILL'));
    const pids = await Promise.all(windows.map(async ({ api }) => (await api.inference.getEngineState()).pid));
    await Promise.all(windows.map((window) => window.dispose()));
    await Promise.all(pids.map((pid) => processEnd(pid, 2000)));
    await rm(directory, { recursive: true, force: true });
  });

  async function openWindow(): Promise<Harness> {
    const window = await createHarness([modelAt('null', await testModelPath('null'))], { directory });
    windows.push(window);
    return window;
  }

  it('get one process, also when they start at the same instant', async () => {
    const four = await Promise.all([openWindow(), openWindow(), openWindow(), openWindow()]);
    const loaded = await Promise.all(four.map(({ api }) => api.inference.initModel('null')));
    assert.deepEqual(loaded.map(({ status }) => status), ['ready', 'ready', 'ready', 'ready']);
    const states = await Promise.all(four.map(({ api }) => api.inference.getEngineState()));
    assert.equal(new Set(states.map(({ pid }) => pid)).size, 1);
    if (process.platform !== 'win32') {
      assert.equal((await stat(directory)).mode & 0o777, 0o700);
    }
  });

  it('do not interrupt each other: one is killed in mid-answer, the other\'s answer goes on', async () => {
    const window = await openWindow();
    await window.api.inference.initModel('null');
    const { pid } = await window.api.inference.getEngineState();
    const other = spawn(
      process.execPath,
      ['--input-type=module', '-e', otherWindow, await prepareRuntimeAddress(directory), await testModelPath('null')],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    children.push(other);
    await once(other.stdout, 'data');
    let killed = false;
    const { last } = await ask(window.api, { messages: hello, maxTokens: 3000, modelId: 'null' }, undefined, () => {
      if (!killed) {
        killed = other.kill('SIGKILL');
      }
    });
    assert.ok(killed);
    assert.equal(last.usage!.completionTokens, 3000);
    assert.equal((await window.api.inference.getEngineState()).pid, pid);
  });

  it('closing one of them, the one that started the engine, leaves it to the other', async () => {
    const first = await openWindow();
    await first.api.inference.initModel('null');
    const second = await openWindow();
    await second.api.inference.initModel('null');
    const answer = ask(second.api, { messages: hello, maxTokens: 2000, modelId: 'null' });
    windows.shift();
    await first.dispose();
    assert.equal((await answer).last.usage!.completionTokens, 2000);
  });

  it('see what the others have loaded, and unload it for all', async () => {
    const first = await openWindow();
    const second = await openWindow();
    await second.api.inference.restartEngine();
    const seen = new Promise<void>((resolve) =>
      second.api.onDidChangeEngine(({ models }) => {
        if (models[0]?.status === 'ready') {
          resolve();
        }
      }),
    );
    await first.api.inference.initModel('null');
    await seen;
    await second.api.inference.stopModel('null');
    assert.equal((await ask(first.api, { messages: hello, maxTokens: 3, modelId: 'null' })).last.usage!.completionTokens, 3, 'it is loaded again');
  });

  it('do not load again what another one has unloaded, for something that nobody waits for', async () => {
    const first = await openWindow();
    const second = await openWindow();
    const count = () => first.api.inference.countTokens({ messages: hello, modelId: 'null' }, { onlyLoaded: true });
    const unloaded = { code: 'model-not-found', message: /not loaded/ };
    await assert.rejects(count(), unloaded);
    assert.equal((await first.api.inference.getEngineState()).status, 'stopped', 'nor start an engine');
    await first.api.inference.initModel('null');
    assert.ok((await count()).tokens > 0);
    await second.api.inference.stopModel('null');
    // Whether or not this window has heard of it.
    await assert.rejects(count(), unloaded);
    await assert.rejects(count(), unloaded);
    const chunks = first.api.inference.createChatCompletion({ messages: hello, modelId: 'null' }, { onlyLoaded: true });
    await assert.rejects(chunks.then((all) => all[Symbol.asyncIterator]().next()), unloaded);
    assert.deepEqual((await first.api.inference.getEngineState()).models, []);
  });

  it('see how many requests a model answers, and for whom does not matter', async () => {
    const first = await openWindow();
    const second = await openWindow();
    await second.api.inference.initModel('null');
    const counts = new Set<number | undefined>();
    second.api.onDidChangeEngine(({ models }) => counts.add(models[0]?.activeRequests));
    const answers = [1, 2].map(() => ask(first.api, { messages: hello, maxTokens: 4000, modelId: 'null' }));
    await Promise.all(answers);
    assert.ok(counts.has(2), [...counts].join());
    await eventually(async () => (await second.api.inference.getEngineState()).models[0]?.activeRequests === 0);
  });

  it('leave no process behind: a window that is killed while it alone is answered', async () => {
    const window = await openWindow();
    await window.api.inference.initModel('null');
    const { pid } = await window.api.inference.getEngineState();
    const other = spawn(
      process.execPath,
      ['--input-type=module', '-e', otherWindow, await prepareRuntimeAddress(directory), await testModelPath('null')],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    children.push(other);
    await once(other.stdout, 'data');
    windows.shift();
    await window.dispose();
    assert.ok(isAlive(pid!), 'the other window still has it');
    other.kill('SIGKILL');
    assert.ok((await processEnd(pid, 1000)) <= 1000);
  });

  it('refuse a folder for the socket that others can write to', async function () {
    skipOnWindows(this, 'pipes lie in no folder');
    await chmod(directory, 0o777);
    await prepareRuntimeAddress(directory);
    assert.equal((await stat(directory)).mode & 0o777, 0o700, 'our own folder is made private');
    if (process.getuid?.() !== 0) {
      await assert.rejects(prepareRuntimeAddress('/'), { code: 'engine-unavailable' });
    }
    const long = path.join(directory, 'x'.repeat(120));
    assert.ok(Buffer.byteLength(await prepareRuntimeAddress(long)) <= 90, 'a path too long for a socket gets a short one');
  });
});
