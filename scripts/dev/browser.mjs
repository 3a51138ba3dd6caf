// A Chromium-like browser for VS Code's server: finds one, installs one where that is a matter of a package manager,
// and starts it. It must not know what is shown in it.

import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { cacheRoot, withLock } from './cache.mjs';

const names = [
  ...['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'],
  ...['microsoft-edge-stable', 'microsoft-edge', 'chrome', 'msedge', 'brave-browser'],
];

const launchFlags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Timers of a window that is not in front must not be slowed down: several windows are tested at once.
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
];

/**
 * The browser to use: `JAN_BROWSER`, else one that is installed, else on Debian and Ubuntu `chromium` from the
 * distribution, installed now.
 *
 * @param {(line: string) => void} [log] progress, a line at a time
 * @returns {Promise<string>} absolute path of its executable
 */
export async function ensureBrowser(log = console.log) {
  const found = findBrowser();
  if (found) {
    return found;
  }
  const apt = aptCommand();
  if (!apt) {
    throw new Error(
      'No Chrome, Chromium or Edge was found, and there is no way to install one from here. Install Chromium (on ' +
        'Debian and Ubuntu: `sudo apt-get install chromium`), or name a browser: JAN_BROWSER=/path/to/chrome.',
    );
  }
  fs.mkdirSync(cacheRoot(), { recursive: true });
  return withLock(path.join(cacheRoot(), 'browser.lock'), log, async () => {
    if (!findBrowser()) {
      log('No browser found; installing Chromium from the distribution (about a minute, once) …');
      await runApt([...apt, 'update', '-qq'], log);
      await runApt([...apt, 'install', '-y', '--no-install-recommends', 'chromium'], log);
      log('Chromium is installed.');
    }
    const installed = findBrowser();
    if (!installed) {
      throw new Error('apt-get installed `chromium` but left no browser on the PATH. Name one: JAN_BROWSER=/path.');
    }
    return installed;
  });
}

/** @returns {string | undefined} absolute path of an installed browser */
export function findBrowser() {
  const chosen = process.env.JAN_BROWSER;
  if (chosen) {
    if (!isExecutable(chosen)) {
      throw new Error(`JAN_BROWSER names ${chosen}, which is not an executable file. Correct it or unset it.`);
    }
    return path.resolve(chosen);
  }
  return [...knownPaths(), ...onPath()].find(isExecutable);
}

function knownPaths() {
  if (process.platform === 'darwin') {
    return ['Google Chrome', 'Chromium', 'Microsoft Edge', 'Brave Browser'].map(
      (app) => `/Applications/${app}.app/Contents/MacOS/${app}`,
    );
  }
  if (process.platform === 'win32') {
    const roots = [process.env.PROGRAMFILES, process.env['PROGRAMFILES(X86)'], process.env.LOCALAPPDATA];
    const places = ['Google\\Chrome\\Application\\chrome.exe', 'Microsoft\\Edge\\Application\\msedge.exe'];
    return roots.filter(Boolean).flatMap((root) => places.map((place) => path.join(root, place)));
  }
  return ['/usr/bin/chromium', '/usr/bin/google-chrome', '/opt/google/chrome/chrome'];
}

function onPath() {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter(Boolean);
  return names.flatMap((name) => folders.map((folder) => path.join(folder, name + suffix)));
}

function isExecutable(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    // Ubuntu's `chromium-browser` is a script that only says to install a snap.
    return fs.statSync(file).isFile() && !isSnapPlaceholder(file);
  } catch {
    return false;
  }
}

function isSnapPlaceholder(file) {
  if (path.basename(file) !== 'chromium-browser' || fs.statSync(file).size > 10_000) {
    return false;
  }
  return fs.readFileSync(file, 'utf8').includes('snap install') && !fs.existsSync('/snap/bin/chromium');
}

function aptCommand() {
  if (process.platform !== 'linux' || !succeeds('apt-get', ['--version'])) {
    return undefined;
  }
  if (process.getuid?.() === 0) {
    return ['apt-get'];
  }
  return succeeds('sudo', ['-n', 'true']) ? ['sudo', '-n', 'apt-get'] : undefined;
}

function succeeds(command, args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

function runApt([command, ...args], log) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const read = (chunk) => {
    output = (output + chunk).slice(-20_000);
    for (const line of chunk.split('\n')) {
      if (/^(Setting up chromium|Fetched |Need to get )/.test(line)) {
        log(`  ${line}`);
      }
    }
  };
  child.stdout.setEncoding('utf8').on('data', read);
  child.stderr.setEncoding('utf8').on('data', read);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) {
        resolve();
        return;
      }
      const end = output.trim().split('\n').slice(-8).join('\n');
      reject(
        new Error(
          `\`${[command, ...args].join(' ')}\` ended with status ${code}, so there is no browser to show VS Code in. ` +
            `Install Chromium yourself or set JAN_BROWSER. The end of its output:\n${end}`,
        ),
      );
    });
  });
}

/**
 * Starts the browser without a window of its own.
 *
 * @param {{ log?: (line: string) => void, headless?: boolean }} [options]
 * @returns {Promise<import('playwright-core').Browser>}
 */
export async function launchBrowser({ log = console.log, headless = true } = {}) {
  const executablePath = await ensureBrowser(log);
  const { chromium } = await import('playwright-core');
  // Our callers end the browser themselves, in order; playwright's own handlers would exit the process under them.
  return chromium.launch({
    executablePath,
    headless,
    args: launchFlags,
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  });
}
