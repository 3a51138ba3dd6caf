import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Frame } from '../../../../src/runtime/sandbox/frames';
import { allMeasures, SandboxProcess, type SandboxEnd, type SandboxMeasures } from '../../../../src/runtime/sandbox/sandboxProcess';
import { sandboxesEnd, sandboxesOf } from '../../../fixtures/runtime/processes';
import { startSandboxOwner } from '../../../fixtures/runtime/sandboxOwners';
import { processEnd } from '../../builtin/inference/inferenceHarness';

/** What a job could try that had got out of the interpreter of templates, one answer a line. */
const attempts = `
import fs from 'node:fs';
import net from 'node:net';
import childProcess from 'node:child_process';
import inspector from 'node:inspector';
const tries = {
  read: () => fs.readFileSync('/etc/hostname'),
  list: () => fs.readdirSync('/'),
  write: () => fs.writeFileSync(process.argv[1] + '.out', 'x'),
  spawn: () => childProcess.spawnSync('true'),
  fork: () => childProcess.fork(process.argv[1]),
  addon: () => process.dlopen({ exports: {} }, '/nowhere.node'),
  inspector: () => inspector.open(0),
  eval: () => (0, eval)('1'),
};
const outcomes = Object.entries(tries).map(([name, attempt]) => {
  try {
    attempt();
    return name + ': done';
  } catch (error) {
    return name + ': ' + (error.code ?? error.constructor.name);
  }
});
outcomes.push('environment: ' + Object.keys(process.env).sort());
const body = Buffer.from(outcomes.join('\\n'));
const header = Buffer.alloc(5);
header.writeUInt32BE(body.length);
header[4] = 3;
fs.writeSync(1, Buffer.concat([header, body]));
`;

const entry = path.resolve('dist/sandbox.mjs');
const hasSetpriv = process.platform === 'linux';
const lifeline: SandboxMeasures = { setpriv: false, permission: true };

describe('the process of the sandbox', function () {
  this.timeout(30_000);
  let directory: string;
  let running: SandboxProcess | undefined;

  beforeEach(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), 'jan-sb-'));
  });
  afterEach(async () => {
    await running?.kill();
    await rm(directory, { recursive: true, force: true });
  });

  /** The first frame of a process, or its end. */
  const first = (file: string, measures: SandboxMeasures): Promise<Frame | SandboxEnd> =>
    new Promise((resolve) => {
      running = new SandboxProcess({ entry: file, memory: 64, measures }, { onFrame: resolve, onEnd: resolve });
    });

  for (const measures of [allMeasures, lifeline]) {
    it(`can use no file, process, addon or inspector, and has no secret: ${JSON.stringify(measures)}`, async () => {
      const file = path.join(directory, 'attempts.mjs');
      await writeFile(file, attempts);
      process.env['JAN_TEST_SECRET'] = 'secret';
      const frame = await first(file, measures);
      delete process.env['JAN_TEST_SECRET'];
      assert.ok('body' in frame, JSON.stringify(frame));
      const lines = frame.body.split('\n');
      const denied = ['read', 'list', 'write', 'spawn', 'fork', 'addon', 'inspector'];
      assert.deepEqual(lines.slice(0, denied.length).filter((line) => !/: ERR_(ACCESS_DENIED|DLOPEN_DISABLED)$/.test(line)), []);
      assert.equal(lines[denied.length], 'eval: EvalError');
      assert.match(lines.at(-1)!, /^environment: (?:(?:ELECTRON_RUN_AS_NODE|PATH|TZ|LANG|LC_ALL|LD_LIBRARY_PATH|SystemRoot),?)+$/);
      assert.deepEqual(await readdir(directory), ['attempts.mjs']);
    });
  }

  it('says which measures the system or Node does not know, so that it is started without', async () => {
    const file = path.join(directory, 'old.mjs');
    await writeFile(file, "process.stderr.write('node: bad option: --permission\\n'); process.exitCode = 9;");
    assert.deepEqual(await first(file, allMeasures), { kind: 'unsupported', measures: { ...allMeasures, permission: false } });
    await writeFile(file, "process.stderr.write(\"setpriv: unrecognized option '--pdeathsig'\\n\"); process.exitCode = 1;");
    assert.deepEqual(await first(file, { setpriv: true, permission: true }), { kind: 'unsupported', measures: lifeline });
    const { PATH } = process.env;
    process.env['PATH'] = directory;
    try {
      assert.deepEqual(await first(entry, { setpriv: true, permission: true }), { kind: 'unsupported', measures: lifeline });
    } finally {
      process.env['PATH'] = PATH;
    }
    assert.deepEqual(await first(entry, { setpriv: false, permission: false }), { kind: 'ready', body: '0' });
    await running!.kill();
    assert.deepEqual(await first(entry, lifeline), { kind: 'ready', body: '1' });
  });

  it('is ended when it says what can’t be', async () => {
    const file = path.join(directory, 'liar.mjs');
    await writeFile(file, "import { writeSync } from 'node:fs'; writeSync(1, Buffer.alloc(64, 255)); setInterval(() => undefined, 1000);");
    assert.deepEqual(await first(file, allMeasures), { kind: 'other', words: 'its answer has the wrong form' });
    await processEnd(running!.pid, 1000);
  });

  it('inherits nothing that the engine has open', async function () {
    if (process.platform !== 'linux') {
      console.log('      skipped: what a process has open is shown in /proc');
      this.skip();
    }
    await first(entry, allMeasures);
    const folder = `/proc/${running!.pid}/fd`;
    const ours = await Promise.all((await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
    assert.ok(ours.some((link) => link.startsWith('socket:')), 'there is something to inherit');
    const theirs = await Promise.all((await readdir(folder)).map(async (fd) => ({ fd: Number(fd), link: await readlink(`${folder}/${fd}`) })));
    assert.deepEqual(theirs.filter(({ fd, link }) => fd > 2 && !/^(anon_inode|pipe):|^\/dev\/null$/.test(link)), []);
    assert.match(await readFile(`/proc/${running!.pid}/status`, 'utf8'), /^Threads:\t[1-6]$/m);
  });

  describe('ends within a second of the process that started it, also in an endless loop', () => {
    for (const measures of hasSetpriv ? [allMeasures, lifeline] : [lifeline]) {
      for (const moment of ['idle', 'busy'] as const) {
        it(`${moment}, ${measures.setpriv ? 'by the system' : 'by its own watch'}`, async () => {
          const file = path.join(directory, 'sandbox.mjs');
          await copyFile(entry, file);
          const owner = await startSandboxOwner(file, measures, moment);
          assert.equal((await sandboxesOf(file)).length, 1);
          owner.kill('SIGKILL');
          const took = await sandboxesEnd(file, 1000);
          assert.ok(took <= 1000);
          console.log(`        ${Math.round(took)} ms`);
        });
      }
    }
  });
});
