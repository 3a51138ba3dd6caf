// Builds everything that runs: the extension, its child processes, the webview, the companions, the tests.
// Usage: node esbuild.mjs [--watch] [--production] [--only extension,webview,tests,companions]

import { build, context } from 'esbuild';
import { cp, glob, mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(fileURLToPath(import.meta.url));
const args = process.argv.slice(2);
const watch = args.includes('--watch');
const production = args.includes('--production');
const only = args[args.indexOf('--only') + 1]?.split(',') ?? [];
const wanted = (part) => !args.includes('--only') || only.includes(part);

/** @type {import('esbuild').BuildOptions} */
const common = {
  absWorkingDir: root,
  bundle: true,
  logLevel: 'warning',
  sourcemap: production ? false : 'linked',
  minify: production,
  target: 'node22',
  platform: 'node',
  legalComments: 'none',
};

/** ESM bundles need `require` for CommonJS dependencies within them. */
const esmBanner = {
  js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
};

/** Packages that must stay in a real node_modules: native code, or too heavy to parse before first use. */
const external = ['vscode', 'node-llama-cpp', 'sql.js', 'systeminformation'];

/** @returns {Promise<import('esbuild').BuildOptions[]>} */
async function configurations() {
  const all = [];
  if (wanted('extension')) {
    // ESM with splitting: what is imported lazily lies in chunks of its own, and VS Code's API is not copied per module.
    all.push({
      ...common,
      entryPoints: { extension: 'src/extension.ts' },
      outdir: 'dist',
      format: 'esm',
      splitting: true,
      chunkNames: 'chunks/[name]-[hash]',
      external,
      banner: esmBanner,
    });
    const children = await existing({
      runtime: 'src/runtime/main.ts',
      sandbox: 'src/runtime/sandbox/sandboxMain.ts',
      downloader: 'src/runtime/downloader.ts',
      snapshotWorker: 'src/builtin/data/snapshotWorker.ts',
      storeWorker: 'src/builtin/data/storeWorker.ts',
    });
    all.push({
      ...common,
      entryPoints: children,
      outdir: 'dist',
      format: 'esm',
      outExtension: { '.js': '.mjs' },
      external,
      banner: esmBanner,
    });
  }
  if (wanted('webview')) {
    all.push({
      ...common,
      entryPoints: await existing({ main: 'webview/main.ts', styles: 'webview/main.css' }),
      entryNames: 'main',
      outdir: 'dist/webview',
      format: 'iife',
      platform: 'browser',
      target: 'es2022',
      tsconfig: 'webview/tsconfig.json',
      loader: { '.ttf': 'file' },
      assetNames: '[name]',
      define: { 'process.env.NODE_ENV': '"production"' },
    });
  }
  if (wanted('companions')) {
    for await (const manifest of glob('companions/*/package.json', { cwd: root })) {
      const folder = path.dirname(manifest);
      all.push({
        ...common,
        entryPoints: { extension: `${folder}/src/extension.ts` },
        outdir: `${folder}/dist`,
        format: 'cjs',
        external: ['vscode'],
      });
    }
  }
  if (wanted('tests')) {
    const nodeTests = await entries(['test/unit/**/*.test.ts', 'test/contract/**/*.test.ts', 'test/e2e/**/*.test.ts']);
    all.push({
      ...common,
      entryPoints: nodeTests,
      outbase: 'test',
      outdir: 'dist/test',
      format: 'esm',
      outExtension: { '.js': '.mjs' },
      packages: 'external',
      banner: esmBanner,
      minify: false,
      sourcemap: 'linked',
    });
    if ((await entries(['test/runner/hostEntry.ts'])).length > 0) {
      all.push({
        ...common,
        entryPoints: { hostTests: 'test/runner/hostEntry.ts' },
        outdir: 'dist/test',
        format: 'cjs',
        outExtension: { '.js': '.cjs' },
        external: [...external, 'mocha'],
        plugins: [globImports],
        minify: false,
        sourcemap: 'linked',
      });
    }
  }
  return all.filter((one) => Object.keys(one.entryPoints).length > 0);
}

/** `import 'glob:../host/*.test.ts'` imports every file that matches, sorted, so that a new test needs no list. */
const globImports = {
  name: 'glob-imports',
  setup(builder) {
    builder.onResolve({ filter: /^glob:/ }, (request) => ({
      path: path.join(request.resolveDir, request.path.slice('glob:'.length)),
      namespace: 'glob',
    }));
    builder.onLoad({ filter: /.*/, namespace: 'glob' }, async (request) => {
      const files = [];
      for await (const file of glob(request.path)) {
        files.push(file);
      }
      const imports = files.sort().map((file) => `require(${JSON.stringify(file)});`);
      return { contents: imports.join('\n'), resolveDir: path.dirname(request.path), watchDirs: [path.dirname(request.path)] };
    });
  },
};

async function entries(patterns) {
  const found = [];
  for (const pattern of patterns) {
    for await (const file of glob(pattern, { cwd: root })) {
      found.push(file);
    }
  }
  return found.sort();
}

async function existing(entryPoints) {
  const kept = {};
  for (const [name, file] of Object.entries(entryPoints)) {
    if ((await entries([file])).length > 0) {
      kept[name] = file;
    }
  }
  return kept;
}

/** Files that are shipped as they are. */
async function copyAssets() {
  await mkdir(path.join(root, 'dist/webview'), { recursive: true });
  if (wanted('extension')) {
    await cp(path.join(root, 'node_modules/sql.js/dist/sql-wasm.wasm'), path.join(root, 'dist/sql-wasm.wasm'));
  }
  if (wanted('webview')) {
    const codicons = path.join(root, 'node_modules/@vscode/codicons/dist');
    for (const file of ['codicon.css', 'codicon.ttf']) {
      await cp(path.join(codicons, file), path.join(root, 'dist/webview', file));
    }
  }
}

if (!watch && wanted('extension')) {
  await rm(path.join(root, 'dist/chunks'), { recursive: true, force: true });
}
if (!watch && !args.includes('--only')) {
  await rm(path.join(root, 'dist/test'), { recursive: true, force: true });
}
await copyAssets();
const wantedBuilds = await configurations();
if (watch) {
  const contexts = await Promise.all(wantedBuilds.map((one) => context({ ...one, logLevel: 'info' })));
  await Promise.all(contexts.map((one) => one.watch()));
  console.log('Watching for changes.');
} else {
  const started = performance.now();
  await Promise.all(wantedBuilds.map((one) => build(one)));
  const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));
  console.log(`Built ${version} in ${Math.round(performance.now() - started)} ms.`);
}
