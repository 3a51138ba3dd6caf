import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { enginesEnd, enginesOf, useWindowFolder, type WindowMessage, type WindowProcess } from '../../../fixtures/runtime/processes';
import { soakRounds, soakTimeout } from '../../../fixtures/soak';

/** What windows find when they start together. */
const findings = ['nothing', 'the socket of an engine that was killed', 'an engine that is about to end'] as const;

describe('windows that start at the same instant', () => {
  const folder = useWindowFolder();

  /** Tells all of them at once; resolves with what each answered. */
  async function tell(message: 'go' | 'leave', to: readonly WindowProcess[]): Promise<WindowMessage[]> {
    const from = to.map(({ messages }) => messages.length);
    to.forEach((window) => window.child.send(message));
    return Promise.all(to.map((window, index) => window.until(({ pid, failed, left }) => (message === 'go' ? (pid ?? failed) : left) !== undefined, from[index])));
  }

  /** Processes that lost the race need a moment to end. */
  async function enginesSettle(pid: number): Promise<void> {
    const began = performance.now();
    for (let engines = await enginesOf(folder.directory); engines.length !== 1; engines = await enginesOf(folder.directory)) {
      assert.ok(performance.now() - began < 5000, `${engines.join(', ')} run`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.deepEqual(await enginesOf(folder.directory), [pid]);
  }

  for (const count of [2, 4]) {
    const rounds = soakRounds(20, 200);
    it(`get one process: ${count} of them, ${rounds} times, whatever they find`, async function () {
      this.timeout(soakTimeout(120_000));
      const windows = await Promise.all(Array.from({ length: count }, () => folder.open('race')));
      await Promise.all(windows.map((window) => window.until(({ ready }) => ready === true)));
      let before: number | undefined;
      for (let round = 0; round < rounds; round++) {
        const finding = findings[round % findings.length]!;
        if (before !== undefined) {
          if (finding === 'the socket of an engine that was killed') {
            process.kill(before, 'SIGSTOP');
            await tell('leave', windows);
            process.kill(before, 'SIGKILL');
            await enginesEnd(folder.directory, 1000);
            assert.equal((await readdir(folder.directory)).filter((name) => name.endsWith('.sock')).length, 1, 'its name is still there');
          } else {
            await tell('leave', windows);
            if (finding === 'nothing') {
              await enginesEnd(folder.directory, 1000);
            }
          }
        }
        const answers = await tell('go', windows);
        assert.deepEqual(answers.map(({ failed }) => failed), Array(count).fill(undefined), `round ${round}, ${finding}`);
        const pids = new Set(answers.map(({ pid }) => pid!));
        assert.equal(pids.size, 1, `round ${round}, ${finding}: ${[...pids].join(', ')}`);
        [before] = pids;
        await enginesSettle(before!);
      }
      await tell('leave', windows);
      await enginesEnd(folder.directory, 1000);
    });
  }
});
