import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import type { Download, JanApi, JanErrorCode } from '../../../../src/api/jan';
import { isJanError } from '../../../../src/common/errors';
import { onceEvent } from '../../../../src/common/events';
import { DisposableStore, type Disposable } from '../../../../src/common/lifecycle';
import { nullLogger } from '../../../../src/common/log';
import { registerModelsPlugin, type ModelsPluginOptions } from '../../../../src/builtin/models/modelsPlugin';
import { createCore } from '../../../../src/core/core';
import { sha256Of, startHuggingFaceServer, type HuggingFaceServer } from '../../../fixtures/huggingFace/huggingFaceServer';
import { buildGguf, buildLanguageModel, concat, kv } from '../../common/gguf/ggufBuilder';
import { registerMemoryStore, type MemoryStore } from './memoryStore';

const downloaderEntry = path.resolve('dist/downloader.mjs');
const megabyte = 1024 * 1024;

/** A valid model of about `megabytes`, with noise for weights, so that a wrong byte anywhere shows. */
function bigModel(megabytes: number): Uint8Array {
  const header = buildLanguageModel({ pad: 1 });
  const model = buildGguf({
    entries: [kv.string('general.architecture', 'llama'), kv.uint32('general.file_type', 7), kv.uint32('llama.context_length', 512)],
    tensors: [{ name: 'w', shape: [256, megabytes * 1024] }],
    dataBytes: megabytes * megabyte,
  });
  const noise = randomBytes(model.length - header.length);
  model.set(noise, header.length);
  return model;
}

const fails = (promise: Promise<unknown>, code: JanErrorCode, words = /./): Promise<void> =>
  assert.rejects(promise, (error) => {
    assert.ok(isJanError(error, code), String(error) + JSON.stringify((error as { details?: unknown }).details));
    assert.match(error.message, words);
    return true;
  });

interface Window extends Disposable {
  readonly api: JanApi;
  readonly store: MemoryStore;
  readonly downloads: Download[];
  /** The first event of this kind, also when it was already there. */
  reaches(accepts: (download: Download) => boolean): Promise<Download>;
}

describe('downloads', function () {
  this.timeout(60_000);
  const repository = 'acme/Tiny-GGUF';
  const fileName = 'tiny-Q8_0.gguf';
  const request = { repository, fileName };
  const big = { repository, fileName: 'big.gguf' };
  const bigBytes = bigModel(24);
  const tinyBytes = buildLanguageModel({ name: 'Tiny', pad: 100_000 });
  let folder: string;
  let hub: HuggingFaceServer;
  let owned: DisposableStore;

  const at = (...names: string[]): string => path.join(folder, ...names);
  const open = (options: Partial<ModelsPluginOptions> = {}, models?: MemoryStore['models']): Window => {
    const all = new DisposableStore();
    const core = all.add(createCore({ log: nullLogger }));
    const api = core.api('test');
    const store = all.add(registerMemoryStore(api, models));
    const defaults: ModelsPluginOptions = {
      log: nullLogger,
      modelsDirectory: at('models'),
      starterModelPath: at('none.gguf'),
      downloaderEntry,
      hubUrl: () => hub.url,
      limits: { stallMs: 2_000, patienceMs: 6_000 },
    };
    all.add(registerModelsPlugin(api, { ...defaults, ...options }));
    const downloads: Download[] = [];
    all.add(api.onDidChangeDownloads((download) => downloads.push(download)));
    const reaches = (accepts: (download: Download) => boolean): Promise<Download> => {
      const past = downloads.find(accepts);
      return past === undefined ? onceEvent(api.onDidChangeDownloads, accepts, AbortSignal.timeout(40_000)) : Promise.resolve(past);
    };
    return owned.add({ api, store, downloads, reaches, dispose: () => all.dispose() });
  };
  const unfinished = async (): Promise<string[]> => readdir(at('models', '.downloads')).catch(() => []);
  const completed = ({ status }: Download): boolean => status === 'completed';
  const failed = ({ status }: Download): boolean => status === 'failed';
  const installed = async (name = fileName): Promise<Uint8Array> => new Uint8Array(await readFile(at('models', 'acme', 'Tiny-GGUF', ...name.split('/'))));
  const nothingVisible = async (window: Window): Promise<void> => {
    assert.deepEqual(await window.api.models.getDownloadedModels(), []);
    const visible = (await readdir(at('models'), { recursive: true }).catch(() => [])).filter((name) => name.endsWith('.gguf') && !name.startsWith('.downloads'));
    assert.deepEqual(visible, []);
  };

  beforeEach(async () => {
    folder = await realpath(await mkdtemp(path.join(os.tmpdir(), 'jan-downloads-')));
    hub = await startHuggingFaceServer([{ id: repository, files: { [fileName]: tinyBytes, 'big.gguf': bigBytes } }]);
    owned = new DisposableStore();
  });
  afterEach(async () => {
    owned.dispose();
    await hub.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  it('downloads, checks, makes visible and records a model', async () => {
    const { api, reaches, downloads } = open();
    const begun = await api.models.downloadModel(request);
    assert.equal(begun.status, 'running');
    assert.equal(begun.totalBytes, tinyBytes.length);
    assert.equal(begun.modelId, 'acme/Tiny-GGUF/tiny-Q8_0');
    const done = await reaches(completed);
    assert.equal(done.receivedBytes, tinyBytes.length);
    assert.deepEqual(await installed(), tinyBytes);
    const [model] = await api.models.getDownloadedModels();
    assert.equal(model?.id, begun.modelId);
    assert.equal(model.source, 'huggingface');
    assert.equal(model.repository, repository);
    assert.equal(model.sha256, sha256Of(tinyBytes));
    assert.equal(model.architecture, 'llama');
    assert.equal(model.size, tinyBytes.length);
    assert.ok(model.startDownloadAt > 0 && model.finishDownloadAt > 0);
    assert.deepEqual(await api.models.getDownloads(), []);
    assert.deepEqual(await unfinished(), []);
    assert.ok(downloads.some(({ status }) => status === 'verifying'));
    assert.equal((await api.models.downloadModel(request)).status, 'completed');
    await api.models.deleteModel(begun.modelId);
    await nothingVisible({ api } as Window);
  });

  it('tells progress four to ten times a second, with speed', async () => {
    hub.faults = { bytesPerSecond: 3 * megabyte };
    const { api, reaches, downloads } = open();
    await api.models.downloadModel(big);
    const started = performance.now();
    await reaches(({ status, speed }) => status === 'running' && (speed ?? 0) > megabyte);
    await onceEvent(api.onDidChangeDownloads, ({ receivedBytes }) => receivedBytes > 14 * megabyte, AbortSignal.timeout(30_000));
    const rate = (downloads.length * 1000) / (performance.now() - started);
    assert.ok(rate >= 3 && rate <= 11, `${rate} a second`);
    const received = downloads.map(({ receivedBytes }) => receivedBytes);
    assert.deepEqual(received, [...received].sort((a, b) => a - b));
  });

  it('pauses, survives the window, and resumes without fetching everything again', async () => {
    hub.faults = { bytesPerSecond: 8 * megabyte };
    const first = open();
    const { id } = await first.api.models.downloadModel(big);
    await first.reaches(({ receivedBytes }) => receivedBytes > 16 * megabyte);
    await first.api.models.cancelDownload(id);
    assert.equal(first.downloads.at(-1)?.status, 'paused');
    assert.equal((await first.api.models.getDownloads())[0]?.status, 'paused');
    first.dispose();
    const second = open({}, first.store.models);
    const [paused] = await second.api.models.getDownloads();
    assert.equal(paused?.id, id);
    assert.equal(paused.status, 'paused');
    assert.equal(paused.totalBytes, bigBytes.length);
    assert.ok(paused.receivedBytes > 10 * megabyte);
    await nothingVisible(second);
    hub.faults = {};
    hub.bytesSent = 0;
    const resumed = await second.api.models.downloadModel(big);
    assert.ok(resumed.receivedBytes > 10 * megabyte);
    await second.reaches(completed);
    assert.deepEqual(await installed('big.gguf'), bigBytes);
    assert.ok(hub.bytesSent < bigBytes.length - 4 * megabyte, `${hub.bytesSent} fetched again`);
  });

  it('stops within a second when the window dies, and the process leaves nothing running', async () => {
    hub.faults = { bytesPerSecond: 2 * megabyte };
    const window = open();
    const { id } = await window.api.models.downloadModel(big);
    await window.reaches(({ receivedBytes }) => receivedBytes > 8 * megabyte);
    const { pid } = JSON.parse(await readFile(at('models', '.downloads', id, 'lock'), 'utf8')) as { pid: number };
    window.dispose();
    const deadline = Date.now() + 1_000;
    while (isAlive(pid) && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.equal(isAlive(pid), false);
    const [paused] = await open({}, window.store.models).api.models.getDownloads();
    assert.equal(paused?.status, 'paused');
  });

  it('says when the process is killed, and finishes afterwards with the right bytes', async () => {
    hub.faults = { bytesPerSecond: 6 * megabyte };
    const { api, reaches, downloads } = open();
    const { id } = await api.models.downloadModel(big);
    await reaches(({ receivedBytes }) => receivedBytes > 12 * megabyte);
    const { pid } = JSON.parse(await readFile(at('models', '.downloads', id, 'lock'), 'utf8')) as { pid: number };
    process.kill(pid, 'SIGKILL');
    const death = await reaches(failed);
    assert.equal(death.error?.code, 'download-failed');
    assert.match(death.error.message, /SIGKILL.*resume/);
    assert.equal((await api.models.getDownloads())[0]?.status, 'failed');
    hub.faults = {};
    downloads.length = 0;
    await api.models.downloadModel(big);
    await reaches(completed);
    assert.deepEqual(await installed('big.gguf'), bigBytes);
  });

  it('cancels without a trace when asked to', async () => {
    hub.faults = { bytesPerSecond: 2 * megabyte };
    const window = open();
    const { id } = await window.api.models.downloadModel(big);
    await window.api.models.cancelDownload(id, { keepPartial: false });
    assert.equal(window.downloads.at(-1)?.status, 'cancelled');
    assert.deepEqual(await unfinished(), []);
    assert.equal(window.store.models.size, 0);
    await fails(window.api.models.cancelDownload(id), 'download-not-found');
  });

  it('never shows a file whose checksum is wrong', async () => {
    for (const faults of [{ statedSha256: 'a'.repeat(64) }, { corrupt: true }]) {
      hub.faults = faults;
      const window = open();
      await window.api.models.downloadModel(request);
      const { error } = await window.reaches(failed);
      assert.equal(error?.code, 'checksum-mismatch');
      await nothingVisible(window);
      window.dispose();
    }
  });

  it('refuses when the caller expects another file', async () => {
    const window = open();
    await fails(window.api.models.downloadModel({ ...request, sha256: 'b'.repeat(64) }), 'checksum-mismatch');
    await nothingVisible(window);
    assert.equal(window.store.models.size, 0);
  });

  it('never shows a file that is no model', async () => {
    hub.repositories[0]!.files = { 'fake.gguf': Buffer.from('<html>Sign in to continue</html>'.repeat(50)), 'cut.gguf': tinyBytes.subarray(0, 3_000) };
    const window = open();
    for (const name of ['fake.gguf', 'cut.gguf']) {
      const { modelId } = await window.api.models.downloadModel({ repository, fileName: name });
      const { error } = await window.reaches((download) => download.modelId === modelId && failed(download));
      assert.equal(error?.code, 'model-invalid');
    }
    await nothingVisible(window);
    assert.deepEqual(await unfinished(), []);
  });

  it('goes on through cuts, errors and pauses of the server', async () => {
    hub.faults = { cut: { afterBytes: megabyte, times: 4 }, storageStatus: { status: 500, times: 2 }, hubStatus: { status: 429, times: 1, retryAfter: 1 } };
    const { api, reaches } = open();
    await api.models.downloadModel(big);
    await reaches(completed);
    assert.deepEqual(await installed('big.gguf'), bigBytes);
  });

  it('takes a new address when the storage host’s has expired', async () => {
    hub.faults = { bytesPerSecond: 6 * megabyte };
    const { api, reaches } = open();
    await api.models.downloadModel(big);
    await reaches(({ receivedBytes }) => receivedBytes > 4 * megabyte);
    hub.expireSignatures();
    hub.faults = {};
    await reaches(completed);
    assert.deepEqual(await installed('big.gguf'), bigBytes);
  });

  it('gives up in words when the server falls silent, and keeps what arrived', async () => {
    const { api, reaches, store } = open({ limits: { stallMs: 500, patienceMs: 2_000 } });
    hub.faults = { stallAfterBytes: 1 };
    const { id } = await api.models.downloadModel(big);
    const { error } = await reaches(failed);
    assert.equal(error?.code, 'network');
    assert.match(error.message, /(stopped sending|did not answer).*resume/);
    assert.equal(store.models.size, 1);
    assert.deepEqual(await unfinished(), [id]);
  });

  it('starts over when the server cannot send parts', async () => {
    hub.faults = { ignoreRange: true };
    const { api, reaches } = open();
    await api.models.downloadModel(big);
    await reaches(completed);
    assert.deepEqual(await installed('big.gguf'), bigBytes);
  });

  it('does not mix two versions of a file', async () => {
    hub.faults = { bytesPerSecond: 8 * megabyte };
    const first = open();
    const { id } = await first.api.models.downloadModel(big);
    await first.reaches(({ receivedBytes }) => receivedBytes > 12 * megabyte);
    await first.api.models.cancelDownload(id);
    const newer = bigModel(24);
    hub.repositories[0]!.files['big.gguf'] = newer;
    hub.faults = {};
    first.downloads.length = 0;
    await first.api.models.downloadModel(big);
    await first.reaches(completed);
    assert.deepEqual(await installed('big.gguf'), newer);
  });

  it('starts over when the version changes while it downloads, and fails when it keeps changing', async () => {
    hub.faults = { bytesPerSecond: 8 * megabyte };
    const { api, reaches } = open();
    await api.models.downloadModel(big);
    await reaches(({ receivedBytes }) => receivedBytes > 2 * megabyte);
    hub.faults = { etag: '"another"' };
    await reaches(completed);
    assert.deepEqual(await installed('big.gguf'), bigBytes);
  });

  it('takes no other part than it asked for', async () => {
    hub.faults = { shiftRange: true };
    const window = open({ limits: { stallMs: 500, patienceMs: 2_000 } });
    await window.api.models.downloadModel(big);
    const { error } = await window.reaches(failed);
    assert.match(error?.message ?? '', /another part/);
    await nothingVisible(window);
  });

  it('fails in words on 416 again and again', async () => {
    hub.faults = { refuseRange: true };
    const window = open();
    await window.api.models.downloadModel(big).catch(() => undefined);
    const { error } = await window.reaches(failed);
    assert.match(error?.message ?? '', /changed on the server/);
    await nothingVisible(window);
  });

  it('sends the token to the hub and to nobody else', async () => {
    hub.repositories[0]!.gatedBy = 'hf_secret';
    await fails(open().api.models.downloadModel(request), 'download-failed', /licence.*token/);
    const { api, reaches } = open({ hubToken: () => Promise.resolve('hf_secret') });
    await api.models.downloadModel(request);
    await reaches(completed);
    assert.ok(hub.requests.some(({ host, authorization }) => host === 'hub' && authorization === 'Bearer hf_secret'));
    assert.deepEqual(hub.requests.filter(({ host, authorization }) => host === 'storage' && authorization !== undefined), []);
    assert.ok(hub.requests.some(({ host }) => host === 'storage'));
  });

  it('refuses what does not exist, in words', async () => {
    const { api, store } = open();
    await fails(api.models.downloadModel({ repository, fileName: 'none.gguf' }), 'download-failed', /does not have this file/);
    await hub.close();
    await fails(api.models.downloadModel(request), 'network', /cannot be reached/);
    assert.equal(store.models.size, 0);
    assert.deepEqual(await unfinished(), []);
  });

  it('follows no redirect to an unsafe place', async () => {
    for (const redirectTo of ['http://example.com/x', 'ftp://127.0.0.1/x', 'https://10.0.0.1/x', 'https://[fd00::1]/x', 'https://169.254.169.254/latest', 'https://user:pass@127.0.0.1/x']) {
      hub.faults = { redirectTo };
      const window = open();
      await fails(window.api.models.downloadModel(request), 'download-failed', /Nothing was fetched from there/);
      await nothingVisible(window);
      assert.equal(window.store.models.size, 0);
      window.dispose();
    }
  });

  it('says when the disk has no room, before the first byte', async () => {
    const window = open({ limits: { minimumFreeBytes: 1e15 } });
    await fails(window.api.models.downloadModel(big), 'disk-full', /needed.*free/);
    assert.equal(hub.bytesSent, 0);
    assert.equal(window.store.models.size, 0);
  });

  it('says when the disk fills up on the way, and resumes when there is room', async function () {
    const disk = at('models');
    await mkdir(disk);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'jan-test', disk], { stdio: 'ignore' });
    } catch {
      console.log('      skipped: a small file system can only be mounted by root on Linux');
      this.skip();
    }
    owned.add({ dispose: () => void execFileSync('umount', ['-l', disk]) });
    hub.faults = { bytesPerSecond: 8 * megabyte };
    const { api, reaches, downloads } = open({ limits: { minimumFreeBytes: 0 } });
    await api.models.downloadModel(big);
    await writeFile(at('models', 'filler'), new Uint8Array(36 * megabyte));
    const { error } = await reaches(failed);
    assert.equal(error?.code, 'disk-full');
    await rm(at('models', 'filler'));
    hub.faults = {};
    downloads.length = 0;
    await api.models.downloadModel(big);
    await reaches(completed);
    assert.deepEqual(await installed('big.gguf'), bigBytes);
  });

  it('lets two windows ask for the same file, and downloads it once', async () => {
    hub.faults = { bytesPerSecond: 3 * megabyte };
    const first = open();
    const second = open({}, first.store.models);
    const { id } = await first.api.models.downloadModel(big);
    const again = await second.api.models.downloadModel(big);
    assert.equal(again.id, id);
    assert.equal(again.status, 'running');
    assert.equal((await second.api.models.getDownloads())[0]?.status, 'running');
    await second.api.models.cancelDownload(id);
    assert.equal(first.downloads.at(-1)?.status, 'paused');
    assert.equal((await second.api.models.getDownloads())[0]?.status, 'paused');
    const both = await Promise.all([first.api.models.downloadModel(big), second.api.models.downloadModel(big)]);
    assert.deepEqual(both.map((download) => download.status), ['running', 'running']);
    const sent = hub.bytesSent;
    hub.faults = {};
    await Promise.race([first.reaches(completed), second.reaches(completed)]);
    assert.deepEqual(await installed('big.gguf'), bigBytes);
    assert.ok(hub.bytesSent - sent < bigBytes.length * 1.5, `fetched once: ${hub.bytesSent - sent}`);
  });

  it('downloads the parts of a split model, whichever was named', async () => {
    const part = (no: number): Uint8Array => {
      const split = [kv.uint16('split.no', no), kv.uint16('split.count', 3)];
      return no === 0 ? buildLanguageModel({ entries: split, pad: 5_000 }) : buildGguf({ entries: split, tensors: [{ name: `w${no}`, shape: [64, 9] }] });
    };
    const name = (no: number): string => `Q4/split-0000${no + 1}-of-00003.gguf`;
    hub.repositories[0]!.files = Object.fromEntries([0, 1, 2].map((no) => [name(no), part(no)]));
    const { api, reaches } = open();
    const { modelId } = await api.models.downloadModel({ repository, fileName: name(1) });
    assert.equal(modelId, 'acme/Tiny-GGUF/Q4/split');
    await reaches(completed);
    for (const no of [0, 1, 2]) {
      assert.deepEqual(await installed(name(no)), new Uint8Array(part(no)));
    }
    const [model] = await api.models.getDownloadedModels();
    assert.equal(model?.size, [0, 1, 2].reduce((sum, no) => sum + part(no).length, 0));
    await api.models.deleteModel(modelId);
    await assert.rejects(stat(at('models', 'acme')), { code: 'ENOENT' });
  });

  it('downloads from a direct address', async () => {
    const url = `${hub.storageUrl}1/${sha256Of(tinyBytes)}/x.gguf`;
    const { api, reaches, store } = open();
    const { modelId } = await api.models.downloadModel({ url, sha256: sha256Of(tinyBytes) });
    await reaches(completed);
    const model = store.models.get(modelId);
    assert.deepEqual(new Uint8Array(await readFile(model!.path!)), tinyBytes);
    const viaHub = await api.models.downloadModel({ url: `${hub.url}${repository}/resolve/main/${fileName}?download=true` });
    assert.equal(viaHub.modelId, 'acme/Tiny-GGUF/tiny-Q8_0');
  });

  it('lets no name lead out of the models folder', async () => {
    const { api } = open();
    const evil = ['../x.gguf', '..\\x.gguf', '/etc/x.gguf', 'C:\\x.gguf', 'a/../../x.gguf', 'x.gguf\0', 'con.gguf', 'a//b.gguf', './x.gguf', 'x.gguf.', 'x.gguf:ads', 'x', '.hidden.gguf', 'sp ace.gguf', `${'x'.repeat(300)}.gguf`, '', 7];
    for (const name of evil) {
      await fails(api.models.downloadModel({ repository, fileName: name as string }), 'invalid-argument');
    }
    for (const name of ['x', '../..', 'a/b/c', 'a/..', '.downloads/x', 'a b/c', null]) {
      await fails(api.models.downloadModel({ repository: name as string, fileName }), 'invalid-argument');
    }
    for (const url of ['file:///etc/passwd.gguf', 'http://example.com/x.gguf', 'https://a:b@example.com/x.gguf', 'https://example.com/..%2f..%2fx.gguf%00', 'https://example.com/', 'x']) {
      await fails(api.models.downloadModel({ url }), 'invalid-argument');
    }
    assert.deepEqual(hub.requests, []);
  });

  it('writes through no link in the models folder', async () => {
    await mkdir(at('models'));
    await mkdir(at('outside'));
    await symlink(at('outside'), at('models', 'acme'));
    const window = open();
    await window.api.models.downloadModel(request);
    const { error } = await window.reaches(failed);
    assert.match(error?.message ?? '', /is a link/);
    assert.deepEqual(await readdir(at('outside')), []);
  });

  it('takes a dead process’ lock, and leaves a living one’s', async () => {
    const { api, reaches } = open();
    hub.faults = { bytesPerSecond: 2 * megabyte };
    const { id } = await api.models.downloadModel(big);
    await api.models.cancelDownload(id);
    const lock = at('models', '.downloads', id, 'lock');
    await writeFile(lock, JSON.stringify({ pid: process.pid, host: os.hostname(), startedAt: '', nonce: 'someone' }));
    assert.equal((await api.models.downloadModel(big)).status, 'running');
    assert.equal(JSON.parse(await readFile(lock, 'utf8')).nonce, 'someone');
    await writeFile(lock, JSON.stringify({ pid: process.pid, host: os.hostname(), startedAt: '1', nonce: 'reused pid' }));
    hub.faults = {};
    if (process.platform === 'linux') {
      await api.models.downloadModel(big);
    } else {
      await writeFile(lock, JSON.stringify({ pid: 2 ** 22 - 1, host: os.hostname(), startedAt: '', nonce: 'dead' }));
      await api.models.downloadModel(big);
    }
    await reaches(completed);
  });

  it('records a file that arrived when no window was left to record it', async () => {
    const window = open();
    const { modelId } = await window.api.models.downloadModel(request);
    await window.reaches(completed);
    const { models } = window.store;
    models.set(modelId, { ...models.get(modelId)!, finishDownloadAt: -1, path: undefined });
    assert.deepEqual(await window.api.models.getDownloads(), []);
    assert.equal((await window.api.models.getDownloadedModels())[0]?.id, modelId);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
