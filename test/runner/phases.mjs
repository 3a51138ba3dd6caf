// What `npm test` consists of, in order. It must not know how phases are run and counted.

import fs from 'node:fs';
import path from 'node:path';
import { ensureBrowser } from '../../scripts/dev/browser.mjs';
import { node24Path, repositoryRoot } from '../../scripts/dev/node24.mjs';

/**
 * @typedef {object} Phase
 * @property {string} name as in `--only`
 * @property {'check' | 'tests'} kind a check passes or breaks; tests are counted
 * @property {string} command
 * @property {string[]} args
 * @property {string} [absent] why there is nothing to run
 * @property {() => Promise<unknown>} [prepare] what it needs of the machine; it runs even if that is not to be had
 * @property {number} limitMinutes
 */

const inRepository = (...parts) => path.join(repositoryRoot, ...parts);
const mocha = inRepository('node_modules', 'mocha', 'bin', 'mocha.js');
const reporter = inRepository('test', 'runner', 'countingReporter.cjs');

/** The randomised tests that `--soak` makes long take hours at most. */
const soakMinutes = 6 * 60;

/**
 * @param {{ grep?: string, soak?: boolean }} options
 * @returns {Phase[]}
 */
export function phases({ grep, soak = false }) {
  return [
    check('build'),
    check('typecheck'),
    check('lint'),
    check('check:manifest'),
    // The page is tested in a browser there: on a fresh machine it is installed before, not only for the e2e phase.
    {
      ...mochaPhase('unit', { grep, timeoutMs: 20_000, limitMinutes: soak ? soakMinutes : 30 }),
      prepare: () => ensureBrowser(),
    },
    mochaPhase('contract', { grep, timeoutMs: 20_000, limitMinutes: 5 }),
    {
      name: 'host',
      kind: 'tests',
      command: node24Path(),
      args: [inRepository('test', 'runner', 'runHostTests.mjs')],
      absent: absence('host'),
      limitMinutes: 20,
    },
    mochaPhase('e2e', { grep, timeoutMs: 120_000, limitMinutes: 30 }),
  ];
}

/** A script of package.json; its commands are separated by `&&` and are run as npm would. */
function check(name) {
  const { scripts } = JSON.parse(fs.readFileSync(inRepository('package.json'), 'utf8'));
  const npm = process.env.npm_execpath;
  const viaNode = npm !== undefined && /npm-cli\.c?js$/.test(npm);
  return {
    name,
    kind: 'check',
    command: viaNode ? node24Path() : 'npm',
    args: [...(viaNode ? [npm] : []), 'run', '--silent', name],
    absent: scripts[name] ? undefined : `package.json has no script "${name}"`,
    limitMinutes: 10,
  };
}

function mochaPhase(name, { grep, timeoutMs, limitMinutes }) {
  return {
    name,
    kind: 'tests',
    command: node24Path(),
    args: [
      '--enable-source-maps',
      mocha,
      ...['--ui', 'bdd', '--reporter', reporter, '--timeout', String(timeoutMs)],
      ...(grep ? ['--grep', new RegExp(grep, 'i').toString()] : []),
      `dist/test/${name}/**/*.test.mjs`,
    ],
    absent: absence(name),
    limitMinutes,
  };
}

function absence(name) {
  const folder = inRepository('test', name);
  const found =
    fs.existsSync(folder) && fs.readdirSync(folder, { recursive: true }).some((file) => file.endsWith('.test.ts'));
  return found ? undefined : `there is no test/${name}/*.test.ts`;
}
