// Builds llama-server from the source that node-llama-cpp carries, once, into the developers' cache, and prints its path.
// The same commit as the prebuilt binaries, and like them without OpenMP, so that a comparison is one of servers.
// Usage: node bench/buildLlamaServer.mjs (needs git, cmake and a C++ compiler)
// Must not know: what is measured.

import { execFile } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { installOnce } from '../scripts/dev/cache.mjs';

const run = promisify(execFile);
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const bundle = path.join(root, 'node_modules/node-llama-cpp/llama/gitRelease.bundle');
const { tag } = JSON.parse(await fs.readFile(path.join(root, 'node_modules/node-llama-cpp/llama/llama.cpp.info.json'), 'utf8'));
const executable = process.platform === 'win32' ? 'llama-server.exe' : 'llama-server';

try {
  const folder = await installOnce({ name: 'llama-server', version: tag, install, log: (line) => process.stderr.write(`${line}\n`) });
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
      '-S', source, '-B', build, '-DCMAKE_BUILD_TYPE=Release', '-DGGML_OPENMP=OFF', '-DGGML_NATIVE=ON', '-DBUILD_SHARED_LIBS=OFF',
      '-DLLAMA_CURL=OFF', '-DLLAMA_OPENSSL=OFF', '-DLLAMA_BUILD_TESTS=OFF', '-DLLAMA_BUILD_EXAMPLES=OFF', '-DLLAMA_BUILD_UI=OFF',
      '-DLLAMA_BUILD_WEBUI=OFF',
    ],
    options,
  );
  await run('cmake', ['--build', build, '--config', 'Release', '--target', 'llama-server', '-j', '2'], options);
  for (const found of [path.join(build, 'bin', executable), path.join(build, 'bin', 'Release', executable)]) {
    if (await fs.stat(found).catch(() => undefined)) {
      await fs.rename(found, path.join(folder, executable));
    }
  }
  await fs.rm(source, { recursive: true, force: true });
  await fs.rm(build, { recursive: true, force: true });
  await fs.access(path.join(folder, executable));
}
