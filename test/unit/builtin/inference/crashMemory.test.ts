import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { ChatRequest, InitModelOptions } from '../../../../src/api/jan';
import { CrashMemory, crashOf, type Crash, type Suspect } from '../../../../src/builtin/inference/crashMemory';
import { crashError, type ProcessExit } from '../../../../src/builtin/inference/exitReason';
import { isJanError, JanError } from '../../../../src/common/errors';
import { nullLogger } from '../../../../src/common/log';
import { testModelPath } from '../../../fixtures/gguf/testModels';
import { ask, createHarness, modelAt, processEnd, runtimeEntry, type Harness } from './inferenceHarness';

const remembers = (error: unknown): boolean => isJanError(error, 'model-crashed');

describe('Memory of crashes', () => {
  let folder: string;
  let file: string;
  let suspect: Suspect;
  let memory: CrashMemory;
  const crash = (pid: number, change: Partial<Crash> = {}): Crash => ({ phase: 'answering', pid, words: 'crashed in native code (SIGSEGV)', isKill: false, ...change });
  const again = (): CrashMemory => new CrashMemory(path.join(folder, 'crashes.json'), file, nullLogger);

  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'jan-crashes-'));
    file = path.join(folder, 'model.gguf');
    await writeFile(file, 'GGUF');
    suspect = { modelId: 'm', name: 'Model', path: file, settings: { gpuLayers: 3, contextLength: 100 } };
    memory = again();
  });
  afterEach(async () => rm(folder, { recursive: true, force: true }));

  it('holds two crashes in a row against a model, not one, in every window and after a restart', async () => {
    await memory.note(suspect, crash(1));
    await memory.check(suspect);
    await memory.note(suspect, crash(2));
    await assert.rejects(again().check({ ...suspect, settings: { contextLength: 100, gpuLayers: 3 } }), (error) => {
      assert.ok(isJanError(error, 'model-crashed'));
      assert.match(error.message, /“Model” is not loaded: the engine crashed in native code \(SIGSEGV\) while it answered/);
      assert.match(error.message, /Try it anyway, choose other settings/);
      return true;
    });
  });

  it('counts a crash once, however many windows tell of it', async () => {
    await memory.note(suspect, crash(1));
    await again().note(suspect, crash(1));
    await memory.check(suspect);
  });

  it('knows the cause when only one window does, whichever tells first', async () => {
    const vague = crashOf(crashError(undefined), 'loading', 1)!;
    const exact = crash(1, { phase: 'loading' });
    for (const [modelId, crashes] of Object.entries({ first: [vague, exact, vague], last: [exact, vague] })) {
      for (const told of crashes) {
        await again().note({ ...suspect, modelId }, told);
      }
      await assert.rejects(memory.check({ ...suspect, modelId }), (error) => remembers(error) && /SIGSEGV/.test((error as Error).message));
    }
    for (const told of [{ ...vague, phase: 'answering' } as const, crash(1)]) {
      await again().note(suspect, told);
    }
    await memory.check(suspect);
  });

  it('loses nothing when windows tell of crashes in the same moment', async () => {
    const suspects = Array.from({ length: 20 }, (_, index) => ({ ...suspect, modelId: `m${index}` }));
    await Promise.all(suspects.map((one, index) => again().note(one, crash(index, { phase: 'loading' }))));
    for (const one of suspects) {
      await assert.rejects(memory.check(one), remembers);
    }
    assert.deepEqual((await readdir(folder)).sort(), ['crashes.json', 'model.gguf']);
  });

  it('is written to also where a window has ended in the middle of it', async () => {
    await writeFile(path.join(folder, 'crashes.json.lock'), '');
    await Promise.all([1, 2].map((pid) => again().note(suspect, crash(pid))));
    await assert.rejects(memory.check(suspect), remembers);
  });

  it('needs one crash while loading, but two when it was killed: memory runs short once for anyone', async () => {
    await memory.note(suspect, crash(1, { phase: 'loading', isKill: true }));
    await memory.check(suspect);
    await memory.note(suspect, crash(2, { phase: 'loading' }));
    await assert.rejects(memory.check(suspect), remembers);
  });

  it('forgets at an answer, at the user’s wish, for other settings, another file and another engine', async () => {
    const blame = async (): Promise<void> => {
      await memory.note(suspect, crash(Math.random(), { phase: 'loading' }));
      await assert.rejects(memory.check(suspect), remembers);
    };
    await blame();
    await memory.noteSuccess(suspect);
    await memory.check(suspect);
    await blame();
    await memory.forget('other');
    await assert.rejects(memory.check(suspect), remembers);
    await memory.forget('m');
    await memory.check(suspect);
    await blame();
    await memory.check({ ...suspect, settings: { ...suspect.settings, gpuLayers: 0 } });
    await new CrashMemory(path.join(folder, 'crashes.json'), folder, nullLogger).check(suspect);
    await utimes(file, 1, 1);
    await memory.check(suspect);
  });

  it('holds what is damaged against nobody, and keeps itself small', async () => {
    for (let pid = 1; pid <= 70; pid++) {
      await memory.note({ ...suspect, modelId: `m${pid}` }, crash(pid, { phase: 'loading' }));
    }
    const kept = JSON.parse(await readFile(path.join(folder, 'crashes.json'), 'utf8')) as unknown[];
    assert.equal(kept.length, 50);
    await assert.rejects(memory.check({ ...suspect, modelId: 'm70' }), remembers);
    for (const text of ['', '{', '[1]', '{"a":1}', JSON.stringify([{ ...(kept.at(-1) as object), strikes: -1 }]), JSON.stringify([{ ...(kept.at(-1) as object), at: 0 }])]) {
      await writeFile(path.join(folder, 'crashes.json'), text);
      await memory.check({ ...suspect, modelId: 'm70' });
    }
    assert.deepEqual((await readdir(folder)).sort(), ['crashes.json', 'model.gguf']);
  });

  it('blames nobody for an engine that was told to end', () => {
    assert.equal(crashOf(new JanError('engine-crashed', 'Restarted.', { details: { restarted: true } }), 'loading', 1), undefined);
    assert.equal(crashOf(crashError({ code: null, signal: 'SIGTERM' }), 'loading', 1), undefined);
    assert.equal(crashOf(new JanError('out-of-memory', 'No.'), 'loading', 1), undefined);
    assert.deepEqual(crashOf(crashError({ code: null, signal: 'SIGILL' }), 'loading', 1), {
      phase: 'loading', pid: 1, words: 'used an instruction that this processor lacks (SIGILL)', isKill: false,
    });
    assert.equal(crashOf(crashError(undefined), 'answering', 1)!.isKill, true);
  });

  it('tells a kill from a crash, also on Windows, where it shows as an exit code', () => {
    const isKill = (exit: ProcessExit, platform: NodeJS.Platform): boolean => crashOf(crashError(exit), 'loading', 1, platform)!.isKill;
    assert.equal(isKill({ code: null, signal: 'SIGKILL' }, 'linux'), true);
    assert.equal(isKill({ code: 1, signal: null }, 'win32'), true);
    assert.equal(isKill({ code: 0xc0000005, signal: null }, 'win32'), false);
    assert.equal(isKill({ code: 1, signal: null }, 'linux'), false);
  });
});

describe('A model that ends the engine', function () {
  this.timeout(60_000);
  let harness: Harness;
  /** Still being told when all has been asked that is to be asked meanwhile. */
  const story: ChatRequest = { modelId: 'small', messages: [{ role: 'user', content: 'A long story' }], maxTokens: 4000, temperature: 0 };

  beforeEach(async () => {
    harness = await createHarness([modelAt('small', await testModelPath('small'))]);
  });
  afterEach(async () => harness.dispose());

  const engine = async (): Promise<number> => (await harness.api.inference.getEngineState()).pid!;
  /** @param before the engine ends, and while it answers */
  const crashWhileAnswering = async (api = harness.api, before = async (): Promise<void> => undefined): Promise<void> => {
    let ending: Promise<unknown> | undefined;
    await assert.rejects(
      ask(api, story, undefined, () => {
        ending ??= before().finally(async () => process.kill(await engine(), 'SIGSEGV'));
        ending.catch(() => undefined);
      }),
      (error) => isJanError(error, 'engine-crashed') && (api === harness.api ? /SIGSEGV/ : /unexpectedly/).test(error.message),
    );
    await ending;
  };

  it('twice while it answers is not loaded again by itself, but with other settings, or when the user says so', async () => {
    await crashWhileAnswering();
    await crashWhileAnswering();
    await assert.rejects(ask(harness.api, { ...story, maxTokens: 2 }), remembers);
    await assert.rejects(harness.api.inference.initModel('small'), remembers);
    await ask(harness.api, { ...story, maxTokens: 2, load: { contextLength: 512 } });
    await harness.api.inference.stopModel('small');
    assert.equal((await harness.api.inference.initModel('small', { retryCrashed: true })).status, 'ready');
    await ask(harness.api, { ...story, maxTokens: 2 });
  });

  it('once is forgiven when it then answers to the end', async () => {
    await crashWhileAnswering();
    await ask(harness.api, { ...story, maxTokens: 2 });
    await crashWhileAnswering();
    await ask(harness.api, { ...story, maxTokens: 2 });
  });

  describe('is blamed for the settings that were in force', () => {
    const refuses = async (options: InitModelOptions): Promise<void> => assert.rejects(harness.api.inference.initModel('small', options), remembers, JSON.stringify(options));
    const loads = async (options: InitModelOptions): Promise<void> => {
      assert.equal((await harness.api.inference.initModel('small', options)).status, 'ready');
      await harness.api.inference.stopModel('small');
    };

    it('also when another window has chosen them', async () => {
      const other = await createHarness(harness.models, { directory: harness.directory });
      for (let crash = 0; crash < 2; crash++) {
        await harness.api.inference.initModel('small', { batchSize: 64 });
        const noticed = new Promise<void>((resolve) => harness.api.onDidChangeEngine(({ status }) => status === 'crashed' && resolve()));
        await crashWhileAnswering(other.api);
        await noticed;
      }
      await refuses({ batchSize: 64 });
      await loads({});
      await other.dispose();
    });

    it('also when others were asked for in vain', async () => {
      for (let crash = 0; crash < 2; crash++) {
        await crashWhileAnswering(harness.api, async () => {
          await assert.rejects(harness.api.inference.initModel('small', { batchSize: 64 }), { code: 'model-busy' });
        });
      }
      await refuses({});
      await loads({ batchSize: 64 });
    });

    it('also when they were asked for one after the other', async () => {
      for (let crash = 0; crash < 2; crash++) {
        await harness.api.inference.initModel('small', { batchSize: 64 });
        await harness.api.inference.initModel('small', { threads: 1 });
        await crashWhileAnswering();
      }
      await loads({ threads: 1 });
      await refuses({ threads: 1, batchSize: 64 });
      await loads({ batchSize: 64 });
      await harness.api.inference.initModel('small', { batchSize: 64 });
      await refuses({ threads: 1 });
    });
  });

  it('is not blamed for settings that nobody knows: an older engine does not tell them', async () => {
    const text = await readFile(runtimeEntry, 'utf8');
    const parts = text.split('    loadOptions: loadOptionsOf(entry),\n');
    assert.equal(parts.length, 2, 'they are told in one place');
    const built = path.resolve('dist/test/fixtures/runtime');
    const older = path.join(built, 'runtime-that-tells-less.mjs');
    await mkdir(built, { recursive: true });
    await writeFile(older, parts.join(''));
    await copyFile(path.join(path.dirname(runtimeEntry), 'sandbox.mjs'), path.join(built, 'sandbox.mjs'));
    const before = harness;
    harness = await createHarness(harness.models, { runtimeEntry: older });
    await crashWhileAnswering();
    await crashWhileAnswering();
    assert.equal((await ask(harness.api, { ...story, maxTokens: 2 })).last.usage!.completionTokens, 2);
    await before.dispose();
  });

  it('while it is loaded is not loaded again', async () => {
    await harness.api.inference.initModel('small');
    await harness.api.inference.stopModel('small');
    const pid = await engine();
    process.kill(pid, 'SIGSTOP');
    const loading = harness.api.inference.initModel('small');
    process.kill(pid, 'SIGABRT');
    // The question has to be on its way before the process goes on, and ends.
    setTimeout(() => process.kill(pid, 'SIGCONT'), 200);
    await assert.rejects(loading, (error) => isJanError(error, 'engine-crashed') && /SIGABRT/.test(error.message));
    await processEnd(pid, 5000);
    await assert.rejects(harness.api.inference.initModel('small'), remembers);
  });
});
