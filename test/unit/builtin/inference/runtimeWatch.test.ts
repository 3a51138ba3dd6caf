import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { EngineState } from '../../../../src/api/jan';
import { leaveRuntimeSign, prepareRuntimeAddress, runtimeSign } from '../../../../src/builtin/inference/runtimeAddress';
import { RuntimeWatch } from '../../../../src/builtin/inference/runtimeWatch';
import { onceEvent } from '../../../../src/common/events';
import { nullLogger } from '../../../../src/common/log';
import { runtimeProtocolVersion } from '../../../../src/protocol/runtimeProtocol';
import { testModelPath } from '../../../fixtures/gguf/testModels';
import { enginesEnd, enginesOf, useWindowFolder } from '../../../fixtures/runtime/processes';
import { ask, createHarness, modelAt, type Harness } from './inferenceHarness';
import { skipOnWindows } from '../../../fixtures/skipOnWindows';

/** What a user may wait to see what another window did, and an engine may outlive its last lease. */
const promisedMs = 1000;
const stopped: EngineState = { status: 'stopped', models: [], activeRequests: 0 };

describe('a window that does not use the engine', function () {
  this.timeout(60_000);
  let harness: Harness;
  let file: string;

  // Before the folder's own, which waits for the engine to end.
  afterEach(() => harness.dispose());
  const folder = useWindowFolder();

  before(async () => {
    file = await testModelPath('null');
  });

  beforeEach(async () => {
    harness = await createHarness([{ ...modelAt('model', file), name: 'A Name' }], { directory: folder.directory });
  });

  const look = (): Promise<EngineState> => harness.api.inference.getEngineState();
  const toShow = (accepts: (state: EngineState) => boolean, limitMs = promisedMs): Promise<EngineState> =>
    onceEvent(harness.api.onDidChangeEngine, accepts, AbortSignal.timeout(limitMs));
  /** Now or within a second. */
  const shown = async (accepts: (state: EngineState) => boolean): Promise<EngineState> => {
    const later = toShow(accepts);
    const now = await look();
    later.catch(() => undefined);
    return accepts(now) ? now : later;
  };
  const isLoaded = ({ models }: EngineState): boolean => models[0]?.status === 'ready' && models[0].name === 'A Name';

  it('starts none by looking', async () => {
    assert.deepEqual(await look(), stopped);
    await harness.api.inference.stopModel('model');
    assert.deepEqual(await enginesOf(folder.directory), []);
  });

  it('shows what another window loads, with its name, and that it has gone with that window; it keeps no engine alive', async () => {
    assert.deepEqual(await look(), stopped);
    const loading = toShow(isLoaded, 20_000);
    const other = await folder.open('idle', file);
    const { pid } = await other.until(({ ready }) => ready === true);
    const state = await loading;
    assert.deepEqual([state.status, state.pid, state.models[0]!.modelId], ['running', pid, 'model']);
    assert.ok(state.models[0]!.memory! > 0);
    assert.equal((await harness.api.inference.getInferenceModels())[0]!.loaded, true);
    const gone = toShow(({ status }) => status === 'stopped');
    await other.kill();
    assert.ok((await enginesEnd(folder.directory, promisedMs)) <= promisedMs);
    assert.deepEqual(await gone, stopped);
    assert.equal((await harness.api.inference.getInferenceModels())[0]!.loaded, false);
  });

  it('knows at its first look what has been loaded before', async () => {
    const other = await folder.open('idle', file);
    await other.until(({ ready }) => ready === true);
    assert.equal((await shown(isLoaded)).status, 'running');
    assert.equal((await harness.api.inference.getInferenceModels())[0]!.loaded, true);
  });

  it('unloads what another one has loaded, asks about memory, and is no user of the engine after that', async () => {
    const other = await folder.open('idle', file);
    await other.until(({ ready }) => ready === true);
    const { pid } = await look();
    assert.equal((await harness.api.inference.estimateModelMemory('model')).modelId, 'model');
    await harness.api.inference.stopModel('model');
    assert.deepEqual(await shown(({ models }) => models.length === 0), { ...stopped, status: 'running', pid });
    const gone = toShow(({ status }) => status === 'stopped');
    await other.kill();
    assert.ok((await enginesEnd(folder.directory, promisedMs)) <= promisedMs);
    await gone;
  });

  it('restarts the engine that another one uses when it is told to', async () => {
    const other = await folder.open('idle', file);
    await other.until(({ ready }) => ready === true);
    const { pid } = await look();
    await harness.api.inference.restartEngine();
    const now = await look();
    assert.equal(now.status, 'running');
    assert.notEqual(now.pid, pid);
    assert.deepEqual(await enginesOf(folder.directory), [now.pid]);
  });

  it('shows that the engine was killed as that it has gone: only who used it needs to know why', async () => {
    const other = await folder.open('idle', file);
    await other.until(({ ready }) => ready === true);
    const { pid } = await look();
    const gone = toShow(({ status }) => status === 'stopped');
    process.kill(pid!, 'SIGKILL');
    assert.deepEqual(await gone, stopped);
  });

  it('goes on watching when the engine that it used itself has ended', async () => {
    await look();
    await harness.api.inference.initModel('model');
    assert.equal((await ask(harness.api, { modelId: 'model', messages: [{ role: 'user', content: 'Hello' }], maxTokens: 2 })).last.usage!.completionTokens, 2);
    const crashed = toShow(({ status }) => status === 'crashed', 5000);
    process.kill((await look()).pid!, 'SIGKILL');
    await crashed;
    const loading = toShow(isLoaded, 20_000);
    await folder.open('idle', file);
    assert.equal((await loading).status, 'running');
  });

  it('sees an engine also after someone has tidied its folder away', async () => {
    await look();
    await rm(folder.directory, { recursive: true });
    const loading = toShow(isLoaded, 20_000);
    const other = await folder.open('idle', file);
    await other.until(({ ready }) => ready === true);
    await loading;
  });
});

describe('whoever listens where the engine would', function () {
  this.timeout(20_000);
  let directory: string;
  let watch: RuntimeWatch;
  let server: Server;
  let clients: Socket[];

  before(function () {
    skipOnWindows(this, 'pipes lie in no folder');
  });

  beforeEach(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), 'jan-rt-'));
    watch = new RuntimeWatch(directory, nullLogger);
    clients = [];
  });

  afterEach(async () => {
    watch.dispose();
    clients.forEach((client) => client.destroy());
    server.close();
    await rm(directory, { recursive: true, force: true });
  });

  /** @param answer to each piece that comes */
  async function listen(answer: (socket: Socket) => void, at = directory): Promise<void> {
    server = createServer((socket) => {
      clients.push(socket);
      socket.on('error', () => undefined);
      socket.on('data', () => answer(socket));
    });
    server.listen(await prepareRuntimeAddress(at));
    await once(server, 'listening');
  }

  const state = (pid: number): string => `${JSON.stringify({ protocolVersion: runtimeProtocolVersion, pid, models: [], since: 'later' })}\n`;

  for (const [name, answer] of [
    ['an engine that was built before there were watches', '.'],
    ['one of another version', `${JSON.stringify({ protocolVersion: runtimeProtocolVersion + 1, pid: 4711, models: [] })}\n`],
    ['one whose state has another form', `${JSON.stringify({ protocolVersion: runtimeProtocolVersion, processes: [1] })}\n`],
    ['one that speaks of something else', 'Content-Length: 2\r\n\r\n{}'],
  ] as const) {
    it(`${name} is left alone`, async () => {
      await listen((socket) => socket.write(answer));
      await watch.look();
      assert.equal(watch.state, undefined);
      assert.equal(clients.length, 1);
      if (!clients[0]!.destroyed) {
        await once(clients[0]!, 'close');
      }
    });
  }

  it('one that is silent is not waited for, and heard when it speaks', async () => {
    await listen(() => undefined);
    await watch.look();
    assert.equal(watch.state, undefined);
    const heard = onceEvent(watch.onDidChange, () => true);
    const [first, rest] = [state(4711).slice(0, 9), state(4711).slice(9)];
    clients[0]!.write(first, () => clients[0]!.write(rest));
    await heard;
    assert.deepEqual(watch.state, { protocolVersion: runtimeProtocolVersion, pid: 4711, models: [] });
  });

  it('is found at a later look, where its folder could not be had at the first', async () => {
    const blocked = path.join(directory, 'blocked');
    await writeFile(blocked, 'no folder');
    watch.dispose();
    watch = new RuntimeWatch(path.join(blocked, 'jan'), nullLogger);
    await watch.look();
    assert.equal(watch.state, undefined);
    await rm(blocked);
    await listen((socket) => socket.write(state(4711)), path.join(blocked, 'jan'));
    await watch.look();
    assert.equal(watch.state!.pid, 4711);
  });

  it('tells nothing while a lease does, and again after it', async () => {
    await listen((socket) => socket.write(state(4711)));
    await watch.look();
    assert.equal(watch.state!.pid, 4711);
    watch.pause();
    await watch.look();
    assert.equal(watch.state, undefined);
    const heard = onceEvent(watch.onDidChange, () => true);
    watch.resume();
    await heard;
    assert.equal(watch.state!.pid, 4711);
  });

  it('on Windows, where a pipe lies in no folder, shows by a file that it has come', async () => {
    await listen(() => undefined);
    const { folder, name } = await runtimeSign(directory, '\\\\.\\pipe\\jan', 'win32');
    assert.equal(folder, directory);
    assert.ok(!(await readdir(folder)).includes(name));
    await leaveRuntimeSign(directory, '\\\\.\\pipe\\jan', 'win32');
    assert.ok((await readdir(folder)).includes(name));
  });
});
