#!/usr/bin/env node
// Stands in for the VS Code executable where desktop VS Code cannot be had: takes VS Code's own command line, runs it
// in VS Code's server with a headless browser as its window, prints what the extension host prints, and exits with the
// result of the tests. It must not know which extension or which tests.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { requireNode24 } from './node24.mjs';

await requireNode24();
const { launchBrowser } = await import('./browser.mjs');
const { listenToHost } = await import('./hostOutput.mjs');
const { parseLaunchArguments } = await import('./launchArguments.mjs');
const { startVSCodeServer, windowUrl } = await import('./vscodeServer.mjs');

/** `JAN_LAUNCHER_TIMEOUT_S`: how long the tests may take in all. */
const timeoutS = Number(process.env.JAN_LAUNCHER_TIMEOUT_S) || 15 * 60;
const hostTimeoutMs = 120_000;
const hostTests = fileURLToPath(new URL('hostTestsInServer.cjs', import.meta.url));
const say = (line) => process.stderr.write(`[vscode] ${line}\n`);

const options = parseLaunchArguments(process.argv.slice(2));
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'jan-vscode-'));
let browser;
let server;
let finishing = false;

/** Ends everything and exits; the first reason counts. */
async function finish(code, reason) {
  if (finishing) {
    return;
  }
  finishing = true;
  if (reason) {
    say(reason);
  }
  // A browser that hangs must not keep us: it also ends when we do, since it loses its pipe to us.
  await Promise.race([browser?.close().catch(() => {}), new Promise((resolve) => setTimeout(resolve, 3_000))]);
  await server?.stop().catch(() => {});
  fs.rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  process.exit(code);
}

for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 })) {
  process.on(signal, () => void finish(code, `Stopped by ${signal}.`));
}
process.on('uncaughtException', (error) => void finish(1, error.stack ?? String(error)));
process.on('unhandledRejection', (error) => void finish(1, error?.stack ?? String(error)));
setTimeout(() => void finish(1, `The tests did not end within ${timeoutS} s.`), timeoutS * 1000).unref();

async function main() {
  if (!options.tests) {
    throw new Error('Nothing to run: --extensionTestsPath is missing. To look at the extension use `npm start`.');
  }
  let hostStarted = false;
  const host = await listenToHost(scratch, {
    onText: (text) => process.stdout.write(text),
    onStart: () => {
      // VS Code restarts a host that died, which would run the tests again.
      if (hostStarted) {
        void finish(1, 'The extension host was restarted in the middle of the tests.');
      }
      hostStarted = true;
    },
    // A host that ends with process.exit(0) in mid-test has not passed its tests either.
    onDeath: () => void finish(1, 'The extension host died before its tests ended.'),
  });
  // A window's address can name one development extension (of several the last one counts); the others go in as
  // installed ones, which differ in nothing that a test of ours sees.
  const [development, ...others] = options.extensions;
  server = await startVSCodeServer({
    extensions: others,
    dataDir: options.userDataDir ?? path.join(scratch, 'data'),
    extensionsDir: options.extensionsDir ?? path.join(scratch, 'extensions'),
    testDriver: true,
    env: { ...process.env, JAN_LAUNCHER_SOCKET: host.path, JAN_LAUNCHER_TESTS: options.tests },
    log: say,
  });
  void server.exited.then(({ code }) =>
    finish(1, `VS Code's server ended with status ${code}. It printed:\n${server.output().slice(-3_000)}`),
  );
  browser = await launchBrowser({ log: say });
  browser.on('disconnected', () => void finish(1, 'The browser ended before the tests did.'));
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  const windowOutput = [];
  page.on('crash', () => void finish(1, 'The browser page crashed before the tests ended.'));
  page.on('console', (message) => windowOutput.push(message.text()));
  // VS Code for the web calls this with the exit code of its test host when the page offers it.
  await page.exposeFunction('codeAutomationExit', (code) => void finish(Number.isInteger(code) ? code : 1));
  const address = windowUrl(server, { folder: options.folder, development, tests: hostTests });
  await page.goto(address, { waitUntil: 'domcontentloaded' });
  setTimeout(() => {
    if (!hostStarted) {
      const window = windowOutput.slice(-40).join('\n');
      void finish(1, `No extension host ran the tests within ${hostTimeoutMs / 1000} s. The window printed:\n${window}`);
    }
  }, hostTimeoutMs).unref();
}

try {
  await main();
} catch (error) {
  await finish(1, error.stack ?? String(error));
}
