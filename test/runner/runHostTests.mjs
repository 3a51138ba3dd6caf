// Runs the host tests inside a real VS Code, through @vscode/test-electron, whichever VS Code this machine can have.
// It must not know what is tested. Usage: node test/runner/runHostTests.mjs (after a build).

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { cacheRoot } from '../../scripts/dev/cache.mjs';
import { environmentWithNode24, repositoryRoot, requireNode24 } from '../../scripts/dev/node24.mjs';
import { chooseVSCode } from './chooseVSCode.mjs';

await requireNode24();
const { runTests } = await import('@vscode/test-electron');

/** The extension and every companion that has been built. */
function extensionFolders() {
  const companions = path.join(repositoryRoot, 'companions');
  const folders = fs.existsSync(companions)
    ? fs.readdirSync(companions).map((name) => path.join(companions, name))
    : [];
  return [repositoryRoot, ...folders.filter((folder) => fs.existsSync(path.join(folder, 'package.json')))];
}

const tests = path.join(repositoryRoot, 'dist', 'test', 'hostTests.cjs');
if (!fs.existsSync(tests)) {
  console.error('The host tests are not built. Run `npm run build` first.');
  process.exit(1);
}
const { executable, reason } = await chooseVSCode();
console.log(`Host tests run in ${reason}.`);
// Short, because VS Code puts a socket into it and a socket's path is limited to about 100 characters.
const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'jan-host-'));
const workspace = path.join(profile, 'workspace');
fs.mkdirSync(workspace);
let code = 1;
try {
  code = await runTests({
    ...(executable ? { vscodeExecutablePath: executable } : { cachePath: path.join(cacheRoot(), 'vscode-desktop') }),
    extensionDevelopmentPath: extensionFolders(),
    extensionTestsPath: tests,
    extensionTestsEnv: environmentWithNode24(),
    launchArgs: [
      workspace,
      `--user-data-dir=${path.join(profile, 'data')}`,
      `--extensions-dir=${path.join(profile, 'extensions')}`,
    ],
  });
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
} finally {
  fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}
process.exit(code);
