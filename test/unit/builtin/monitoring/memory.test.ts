import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { readLinuxMemory } from '../../../../src/builtin/monitoring/memory';

const GiB = 1024 ** 3;
const meminfo = `MemTotal:       16777216 kB\nMemFree:          100000 kB\nMemAvailable:    8388608 kB\n`;

describe('readLinuxMemory', () => {
  let root: string;

  beforeEach(async () => {
    root = await mkdtemp(path.join(os.tmpdir(), 'jan-memory-'));
    await put('proc/meminfo', meminfo);
  });
  afterEach(() => rm(root, { recursive: true }));

  async function put(file: string, text: string): Promise<void> {
    await mkdir(path.dirname(path.join(root, file)), { recursive: true });
    await writeFile(path.join(root, file), text);
  }

  it('takes what the kernel says is available, not what is free', async () => {
    assert.deepEqual(await readLinuxMemory(root), { total: 16 * GiB, available: 8 * GiB });
  });

  it('a version 2 group limits both; caches that give way are not used memory', async () => {
    await put('proc/self/cgroup', '0::/app.slice/app\n');
    await put('sys/fs/cgroup/app.slice/app/memory.max', `${4 * GiB}\n`);
    await put('sys/fs/cgroup/app.slice/app/memory.current', `${3 * GiB}\n`);
    await put('sys/fs/cgroup/app.slice/app/memory.stat', `anon 5\ninactive_file ${2 * GiB}\n`);
    assert.deepEqual(await readLinuxMemory(root), { total: 4 * GiB, available: 3 * GiB });
  });

  it('the group above counts too', async () => {
    await put('proc/self/cgroup', '0::/app.slice/app\n');
    await put('sys/fs/cgroup/app.slice/app/memory.max', 'max\n');
    await put('sys/fs/cgroup/app.slice/memory.max', `${6 * GiB}\n`);
    await put('sys/fs/cgroup/app.slice/memory.current', `${5 * GiB}\n`);
    assert.deepEqual(await readLinuxMemory(root), { total: 6 * GiB, available: 1 * GiB });
  });

  it('version 1, seen from within a container', async () => {
    await put('proc/self/cgroup', '9:name=systemd:/\n4:memory:/docker/123\n0::/\n');
    await put('sys/fs/cgroup/memory/memory.limit_in_bytes', `${2 * GiB}\n`);
    await put('sys/fs/cgroup/memory/memory.usage_in_bytes', `${2 * GiB}\n`);
    await put('sys/fs/cgroup/memory/memory.stat', `inactive_file 1\ntotal_inactive_file ${GiB}\n`);
    assert.deepEqual(await readLinuxMemory(root), { total: 2 * GiB, available: 1 * GiB });
  });

  it('no limit is no limit', async () => {
    await put('proc/self/cgroup', '4:memory:/\n0::/\n');
    await put('sys/fs/cgroup/memory/memory.limit_in_bytes', '9223372036854771712\n');
    await put('sys/fs/cgroup/memory.max', 'max\n');
    assert.deepEqual(await readLinuxMemory(root), { total: 16 * GiB, available: 8 * GiB });
  });

  it('a group above its limit leaves nothing, not less', async () => {
    await put('proc/self/cgroup', '0::/\n');
    await put('sys/fs/cgroup/memory.max', '100\n');
    await put('sys/fs/cgroup/memory.current', '500\n');
    assert.deepEqual(await readLinuxMemory(root), { total: 100, available: 0 });
  });

  it('a path that climbs out of the mount stays within it', async () => {
    await put('proc/self/cgroup', '0::/../../other\n');
    await put('sys/fs/cgroup/memory.max', '100\n');
    await put('sys/fs/cgroup/memory.current', '0\n');
    assert.equal((await readLinuxMemory(root)).total, 100);
  });
});
