// Runs the benchmark rows and prints how ours compares with the reference of each.
// Usage: npm run bench [-- --only id,id] [-- --no-build]
// Each row runs in a process of its own, one after the other. A missed goal is no failure of the run; a row that breaks is.

import { build } from 'esbuild';
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { glob, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { styleText } from 'node:util';
import { environmentWithNode24, requireNode24 } from '../scripts/dev/node24.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const rowTimeoutMs = 20 * 60_000;
const esmBanner =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

await requireNode24();
process.chdir(root);
const args = process.argv.slice(2);
if (args[0] === '--row') {
  await measureHere(args[1]);
} else {
  process.exitCode = await main();
}

async function main() {
  const position = args.indexOf('--only');
  const only = position < 0 ? undefined : (args[position + 1] ?? '').split(',').filter(Boolean);
  const ids = [];
  for await (const file of glob('bench/rows/*.ts')) {
    ids.push(idOf(path.basename(file, '.ts')));
  }
  ids.sort();
  const unknown = only?.filter((id) => !ids.includes(id)) ?? [];
  if (unknown.length > 0 || only?.length === 0) {
    console.error(`There is no row ${unknown.map((id) => `"${id}"`).join(', ')}. There are: ${ids.join(', ')}.`);
    return 1;
  }
  if (!args.includes('--no-build')) {
    await buildProduct();
  }
  const wanted = ids.filter((id) => only === undefined || only.includes(id));
  await bundleRows(wanted);
  const outcomes = [];
  for (const id of wanted) {
    process.stderr.write(`${id} … `);
    const outcome = { id, ...(await measureInChild(id)) };
    outcomes.push(outcome);
    // A run takes long, and may be ended before its table.
    process.stderr.write(`${outcome.kind === 'measured' ? digits(outcome.result.ratio) : outcome.kind}\n`);
  }
  printTable(outcomes);
  const results = outcomes.filter(({ kind }) => kind === 'measured').map(({ result }) => result);
  await writeFile(path.join(root, 'bench/results.json'), `${JSON.stringify(results, undefined, 2)}\n`);
  return outcomes.some(({ kind }) => kind === 'broken') ? 1 : 0;
}

/** A row lies in a file named after it: `endpoint-null` in `endpointNull.ts`. */
function idOf(file) {
  return file.replace(/[A-Z]|(?<=[a-z])\d/g, (letter) => `-${letter.toLowerCase()}`);
}

function fileOf(id) {
  return id.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
}

/** What is measured is what would run now, not what was built some time ago. */
async function buildProduct() {
  const child = spawn(process.execPath, ['esbuild.mjs', '--only', 'extension,webview'], {
    stdio: ['ignore', 2, 'inherit'],
    env: environmentWithNode24(),
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) {
    throw new Error('The product could not be built; the messages above say why.');
  }
}

async function bundleRows(ids) {
  await rm('dist/bench', { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: ids.map((id) => `bench/rows/${fileOf(id)}.ts`),
    outdir: 'dist/bench',
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    packages: 'external',
    outExtension: { '.js': '.mjs' },
    banner: { js: esmBanner },
    keepNames: true, // BenchSkipped is told by its name
    sourcemap: 'linked',
    logLevel: 'warning',
  });
}

/** @returns {Promise<{ kind: 'measured', result: object } | { kind: 'skipped' | 'broken', reason: string }>} */
async function measureInChild(id) {
  const child = fork(fileURLToPath(import.meta.url), ['--row', id], {
    execArgv: ['--enable-source-maps', '--expose-gc'],
    stdio: ['ignore', 2, 2, 'ipc'],
    env: environmentWithNode24(),
  });
  let outcome;
  child.on('message', (message) => (outcome = message));
  const timer = setTimeout(() => child.kill('SIGKILL'), rowTimeoutMs);
  const [code, signal] = await once(child, 'exit');
  clearTimeout(timer);
  return outcome ?? { kind: 'broken', reason: `its process ended (${signal ?? `status ${code}`}) without a result` };
}

/** In the child: measures one row, tells the parent, and ends whatever the row left running. */
async function measureHere(id) {
  const outcome = await measure(id);
  await new Promise((resolve) => process.send(outcome, resolve));
  process.exit(0);
}

async function measure(id) {
  try {
    const { row } = await import(pathToFileURL(path.join(root, 'dist/bench', `${fileOf(id)}.mjs`)).href);
    if (row?.id !== id) {
      throw new Error(`bench/rows/${fileOf(id)}.ts must export a row with the id "${id}".`);
    }
    const measurement = await row.measure();
    const { ours, reference, note } = measurement;
    if (!Number.isFinite(ours) || !Number.isFinite(reference) || reference === 0) {
      throw new Error(`It measured ${ours} against ${reference}, which says nothing.`);
    }
    const ratio = ours / reference;
    const ok = row.goal.isMet(ratio, measurement);
    return { kind: 'measured', result: { id, ours, reference, unit: row.unit, ratio, goal: row.goal.text, ok, note } };
  } catch (error) {
    return error?.constructor?.name === 'BenchSkipped'
      ? { kind: 'skipped', reason: error.message }
      : { kind: 'broken', reason: error?.stack ?? String(error) };
  }
}

function printTable(outcomes) {
  const header = ['row', 'ours', 'reference', 'unit', 'ratio', 'goal', '', 'note'];
  const lines = outcomes.map(({ id, kind, result, reason }) =>
    kind === 'measured'
      ? [id, digits(result.ours), digits(result.reference), result.unit, digits(result.ratio), result.goal, result.ok ? 'met' : 'MISSED', result.note ?? '']
      : [id, '', '', '', '', '', kind === 'broken' ? 'BROKEN' : 'skipped', reason.split('\n', 1)[0]],
  );
  const widths = header.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column].length)));
  const isNumber = (column) => column === 1 || column === 2 || column === 4;
  const format = (line) =>
    line.map((cell, column) => (isNumber(column) ? cell.padStart(widths[column]) : cell.padEnd(widths[column]))).join('  ').trimEnd();
  console.log(styleText('bold', format(header), { stream: process.stdout }));
  for (const line of lines) {
    const isBad = line[6] === 'MISSED' || line[6] === 'BROKEN';
    console.log(isBad ? styleText('red', format(line), { stream: process.stdout }) : format(line));
  }
  for (const { id, kind, reason } of outcomes) {
    if (kind === 'broken') {
      console.error(`\n${id} broke: ${reason}`);
    }
  }
}

/** Four significant digits, never in powers of ten. */
function digits(value) {
  const size = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.min(6, Math.max(0, 3 - size)));
}
