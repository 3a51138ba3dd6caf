import assert from 'node:assert/strict';
import path from 'node:path';
import { Sandbox, SandboxFailure } from '../../../../src/runtime/sandbox/sandbox';
import type { RenderJob } from '../../../../src/runtime/sandbox/sandboxJobs';
import { processEnd } from '../../builtin/inference/inferenceHarness';

const job = (template: string, variables = {}): RenderJob => ({ kind: 'render', template, variables });
const endless = job('{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}');
/** One text of 1.06 GB, by one step: the marks are two bytes each. */
const oneStep = job(
  "{% set n = namespace(t='x', u='一') %}{% for i in range(23) %}{% set n.t = n.t ~ n.t %}{% endfor %}{% for i in range(5) %}{% set n.u = n.u ~ n.u ~ '一' %}{% endfor %}{{ n.t | replace('x', n.u) | upper | length }}",
);

describe('the sandbox', function () {
  this.timeout(60_000);
  let sandbox: Sandbox;

  function create(limits: ConstructorParameters<typeof Sandbox>[0] = {}): Sandbox {
    return (sandbox = new Sandbox(limits, path.resolve('dist/sandbox.mjs')));
  }

  const served = async (): Promise<void> => assert.equal(await sandbox.run(job('{{ a }}', { a: 'ok' })), 'ok');

  afterEach(() => sandbox.dispose());

  const greedy = {
    'one huge list': job('{% for i in range(100000000) %}x{% endfor %}'),
    'list upon list': job('{% for i in range(100000000) %}{% for j in range(100000000) %}{{ j }}{% endfor %}{% endfor %}'),
    'a text doubled over and over': job("{% set s = namespace(t='x') %}{% for i in range(60) %}{% set s.t = s.t ~ s.t ~ i %}{% endfor %}{{ s.t | upper }}"),
    'a text of more than 1 GB at once': oneStep,
  };
  for (const [what, template] of Object.entries(greedy)) {
    it(`gives up a template that wants all memory, and serves the next one: ${what}`, async () => {
      create();
      for (let round = 0; round < 3; round++) {
        await assert.rejects(sandbox.run(template), (error) => error instanceof SandboxFailure);
      }
      await served();
    });
  }

  it('says of what goes beyond its memory how much that is', async () => {
    create({ deadlineMs: 20_000, firstDeadlineMs: 20_000 });
    await assert.rejects(sandbox.run(job('{% set all = range(300000000) %}')), { reason: 'memory', message: 'it needs more than 256 MiB' });
    await assert.rejects(sandbox.run(oneStep), { reason: 'memory', message: 'it needs more than 256 MiB' });
    await served();
  });

  it('gives up a job at its deadline, with the process; those that wait get a new one', async () => {
    create({ deadlineMs: 100, firstDeadlineMs: 300 });
    await served();
    const { pid } = sandbox;
    const [late, next] = await Promise.allSettled([sandbox.run(endless, 50), sandbox.run(job('next'))]);
    assert.deepEqual(late.status === 'rejected' && (late.reason as Error).message, 'it did not end within 150 ms');
    assert.deepEqual(next, { status: 'fulfilled', value: 'next' });
    assert.notEqual(sandbox.pid, pid);
    await processEnd(pid, 1000);
  });

  it('says in words when it is killed in the middle of a job; the next one works', async () => {
    create();
    await served();
    const { pid } = sandbox;
    const running = sandbox.run(endless);
    process.kill(pid!, 'SIGKILL');
    await assert.rejects(running, { code: 'internal', message: 'The process for chat templates failed: it ended (SIGKILL). Try again.' });
    await served();
    process.kill(sandbox.pid!, 'SIGKILL');
    await processEnd(sandbox.pid, 1000);
    await served();
  });

  it('says in words when there is no process to be had', async () => {
    sandbox = new Sandbox({}, path.resolve('dist/nowhere.mjs'));
    await assert.rejects(sandbox.run(job('x')), { code: 'internal', message: /process for chat templates failed: .*nowhere\.mjs/ });
  });

  it('has its process ready before the first job, and ends it when there is none for long', async () => {
    create({ idleMs: 300 });
    sandbox.prepare();
    const { pid } = sandbox;
    await served();
    assert.equal(sandbox.pid, pid);
    await processEnd(pid, 2000);
    assert.equal(sandbox.pid, undefined);
    await served();
    assert.notEqual(sandbox.pid, pid);
  });

  it('passes every text on as it is, small and large, and none of it is mixed up', async () => {
    create({ deadlineMs: 10_000, firstDeadlineMs: 10_000 });
    const texts = ['', 'a', 'ü€😀\u0000\uFDD0\uFDD1', 'x'.repeat(70_000), '字'.repeat(1_500_000), 'end'];
    assert.deepEqual(await Promise.all(texts.map((text) => sandbox.run(job('{{ a }}', { a: text })))), texts);
  });

  it('settles what is under way when it is disposed of', async () => {
    create();
    await served();
    const { pid } = sandbox;
    const outcomes = Promise.allSettled([sandbox.run(endless), sandbox.run(job('x'))]);
    await sandbox.dispose();
    assert.deepEqual((await outcomes).map(({ status }) => status), ['rejected', 'rejected']);
    await processEnd(pid, 100);
  });
});
