// Runs llama.cpp's own tests of llama-server against our endpoint and writes docs/conformance.md.
// Usage: npm run conformance [-- --only test_basic.py,test_tokenize.py::test_tokenize_with_bos] [--reference] [--no-build] [--again]
//   --only       files or ids of tests; their results replace those of the last whole run
//   --reference  the same tests against llama-server itself with our model (built by bench/buildLlamaServer.mjs): tells
//                a test that wants another model from one that we fail; a column of the table then says it
//   --again      judges the last run once more, after a change of reasons.json
// The tests come from the source that node-llama-cpp carries; none of them is part of this repository.
// Must not know: what single tests check (reasons.json says why one does not apply).

import { build } from 'esbuild';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { installOnce } from '../dev/cache.mjs';
import { environmentWithNode24, node24Path, repositoryRoot, requireNode24 } from '../dev/node24.mjs';
import { judge, toMarkdown, toSummary } from './report.mjs';

const run = promisify(execFile);
const here = import.meta.dirname;
const log = (line) => process.stderr.write(`${line}\n`);
/** Of one test, s. */
const timeLimit = 90;
const ownResults = 'dist/conformance/results.json';
const referenceResults = 'dist/conformance/reference.json';
/** Each has a port of its own. */
const shards = Math.max(1, Math.min(4, os.availableParallelism()));

await requireNode24();
process.chdir(repositoryRoot);
process.exitCode = await main(process.argv.slice(2));

async function main(args) {
  const only = args.includes('--only') ? (args[args.indexOf('--only') + 1] ?? '').split(',').filter(Boolean) : [];
  const python = await findPython();
  const { tag } = JSON.parse(await fs.readFile('node_modules/node-llama-cpp/llama/llama.cpp.info.json', 'utf8'));
  const source = await installOnce({ name: 'llama-server-tests', version: tag, install: cloneTests, log });
  if (!args.includes('--no-build')) {
    await runAloud(process.execPath, ['esbuild.mjs', '--only', 'extension']);
  }
  const reasons = JSON.parse(await fs.readFile(path.join(here, 'reasons.json'), 'utf8'));
  const work = await fs.mkdtemp(path.join(os.tmpdir(), 'jan-conformance-'));
  try {
    const reference = args.includes('--reference') ? await referenceProgram() : '';
    const kept = reference === '' ? ownResults : referenceResults;
    if (!args.includes('--again')) {
      const results = await runTests({ work, python, source, only, reference, reasons, launcher: await makeLauncher(work) });
      const known = new Set(results.map(({ id }) => id));
      const before = only.length === 0 ? [] : (await readResults(kept)).filter(({ id }) => !known.has(id));
      await fs.writeFile(kept, JSON.stringify([...before, ...results]));
    }
    const judged = judge(await readResults(kept), reference === '' ? reasons : []);
    log(toSummary(judged));
    if (reference === '') {
      await fs.writeFile('docs/conformance.md', toMarkdown(judged, tag, judge(await readResults(referenceResults), [])));
      log('docs/conformance.md is written.');
    }
    return judged.some(({ verdict }) => verdict === 'unexplained') ? 1 : 0;
  } finally {
    await fs.rm(work, { recursive: true, force: true });
  }
}

/** Of the last run; none before it. */
async function readResults(file) {
  return JSON.parse(await fs.readFile(file, 'utf8').catch(() => '[]'));
}

/** A Python that has what the tests import. */
async function findPython() {
  const modules = 'pytest, pytest_timeout, requests, aiohttp, filelock, numpy';
  for (const python of [process.env.PYTHON, 'python3', '/usr/bin/python3'].filter(Boolean)) {
    if (await run(python, ['-c', `import ${modules}`]).then(() => true, () => false)) {
      return python;
    }
  }
  const packages = ['pytest', 'pytest-timeout', 'requests', 'aiohttp', 'filelock', 'numpy'].map((name) => `python3-${name}`);
  throw new Error(`No Python 3 with ${modules} was found. On Debian: apt-get install -y ${packages.join(' ')}. Others: set PYTHON.`);
}

/** Only what the tests read: themselves, the chat templates, a picture. */
async function cloneTests(folder) {
  const bundle = path.join(repositoryRoot, 'node_modules/node-llama-cpp/llama/gitRelease.bundle');
  await run('git', ['clone', '--quiet', '--no-checkout', bundle, folder], { maxBuffer: 2 ** 26 });
  await run('git', ['-C', folder, 'sparse-checkout', 'set', 'tools/server/tests', 'models/templates', 'tools/mtmd']);
  await run('git', ['-C', folder, 'checkout', '--quiet'], { maxBuffer: 2 ** 26 });
}

async function referenceProgram() {
  const { stdout } = await run(process.execPath, ['bench/buildLlamaServer.mjs'], { maxBuffer: 2 ** 26 });
  return stdout.trim();
}

/** An executable that takes llama-server's arguments. */
async function makeLauncher(work) {
  await build({
    entryPoints: { launcher: 'test/conformance/launcher.ts' },
    outdir: 'dist/conformance',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    packages: 'external',
    logLevel: 'warning',
  });
  const launcher = path.join(work, 'llama-server');
  await fs.writeFile(launcher, `#!/bin/sh\nexec "${node24Path()}" "${path.resolve('dist/conformance/launcher.mjs')}" "$@"\n`, { mode: 0o755 });
  return launcher;
}

async function runTests({ work, python, source, only, reference, reasons, launcher }) {
  const report = path.join(work, 'report.jsonl');
  const leaveOut = path.join(work, 'leave-out.txt');
  const tests = path.join(source, 'tools/server/tests');
  await fs.writeFile(report, '');
  await fs.writeFile(leaveOut, reasons.filter(({ run: isRun }) => isRun === false).map(({ test }) => `${test}\n`).join(''));
  await Promise.all(Array.from({ length: shards }, (_, shard) => runShard({ shard, python, tests, only, reference, launcher, report, leaveOut })));
  const lines = (await fs.readFile(report, 'utf8')).split('\n').filter(Boolean);
  if (lines.length === 0) {
    throw new Error('pytest ran no test; DEBUG=1 shows what it says.');
  }
  return lines.map((line) => JSON.parse(line));
}

async function runShard({ shard, python, tests, only, reference, launcher, report, leaveOut }) {
  const child = spawn(
    python,
    ['-m', 'pytest', '-q', '-p', 'jan_report', '-p', 'no:cacheprovider', '--tb=short', '--timeout', String(timeLimit), ...(only.length > 0 ? only.map((id) => `unit/${id}`) : ['unit'])],
    {
      cwd: tests,
      stdio: ['ignore', process.env.DEBUG ? 2 : 'ignore', 'inherit'],
      env: {
        ...environmentWithNode24(),
        PYTHONPATH: [path.join(here, 'python'), tests].join(path.delimiter),
        PYTHONDONTWRITEBYTECODE: '1',
        LLAMA_SERVER_BIN_PATH: launcher,
        JAN_CONFORMANCE_REPOSITORY: repositoryRoot,
        JAN_CONFORMANCE_REFERENCE: reference,
        JAN_REPORT: report,
        JAN_LEAVE_OUT: leaveOut,
        JAN_SHARD: `${shard}/${shards}`,
        PORT: String(8080 + 10 * shard),
      },
    },
  );
  await once(child, 'exit');
}

async function runAloud(program, args) {
  const child = spawn(program, args, { stdio: ['ignore', 2, 'inherit'], env: environmentWithNode24() });
  const [code] = await once(child, 'exit');
  if (code !== 0) {
    throw new Error(`${args[0]} failed; the messages above say why.`);
  }
}
