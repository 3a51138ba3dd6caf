// Runs one phase of `npm test` and says how it went. It must not know which phases there are.

import fs from 'node:fs';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { environmentWithNode24, repositoryRoot } from '../../scripts/dev/node24.mjs';
import { spawnGuarded } from '../../scripts/dev/processTree.mjs';

/** How long a test process may linger after its last test. */
const lingerMs = 20_000;

/**
 * @typedef {{ passed: number, failed: number, pending: string[], failures: string[], seconds: number }} PhaseResult
 *   a phase that broke (no result, a bad exit status, too slow) has a failure that says so
 */

/**
 * @param {import('./phases.mjs').Phase} phase
 * @param {NodeJS.ProcessEnv} extraEnvironment
 * @returns {Promise<PhaseResult>}
 */
export async function runPhase(phase, extraEnvironment) {
  const started = performance.now();
  const resultFile = path.join(repositoryRoot, 'test-results', `${phase.name.replace(':', '-')}.json`);
  fs.rmSync(resultFile, { force: true });
  const env = environmentWithNode24({ ...process.env, ...extraEnvironment, JAN_TEST_RESULT: resultFile });
  if (process.stdout.isTTY) {
    env.FORCE_COLOR ??= '1';
  }
  const guarded = spawnGuarded(phase.command, phase.args, { cwd: repositoryRoot, env });
  guarded.process.stdout.pipe(process.stdout, { end: false });
  guarded.process.stderr.pipe(process.stderr, { end: false });
  let broken;
  const breakOff = (reason) => {
    broken ??= reason;
    void guarded.stop();
  };
  const limit = setTimeout(() => breakOff(`did not end within ${phase.limitMinutes} minutes`), phase.limitMinutes * 60_000);
  const linger = watchLingering(resultFile, () =>
    breakOff(`went on for ${lingerMs / 1000} s after its last test: something was left open`),
  );
  const printed = Promise.all([finished(guarded.process.stdout), finished(guarded.process.stderr)]).catch(() => {});
  const { code } = await guarded.exited;
  await printed;
  clearTimeout(limit);
  linger.stop();
  const counts = phase.kind === 'tests' ? readResult(resultFile) : { passed: 0, failed: 0, pending: [], failures: [] };
  const result = counts ?? { passed: 0, failed: 0, pending: [], failures: [] };
  if (!broken && counts === undefined) {
    broken = `ended with status ${code} before it had a result`;
  } else if (!broken && code !== 0 && result.failed === 0) {
    broken = `ended with status ${code}`;
  } else if (!broken && phase.kind === 'tests' && result.passed + result.failed + result.pending.length === 0) {
    broken = extraEnvironment.JAN_TEST_GREP ? undefined : 'ran no test at all';
  }
  if (broken) {
    result.failed += 1;
    result.failures.push(`the phase ${broken}`);
  }
  return { ...result, seconds: (performance.now() - started) / 1000 };
}

/** The result is written when the last test ends; the process should follow soon. */
function watchLingering(resultFile, onLinger) {
  let timer;
  const folder = path.dirname(resultFile);
  fs.mkdirSync(folder, { recursive: true });
  const watcher = fs.watch(folder, (_event, name) => {
    if (name === path.basename(resultFile) && timer === undefined && fs.existsSync(resultFile)) {
      timer = setTimeout(onLinger, lingerMs);
    }
  });
  return {
    stop: () => {
      watcher.close();
      clearTimeout(timer);
    },
  };
}

function readResult(file) {
  try {
    const { passed, failed, failures, pendingTitles } = JSON.parse(fs.readFileSync(file, 'utf8'));
    return { passed, failed, pending: pendingTitles, failures: failures.map((one) => `${one.title}: ${one.message}`) };
  } catch {
    return undefined;
  }
}
