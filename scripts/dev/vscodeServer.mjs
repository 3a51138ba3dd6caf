// VS Code without a desktop: installs VS Code's own server from npm and starts it. It must not know which extension or
// test runs in it.
//
// Why from npm: the package `code-server` contains a built VS Code, and a package registry is reachable in many places
// where Microsoft's download server is not. Of it only lib/vscode is used; code-server's own front is not started.

import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { installOnce } from './cache.mjs';
import { linkExtensions } from './linkExtensions.mjs';
import { environmentWithNode24, node24Path } from './node24.mjs';
import { spawnGuarded } from './processTree.mjs';

export const codeServerVersion = '4.139.1';

const startTimeoutMs = 60_000;
/** Without these VS Code still runs; only its terminal and its log files suffer. */
const nativeModules = ['@vscode/spdlog', '@vscode/native-watchdog', 'node-pty', '@vscode/sqlite3'];

/**
 * Makes sure that the server is in the cache.
 *
 * @param {(line: string) => void} [log] progress, a line at a time
 * @returns {Promise<string>} folder with `out/server-main.js`
 */
export async function ensureVSCodeServer(log = console.log) {
  // Native modules are built for one Node ABI and one platform.
  const version = [codeServerVersion, process.platform, process.arch, `abi${process.versions.modules}`].join('-');
  const folder = await installOnce({ name: 'vscode-server', version, log, install: (into) => install(into, log) });
  return vscodeFolder(folder);
}

function vscodeFolder(folder) {
  return path.join(folder, 'node_modules', 'code-server', 'lib', 'vscode');
}

async function install(folder, log) {
  log(`Installing VS Code's server (code-server ${codeServerVersion} from npm, about a minute, once) …`);
  fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name: 'vscode-server-cache', private: true }));
  log('  1/4 VS Code itself');
  await mustNpm(['install', '--ignore-scripts', `code-server@${codeServerVersion}`], folder);
  const vscode = vscodeFolder(folder);
  log('  2/4 what it depends on');
  await mustNpm(['install', '--omit=dev', '--ignore-scripts'], vscode);
  log('  3/4 its built-in extensions');
  await mustNpm(['install', '--omit=dev', '--ignore-scripts'], path.join(vscode, 'extensions'));
  log('  4/4 native parts');
  const rebuilt = await npm(['rebuild', ...nativeModules], vscode);
  if (rebuilt.code !== 0) {
    log('  Native parts could not be built (that needs python3, make and g++). Not needed here: only VS Code’s own');
    log('  terminal and log files go without.');
  }
  if (!fs.existsSync(path.join(vscode, 'out', 'server-main.js'))) {
    throw new Error(`code-server ${codeServerVersion} from npm holds no lib/vscode/out/server-main.js.`);
  }
  log('VS Code’s server is installed.');
}

async function mustNpm(args, cwd) {
  const { code, output } = await npm(args, cwd);
  if (code !== 0) {
    throw new Error(
      [
        `VS Code's server could not be installed: \`npm ${args.join(' ')}\` ended with status ${code}. Check that npm`,
        'can reach its package registry (`npm ping`) and that the disk has 1.5 GB free, then run the same command',
        'again; it continues in a fresh folder. The end of npm’s output:\n',
        output.trim().split('\n').slice(-15).join('\n'),
      ].join(' '),
    );
  }
}

function npm(args, cwd) {
  // Inside an npm script npm passes its own paths down; they belong to the repository, not to the cache.
  const environment = Object.fromEntries(
    Object.entries(environmentWithNode24()).filter(
      ([name]) => !/^npm_(package_|lifecycle_|command|config_local_prefix|config_global_prefix|config_prefix)/i.test(name),
    ),
  );
  const options = { cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true };
  const flags = ['--no-audit', '--no-fund', '--no-progress', '--loglevel=error'];
  const cli = process.env.npm_execpath;
  const child =
    cli && /npm-cli\.c?js$/.test(cli)
      ? spawn(node24Path(), [cli, ...args, ...flags], options)
      : spawn('npm', [...args, ...flags], { ...options, shell: process.platform === 'win32' });
  return new Promise((resolve) => {
    let output = '';
    const collect = (chunk) => {
      output = (output + chunk).slice(-20_000);
    };
    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr.setEncoding('utf8').on('data', collect);
    child.on('error', (error) => resolve({ code: 127, output: error.message }));
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

/**
 * @typedef {object} VSCodeServer
 * @property {string} url `http://127.0.0.1:port`
 * @property {number} port
 * @property {number} pid of the server; extension hosts are its descendants
 * @property {string} dataDir
 * @property {string} extensionsDir
 * @property {() => string} output the last 200,000 characters that it printed
 * @property {Promise<{ code: number | null, signal: string | null }>} exited settles once, for whatever reason
 * @property {() => import('./processTree.mjs').ProcessEntry[]} processes everything alive that came from the server,
 *   also what lost its parent; empty on Windows
 * @property {() => Promise<void>} stop ends the server and all its descendants
 */

/**
 * Starts the server. It is ready when it says so; it ends with this process, however this process ends.
 *
 * @param {{
 *   dataDir: string, extensionsDir: string, extensions?: string[], testDriver?: boolean, port?: number,
 *   env?: NodeJS.ProcessEnv, log?: (line: string) => void
 * }} options `extensions` are folders to use as if they were installed; `testDriver` makes the server accept development
 *   extensions and a test module in a window's address, but show no notifications (default false); `port` defaults to a
 *   free one; `env` is inherited by the extension hosts
 * @returns {Promise<VSCodeServer>}
 */
export async function startVSCodeServer({
  dataDir,
  extensionsDir,
  extensions = [],
  testDriver = false,
  port = 0,
  env = process.env,
  log = console.log,
}) {
  const root = await ensureVSCodeServer(log);
  fs.mkdirSync(dataDir, { recursive: true });
  linkExtensions(extensionsDir, extensions);
  const args = [
    path.join(root, 'out', 'server-main.js'),
    ...['--host', '127.0.0.1', '--port', String(port)],
    ...['--server-data-dir', dataDir, '--extensions-dir', extensionsDir],
    '--without-connection-token',
    '--accept-server-license-terms',
    ...(testDriver ? ['--enable-smoke-test-driver'] : []),
    '--disable-telemetry',
    '--disable-workspace-trust',
  ];
  const guarded = spawnGuarded(node24Path(), args, { cwd: root, env: withoutNodeFlags(environmentWithNode24(env)) });
  let output = '';
  const boundPort = await new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => fail(`VS Code's server did not become ready within ${startTimeoutMs / 1000} s.`),
      startTimeoutMs,
    );
    const fail = (message) => {
      clearTimeout(timer);
      void guarded.stop();
      reject(new Error(`${message} It printed:\n${output.slice(-3_000)}`));
    };
    const read = (chunk) => {
      output = (output + chunk).slice(-200_000);
      const match = /Extension host agent listening on (\d+)/.exec(output);
      if (match) {
        clearTimeout(timer);
        resolve(Number(match[1]));
      }
    };
    guarded.process.stdout.setEncoding('utf8').on('data', read);
    guarded.process.stderr.setEncoding('utf8').on('data', read);
    void guarded.exited.then(({ code }) =>
      fail(
        /EADDRINUSE/.test(output)
          ? `Port ${port} is taken. Choose another one with --port, or none for a free one.`
          : `VS Code's server ended with status ${code} before it was ready.`,
      ),
    );
  });
  return {
    url: `http://127.0.0.1:${boundPort}`,
    port: boundPort,
    pid: await guarded.pid,
    dataDir,
    extensionsDir,
    output: () => output,
    exited: guarded.exited,
    processes: guarded.processes,
    stop: guarded.stop,
  };
}

/**
 * Installs a .vsix as a user does.
 *
 * @param {string} vsix absolute path
 * @param {{ dataDir: string, extensionsDir: string, log?: (line: string) => void }} options of a server that is not running
 */
export async function installVsix(vsix, { dataDir, extensionsDir, log = console.log }) {
  const root = await ensureVSCodeServer(log);
  const args = ['--accept-server-license-terms', '--server-data-dir', dataDir, '--extensions-dir', extensionsDir, '--install-extension', vsix];
  await promisify(execFile)(node24Path(), [path.join(root, 'out', 'server-main.js'), ...args], {
    cwd: root,
    env: withoutNodeFlags(environmentWithNode24()),
  });
}

/** NODE_OPTIONS and VS Code's own variables of an outer VS Code (its terminal sets them) would confuse an inner one. */
function withoutNodeFlags(environment) {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !/^(NODE_OPTIONS|ELECTRON_RUN_AS_NODE|VSCODE_.*)$/.test(name)),
  );
}

/**
 * The address of a window.
 *
 * @param {Pick<VSCodeServer, 'url' | 'port'>} server
 * @param {{ folder?: string, development?: string, tests?: string }} window absolute paths: the folder to open; and, for
 *   a server with `testDriver`, a development extension and the test module to run in its host
 */
export function windowUrl(server, { folder, development, tests }) {
  const remote = (file) => `vscode-remote://127.0.0.1:${server.port}${encodePath(file)}`;
  const entries = [
    ...(development ? [['extensionDevelopmentPath', remote(development)]] : []),
    ...(tests ? [['extensionTestsPath', remote(tests)]] : []),
  ];
  const query = new URLSearchParams();
  if (folder) {
    query.set('folder', folder);
  } else {
    query.set('ew', 'true');
  }
  if (entries.length > 0) {
    query.set('payload', JSON.stringify(entries));
  }
  return `${server.url}/?${query}`;
}

function encodePath(file) {
  const withSlashes = file.split(path.sep).join('/');
  return encodeURI(withSlashes.startsWith('/') ? withSlashes : `/${withSlashes}`).replace(/[?#]/g, encodeURIComponent);
}
