import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { RuntimeSupervisor } from '../../../../src/builtin/inference/runtimeSupervisor';
import { nullLogger } from '../../../../src/common/log';
import { getStateRequest } from '../../../../src/protocol/runtimeProtocol';
import { processEnd, runtimeEntry } from './inferenceHarness';

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

  it('starts nothing after it was disposed', async () => {
    supervisor.dispose();
    await assert.rejects(supervisor.lease(), { code: 'engine-unavailable' });
  });
});
