// Finds the Node 24 that `npm ci` installed (the npm package `node`), whatever `node` is on the PATH.
// It runs on any Node since 18 and must not know what the scripts that use it do.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const repositoryRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');

const oldestMajor = 22;

/** The binary of the `node` devDependency, or the running one if that is new enough. */
export function node24Path() {
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  const bundled = path.join(repositoryRoot, 'node_modules', 'node', 'bin', name);
  if (fs.existsSync(bundled)) {
    return bundled;
  }
  if (isNewEnough()) {
    return process.execPath;
  }
  throw new Error(
    `Node ${oldestMajor} or newer is needed and this is ${process.version}. Run \`npm ci\` first: it installs Node 24 ` +
      'into node_modules without touching the one you have.',
  );
}

/**
 * Makes sure that the calling script runs on a Node that its tools accept. On an older one it starts the script again
 * on Node 24, hands its signals and exit status through, and never returns.
 */
export async function requireNode24() {
  if (isNewEnough()) {
    return;
  }
  let binary;
  try {
    binary = node24Path();
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
  const child = spawn(binary, process.argv.slice(1), { stdio: 'inherit', env: environmentWithNode24() });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => child.kill(signal));
  }
  await new Promise(() => {
    child.on('error', (error) => {
      console.error(`Could not start ${binary}: ${error.message}`);
      process.exit(1);
    });
    child.on('exit', (code) => process.exit(code ?? 1));
  });
}

/** An environment whose first `node` is Node 24. */
export function environmentWithNode24(environment = process.env) {
  const key = Object.keys(environment).find((name) => name.toLowerCase() === 'path') ?? 'PATH';
  const first = path.dirname(node24Path());
  const rest = (environment[key] ?? '').split(path.delimiter).filter((entry) => entry !== first);
  return { ...environment, [key]: [first, ...rest].join(path.delimiter) };
}

function isNewEnough() {
  return Number(process.versions.node.split('.')[0]) >= oldestMajor;
}
