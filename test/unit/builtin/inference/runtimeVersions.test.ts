import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createMessageConnection, StreamMessageReader, StreamMessageWriter, type MessageConnection } from 'vscode-jsonrpc/node';
import { prepareRuntimeAddress } from '../../../../src/builtin/inference/runtimeAddress';
import { RuntimeConnection } from '../../../../src/builtin/inference/runtimeConnection';
import { JanError } from '../../../../src/common/errors';
import { nullLogger } from '../../../../src/common/log';
import { configureRequest, getStateRequest, runtimeProtocolVersion, stateNotification } from '../../../../src/protocol/runtimeProtocol';
import { testModelPath } from '../../../fixtures/gguf/testModels';
import { ask, createHarness, modelAt, processEnd, runtimeEntry, type Harness } from './inferenceHarness';

const older = runtimeProtocolVersion - 1;
const newer = runtimeProtocolVersion + 1;

/** The built runtime, as it is in another version: it speaks another protocol. */
async function runtimeOfVersion(version: number): Promise<string> {
  const folder = path.resolve('dist/test/fixtures/runtime');
  await mkdir(folder, { recursive: true });
  const text = await readFile(runtimeEntry, 'utf8');
  const parts = text.split(`runtimeProtocolVersion = ${runtimeProtocolVersion};`);
  assert.equal(parts.length, 2, 'the version stands there once');
  const file = path.join(folder, `runtime-v${version}.mjs`);
  await writeFile(file, parts.join(`runtimeProtocolVersion = ${version};`));
  await copyFile(path.join(path.dirname(runtimeEntry), 'sandbox.mjs'), path.join(folder, 'sandbox.mjs'));
  return file;
}

describe('versions of window and engine', function () {
  this.timeout(60_000);
  let directory: string;
  let address: string;
  let cleanUp: (() => Promise<unknown> | void)[];

  beforeEach(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), 'jan-rt-'));
    address = await prepareRuntimeAddress(directory);
    cleanUp = [];
  });
  afterEach(async () => {
    for (const step of cleanUp.reverse()) {
      await step();
    }
    await rm(directory, { recursive: true, force: true });
  });

  async function openWindow(entry: string): Promise<Harness> {
    const harness = await createHarness([modelAt('null', await testModelPath('null'))], { directory, runtimeEntry: entry });
    cleanUp.push(async () => {
      const { pid } = await harness.api.inference.getEngineState();
      await harness.dispose();
      await processEnd(pid, 2000);
    });
    return harness;
  }

  async function startRuntime(entry: string, at: string): Promise<ChildProcess> {
    const child = spawn(process.execPath, [entry, '--listen', at], { stdio: ['ignore', 'pipe', 'ignore'] });
    cleanUp.push(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    return child;
  }

  /** A window of any version, as far as words over the socket go. */
  async function speak(at: string): Promise<MessageConnection> {
    const socket = connect(at);
    await once(socket, 'connect');
    cleanUp.push(() => void socket.destroy());
    const rpc = createMessageConnection(new StreamMessageReader(socket), new StreamMessageWriter(socket));
    rpc.listen();
    return rpc;
  }

  for (const [name, version] of [['an older', older], ['a newer', newer]] as const) {
    it(`this window works beside ${name} one with its own engine, and disturbs neither`, async () => {
      const theirAddress = address.replace(`v${runtimeProtocolVersion}`, `v${version}`);
      assert.notEqual(theirAddress, address);
      const child = await startRuntime(await runtimeOfVersion(version), theirAddress);
      const theirs = await speak(theirAddress);
      assert.deepEqual(await theirs.sendRequest('hello', { protocolVersion: version, client: 'other' }), { protocolVersion: version, pid: child.pid });
      const { api } = await openWindow(runtimeEntry);
      const { last } = await ask(api, { modelId: 'null', messages: [{ role: 'user', content: 'Hello' }], maxTokens: 3 });
      assert.equal(last.usage!.completionTokens, 3);
      assert.notEqual((await api.inference.getEngineState()).pid, child.pid);
      assert.equal((await theirs.sendRequest<{ pid: number }>('getState', {})).pid, child.pid);
    });

    it(`this window is told what to do when ${name} engine stands in its place`, async () => {
      const { api } = await openWindow(await runtimeOfVersion(version));
      await assert.rejects(api.inference.initModel('null'), (error: unknown) => {
        assert.ok(api.isJanError(error, 'engine-unavailable'));
        assert.match(error.message, /different version of Jan.*Reload all windows, then try again/);
        assert.deepEqual(error.details, { expected: version, received: runtimeProtocolVersion });
        return true;
      });
      assert.equal((await api.inference.getEngineState()).status, 'crashed', 'and the reason stays to be seen');
    });

    it(`${name} window is told what to do by this engine, which goes on for the others`, async () => {
      await startRuntime(runtimeEntry, address);
      const { api } = await openWindow(runtimeEntry);
      await api.inference.initModel('null');
      const theirs = await speak(address);
      await assert.rejects(theirs.sendRequest('hello', { protocolVersion: version, client: 'other' }), /different version of Jan.*Reload all windows/);
      await assert.rejects(theirs.sendRequest('getState', {}), /Say hello first/);
      assert.equal((await ask(api, { modelId: 'null', messages: [{ role: 'user', content: 'Hello' }], maxTokens: 3 })).last.usage!.completionTokens, 3);
    });
  }

  describe('with the same protocol and another build', () => {
    let rpc: MessageConnection;
    let hello: object;

    beforeEach(async () => {
      hello = { protocolVersion: runtimeProtocolVersion, pid: process.pid, since: 'later' };
      const server: Server = createServer((socket) => {
        socket.on('error', () => undefined);
        cleanUp.push(() => void socket.destroy());
        rpc = createMessageConnection(new StreamMessageReader(socket), new StreamMessageWriter(socket));
        rpc.onRequest('hello', () => hello);
        rpc.onRequest('getState', () => ({ pid: process.pid, models: [], temperature: 40 }));
        rpc.listen();
      });
      server.listen(address);
      await once(server, 'listening');
      cleanUp.push(() => void server.close());
    });

    const open = async (): Promise<RuntimeConnection> => {
      const connection = await RuntimeConnection.open(address, 'test', async () => new JanError('engine-crashed', 'gone'), nullLogger);
      cleanUp.push(() => connection.dispose());
      return connection;
    };

    it('what a newer engine says more is passed over', async () => {
      const connection = await open();
      assert.deepEqual(await connection.request(getStateRequest, {}), { pid: process.pid, models: [] });
      const heard = new Promise((resolve) => connection.onNotification(stateNotification, resolve));
      await rpc.sendNotification('weather', { sunny: true });
      await rpc.sendNotification('state', { pid: process.pid, models: [], temperature: 40 });
      assert.deepEqual(await heard, { pid: process.pid, models: [] });
    });

    it('what an older engine does not know yet is said in words', async () => {
      const connection = await open();
      await assert.rejects(connection.request(configureRequest, { keepAliveMs: null }), {
        code: 'unsupported',
        message: /started by an older version of Jan and does not know this yet\. Restart the engine/,
      });
      await connection.request(getStateRequest, {});
    });

    it('an answer that this window does not understand is said in words, and so is an engine that claims another version', async () => {
      const connection = await open();
      rpc.onRequest('getState', () => ({ processes: [1] }));
      await assert.rejects(connection.request(getStateRequest, {}), { code: 'internal', message: /wrong form\. Reload all windows, then restart the engine/ });
      hello = { protocolVersion: newer, pid: process.pid };
      await assert.rejects(open(), { code: 'engine-unavailable', message: /different version of Jan.*Reload all windows/ });
    });
  });
});
