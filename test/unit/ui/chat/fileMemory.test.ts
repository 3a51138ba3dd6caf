import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { nullLogger } from '../../../../src/common/log';
import { FileMemory } from '../../../../src/ui/chat/fileMemory';

describe('file memory', () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'jan-memory-'));
    file = path.join(folder, 'deep', 'chat.json');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('keeps what was updated, for the next window', async () => {
    const memory = new FileMemory(file, nullLogger);
    assert.equal(memory.get('open'), undefined);
    await Promise.all([memory.update('open', 'c1'), memory.update('drafts', { c1: 'half a sent' })]);
    await memory.update('open', 'c2');
    const next = new FileMemory(file, nullLogger);
    assert.equal(next.get('open'), 'c2');
    assert.deepEqual(next.get('drafts'), { c1: 'half a sent' });
    assert.deepEqual(await readdir(path.dirname(file)), ['chat.json']);
  });

  it('keeps what is updated as the window closes', () => {
    const memory = new FileMemory(file, nullLogger);
    void memory.update('open', 'c1');
    memory.dispose();
    assert.equal(new FileMemory(file, nullLogger).get('open'), 'c1');
  });

  it('begins afresh with a file that is none of its own, and trusts no inherited key', async () => {
    for (const text of ['', '{', '[1]', 'null', '7', '{"__proto__": {"open": "x"}}']) {
      await writeFile(path.join(folder, 'bad.json'), text);
      const memory = new FileMemory(path.join(folder, 'bad.json'), nullLogger);
      assert.equal(memory.get('open'), undefined, text);
      assert.equal(memory.get('toString'), undefined, text);
    }
  });

  it('goes on where nothing can be written', async () => {
    await writeFile(path.join(folder, 'taken'), '');
    const memory = new FileMemory(path.join(folder, 'taken', 'chat.json'), nullLogger);
    await memory.update('open', 'c1');
    assert.equal(memory.get('open'), 'c1');
    memory.dispose();
  });
});
