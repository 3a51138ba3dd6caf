import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { isJanError, type JanErrorCode } from '../../../../src/common/errors';
import { testModelPath } from '../../../fixtures/gguf/testModels';
import { enginesEnd, enginesOf } from '../../../fixtures/runtime/processes';
import { ask, createHarness, modelAt, processEnd, type Harness } from './inferenceHarness';
import { skipOnWindows } from '../../../fixtures/skipOnWindows';

interface Death {
  readonly name: string;
  readonly kill: (pid: number) => void;
  /** What the user is told of it. */
  readonly words: RegExp;
  /** Is a load that ends so held against the model at once? */
  readonly isOwnFault: boolean;
}

const bySignal = (signal: NodeJS.Signals, words: RegExp, isOwnFault: boolean): Death => ({
  name: signal,
  kill: (pid) => process.kill(pid, signal),
  words,
  isOwnFault,
});

const deaths: readonly Death[] = [
  bySignal('SIGILL', /instruction that this processor lacks \(SIGILL\)/, true),
  bySignal('SIGTRAP', /failed check in its memory allocator \(SIGTRAP\)/, true),
  bySignal('SIGABRT', /llama\.cpp found an error \(SIGABRT\)/, true),
  bySignal('SIGSEGV', /crashed in native code \(SIGSEGV\)/, true),
  bySignal('SIGKILL', /was killed .*SIGKILL/, false),
  bySignal('SIGSTOP', /gave no sign of life for 0\.8 seconds and was ended/, false),
];

/** What the engine is at when it dies: the call that is pending, and what had come of it. */
type Moment = 'idle' | 'loading' | 'in mid-answer';
const moments: readonly Moment[] = ['idle', 'loading', 'in mid-answer'];

const hello = { modelId: 'null', messages: [{ role: 'user' as const, content: 'Hello' }], temperature: 0 };

describe('the engine ends', function () {
  this.timeout(60_000);
  let directory: string;
  let harness: Harness;

  before(function () {
    skipOnWindows(this, 'Windows has no signals to end a process by');
  });

  beforeEach(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), 'jan-rt-'));
    const models = [modelAt('null', await testModelPath('null')), modelAt('mid', await testModelPath('mid'))];
    harness = await createHarness(models, { directory, beatMs: 200 });
  });

  afterEach(async () => {
    await harness.dispose();
    await enginesEnd(directory, 2000);
    await rm(directory, { recursive: true, force: true });
  });

  const engine = async (): Promise<number> => (await harness.api.inference.getEngineState()).pid!;

  /** Brings the engine to the moment, calls `then` with its process, and settles with what became of the call. */
  async function at(moment: Moment, then: (pid: number) => Promise<void> | void): Promise<{ readonly text: string; readonly error?: unknown }> {
    const { inference } = harness.api;
    await inference.restartEngine();
    const pid = await engine();
    let text = '';
    let isDone = false;
    const once = async (): Promise<void> => {
      if (!isDone) {
        isDone = true;
        await then(pid);
      }
    };
    try {
      if (moment === 'idle') {
        await inference.initModel('null');
        const ended = new Promise<void>((resolve) => harness.api.onDidChangeEngine(({ status }) => status === 'crashed' && resolve()));
        await once();
        await ended;
        const { error } = await inference.getEngineState();
        return { text, error: harness.api.createError(error!.code, error!.message) };
      } else if (moment === 'loading') {
        await inference.initModel('mid', { onProgress: () => void once() });
      } else {
        for await (const chunk of await inference.createChatCompletion({ ...hello, maxTokens: 8000 })) {
          text += chunk.text ?? '';
          if (text !== '') {
            await once();
          }
        }
      }
      return { text };
    } catch (error) {
      return { text, error };
    }
  }

  for (const { name, kill, words, isOwnFault } of deaths) {
    for (const moment of moments) {
      it(`by ${name}, ${moment}: the cause is told apart, what had come stays, and the next request works`, async () => {
        let pid = 0;
        const { text, error } = await at(moment, (engineId) => kill((pid = engineId)));
        assert.ok(isJanError(error, 'engine-crashed'), String(error));
        assert.match(error.message, words);
        assert.equal(text !== '', moment === 'in mid-answer', 'the text that had arrived');
        await processEnd(pid, 1000);
        const modelId = moment === 'loading' ? 'mid' : 'null';
        const load = harness.api.inference.initModel(modelId);
        if (moment === 'loading' && isOwnFault) {
          await assert.rejects(load, { code: 'model-crashed', message: words });
          await harness.api.inference.initModel(modelId, { retryCrashed: true });
        } else {
          assert.equal((await load).status, 'ready');
        }
        assert.equal((await ask(harness.api, { ...hello, modelId, maxTokens: 3 })).last.usage!.completionTokens, 3);
        assert.notEqual(await engine(), pid);
        assert.deepEqual(await enginesOf(directory), [await engine()], 'one process, the new one');
      });
    }
  }

  describe('for want of memory', () => {
    const limit = async (pid: number, bytes: number | 'unlimited'): Promise<void> => {
      await promisify(execFile)('prlimit', ['--pid', `${pid}`, `--as=${bytes}:unlimited`]);
    };

    before(async function () {
      const works = process.platform === 'linux' && (await limit(process.pid, 'unlimited').then(() => true, () => false));
      if (!works) {
        console.log('      skipped: the limit of a running process is set by prlimit, which is not here');
        this.skip();
      }
      console.log('      by the limit of its address space; the system’s own kill: memoryKill.test.ts');
    });

    for (const moment of moments) {
      it(`set to nothing more than it has, ${moment}: what is asked settles in words, and the next request works`, async () => {
        const { inference } = harness.api;
        await inference.restartEngine();
        const pid = await engine();
        const outcomes: (JanErrorCode | 'done')[] = [];
        const settle = async (call: Promise<unknown>): Promise<void> => {
          outcomes.push(
            await call.then(
              () => 'done' as const,
              (error: unknown) => {
                assert.ok(isJanError(error), String(error));
                assert.match(error.message, /memory|could not be loaded|The engine (gave up|gave no sign|did not get on|crashed|stopped|used|could not go on)/i);
                return error.code;
              },
            ),
          );
        };
        let limited: Promise<void> | undefined;
        const cut = (): void => void (limited ??= limit(pid, 1));
        if (moment === 'loading') {
          await settle(inference.initModel('mid', { onProgress: cut }));
        } else if (moment === 'in mid-answer') {
          await settle(ask(harness.api, { ...hello, maxTokens: 8000 }, undefined, cut));
        } else {
          await inference.initModel('null');
          cut();
        }
        await limited;
        if (moment === 'loading' && outcomes[0] === 'done') {
          // It was loaded before the limit was set, by a process that this machine was slow to start.
          await inference.stopModel('mid');
        }
        // A model of 200 MB can't be had with no more memory; an engine that is new by now has no limit.
        await settle(inference.initModel('mid', { retryCrashed: true }));
        assert.ok(outcomes.some((outcome) => outcome !== 'done'), outcomes.join(', '));
        console.log(`        ${outcomes.join(', ')}`);
        await limit(pid, 'unlimited').catch(() => undefined);
        await inference.initModel('mid', { retryCrashed: true });
        assert.equal((await ask(harness.api, { ...hello, modelId: 'mid', maxTokens: 3 })).last.usage!.completionTokens, 3);
      });
    }
  });
});
