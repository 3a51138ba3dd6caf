import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { findConfinement } from '../../../../src/builtin/inference/confinement';
import { RuntimeSupervisor } from '../../../../src/builtin/inference/runtimeSupervisor';
import { DownloaderProcess } from '../../../../src/builtin/models/downloaderProcess';
import { nullLogger } from '../../../../src/common/log';
import { chatRequest, loadModelRequest } from '../../../../src/protocol/runtimeProtocol';
import { testModelPath } from '../../../fixtures/gguf/testModels';
import { processEnd, runtimeEntry } from './inferenceHarness';

const run = promisify(execFile);
const secret = 'sk-secret-0123456789';
/** Names that may hold something secret, or change what Node does. */
const hostile = { OPENAI_API_KEY: secret, HF_TOKEN: secret, GITHUB_TOKEN: secret, NODE_OPTIONS: '--no-warnings', SSH_AUTH_SOCK: secret, VSCODE_IPC_HOOK: secret };

const proc = (pid: number, name: string): Promise<string> => readFile(`/proc/${pid}/${name}`, 'utf8');

async function environmentOf(pid: number): Promise<Map<string, string>> {
  const entries = (await proc(pid, 'environ')).split('\0').filter((entry) => entry !== '');
  return new Map(entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]));
}

describe('what confines child processes', function () {
  this.timeout(60_000);
  let directory: string;
  let supervisor: RuntimeSupervisor | undefined;

  before(function () {
    if (process.platform !== 'linux') {
      console.log('      skipped: only Linux offers it, and shows it in /proc');
      this.skip();
    }
  });

  beforeEach(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), 'jan-rt-'));
    Object.assign(process.env, hostile);
  });

  afterEach(async () => {
    for (const name of Object.keys(hostile)) {
      delete process.env[name];
    }
    const pid = supervisor?.current?.pid;
    supervisor?.dispose();
    await processEnd(pid, 2000);
    await rm(directory, { recursive: true, force: true });
  });

  async function startEngine(confinement?: readonly string[]): Promise<number> {
    supervisor = new RuntimeSupervisor({ entry: runtimeEntry, directory, log: nullLogger, confinement });
    return (await supervisor.lease()).pid;
  }

  it('the engine has an environment of the few variables that are allowed, and no secret', async () => {
    const pid = await startEngine();
    const environment = await environmentOf(pid);
    const allowed = /^(PATH|HOME|USER|LOGNAME|LANG|LC_ALL|LC_CTYPE|TZ|TMPDIR|TEMP|TMP|LD_LIBRARY_PATH|XDG_DATA_DIRS|CUDA_\w+|HIP_VISIBLE_DEVICES|VK_\w+|GGML_VK_VISIBLE_DEVICES|MALLOC_\w+|UV_THREADPOOL_SIZE|ELECTRON_RUN_AS_NODE)$/;
    assert.deepEqual([...environment.keys()].filter((name) => !allowed.test(name)), []);
    assert.equal(environment.get('PATH'), process.env['PATH']);
    assert.ok(![...environment.values()].some((value) => value.includes(secret)));
    assert.ok(!(await proc(pid, 'cmdline')).includes(secret));
  });

  it('the engine dies before the editor when memory runs out', async () => {
    assert.ok(Number(await proc(await startEngine(), 'oom_score_adj')) >= 800);
  });

  it('the engine runs with what was found to work here, and answers', async () => {
    const confinement = await findConfinement(nullLogger);
    const pid = await startEngine();
    const has = (program: string): boolean => confinement.includes(program);
    const status = await proc(pid, 'status');
    assert.equal(/^NoNewPrivs:\t(\d)/m.exec(status)![1], has('setpriv') ? '1' : '0');
    if (has('prlimit')) {
      assert.match(await proc(pid, 'limits'), /^Max core file size +0 +0 /m);
    }
    const network = [await readlink('/proc/self/ns/net'), await readlink(`/proc/${pid}/ns/net`)];
    assert.equal(network[0] !== network[1], has('unshare'));
    if (has('unshare')) {
      const routes = (await proc(pid, 'net/route')).trim().split('\n');
      assert.equal(routes.length, 1, 'a heading and no route');
    }
    console.log(`      here: ${confinement.filter((word) => /^[a-z]/.test(word)).join(', ') || 'nothing'}`);
    const connection = supervisor!.current!;
    await connection.request(loadModelRequest, { modelId: 'null', path: await testModelPath('null') });
    const question = { requestId: '1', modelId: 'null', messages: [{ role: 'user' as const, content: 'Hi' }], sampling: {}, maxTokens: 3 };
    assert.equal((await connection.request(chatRequest, question)).usage.completionTokens, 3);
  });

  it('nothing reaches the network of this machine from within, where a network of its own is offered', async function () {
    const confinement = await findConfinement(nullLogger);
    if (!confinement.includes('unshare')) {
      console.log('      skipped: this system does not let a process have a network of its own');
      this.skip();
    }
    const server = createServer((_request, response) => response.end('reached'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const script = `fetch('${url}').then((answer) => answer.text()).then(console.log, (error) => console.log(error.cause.code))`;
    const confined = await run(confinement[0]!, [...confinement.slice(1), process.execPath, '-e', script]);
    const free = await run(process.execPath, ['-e', script]);
    server.close();
    assert.equal(free.stdout.trim(), 'reached');
    assert.match(confined.stdout, /ENETUNREACH|ECONNREFUSED|EHOSTUNREACH/);
  });

  it('leaves NVIDIA’s libraries their setuid program as long as its device files are missing', async () => {
    const all = await findConfinement(nullLogger, () => false);
    assert.deepEqual(await findConfinement(nullLogger, () => true), all);
    const fresh = await findConfinement(nullLogger, (file) => file === '/usr/bin/nvidia-modprobe');
    assert.ok(!fresh.includes('unshare') && !fresh.includes('setpriv'), fresh.join(' '));
    assert.equal(fresh.includes('prlimit'), all.includes('prlimit'));
  });

  it('an engine that can’t start confined is started without', async () => {
    for (const confinement of [['false', '--'], ['/nowhere/unshare', '--net', '--']]) {
      supervisor?.dispose();
      const pid = await startEngine(confinement);
      assert.equal(supervisor!.status, 'running');
      assert.equal(await readlink(`/proc/${pid}/ns/net`), await readlink('/proc/self/ns/net'));
      const gone = supervisor!.current!.pid;
      supervisor!.dispose();
      await processEnd(gone, 2000);
    }
  });

  it('the downloader has an environment of the few variables that are allowed; its token comes by message alone', async () => {
    const entry = path.join(directory, 'idle.cjs');
    await writeFile(entry, 'process.send({ type: "ready" }); process.on("disconnect", () => process.exit());');
    let asked = false;
    const job = {
      url: 'http://127.0.0.1:1/m.gguf',
      path: path.join(directory, 'm.gguf'),
      token: secret,
    } as unknown as ConstructorParameters<typeof DownloaderProcess>[0]['job'];
    const exited = new Promise<void>((resolve) => {
      const downloader = new DownloaderProcess({ entry, log: nullLogger, job, onEvent: () => undefined, onExit: () => resolve() });
      void (async () => {
        const environment = await environmentOf(downloader.pid!);
        const allowed = /^(path|home|temp|tmp|tmpdir|lang|lc_\w+|(https?|all|no)_proxy|ssl_cert_(file|dir)|node_extra_ca_certs|electron_run_as_node|node_use_env_proxy|node_channel_\w+)$/i;
        assert.deepEqual([...environment.keys()].filter((name) => !allowed.test(name)), []);
        assert.ok(![...environment.values()].some((value) => value.includes(secret)));
        assert.ok(!(await proc(downloader.pid!, 'cmdline')).includes(secret));
        asked = true;
        downloader.dispose();
      })().catch((error: unknown) => {
        downloader.dispose();
        assert.fail(String(error));
      });
    });
    await exited;
    assert.ok(asked);
  });
});
