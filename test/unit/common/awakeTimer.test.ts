import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { startAwakeTimer } from '../../../src/common/awakeTimer';
import { skipOnWindows } from '../../fixtures/skipOnWindows';

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('a timer that counts only time awake', () => {
  it('calls once, not before its time', async () => {
    const began = performance.now();
    let calls = 0;
    await new Promise<void>((resolve) =>
      startAwakeTimer(120, () => {
        calls++;
        resolve();
      }),
    );
    assert.ok(performance.now() - began >= 119);
    await wait(150);
    assert.equal(calls, 1);
  });

  it('starts anew, and does not call once disposed', async () => {
    let calls = 0;
    const timer = startAwakeTimer(200, () => calls++);
    for (let i = 0; i < 6; i++) {
      await wait(50);
      timer.restart();
    }
    assert.equal(calls, 0);
    timer.dispose();
    timer.restart();
    await wait(350);
    assert.equal(calls, 0);
  });

  it('does not count the time in which the process was stopped', async function () {
    skipOnWindows(this, 'no SIGSTOP');
    // A process of its own that can be stopped: 1 s of deadline, stopped for 1.5 s of it.
    const source = path.resolve('src/common/awakeTimer.ts');
    const script = `
      const { startAwakeTimer } = await import(${JSON.stringify(source)});
      const began = performance.now();
      setTimeout(() => process.stdout.write('started\\n'), 50);
      startAwakeTimer(1000, () => { process.stdout.write(String(performance.now() - began)); process.exit(); });
    `;
    const child = spawn(process.execPath, ['--input-type=module', '--no-warnings', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    child.kill('SIGSTOP');
    await wait(1500);
    child.kill('SIGCONT');
    const [took] = (await once(child.stdout, 'data')) as [Buffer];
    assert.ok(Number(took) > 2200, `called after ${String(took)} ms of which 1500 were stopped`);
  });
});
