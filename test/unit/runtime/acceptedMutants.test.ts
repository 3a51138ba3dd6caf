import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { RuntimeConnection } from '../../../src/builtin/inference/runtimeConnection';
import { isJanError, JanError } from '../../../src/common/errors';
import { nullLogger } from '../../../src/common/log';
import { chatRequest, loadModelRequest, unloadModelRequest } from '../../../src/protocol/runtimeProtocol';
import { checkModelFile } from '../../../src/runtime/modelFileCheck';
import { makeMutant } from '../../fixtures/gguf/mutants';
import { soakRounds, soakTimeout } from '../../fixtures/soak';
import { seededRandom } from '../../fixtures/data/storeFixture';
import { runtimeEntry } from '../builtin/inference/inferenceHarness';

describe('model files that are damaged and well-formed', function () {
  let directory: string;
  let child: ChildProcess | undefined;
  let connection: RuntimeConnection | undefined;

  before(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), 'jan-rt-'));
  });

  after(async () => {
    connection?.dispose();
    child?.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  });

  let starts = 0;
  async function engine(): Promise<RuntimeConnection> {
    if (connection === undefined || connection.isClosed) {
      const name = `jan-mutants-${process.pid}-${starts++}`;
      const address = process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : path.join(directory, `${name}.sock`);
      child = spawn(process.execPath, [runtimeEntry, '--listen', address], { stdio: ['ignore', 'pipe', 'ignore'] });
      await once(child.stdout!, 'data');
      connection = await RuntimeConnection.open(address, 'test', async () => new JanError('engine-crashed', 'gone'), nullLogger);
    }
    return connection;
  }

  const wanted = soakRounds(40, 5000);
  it(`never crash the engine once they are accepted: ${wanted} of them are loaded and asked`, async function () {
    this.timeout(soakTimeout(180_000));
    const seed = Number(process.env['JAN_TEST_SEED'] ?? 11);
    const random = seededRandom(seed);
    const file = path.join(directory, 'mutant.gguf');
    const counts = { refused: 0, loaded: 0, answered: 0, failed: 0 };
    const crashes: string[] = [];
    for (let accepted = 0; accepted < wanted; ) {
      const mutant = makeMutant(random);
      await mutant.write(file);
      try {
        await checkModelFile(file);
      } catch (error) {
        assert.ok(isJanError(error, 'model-invalid'), String(error));
        counts.refused++;
        continue;
      }
      accepted++;
      const runtime = await engine();
      try {
        await runtime.request({ ...loadModelRequest, timeoutMs: 20_000 }, { modelId: 'mutant', path: file, contextLength: 128, slots: 1 });
        counts.loaded++;
        const messages = [{ role: 'user' as const, content: 'Hello there' }];
        await runtime.request({ ...chatRequest, timeoutMs: 20_000 }, { requestId: '1', modelId: 'mutant', messages, sampling: {}, maxTokens: 4 });
        counts.answered++;
      } catch (error) {
        counts.failed++;
        if (isJanError(error, 'engine-crashed') || isJanError(error, 'timeout')) {
          await Promise.race([once(child!, 'exit'), new Promise((resolve) => setTimeout(resolve, 1000))]);
          const exit = child!.signalCode ?? child!.exitCode ?? 'hangs';
          crashes.push(`${exit}: ${mutant.changes.join('; ')}`);
          console.log(`      ${crashes.at(-1)}`);
          child!.kill('SIGKILL');
          connection!.dispose();
          connection = undefined;
          continue;
        }
      }
      await runtime.request(unloadModelRequest, { modelId: 'mutant' }).catch(() => undefined);
    }
    console.log(`      ${counts.refused} refused, ${counts.loaded} loaded, ${counts.answered} answered, ${counts.failed} failed with a typed error`);
    assert.deepEqual(crashes, []);
  });
});
