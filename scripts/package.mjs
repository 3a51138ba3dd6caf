// Makes the .vsix files: Jan for one platform, and every companion.
// Usage: npm run package [-- --target linux-x64] [--out folder]
// The child processes load node-llama-cpp from a real node_modules, so its closure is staged, pruned, below dist/.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, glob, mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const staged = path.join(root, 'dist/node_modules');

/** Prebuilt llama.cpp binaries by VS Code's platform names: the processor's, and a graphics one that needs no SDK. */
const binaries = {
  'linux-x64': ['linux-x64', 'linux-x64-vulkan'],
  'linux-arm64': ['linux-arm64'],
  'darwin-x64': ['mac-x64'],
  'darwin-arm64': ['mac-arm64-metal'],
  'win32-x64': ['win-x64', 'win-x64-vulkan'],
  'win32-arm64': ['win-arm64'],
};

/** Loaded at run time by dist/*.js from node_modules. */
const roots = ['node-llama-cpp', 'sql.js', 'systeminformation'];
/** Only needed to compile llama.cpp, which Jan never does. */
const neverNeeded = new Set(['cmake-js', 'node-addon-api', 'node-api-headers', '@types/node']);
const prunedFiles = /(\.map|\.d\.ts|\.md|gitRelease\.bundle|\.tsbuildinfo)$|node-llama-cpp[\\/](templates|llama[\\/](addon|cmake|gpuInfo|toolchains|profiles|xpack))[\\/]?|sql\.js[\\/]dist[\\/](?!sql-wasm\.(js|wasm)$).+/;

const { values } = parseArgs({
  options: { target: { type: 'string', default: `${process.platform}-${process.arch}` }, out: { type: 'string', default: '.' } },
});
const wanted = binaries[values.target];
if (wanted === undefined) {
  throw new Error(`No llama.cpp binary is known for ${values.target}. Known: ${Object.keys(binaries).join(', ')}.`);
}

await rm(staged, { recursive: true, force: true });
const packages = new Set();
for (const name of roots) {
  await collect(name, packages);
}
for (const binary of wanted) {
  packages.add(`@node-llama-cpp/${binary}`);
}
for (const name of packages) {
  await stage(name);
}
run('node', ['esbuild.mjs', '--production', '--only', 'extension,webview,companions']);
await mkdir(path.resolve(root, values.out), { recursive: true });
run('vsce', ['package', '--no-dependencies', '--allow-missing-repository', '--no-rewrite-relative-links', '--target', values.target, '--out', path.resolve(root, values.out)]);
for await (const manifest of glob('companions/*/package.json', { cwd: root })) {
  const folder = path.dirname(path.join(root, manifest));
  run('vsce', ['package', '--no-dependencies', '--allow-missing-repository', '--no-rewrite-relative-links', '--skip-license', '--out', path.resolve(root, values.out)], folder);
}
await rm(staged, { recursive: true, force: true });

/** Adds a package and what it depends on, found as Node finds it: nested first, then the top folder. */
async function collect(name, found, seen = new Set(), from = root) {
  if (neverNeeded.has(name)) {
    return;
  }
  const folder = await locate(name, from);
  if (seen.has(folder)) {
    return;
  }
  seen.add(folder);
  const nested = path.relative(path.join(root, 'node_modules'), folder) !== path.normalize(name);
  if (!nested) {
    found.add(name); // a nested one travels with the package that holds it
  }
  const { dependencies = {} } = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'));
  for (const dependency of Object.keys(dependencies)) {
    await collect(dependency, found, seen, folder);
  }
}

async function locate(name, from) {
  for (let folder = from; ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, 'node_modules', name);
    if (existsSync(path.join(candidate, 'package.json'))) {
      return candidate;
    }
    if (folder === root) {
      throw new Error(`${name} is not installed. Run "npm ci" first.`);
    }
  }
}

async function stage(name) {
  const from = path.join(root, 'node_modules', name);
  if (!existsSync(from)) {
    throw new Error(`${name} is not installed here, so the package would lack it. Run "npm ci" on ${values.target}.`);
  }
  await cp(from, path.join(staged, name), {
    recursive: true,
    filter: (source) => !prunedFiles.test(path.relative(path.join(root, 'node_modules'), source)),
  });
}

function run(command, parameters, cwd = root) {
  execFileSync(command, parameters, { cwd, stdio: 'inherit', shell: process.platform === 'win32' });
}
