import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { prepareRuntimeAddress } from '../../../../src/builtin/inference/runtimeAddress';
import type { RuntimeConnection } from '../../../../src/builtin/inference/runtimeConnection';
import { RuntimeSupervisor } from '../../../../src/builtin/inference/runtimeSupervisor';
import { nullLogger } from '../../../../src/common/log';
import { chatRequest, getStateRequest, loadModelRequest } from '../../../../src/protocol/runtimeProtocol';
import { testModelPath } from '../../../fixtures/gguf/testModels';
import { enginesEnd, startWindow } from '../../../fixtures/runtime/processes';
import { getStuck, hangingRuntime, stuckableRuntime } from '../../../fixtures/runtime/stuckableRuntime';
import { processEnd, runtimeEntry } from './inferenceHarness';
import { skipOnWindows } from '../../../fixtures/skipOnWindows';

describe('runtime supervisor', function () {
  this.timeout(60_000);
  let directory: string;
  let supervisor: RuntimeSupervisor;

  beforeEach(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), 'jan-rt-'));
    supervisor = new RuntimeSupervisor({ entry: runtimeEntry, directory, log: nullLogger });
  });

  afterEach(async () => {
    const pid = supervisor.current?.pid;
    supervisor.dispose();
    await processEnd(pid, 2000);
    await rm(directory, { recursive: true, force: true });
  });

  it('starts one process for calls at the same time', async () => {
    const [one, two] = await Promise.all([supervisor.lease(), supervisor.lease()]);
    assert.equal(one, two);
    assert.equal(supervisor.status, 'running');
    assert.equal((await one.request(getStateRequest, {})).pid, one.pid);
  });

  it('rejects what is pending with the cause of death', async () => {
    const connection = await supervisor.lease();
    // Stopped first, so that the call is pending for certain.
    process.kill(connection.pid, 'SIGSTOP');
    const pending = connection.request(getStateRequest, {});
    process.kill(connection.pid, 'SIGABRT');
    process.kill(connection.pid, 'SIGCONT');
    await assert.rejects(pending, { code: 'engine-crashed', message: /SIGABRT.*Send the message again/ });
    assert.equal(supervisor.status, 'crashed');
    await assert.rejects(connection.request(getStateRequest, {}), { code: 'engine-crashed' });
  });

  it('gives nobody a connection that has ended while the cause is still being found out', async () => {
    const connection = await supervisor.lease();
    process.kill(connection.pid, 'SIGKILL');
    while (!connection.isClosed) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(supervisor.current, connection);
    const next = await supervisor.lease();
    assert.notEqual(next.pid, connection.pid);
    assert.equal((await next.request(getStateRequest, {})).pid, next.pid);
  });

  it('stops trying after five crashes within three minutes, until restarted by hand', async () => {
    for (let crash = 1; crash <= 5; crash++) {
      const connection = await supervisor.lease();
      const closed = new Promise((resolve) => connection.onDidClose(resolve));
      process.kill(connection.pid, 'SIGKILL');
      await closed;
    }
    await assert.rejects(supervisor.lease(), { code: 'engine-unavailable', message: /crashed 5 times.*SIGKILL/ });
    assert.equal(supervisor.status, 'crashed');
    await supervisor.restart();
    assert.equal(supervisor.status, 'running');
    assert.equal(supervisor.error, undefined);
  });

  it('gives up a call after its stated time', async () => {
    const connection = await supervisor.lease();
    process.kill(connection.pid, 'SIGSTOP');
    await assert.rejects(connection.request({ ...getStateRequest, timeoutMs: 50 }, {}), { code: 'timeout' });
    process.kill(connection.pid, 'SIGCONT');
  });

  it('ends an engine that is stopped, once its pulse was missed for the stated time, and says so', async () => {
    supervisor.dispose();
    supervisor = new RuntimeSupervisor({ entry: runtimeEntry, directory, log: nullLogger, beatMs: 100 });
    const connection = await supervisor.lease();
    process.kill(connection.pid, 'SIGSTOP');
    const began = performance.now();
    await assert.rejects(connection.request(getStateRequest, {}), { code: 'engine-crashed', message: /no sign of life for 0\.4 seconds and was ended/ });
    assert.ok(performance.now() - began >= 350, 'not before its time');
    await processEnd(connection.pid, 1000);
    assert.notEqual((await supervisor.lease()).pid, connection.pid, 'and another one is started');
  });

  it('does not take sleep for a hang: everything stopped and continued', async () => {
    const window = await startWindow(directory, 'answer', await testModelPath('null'));
    await window.until(({ text }) => text !== undefined);
    const engine = window.enginePid!;
    for (let night = 0; night < 2; night++) {
      process.kill(engine, 'SIGSTOP');
      window.child.kill('SIGSTOP');
      // More than the stated 20 s would take long; the window counts its own ticks, of which none happens meanwhile.
      await new Promise((resolve) => setTimeout(resolve, 1500));
      // The window wakes first, and the engine late.
      window.child.kill('SIGCONT');
      await new Promise((resolve) => setTimeout(resolve, 300));
      process.kill(engine, 'SIGCONT');
    }
    const heard = window.messages.length;
    await window.until(({ text }) => text !== undefined, heard);
    assert.equal(window.enginePid, engine);
    assert.ok(!window.messages.some(({ failed }) => failed !== undefined));
    await window.kill();
    await enginesEnd(directory, 1000);
  });

  it('ends the engine when a call does not end at its time and nothing is heard any more', async function () {
    this.timeout(60_000);
    supervisor.dispose();
    supervisor = new RuntimeSupervisor({ entry: await stuckableRuntime(), directory, log: nullLogger, settlingMs: 1500 });
    const connection = await supervisor.lease();
    await connection.request(getStateRequest, {});
    let ended = false;
    getStuck(connection.pid);
    const pending = assert
      .rejects(connection.request({ ...getStateRequest, timeoutMs: 30_000 }, {}), { code: 'engine-crashed', message: /did not end a call \(getState\) in its time and was ended/ })
      .finally(() => (ended = true));
    while (!ended) {
      await connection.request({ ...getStateRequest, timeoutMs: 500 }, {}).catch(() => undefined);
    }
    await pending;
    await processEnd(connection.pid, 1000);
  });

  it('is told why when native code does not come back, whoever waits in its queue', async function () {
    skipOnWindows(this, 'it is made to hang by a signal');
    supervisor.dispose();
    supervisor = new RuntimeSupervisor({ entry: await hangingRuntime(), directory, log: nullLogger, beatMs: 100, settlingMs: 300 });
    const connection = await supervisor.lease();
    await connection.request(loadModelRequest, { modelId: 'null', path: await testModelPath('null'), slots: 1 });
    process.kill(connection.pid, 'SIGUSR2');
    await connection.request(getStateRequest, {});
    const ask = (requestId: string, signal?: AbortSignal) =>
      connection.request(chatRequest, { requestId, modelId: 'null', messages: [{ role: 'user', content: 'Hi' }], sampling: {}, maxTokens: 5 }, { signal });
    const told = { code: 'engine-crashed', message: /did not get on with its work for minutes and was ended/ };
    const stopped = new AbortController();
    const asked = [assert.rejects(ask('1', stopped.signal), { code: 'cancelled' }), assert.rejects(ask('2'), told), assert.rejects(ask('3'), told)];
    stopped.abort();
    await asked[0];
    assert.equal(supervisor.status, 'running', 'who stops does not wait for the end');
    await Promise.all(asked);
    await processEnd(connection.pid, 1000);
  });

  it('takes the name of an engine that is stuck and that nobody leases', async function () {
    this.timeout(60_000);
    skipOnWindows(this, 'a pipe\'s name cannot be taken');
    const address = await prepareRuntimeAddress(directory);
    const stuck = spawn(process.execPath, [runtimeEntry, '--listen', address], { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(stuck.stdout, 'data');
    stuck.kill('SIGSTOP');
    const { pid } = await supervisor.lease();
    assert.notEqual(pid, stuck.pid);
    stuck.kill('SIGKILL');
    assert.equal((await supervisor.lease()).pid, pid);
  });

  describe('with an engine that a kill does not end, as when the system waits in it for a disk', () => {
    const kill = process.kill;
    let stuck: number | undefined;

    /** Stopped, and what would end it does not reach it: its sockets stay open and nothing is answered. */
    async function startStuck(beatMs: number): Promise<RuntimeConnection> {
      supervisor.dispose();
      supervisor = new RuntimeSupervisor({ entry: runtimeEntry, directory, log: nullLogger, beatMs, killPatienceMs: 500 });
      const connection = await supervisor.lease();
      stuck = connection.pid;
      kill(stuck, 'SIGSTOP');
      process.kill = (pid, signal) => (pid === stuck && signal === 'SIGKILL') || kill(pid, signal);
      return connection;
    }

    beforeEach(function () {
      skipOnWindows(this, 'a process can\'t be stopped, nor a pipe\'s name taken');
    });

    afterEach(async () => {
      process.kill = kill;
      if (stuck !== undefined) {
        kill(stuck, 'SIGKILL');
        await processEnd(stuck, 2000);
      }
    });

    it('ends the calls to it with the cause, and starts another one', async () => {
      const connection = await startStuck(250);
      await assert.rejects(connection.request(getStateRequest, {}), { code: 'engine-crashed', message: /no sign of life for 1 seconds and was ended/ });
      assert.notEqual((await supervisor.lease()).pid, stuck);
    });

    it('restarts', async () => {
      // Its silence is not noticed before.
      await startStuck(2000);
      await supervisor.restart();
      assert.equal(supervisor.status, 'running');
      assert.notEqual(supervisor.current!.pid, stuck);
    });
  });

  it('starts nothing after it was disposed', async () => {
    supervisor.dispose();
    await assert.rejects(supervisor.lease(), { code: 'engine-unavailable' });
  });
});
