import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { crashError, exitWords } from '../../../../src/builtin/inference/exitReason';
import { countOomKills } from '../../../../src/builtin/inference/oomKills';
import { runtimeEnvironment } from '../../../../src/builtin/inference/runtimeProcess';

describe('how an engine ended', () => {
  it('is said in words, with what to do', () => {
    const error = crashError({ code: null, signal: 'SIGKILL' });
    assert.equal(error.code, 'engine-crashed');
    assert.equal(error.message, 'The engine was killed (SIGKILL), perhaps because memory ran out. Send the message again to restart it.');
  });

  it('tells the causes apart, also as a shell or Windows reports them', () => {
    const words = [
      exitWords({ code: null, signal: 'SIGILL' }),
      exitWords({ code: 133, signal: null }),
      exitWords({ code: null, signal: 'SIGABRT' }),
      exitWords({ code: null, signal: 'SIGSEGV' }),
      exitWords({ code: -1073741819, signal: null }),
      exitWords({ code: 7, signal: null }),
      exitWords(undefined),
    ];
    assert.equal(new Set(words).size, words.length);
    assert.match(words[1]!, /SIGTRAP/);
    assert.match(words[4]!, /access violation/);
    assert.match(words[5]!, /exit code 7/);
  });
});

describe('a kill for want of memory', () => {
  it('is told from any other kill, with what the system counts', async function () {
    const death = { code: null, signal: 'SIGKILL' } as const;
    assert.match(exitWords({ ...death, outOfMemory: true }), /killed by the system because memory ran out/);
    assert.match(exitWords({ ...death, outOfMemory: false }), /killed \(SIGKILL\), perhaps/);
    assert.equal(crashError({ ...death, outOfMemory: true }).details['outOfMemory'], true);
    if (process.platform !== 'linux') {
      console.log('      the rest skipped: only Linux counts them');
      return;
    }
    assert.equal(await countOomKills('/nowhere'), undefined);
    const now = await countOomKills();
    assert.ok(now === undefined || Number.isSafeInteger(now));
    const folder = await mkdtemp(path.join(os.tmpdir(), 'jan-oom-'));
    await writeFile(path.join(folder, 'vmstat'), 'nr_free_pages 5\noom_kill 12\nswap_ra 7\n');
    assert.equal(await countOomKills(path.join(folder, 'vmstat')), 12);
    await rm(folder, { recursive: true });
  });
});

describe('the environment of the engine', () => {
  it('holds what native code needs and nothing that may be secret or change Node', () => {
    const env = runtimeEnvironment({ PATH: '/bin', HOME: '/h', NODE_OPTIONS: '--inspect', OPENAI_API_KEY: 'k', VSCODE_IPC_HOOK: 'x', ELECTRON_X: 'y' });
    const own = Object.keys(env).filter((name) => !/^(MALLOC|UV)_/.test(name));
    assert.deepEqual(own.sort(), ['ELECTRON_RUN_AS_NODE', 'HOME', 'PATH']);
    assert.deepEqual([env.PATH, env.HOME], ['/bin', '/h']);
  });
});
