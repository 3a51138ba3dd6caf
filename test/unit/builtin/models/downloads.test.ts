import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import * as os from 'node:os';
import { onceEvent } from '../../../../src/common/events';
import { sha256Of } from '../../../fixtures/huggingFace/huggingFaceServer';
import { skipOnWindows } from '../../../fixtures/skipOnWindows';
import { buildGguf, buildLanguageModel, kv } from '../../common/gguf/ggufBuilder';
import { big, bigBytes, completed, DownloadBench, failed, fails, fileName, megabyte, repository, tiny, tinyBytes, type Window } from './downloadBench';

describe('downloads', function () {
  this.timeout(60_000);
  const bench = new DownloadBench();
  beforeEach(() => bench.setUp());
  afterEach(() => bench.tearDown());

  it('downloads, checks, makes visible and records a model', async () => {
    const { api, reaches, downloads } = bench.open();
    const begun = await api.models.downloadModel(tiny);
    assert.equal(begun.status, 'running');
    assert.equal(begun.totalBytes, tinyBytes.length);
    assert.equal(begun.modelId, 'acme/Tiny-GGUF/tiny-Q8_0');
    const done = await reaches(completed);
    assert.equal(done.receivedBytes, tinyBytes.length);
    assert.deepEqual(await bench.installed(), tinyBytes);
    const [model] = await api.models.getDownloadedModels();
    assert.equal(model?.id, begun.modelId);
    assert.equal(model.source, 'huggingface');
    assert.equal(model.repository, repository);
    assert.equal(model.sha256, sha256Of(tinyBytes));
    assert.equal(model.architecture, 'llama');
    assert.equal(model.size, tinyBytes.length);
    assert.ok(model.startDownloadAt > 0 && model.finishDownloadAt > 0);
    assert.deepEqual(await api.models.getDownloads(), []);
    assert.deepEqual(await bench.unfinished(), []);
    assert.ok(downloads.some(({ status }) => status === 'verifying'));
    assert.equal((await api.models.downloadModel(tiny)).status, 'completed');
    await api.models.deleteModel(begun.modelId);
    await bench.nothingVisible({ api } as Window);
  });

  it('goes through the proxy that VS Code is set to use', async () => {
    let tunnels = 0;
    const proxy = createServer();
    proxy.on('connect', (request, client, head) => {
      tunnels += 1;
      const { hostname, port } = new URL(`http://${request.url ?? ''}`);
      const upstream = connect(Number(port), hostname, () => {
        client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        upstream.write(head);
        upstream.pipe(client).pipe(upstream);
      });
      upstream.on('error', () => client.destroy());
      client.on('error', () => upstream.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = proxy.address() as AddressInfo;
      const { api, reaches } = bench.open({ proxy: () => `http://127.0.0.1:${port}` });
      await api.models.downloadModel(tiny);
      await reaches(completed);
      assert.ok(tunnels > 0, 'the proxy was used');
      assert.deepEqual(await bench.installed(), tinyBytes);
    } finally {
      proxy.closeAllConnections();
      proxy.close();
    }
  });

  it('tells progress four to ten times a second, with speed', async () => {
    bench.hub.faults = { bytesPerSecond: 3 * megabyte };
    const { api, reaches, downloads } = bench.open();
    await api.models.downloadModel(big);
    const started = performance.now();
    await reaches(({ status, speed }) => status === 'running' && (speed ?? 0) > megabyte);
    await onceEvent(api.onDidChangeDownloads, ({ receivedBytes }) => receivedBytes > 14 * megabyte, AbortSignal.timeout(30_000));
    const rate = (downloads.length * 1000) / (performance.now() - started);
    assert.ok(rate >= 3 && rate <= 11, `${rate} a second`);
    const received = downloads.map(({ receivedBytes }) => receivedBytes);
    assert.deepEqual(received, [...received].sort((a, b) => a - b));
  });

  it('joins what a fast and a slow connection fetch: the one that meets the other leaves its part alone', async () => {
    const lastPart = 4 * 5 * megabyte;
    bench.hub.faults = { bytesPerSecond: 2.5 * megabyte, slowFrom: lastPart };
    const { api, reaches } = bench.open();
    await api.models.downloadModel(big);
    const end = await reaches((download) => completed(download) || failed(download));
    assert.equal(end.error, undefined);
    assert.deepEqual(await bench.installed('big.gguf'), bigBytes);
    assert.ok(bench.hub.requests.some(({ range }) => range?.startsWith(`bytes=${lastPart}-`) === true), 'the last part had a connection of its own');
  });

  it('asks for nothing twice when it was frozen for longer than a server may be silent', async function () {
    skipOnWindows(this, 'no process is stopped by a signal there');
    bench.hub.faults = { bytesPerSecond: 1.5 * megabyte };
    const { api, reaches } = bench.open();
    const { id } = await api.models.downloadModel(big);
    await reaches(({ receivedBytes }) => receivedBytes > 2 * megabyte);
    const pid = await bench.downloaderPid(id);
    process.kill(pid, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    process.kill(pid, 'SIGCONT');
    await reaches(completed);
    assert.deepEqual(await bench.installed('big.gguf'), bigBytes);
    const ranges = bench.hub.requests.flatMap(({ host, range }) => (host === 'storage' && range !== undefined ? [range.split('-')[0]] : []));
    assert.deepEqual(ranges, [...new Set(ranges)]);
  });

  it('pauses, survives the window, and resumes without fetching everything again', async () => {
    bench.hub.faults = { bytesPerSecond: 8 * megabyte };
    const first = bench.open();
    const { id } = await first.api.models.downloadModel(big);
    await first.reaches(({ receivedBytes }) => receivedBytes > 16 * megabyte);
    await first.api.models.cancelDownload(id);
    assert.equal(first.downloads.at(-1)?.status, 'paused');
    assert.equal((await first.api.models.getDownloads())[0]?.status, 'paused');
    first.dispose();
    const second = bench.open({}, first.store.models);
    const [paused] = await second.api.models.getDownloads();
    assert.equal(paused?.id, id);
    assert.equal(paused.status, 'paused');
    assert.equal(paused.totalBytes, bigBytes.length);
    assert.ok(paused.receivedBytes > 10 * megabyte);
    await bench.nothingVisible(second);
    bench.hub.faults = {};
    bench.hub.bytesSent = 0;
    const resumed = await second.api.models.downloadModel(big);
    assert.ok(resumed.receivedBytes > 10 * megabyte);
    await second.reaches(completed);
    assert.deepEqual(await bench.installed('big.gguf'), bigBytes);
    assert.ok(bench.hub.bytesSent < bigBytes.length - 4 * megabyte, `${bench.hub.bytesSent} fetched again`);
  });

  it('stops within a second when the window dies, and the process leaves nothing running', async () => {
    bench.hub.faults = { bytesPerSecond: 2 * megabyte };
    const window = bench.open();
    const { id } = await window.api.models.downloadModel(big);
    await window.reaches(({ receivedBytes }) => receivedBytes > 8 * megabyte);
    const pid = await bench.downloaderPid(id);
    window.dispose();
    const deadline = Date.now() + 1_000;
    while (isAlive(pid) && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.equal(isAlive(pid), false);
    const [paused] = await bench.open({}, window.store.models).api.models.getDownloads();
    assert.equal(paused?.status, 'paused');
  });

  it('says when the process is killed, and finishes afterwards with the right bytes', async () => {
    bench.hub.faults = { bytesPerSecond: 6 * megabyte };
    const { api, reaches, downloads } = bench.open();
    const { id } = await api.models.downloadModel(big);
    await reaches(({ receivedBytes }) => receivedBytes > 12 * megabyte);
    const pid = await bench.downloaderPid(id);
    process.kill(pid, 'SIGKILL');
    const death = await reaches(failed);
    assert.equal(death.error?.code, 'download-failed');
    assert.match(death.error.message, /SIGKILL.*resume/);
    assert.equal((await api.models.getDownloads())[0]?.status, 'failed');
    bench.hub.faults = {};
    downloads.length = 0;
    await api.models.downloadModel(big);
    await reaches(completed);
    assert.deepEqual(await bench.installed('big.gguf'), bigBytes);
  });

  it('cancels without a trace when asked to', async () => {
    bench.hub.faults = { bytesPerSecond: 2 * megabyte };
    const window = bench.open();
    const { id } = await window.api.models.downloadModel(big);
    await window.api.models.cancelDownload(id, { keepPartial: false });
    assert.equal(window.downloads.at(-1)?.status, 'cancelled');
    assert.deepEqual(await bench.unfinished(), []);
    assert.equal(window.store.models.size, 0);
    await fails(window.api.models.cancelDownload(id), 'download-not-found');
  });

  it('lets two windows ask for the same file, and downloads it once', async () => {
    bench.hub.faults = { bytesPerSecond: 3 * megabyte };
    const first = bench.open();
    const second = bench.open({}, first.store.models);
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
    const sent = bench.hub.bytesSent;
    bench.hub.faults = {};
    await Promise.race([first.reaches(completed), second.reaches(completed)]);
    assert.deepEqual(await bench.installed('big.gguf'), bigBytes);
    assert.ok(bench.hub.bytesSent - sent < bigBytes.length * 1.5, `fetched once: ${bench.hub.bytesSent - sent}`);
  });

  it('downloads the parts of a split model, whichever was named', async () => {
    const part = (no: number): Uint8Array => {
      const split = [kv.uint16('split.no', no), kv.uint16('split.count', 3)];
      return no === 0 ? buildLanguageModel({ entries: split, pad: 5_000 }) : buildGguf({ entries: split, tensors: [{ name: `w${no}`, shape: [64, 9] }] });
    };
    const name = (no: number): string => `Q4/split-0000${no + 1}-of-00003.gguf`;
    bench.hub.repositories[0]!.files = Object.fromEntries([0, 1, 2].map((no) => [name(no), part(no)]));
    const { api, reaches } = bench.open();
    const { modelId } = await api.models.downloadModel({ repository, fileName: name(1) });
    assert.equal(modelId, 'acme/Tiny-GGUF/Q4/split');
    await reaches(completed);
    for (const no of [0, 1, 2]) {
      assert.deepEqual(await bench.installed(name(no)), new Uint8Array(part(no)));
    }
    const [model] = await api.models.getDownloadedModels();
    assert.equal(model?.size, [0, 1, 2].reduce((sum, no) => sum + part(no).length, 0));
    await api.models.deleteModel(modelId);
    await assert.rejects(stat(bench.at('models', 'acme')), { code: 'ENOENT' });
  });

  it('downloads from a direct address', async () => {
    const url = `${bench.hub.storageUrl}1/${sha256Of(tinyBytes)}/x.gguf`;
    const { api, reaches, store } = bench.open();
    const { modelId } = await api.models.downloadModel({ url, sha256: sha256Of(tinyBytes) });
    await reaches(completed);
    const model = store.models.get(modelId);
    assert.deepEqual(new Uint8Array(await readFile(model!.path!)), tinyBytes);
    const viaHub = await api.models.downloadModel({ url: `${bench.hub.url}${repository}/resolve/main/${fileName}?download=true` });
    assert.equal(viaHub.modelId, 'acme/Tiny-GGUF/tiny-Q8_0');
  });

  it('takes a dead process’ lock, and leaves a living one’s', async () => {
    const { api, reaches } = bench.open();
    bench.hub.faults = { bytesPerSecond: 2 * megabyte };
    const { id } = await api.models.downloadModel(big);
    await api.models.cancelDownload(id);
    const lock = bench.at('models', '.downloads', id, 'lock');
    await writeFile(lock, JSON.stringify({ pid: process.pid, host: os.hostname(), startedAt: '', nonce: 'someone' }));
    assert.equal((await api.models.downloadModel(big)).status, 'running');
    assert.equal((JSON.parse(await readFile(lock, 'utf8')) as { nonce: string }).nonce, 'someone');
    await writeFile(lock, JSON.stringify({ pid: process.pid, host: os.hostname(), startedAt: '1', nonce: 'reused pid' }));
    bench.hub.faults = {};
    if (process.platform === 'linux') {
      await api.models.downloadModel(big);
    } else {
      await writeFile(lock, JSON.stringify({ pid: 2 ** 22 - 1, host: os.hostname(), startedAt: '', nonce: 'dead' }));
      await api.models.downloadModel(big);
    }
    await reaches(completed);
  });

  it('records a file that arrived when no window was left to record it', async () => {
    const window = bench.open();
    const { modelId } = await window.api.models.downloadModel(tiny);
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
