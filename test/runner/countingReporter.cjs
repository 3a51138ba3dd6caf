// Mocha's spec reporter that also leaves its counts in the file named by JAN_TEST_RESULT.
// It must not know where the tests run: in Node, or in an extension host.

const fs = require('node:fs');
const path = require('node:path');
const Mocha = require('mocha');

/**
 * The file holds `{ passed, failed, pending, failures: [{ title, message }], pendingTitles: string[] }`. It is written
 * when all tests have ended; no file means that the run broke.
 */
class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const pendingTitles = [];
    runner.on(Mocha.Runner.constants.EVENT_TEST_PENDING, (test) => pendingTitles.push(test.fullTitle()));
    runner.once(Mocha.Runner.constants.EVENT_RUN_END, () => {
      const file = process.env.JAN_TEST_RESULT;
      if (!file) {
        return;
      }
      const result = {
        passed: this.stats.passes,
        failed: this.stats.failures,
        pending: this.stats.pending,
        failures: this.failures.map((test) => ({ title: test.fullTitle(), message: test.err?.message ?? '' })),
        pendingTitles,
      };
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(`${file}.tmp`, JSON.stringify(result, undefined, 2));
      fs.renameSync(`${file}.tmp`, file);
    });
  }
}

module.exports = CountingReporter;
