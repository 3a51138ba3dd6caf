import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { big, bigBytes, bigModel, completed, DownloadBench, failed, fails, fileName, megabyte, repository, tiny, tinyBytes } from './downloadBench';

describe('downloads when something is wrong', function () {
  this.timeout(60_000);
  const bench = new DownloadBench();
  beforeEach(() => bench.setUp());
  afterEach(() => bench.tearDown());

  it('never shows a file whose checksum is wrong', async () => {
    for (const faults of [{ statedSha256: 'a'.repeat(64) }, { corrupt: true }]) {
      bench.hub.faults = faults;
      const window = bench.open();
      await window.api.models.downloadModel(tiny);
      const { error } = await window.reaches(failed);
      assert.equal(error?.code, 'checksum-mismatch');
      await bench.nothingVisible(window);
      window.dispose();
    }
  });

  it('refuses when the caller expects another file', async () => {
    const window = bench.open();
    await fails(window.api.models.downloadModel({ ...tiny, sha256: 'b'.repeat(64) }), 'checksum-mismatch');
    await bench.nothingVisible(window);
    assert.equal(window.store.models.size, 0);
  });

  it('never shows a file that is no model', async () => {
    bench.hub.repositories[0]!.files = { 'fake.gguf': Buffer.from('<html>Sign in to continue</html>'.repeat(50)), 'cut.gguf': tinyBytes.subarray(0, 3_000) };
    const window = bench.open();
    for (const name of ['fake.gguf', 'cut.gguf']) {
      const { modelId } = await window.api.models.downloadModel({ repository, fileName: name });
      const { error } = await window.reaches((download) => download.modelId === modelId && failed(download));
      assert.equal(error?.code, 'model-invalid');
    }
    await bench.nothingVisible(window);
    assert.deepEqual(await bench.unfinished(), []);
  });

  it('goes on through cuts, errors and pauses of the server', async () => {
    bench.hub.faults = { cut: { afterBytes: megabyte, times: 4 }, storageStatus: { status: 500, times: 2 }, hubStatus: { status: 429, times: 1, retryAfter: 1 } };
    const { api, reaches } = bench.open();
    await api.models.downloadModel(big);
    await reaches(completed);
    assert.deepEqual(await bench.installed('big.gguf'), bigBytes);
  });

  it('takes a new address when the storage host’s has expired', async () => {
    bench.hub.faults = { bytesPerSecond: 6 * megabyte };
    const { api, reaches } = bench.open();
    await api.models.downloadModel(big);
    await reaches(({ receivedBytes }) => receivedBytes > 4 * megabyte);
    bench.hub.expireSignatures();
    bench.hub.faults = {};
    await reaches(completed);
    assert.deepEqual(await bench.installed('big.gguf'), bigBytes);
  });

  it('gives up in words when the server falls silent, and keeps what arrived', async () => {
    const { api, reaches, store } = bench.open({ limits: { stallMs: 500, patienceMs: 2_000 } });
    bench.hub.faults = { stallAfterBytes: 1 };
    const { id } = await api.models.downloadModel(big);
    const { error } = await reaches(failed);
    assert.equal(error?.code, 'network');
    assert.match(error.message, /(stopped sending|did not answer).*resume/);
    assert.equal(store.models.size, 1);
    assert.deepEqual(await bench.unfinished(), [id]);
  });

  it('starts over when the server cannot send parts', async () => {
    bench.hub.faults = { ignoreRange: true };
    const { api, reaches } = bench.open();
    await api.models.downloadModel(big);
    await reaches(completed);
    assert.deepEqual(await bench.installed('big.gguf'), bigBytes);
  });

  it('does not mix two versions of a file', async () => {
    bench.hub.faults = { bytesPerSecond: 8 * megabyte };
    const first = bench.open();
    const { id } = await first.api.models.downloadModel(big);
    await first.reaches(({ receivedBytes }) => receivedBytes > 12 * megabyte);
    await first.api.models.cancelDownload(id);
    const newer = bigModel(24);
    bench.hub.repositories[0]!.files['big.gguf'] = newer;
    bench.hub.faults = {};
    first.downloads.length = 0;
    await first.api.models.downloadModel(big);
    await first.reaches(completed);
    assert.deepEqual(await bench.installed('big.gguf'), newer);
  });

  it('starts over when the version changes while it downloads', async () => {
    bench.hub.faults = { bytesPerSecond: 8 * megabyte };
    const { api, reaches } = bench.open();
    await api.models.downloadModel(big);
    await reaches(({ receivedBytes }) => receivedBytes > 2 * megabyte);
    bench.hub.faults = { etag: '"another"' };
    await reaches(completed);
    assert.deepEqual(await bench.installed('big.gguf'), bigBytes);
  });

  it('takes no other part than it asked for', async () => {
    bench.hub.faults = { shiftRange: true };
    const window = bench.open({ limits: { stallMs: 500, patienceMs: 2_000 } });
    await window.api.models.downloadModel(big);
    const { error } = await window.reaches(failed);
    assert.match(error?.message ?? '', /another part/);
    await bench.nothingVisible(window);
  });

  it('fails in words on 416 again and again', async () => {
    bench.hub.faults = { refuseRange: true };
    const window = bench.open();
    await window.api.models.downloadModel(big).catch(() => undefined);
    const { error } = await window.reaches(failed);
    assert.match(error?.message ?? '', /changed on the server/);
    await bench.nothingVisible(window);
  });

  it('sends the token to the hub and to nobody else', async () => {
    bench.hub.repositories[0]!.gatedBy = 'hf_secret';
    await fails(bench.open().api.models.downloadModel(tiny), 'download-failed', /licence.*token/);
    const { api, reaches } = bench.open({ hubToken: () => Promise.resolve('hf_secret') });
    await api.models.downloadModel(tiny);
    await reaches(completed);
    assert.ok(bench.hub.requests.some(({ host, authorization }) => host === 'hub' && authorization === 'Bearer hf_secret'));
    assert.deepEqual(bench.hub.requests.filter(({ host, authorization }) => host === 'storage' && authorization !== undefined), []);
    assert.ok(bench.hub.requests.some(({ host }) => host === 'storage'));
  });

  it('refuses what does not exist, in words', async () => {
    const { api, store } = bench.open();
    await fails(api.models.downloadModel({ repository, fileName: 'none.gguf' }), 'download-failed', /does not have this file/);
    await bench.hub.close();
    await fails(api.models.downloadModel(tiny), 'network', /cannot be reached/);
    assert.equal(store.models.size, 0);
    assert.deepEqual(await bench.unfinished(), []);
  });

  it('follows no redirect to an unsafe place', async () => {
    for (const redirectTo of ['http://example.com/x', 'ftp://127.0.0.1/x', 'https://10.0.0.1/x', 'https://[fd00::1]/x', 'https://169.254.169.254/latest', 'https://user:pass@127.0.0.1/x']) {
      bench.hub.faults = { redirectTo };
      const window = bench.open();
      await fails(window.api.models.downloadModel(tiny), 'download-failed', /Nothing was fetched from there/);
      await bench.nothingVisible(window);
      assert.equal(window.store.models.size, 0);
      window.dispose();
    }
  });

  it('says when the disk has no room, before the first byte', async () => {
    const window = bench.open({ limits: { minimumFreeBytes: 1e15 } });
    await fails(window.api.models.downloadModel(big), 'disk-full', /needed.*free/);
    assert.equal(bench.hub.bytesSent, 0);
    assert.equal(window.store.models.size, 0);
  });

  it('says when the disk fills up on the way, and resumes when there is room', async function () {
    const disk = bench.at('models');
    await mkdir(disk);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'jan-test', disk], { stdio: 'ignore' });
    } catch {
      console.log('      skipped: a small file system can only be mounted by root on Linux');
      this.skip();
    }
    bench.owned.add({ dispose: () => void execFileSync('umount', ['-l', disk]) });
    bench.hub.faults = { bytesPerSecond: 8 * megabyte };
    const { api, reaches, downloads } = bench.open({ limits: { minimumFreeBytes: 0 } });
    await api.models.downloadModel(big);
    await writeFile(bench.at('models', 'filler'), new Uint8Array(36 * megabyte));
    const { error } = await reaches(failed);
    assert.equal(error?.code, 'disk-full');
    await rm(bench.at('models', 'filler'));
    bench.hub.faults = {};
    downloads.length = 0;
    await api.models.downloadModel(big);
    await reaches(completed);
    assert.deepEqual(await bench.installed('big.gguf'), bigBytes);
  });

  it('lets no name lead out of the models folder', async () => {
    const { api } = bench.open();
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
    assert.deepEqual(bench.hub.requests, []);
  });

  it('writes through no link in the models folder', async () => {
    await mkdir(bench.at('models'));
    await mkdir(bench.at('outside'));
    await symlink(bench.at('outside'), bench.at('models', 'acme'));
    const window = bench.open();
    await window.api.models.downloadModel(tiny);
    const { error } = await window.reaches(failed);
    assert.match(error?.message ?? '', /is a link/);
    assert.deepEqual(await readdir(bench.at('outside')), []);
  });
});
