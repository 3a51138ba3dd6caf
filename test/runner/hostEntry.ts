// What VS Code's extension host runs as the test module: Mocha over every test/host/*.test.ts.
// It must not know whether this VS Code is a desktop one or a server.

import Mocha from 'mocha';
import CountingReporter from './countingReporter.cjs';

const testTimeoutMs = 30_000;

/** Called by VS Code; a rejection makes VS Code exit with status 1. */
export async function run(): Promise<void> {
  process.setSourceMapsEnabled(true);
  const mocha = new Mocha({ ui: 'bdd', color: false, timeout: testTimeoutMs, reporter: CountingReporter });
  if (process.env['JAN_TEST_GREP']) {
    mocha.grep(new RegExp(process.env['JAN_TEST_GREP'], 'i'));
  }
  // Gives the bundled test files their describe and it; Mocha does it itself only for files that it loads.
  mocha.suite.emit(Mocha.Suite.constants.EVENT_FILE_PRE_REQUIRE, globalThis, '', mocha);
  await import('glob:../host/*.test.ts');
  const failures = await new Promise<number>((resolve) => mocha.run(resolve));
  if (failures > 0) {
    throw new Error(`${failures} ${failures === 1 ? 'test' : 'tests'} failed`);
  }
}
