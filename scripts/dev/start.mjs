// `npm start`: builds, then shows the extension in desktop VS Code, or where there is none in VS Code's server with an
// address for your browser. It must not know what the extension does. Usage: npm start -- [--port 8123] [--server]

import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { cacheRoot } from './cache.mjs';
import { environmentWithNode24, node24Path, repositoryRoot, requireNode24 } from './node24.mjs';
import { startVSCodeServer, windowUrl } from './vscodeServer.mjs';

await requireNode24();
/** The same port each time, so that the browser keeps the window's layout; another when it is taken. */
const usualPort = 8123;
const { values } = parseArgs({
  options: { port: { type: 'string' }, server: { type: 'boolean', default: false } },
});
const port = values.port === undefined ? undefined : Number(values.port);
if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
  console.error(`--port wants a number from 0 (any free one) to 65535, not "${values.port}".`);
  process.exit(2);
}

/** Folder to open: something to look at, never the user's own files. Made once, then the user's to change. */
function sampleWorkspace() {
  const folder = path.join(cacheRoot(), 'workspace');
  if (!fs.existsSync(folder)) {
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(
      path.join(folder, 'hello.py'),
      'def greet(name):\n    """Say hello."""\n    return f"Hello, {name}!"\n\n\nprint(greet("Jan"))\n',
    );
  }
  return folder;
}

function build() {
  const result = spawnSync(node24Path(), ['esbuild.mjs', '--only', 'extension,webview,companions'], {
    cwd: repositoryRoot,
    env: environmentWithNode24(),
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (result.status !== 0) {
    console.error('The extension could not be built; see above.');
    process.exit(1);
  }
}

/** Desktop VS Code's command, when there is one and something to show it on. */
function desktopCommand() {
  if (values.server || process.env.JAN_VSCODE === 'server') {
    return undefined;
  }
  if (process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) {
    return undefined;
  }
  const shell = process.platform === 'win32';
  return spawnSync('code', ['--version'], { stdio: 'ignore', shell }).status === 0 ? 'code' : undefined;
}

function startDesktop(command) {
  // A profile of its own: desktop VS Code ignores a development extension when a window of the same profile has it.
  const profile = path.join(cacheRoot(), 'desktop-profile');
  const args = ['--new-window', `--user-data-dir=${profile}`, `--extensionDevelopmentPath=${repositoryRoot}`];
  const shell = process.platform === 'win32';
  const quoted = [...args, sampleWorkspace()].map((argument) => (shell ? `"${argument}"` : argument));
  const child = spawn(command, quoted, { stdio: 'inherit', shell });
  child.on('error', (error) => {
    console.error(`VS Code could not be started: ${error.message}. \`npm start -- --server\` does without it.`);
    process.exit(1);
  });
  child.on('exit', (code) => {
    if (code === 0) {
      console.log('VS Code is open with Jan loaded: click Jan’s icon in the activity bar. Chats are kept between runs.');
    }
    process.exitCode = code ?? 1;
  });
}

async function startServer() {
  const profile = path.join(cacheRoot(), 'start-profile');
  seedSettings(profile);
  const options = {
    dataDir: profile,
    extensionsDir: path.join(profile, 'extensions'),
    extensions: [repositoryRoot],
  };
  let server;
  try {
    server = await startVSCodeServer({ ...options, port: port ?? usualPort });
  } catch (error) {
    if (port !== undefined || !/is taken/.test(error.message)) {
      throw error;
    }
    server = await startVSCodeServer({ ...options, port: 0 });
  }
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, async () => {
      if (!stopping) {
        stopping = true;
        await server.stop();
        process.exit(0);
      }
    });
  }
  console.log(`
Jan for VS Code is running. Open this address in a browser on this machine:

  ${windowUrl(server, { folder: sampleWorkspace() })}

Then click Jan's icon in the activity bar on the left, or press Ctrl+Alt+J. Chats and models are kept in
  ${profile}
Ctrl+C stops it.`);
  const { code } = await server.exited;
  if (!stopping) {
    console.error(`VS Code's server ended by itself with status ${code}. It printed:\n${server.output().slice(-3_000)}`);
    process.exit(1);
  }
}

/** First settings of a fresh profile; later ones are the user's. */
function seedSettings(profile) {
  const file = path.join(profile, 'data', 'User', 'settings.json');
  if (fs.existsSync(file)) {
    return;
  }
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const settings = {
    'workbench.startupEditor': 'none',
    'workbench.secondarySideBar.defaultVisibility': 'hidden',
    'extensions.autoCheckUpdates': false,
    'telemetry.telemetryLevel': 'off',
  };
  fs.writeFileSync(file, `${JSON.stringify(settings, undefined, 2)}\n`);
}

try {
  fs.mkdirSync(cacheRoot(), { recursive: true });
  build();
  const desktop = desktopCommand();
  if (desktop) {
    startDesktop(desktop);
  } else {
    await startServer();
  }
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
