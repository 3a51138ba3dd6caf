// Stands between us and a program that we start: `node guardian.mjs program args…`. When its stdin closes, it ends
// the program and every descendant, and exits with the program's status. It must not know what the program is.

import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { familyOf, familyVariable } from './processTree.mjs';

const graceMs = 2_000;

const [command, ...args] = process.argv.slice(2);
const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'], windowsHide: true });
let ending = false;

child.on('spawn', () => {
  try {
    fs.writeSync(3, `${child.pid}\n`);
    fs.closeSync(3);
  } catch {
    // Nobody listens: stdin closes too and that ends us.
  }
});
child.on('error', (error) => {
  console.error(`Could not start ${command}: ${error.message}`);
  process.exit(127);
});
child.on('exit', (code, signal) => {
  void endAll().then(() => process.exit(signal ? 1 : (code ?? 1)));
});

process.stdin.on('end', () => void endAll().then(() => process.exit(0)));
process.stdin.on('close', () => void endAll().then(() => process.exit(0)));
process.stdin.resume();
// A terminal's Ctrl-C goes to the process that started us; it closes our stdin when it is ready.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => void endAll().then(() => process.exit(1)));
process.on('SIGHUP', () => void endAll().then(() => process.exit(1)));

async function endAll() {
  if (ending) {
    return new Promise(() => {});
  }
  ending = true;
  if (process.platform === 'win32') {
    spawnSync('taskkill', ['/pid', String(child.pid), '/T', '/F'], { windowsHide: true });
    return;
  }
  signalAll('SIGTERM');
  const deadline = Date.now() + graceMs;
  while (family().length > 0 && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  signalAll('SIGKILL');
}

function signalAll(signal) {
  for (const { pid } of family()) {
    try {
      process.kill(pid, signal);
    } catch {
      // Already gone.
    }
  }
}

function family() {
  return familyOf(process.pid, process.env[familyVariable]);
}
