// Row `activation`: what activating Jan costs, against an extension that does nothing, in a real VS Code.

import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { repositoryRoot } from '../../test/e2e/support/devTools';
import { waitUntil } from '../../test/e2e/support/waitUntil';
import { startWorkbench, type Workbench } from '../../test/e2e/support/workbench';
import { median, type BenchRow } from '../benchRow';

/** Fresh extension hosts; in every other one ours comes first. */
const rounds = 8;
const goalMs = 15;

/** ms. */
interface Cost {
  readonly wall: number;
  /** Of the extension host's main thread. */
  readonly cpu: number;
}

/** One extension host's account. */
interface Account {
  readonly ours: Cost;
  readonly reference: Cost;
  readonly wasm: number;
  /** Native libraries loaded meanwhile. */
  readonly sharedObjects: readonly string[];
  /** Files that CommonJS loaded meanwhile. */
  readonly modules: readonly string[];
  readonly error?: string;
}

export const row: BenchRow = {
  id: 'activation',
  title: 'activate() of Jan against one of an empty extension, in a quiet extension host of a real VS Code',
  unit: 'ms',
  goal: { text: `at most ${goalMs} ms more`, isMet: (_ratio, { ours, reference }) => ours - reference <= goalMs },
  async measure() {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'jan-bench-activation-'));
    const out = path.join(folder, 'out');
    await mkdir(out);
    let workbench: Workbench | undefined;
    try {
      const copy = await copyOurs(folder);
      const probe = await readFile(path.join(repositoryRoot, 'bench/rows/activationProbe.cjs'), 'utf8');
      const empty = 'exports.activate = () => ({});';
      workbench = await startWorkbench({
        extensions: [
          copy.folder,
          await writeExtension(folder, 'empty', empty, []),
          await writeExtension(folder, 'warm-up', empty, []),
          await writeExtension(folder, 'probe', probe, ['onStartupFinished']),
        ],
        env: { JAN_BENCH_OUT: out, JAN_BENCH_OURS: copy.id },
      });
      const window = await workbench.openWindow();
      const accounts = [await nextAccount(out, 1)];
      while (accounts.length < rounds) {
        await window.reload();
        accounts.push(await nextAccount(out, accounts.length + 1));
      }
      const differences = accounts.map(({ ours, reference }) => ours.wall - reference.wall);
      const cpu = median(accounts.map(({ ours, reference }) => ours.cpu - reference.cpu));
      return {
        ours: median(accounts.map((account) => account.ours.wall)),
        reference: median(accounts.map((account) => account.reference.wall)),
        note: `${cpu.toFixed(1)} ms more of the processor; least ${Math.min(...differences).toFixed(1)} ms more; nothing native, no WASM`,
      };
    } finally {
      await workbench?.stop();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  },
};

const seen = new Set<string>();

/** Waits for the account of one more extension host. @throws AssertionError when something heavy was loaded. */
async function nextAccount(out: string, count: number): Promise<Account> {
  const file = await waitUntil(
    `${count} extension hosts have measured`,
    async () => (await readdir(out)).find((name) => name.endsWith('.json') && !seen.has(name)),
    90_000,
  );
  seen.add(file);
  const account = JSON.parse(await readFile(path.join(out, file), 'utf8')) as Account;
  assert.equal(account.error, undefined, account.error);
  assert.deepEqual(account.sharedObjects, [], 'activation loaded native libraries');
  assert.equal(account.wasm, 0, 'activation compiled WASM');
  const heavy = account.modules.filter((name) => /sql-wasm|sql\.js|node-llama-cpp|systeminformation|\.node$/.test(name));
  assert.deepEqual(heavy, [], 'activation loaded what should wait for first use');
  // Ours is one bundle: a check of the check, since it must at least have loaded that.
  assert.ok(account.modules.some((name) => name.endsWith('extension.js')), account.modules.join('\n'));
  return account;
}

/** A copy of what ships (minified, as in the package), which activates only when asked to: in its own manifest it would with the window's start. */
async function copyOurs(parent: string): Promise<{ readonly folder: string; readonly id: string }> {
  const folder = path.join(parent, 'ours');
  const manifest = JSON.parse(await readFile(path.join(repositoryRoot, 'package.json'), 'utf8')) as Record<string, unknown>;
  await mkdir(folder);
  await writeFile(path.join(folder, 'package.json'), JSON.stringify({ ...manifest, activationEvents: [] }));
  for (const name of await readdir(repositoryRoot)) {
    if (name === 'l10n' || name === 'media' || /^package\.nls.*\.json$/.test(name)) {
      await cp(path.join(repositoryRoot, name), path.join(folder, name), { recursive: true });
    }
  }
  await mkdir(path.join(folder, 'dist'));
  for (const name of await readdir(path.join(repositoryRoot, 'dist'))) {
    if (/\.(js|mjs|wasm)$/.test(name) || name === 'webview' || name === 'chunks') {
      await cp(path.join(repositoryRoot, 'dist', name), path.join(folder, 'dist', name), { recursive: true });
    }
  }
  const dist = path.join(folder, 'dist');
  const chunks = (await readdir(path.join(dist, 'chunks'))).filter((name) => name.endsWith('.js')).map((name) => `chunks/${name}`);
  const entryPoints = ['extension.js', ...chunks].map((name) => path.join(dist, name));
  await build({ entryPoints, outdir: dist, outbase: dist, allowOverwrite: true, minify: true, format: 'esm', platform: 'node', logLevel: 'error' });
  return { folder, id: `${String(manifest.publisher)}.${String(manifest.name)}` };
}

async function writeExtension(parent: string, name: string, source: string, activationEvents: readonly string[]): Promise<string> {
  const folder = path.join(parent, name);
  await mkdir(folder);
  const manifest = { name, publisher: 'jan-bench', version: '0.0.1', engines: { vscode: '^1.106.0' }, main: './extension.js', activationEvents };
  await writeFile(path.join(folder, 'package.json'), JSON.stringify(manifest));
  await writeFile(path.join(folder, 'extension.js'), source);
  return folder;
}
