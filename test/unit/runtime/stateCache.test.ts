import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Token } from 'node-llama-cpp';
import { nullLogger } from '../../../src/common/log';
import { StateCache, type StatefulSequence } from '../../../src/runtime/stateCache';

const tokensOf = (text: string): Token[] => [...text].map((letter) => letter.codePointAt(0) as Token);

/** A sequence whose state is its text, written to a real file. */
class TextSequence implements StatefulSequence {
  saves = 0;

  constructor(
    public text = '',
    readonly needsCheckpoints = false,
  ) {}

  get contextTokens(): Token[] {
    return tokensOf(this.text);
  }

  async saveStateToFile(file: string): Promise<{ fileSize: number }> {
    this.saves++;
    await writeFile(file, this.text);
    return { fileSize: this.text.length };
  }

  async clearHistory(): Promise<void> {
    this.text = '';
  }

  async loadStateFromFile(file: string): Promise<void> {
    assert.equal(this.text, '', 'nothing of what was there before is left');
    this.text = await readFile(file, 'utf8');
  }
}

describe('state cache', () => {
  let parent: string;
  let cache: StateCache;
  const owner = {};

  beforeEach(async () => {
    parent = await mkdtemp(path.join(os.tmpdir(), 'jan-states-test-'));
    cache = new StateCache({ log: nullLogger, budget: 1000, parent });
  });

  afterEach(async () => {
    await cache.dispose();
    await rm(parent, { recursive: true, force: true });
  });

  const find = (text: string, whole = false) => cache.find(owner, tokensOf(text), whole);

  it('gives back the state that shares the longest beginning', async () => {
    await cache.keep(owner, new TextSequence('The weather today'));
    await cache.keep(owner, new TextSequence('The weather tomorrow'));
    const found = find('The weather tomorrow evening')!;
    assert.equal(found.sharedPrefix, 'The weather tomorrow'.length);
    const sequence = new TextSequence('other');
    assert.equal(await cache.restore(found.state, sequence), true);
    assert.equal(sequence.text, 'The weather tomorrow');
    assert.equal(find('Something else'), undefined);
    assert.equal(cache.find({}, tokensOf('The weather'), false), undefined, "another model's states are none of ours");
  });

  it('offers a state to a recurrent model only as a whole', async () => {
    await cache.keep(owner, new TextSequence('abcdef'));
    assert.equal(find('abcxyz', false)?.sharedPrefix, 3);
    assert.equal(find('abcxyz', true), undefined);
    assert.equal(find('abcdef', true), undefined, 'one token must be left to read');
    assert.equal(find('abcdefg', true)?.sharedPrefix, 6);
  });

  it('keeps the longer one of two states of a conversation, and writes none twice', async () => {
    const sequence = new TextSequence('Hello');
    await cache.keep(owner, sequence);
    await cache.keep(owner, sequence);
    assert.equal(sequence.saves, 1);
    await cache.keep(owner, new TextSequence('Hello, and more'));
    assert.equal(cache.size, 'Hello, and more'.length);
  });

  it('drops a state that holds next to nothing else before it writes the new one', async () => {
    const [text, other] = ['x'.repeat(300), 'y'.repeat(200)];
    await cache.keep(owner, new TextSequence(`${text}asked once`));
    await cache.keep(owner, new TextSequence(`${text}${other}`));
    assert.equal(cache.size, 500, 'a few tokens are soon read again');
    await cache.keep(owner, new TextSequence(`${text} and now`));
    assert.equal(cache.size, 808, 'two hundred are not');
    const sequence = new TextSequence(`${text} and now for something else`);
    const save = sequence.saveStateToFile.bind(sequence);
    let sizeWhileWriting: number | undefined;
    sequence.saveStateToFile = (file) => {
      sizeWhileWriting = cache.size;
      return save(file);
    };
    await cache.keep(owner, sequence);
    assert.equal(sizeWhileWriting, 500, 'its memory is free again when the new one needs some');
  });

  it('keeps the states of a recurrent model that differ in their last tokens: each serves only as a whole', async () => {
    await cache.keep(owner, new TextSequence('xxxx1', true));
    await cache.keep(owner, new TextSequence('xxxx2', true));
    assert.equal(cache.size, 10);
  });

  it('does not drop the state that was just looked up to make room for another, and restores none that is gone', async () => {
    await cache.keep(owner, new TextSequence('a'.repeat(400)));
    await cache.keep(owner, new TextSequence('b'.repeat(400)));
    const found = find('a'.repeat(500))!;
    await cache.keep(owner, new TextSequence('c'.repeat(400)));
    const sequence = new TextSequence();
    assert.equal(await cache.restore(found.state, sequence), true);
    assert.equal(sequence.text, 'a'.repeat(400));
    await cache.forget(owner);
    assert.equal(await cache.restore(found.state, new TextSequence()), false);
  });

  it('stays within its budget: what was unused for longest goes', async () => {
    for (const letter of ['a', 'b', 'c']) {
      await cache.keep(owner, new TextSequence(letter.repeat(300)));
    }
    await cache.restore(find('a'.repeat(400))!.state, new TextSequence());
    await cache.keep(owner, new TextSequence('d'.repeat(300)));
    assert.equal(cache.size, 900);
    assert.notEqual(find('aaa'), undefined);
    assert.equal(find('bbb'), undefined);
    assert.equal(await cache.keep(owner, new TextSequence('e'.repeat(1001))), undefined, 'larger than the budget');
    assert.ok(cache.size <= 1000);
  });

  it('says so when a state cannot be written or read, and goes on', async () => {
    const failing = new TextSequence('abc');
    failing.saveStateToFile = async () => Promise.reject(new Error('no space'));
    assert.equal(await cache.keep(owner, failing), undefined);
    assert.deepEqual(await namesIn(), []);
    const state = (await cache.keep(owner, new TextSequence('abc')))!;
    const reader = new TextSequence('another');
    reader.loadStateFromFile = async () => Promise.reject(new Error('broken'));
    assert.equal(await cache.restore(state, reader), false);
    assert.equal(reader.text, '', 'it is no other conversation’s');
    assert.equal(find('abcd'), undefined);
  });

  it('lets a state be read to its end that is dropped meanwhile', async () => {
    const state = (await cache.keep(owner, new TextSequence('abc')))!;
    const reader = new TextSequence();
    const read = reader.loadStateFromFile.bind(reader);
    reader.loadStateFromFile = async (file) => {
      await cache.forget(owner);
      await read(file);
    };
    assert.equal(await cache.restore(state, reader), true);
    assert.equal(reader.text, 'abc');
    assert.equal(find('abcd'), undefined);
    assert.deepEqual(await namesIn(), []);
  });

  it('lets nobody else in, leaves no name behind on Linux, and nothing at all when it ends', async function () {
    await cache.keep(owner, new TextSequence('secret'));
    const [folder] = await readdir(parent);
    if (process.platform !== 'win32') {
      assert.equal((await stat(path.join(parent, folder!))).mode & 0o777, 0o700);
    }
    if (process.platform === 'linux') {
      assert.deepEqual(await namesIn(), []);
    }
    await cache.dispose();
    assert.deepEqual(await readdir(parent), []);
  });

  it('removes what a killed process left, and nothing of a living one', async () => {
    const dead = spawnSync(process.execPath, ['-e', '0']).pid;
    await mkdir(path.join(parent, `jan-states-${dead}-abcdef`));
    await mkdir(path.join(parent, `jan-states-${process.ppid}-abcdef`));
    await cache.keep(owner, new TextSequence('abc'));
    const names = await readdir(parent);
    assert.equal(names.some((name) => name.startsWith(`jan-states-${dead}-`)), false);
    assert.equal(names.some((name) => name.startsWith(`jan-states-${process.ppid}-`)), true);
  });

  it('forgets what belongs to an unloaded model', async () => {
    const other = {};
    await cache.keep(owner, new TextSequence('abc'));
    await cache.keep(other, new TextSequence('abc'));
    await cache.forget(owner);
    assert.equal(find('abcd'), undefined);
    assert.equal(cache.find(other, tokensOf('abcd'), false)?.sharedPrefix, 3);
  });

  /** Of all files below. */
  async function namesIn(): Promise<string[]> {
    const entries = await readdir(parent, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  }
});
