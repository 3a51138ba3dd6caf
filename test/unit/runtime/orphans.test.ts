import assert from 'node:assert/strict';
import path from 'node:path';
import { testModelPath } from '../../fixtures/gguf/testModels';
import { enginesEnd, enginesOf, sandboxesEnd, useWindowFolder } from '../../fixtures/runtime/processes';
import type { WindowMode } from '../../fixtures/runtime/windowProcess';
import { soakRounds, soakTimeout } from '../../fixtures/soak';

/** The promise: no lease, no process within a second. */
const promisedMs = 1000;

describe('an engine whose only window is killed', function () {
  this.timeout(90_000);
  const folder = useWindowFolder();

  it('ends within a second in the middle of reading a long prompt', async () => {
    const window = await folder.open('prefill', await testModelPath('mid'));
    await window.until(({ asked }) => asked === 0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.ok(!window.messages.some(({ text }) => text !== undefined), 'the prompt is still being read');
    assert.equal((await enginesOf(folder.directory)).length, 1);
    await window.kill();
    assert.ok((await enginesEnd(folder.directory, promisedMs)) <= promisedMs);
  });

  it('ends within a second in the middle of loading a model', async () => {
    const window = await folder.open('load', await testModelPath('mid'));
    await window.until(({ fraction }) => fraction !== undefined);
    await window.kill();
    assert.ok((await enginesEnd(folder.directory, promisedMs)) <= promisedMs);
  });

  it('ends within a second in the middle of an answer', async () => {
    const window = await folder.open('answer', await testModelPath('null'));
    await window.until(({ text }) => text !== undefined);
    await window.kill();
    assert.ok((await enginesEnd(folder.directory, promisedMs)) <= promisedMs);
  });

  it('ends within a second while its main thread is busy in native code', async () => {
    const window = await folder.open('stuck', await testModelPath('null'));
    await window.until(({ asked }) => asked === 0);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.ok(!window.messages.some(({ done }) => done !== undefined), 'it is still at it');
    await window.kill();
    assert.ok((await enginesEnd(folder.directory, promisedMs)) <= promisedMs);
  });

  const rounds = soakRounds(10, 200);
  it(`leaves nothing behind in ${rounds} rounds, killed at any moment from its start on`, async function () {
    this.timeout(soakTimeout(120_000));
    const modes: readonly WindowMode[] = ['start', 'load', 'prefill', 'answer', 'idle'];
    const file = await testModelPath('small');
    const longest = new Map<WindowMode, number>();
    let seen = 0;
    for (let round = 0; round < rounds; round++) {
      const mode = modes[round % modes.length]!;
      const window = await folder.open(mode, file);
      // From before the engine was started to after it works: spread over 1.5 s, none chosen by chance.
      await new Promise((resolve) => setTimeout(resolve, 100 + ((round * 7919) % 1400)));
      seen += (await enginesOf(folder.directory)).length;
      await window.kill();
      longest.set(mode, Math.max(longest.get(mode) ?? 0, await enginesEnd(folder.directory, promisedMs)));
      await sandboxesEnd(path.resolve('dist/sandbox.mjs'), promisedMs);
    }
    const times = [...longest].map(([mode, ms]) => `${mode} ${Math.round(ms)}`);
    console.log(`      ${seen} engines ran; the longest that one took to end, ms: ${times.join(', ')}`);
    assert.ok(seen > rounds / 2, `only ${seen} engines were met`);
  });
});
