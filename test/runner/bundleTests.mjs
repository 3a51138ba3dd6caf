// Turns the TypeScript tests of a suite into JavaScript that Node or an extension host can load.
// It must not know what is tested or how the tests are started.

import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { repositoryRoot } from '../../scripts/dev/node24.mjs';

/**
 * Bundles each `*.test.ts` of some folders into a module of its own, so that a broken file names itself.
 *
 * @param {{
 *   suite: string, folders: string[], entries?: string[], format?: 'esm' | 'cjs', external?: string[]
 * }} options `folders` and `entries` (further files, bundled along) relative to the repository
 * @returns {Promise<{ folder: string, tests: string[] }>} absolute: `dist/test/<suite>` and the modules with tests in it
 */
export async function bundleTests({ suite, folders, entries = [], format = 'esm', external = [] }) {
  const outdir = path.join(repositoryRoot, 'dist', 'test', suite);
  fs.rmSync(outdir, { recursive: true, force: true });
  const tests = findTests(folders);
  const extension = format === 'esm' ? '.mjs' : '.cjs';
  await build({
    absWorkingDir: repositoryRoot,
    entryPoints: [...tests, ...entries],
    outbase: repositoryRoot,
    outdir,
    outExtension: { '.js': extension },
    bundle: true,
    platform: 'node',
    target: 'node22',
    format,
    sourcemap: 'inline',
    sourcesContent: false,
    // Packages come from node_modules as they do in production; only our own TypeScript is translated.
    packages: 'external',
    external,
    plugins: [leaveScriptsAlone],
    logLevel: 'warning',
  });
  return { folder: outdir, tests: tests.map((file) => path.join(outdir, file.replace(/\.ts$/, extension))) };
}

/** @returns {string[]} sorted, relative to the repository */
export function findTests(folders) {
  return folders
    .flatMap((folder) => {
      const absolute = path.join(repositoryRoot, folder);
      if (!fs.existsSync(absolute)) {
        return [];
      }
      return fs
        .readdirSync(absolute, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
        .map((entry) => path.relative(repositoryRoot, path.join(entry.parentPath, entry.name)));
    })
    .filter((file) => !file.split(path.sep).includes('node_modules'))
    .sort();
}

/** Our scripts find files relative to themselves, so they are loaded from where they are. */
const leaveScriptsAlone = {
  name: 'leave-scripts-alone',
  setup(context) {
    context.onResolve({ filter: /^\.{1,2}\/.*\.mjs$/ }, (args) => {
      const file = path.resolve(args.resolveDir, args.path);
      return context.initialOptions.format === 'esm' && file.startsWith(path.join(repositoryRoot, 'scripts'))
        ? { path: pathToFileURL(file).href, external: true }
        : undefined;
    });
  },
};
