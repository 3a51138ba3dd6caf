import assert from 'node:assert/strict';
import path from 'node:path';
import { Sandbox, SandboxFailure } from '../../../src/runtime/sandbox/sandbox';

/** V8 ends the whole process, not the thread, when one allocation goes beyond the thread's limit: this run would end with it. */
describe('A template that wants all memory', function () {
  this.timeout(60_000);
  const greedy = {
    'one huge list': '{% for i in range(100000000) %}x{% endfor %}',
    'list upon list': '{% for i in range(100000000) %}{% for j in range(100000000) %}{{ j }}{% endfor %}{% endfor %}',
    'a text doubled over and over': "{% set s = namespace(t='x') %}{% for i in range(60) %}{% set s.t = s.t ~ s.t ~ i %}{% endfor %}{{ s.t | upper }}",
  };

  for (const [what, template] of Object.entries(greedy)) {
    it(`is given up, and the next one is served: ${what}`, async () => {
      const sandbox = new Sandbox({}, path.resolve('dist/sandboxWorker.mjs'));
      try {
        for (let round = 0; round < 4; round++) {
          await assert.rejects(sandbox.run({ kind: 'render', template, variables: {} }), (error) => error instanceof SandboxFailure);
        }
        assert.equal(await sandbox.run({ kind: 'render', template: '{{ a }}', variables: { a: 'ok' } }), 'ok');
      } finally {
        await sandbox.dispose();
      }
    });
  }
});
