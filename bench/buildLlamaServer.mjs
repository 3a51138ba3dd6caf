// Builds llama-server from the source that node-llama-cpp carries, once, into the developers' cache, and prints its path.
// The same commit as the prebuilt binaries, and like them without OpenMP; on Linux it computes with those binaries' own
// ggml, since another compiler makes other kernels (gcc 12's for AMX even crash). So a comparison is one of servers.
// Usage: node bench/buildLlamaServer.mjs (needs git, cmake and a C++ compiler)
// Must not know: what is measured.

import { execFile } from 'node:child_process';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { installOnce } from '../scripts/dev/cache.mjs';

const run = promisify(execFile);
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const bundle = path.join(root, 'node_modules/node-llama-cpp/llama/gitRelease.bundle');
/** Of node-llama-cpp for this machine, without a graphics card. */
const prebuilt = path.join(root, `node_modules/@node-llama-cpp/linux-${process.arch}/bins/linux-${process.arch}`);
const sharesKernels = process.platform === 'linux';
const { tag } = JSON.parse(await fs.readFile(path.join(root, 'node_modules/node-llama-cpp/llama/llama.cpp.info.json'), 'utf8'));
const executable = process.platform === 'win32' ? 'llama-server.exe' : 'llama-server';

try {
  const folder = await installOnce({ name: 'llama-server', version: sharesKernels ? `${tag}-shared` : tag, install, log: (line) => process.stderr.write(`${line}\n`) });
  process.stdout.write(`${path.join(folder, executable)}\n`);
} catch (error) {
  const reason = error.code === 'ENOENT' ? `${error.path} is not installed` : String(error.stderr || error.message).trim().split('\n').at(-1);
  process.stderr.write(`llama-server ${tag} cannot be built here: ${reason}\n`);
  process.exitCode = 1;
}

async function install(folder) {
  await run('cmake', ['--version']);
  process.stderr.write(`Building llama-server ${tag}; this takes some minutes, once.\n`);
  const source = path.join(folder, 'source');
  const build = path.join(folder, 'build');
  const options = { maxBuffer: 256 * 1024 * 1024 };
  await run('git', ['clone', '--quiet', bundle, source], options);
  await run(
    'cmake',
    [
      '-S', source, '-B', build, '-DCMAKE_BUILD_TYPE=Release', '-DGGML_OPENMP=OFF', '-DLLAMA_CURL=OFF', '-DLLAMA_OPENSSL=OFF',
      '-DLLAMA_BUILD_TESTS=OFF', '-DLLAMA_BUILD_EXAMPLES=OFF', '-DLLAMA_BUILD_UI=OFF', '-DLLAMA_BUILD_WEBUI=OFF',
      ...(sharesKernels
        ? ['-DGGML_NATIVE=OFF', '-DGGML_BACKEND_DL=ON', '-DBUILD_SHARED_LIBS=ON', '-DCMAKE_BUILD_RPATH=$ORIGIN']
        : ['-DGGML_NATIVE=ON', '-DBUILD_SHARED_LIBS=OFF']),
    ],
    options,
  );
  await run('cmake', ['--build', build, '--config', 'Release', '--target', 'llama-server', '-j', `${os.availableParallelism()}`], options);
  for (const built of [path.join(build, 'bin'), path.join(build, 'bin', 'Release')]) {
    if (await fs.stat(path.join(built, executable)).catch(() => undefined)) {
      await fs.cp(built, folder, { recursive: true, verbatimSymlinks: true });
    }
  }
  await fs.rm(source, { recursive: true, force: true });
  await fs.rm(build, { recursive: true, force: true });
  await fs.access(path.join(folder, executable));
  if (sharesKernels) {
    await takeKernels(folder);
  }
}

/** In place of those that were built: what computes, and what the server shares with it. */
async function takeKernels(folder) {
  const base = 'libggml-base.so';
  for (const name of (await fs.readdir(folder)).filter((one) => one.startsWith('libggml-cpu'))) {
    await fs.rm(path.join(folder, name));
  }
  const versions = (await fs.readdir(folder)).filter((one) => one.startsWith(`${base}.`));
  for (const name of (await fs.readdir(prebuilt)).filter((one) => one === base || one.startsWith('libggml-cpu'))) {
    await fs.rm(path.join(folder, name), { force: true });
    await fs.copyFile(path.join(prebuilt, name), path.join(folder, name));
  }
  for (const name of versions) {
    await fs.rm(path.join(folder, name));
    await fs.symlink(base, path.join(folder, name));
  }
}
