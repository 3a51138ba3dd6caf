import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { DataStore } from '../../../../src/builtin/data/dataStore';
import { scanFrames } from '../../../../src/builtin/data/frame';
import type { StoreFiles } from '../../../../src/builtin/data/storeFiles';
import { nullLogger } from '../../../../src/common/log';
import { recordTrace, traceDirectory, type CrashTrace } from '../../../fixtures/data/crashTrace';
import { MemoryDisk, type CrashKind, type DiskState } from '../../../fixtures/data/memoryDisk';
import { soakRounds, soakTimeout } from '../../../fixtures/soak';
import { seededRandom } from '../../../fixtures/data/storeFixture';

const operations = 500;
/** Torn states tried at each step. */
const tornAtEachStep = soakRounds(1, 12);
/** Every step in the soak; in the usual run every n-th, and every one during a compaction. */
const stride = soakRounds(8, 1);

describe('Store after a crash while another window had not synced yet', () => {
  /** The disk as a window sees it whose `call` gets no answer; resolves `reached` when it waits. */
  const stuck = (files: StoreFiles, call: 'sync' | 'syncDirectory', isArmed: () => boolean): { files: StoreFiles; reached: Promise<void> } => {
    let reach: () => void;
    const reached = new Promise<void>((resolve) => (reach = resolve));
    const hold = async (act: () => Promise<void>): Promise<void> => {
      if (!isArmed()) {
        return act();
      }
      reach();
      return new Promise(() => undefined);
    };
    return {
      reached,
      files: {
        ...files,
        syncDirectory: (directory) =>
          call === 'syncDirectory' ? hold(() => files.syncDirectory(directory)) : files.syncDirectory(directory),
        open: async (file, access) => {
          const opened = await files.open(file, access);
          return { ...opened, sync: () => (call === 'sync' ? hold(() => opened.sync()) : opened.sync()) };
        },
      },
    };
  };
  const open = (files: StoreFiles): DataStore =>
    new DataStore({ directory: traceDirectory, files, log: nullLogger, onEvent: () => undefined });

  it('the seal that leads to the journal, holds what was acknowledged behind it', async () => {
    const disk = new MemoryDisk();
    let armed = false;
    const { files, reached } = stuck(disk.files, 'sync', () => armed);
    const [here, there] = [open(files), open(disk.files)];
    const { id } = await here.createConversation({ name: 'before' });
    await there.getConversation(id);
    armed = true;
    void here.compact();
    await reached;
    await there.getConversations(); // Reads the seal; a write that met it would have synced it.
    const { id: behind } = await there.createConversation({ name: 'behind' });
    assert.ok(disk.state.get(`${traceDirectory}/journal-2.log`)!.includes(behind), 'it went to the next journal');
    await assertHolds(disk, [id, behind]);
    await there.close();
  });

  it('the name of the first journal, holds what was acknowledged in it', async () => {
    const disk = new MemoryDisk();
    const { files, reached } = stuck(disk.files, 'syncDirectory', () => true);
    const [here, there] = [open(files), open(disk.files)];
    await there.getConversations();
    void here.createConversation({ name: 'never acknowledged' });
    await reached;
    const { id } = await there.createConversation({ name: 'acknowledged' });
    await assertHolds(disk, [id]);
    await there.close();
  });

  const assertHolds = async (disk: MemoryDisk, ids: readonly string[]): Promise<void> => {
    const after = new MemoryDisk(disk.afterCrash(disk.steps.length, 'lost', () => 0));
    const store = open(after.files);
    const found = (await store.getConversations()).map(({ id }) => id);
    assert.deepEqual(found.sort(), [...ids].sort());
    await store.close();
  };
});

const words: Record<CrashKind, string> = { all: 'there', lost: 'lost', torn: 'torn' };

describe('Store after a crash at any step', function () {
  this.timeout(soakTimeout(400_000));
  let trace: CrashTrace;

  before(async () => {
    trace = await recordTrace(11, operations, [170, 340]);
  });
  after(() => trace?.close());

  it('is tried on a trace of 500 operations of two windows with two compactions', () => {
    assert.equal(trace.compactions.length, 2);
    assert.ok(trace.disk.state.has(`${traceDirectory}/snapshot-3.db`));
    assert.ok(trace.acknowledged.length + trace.attachments.length > operations * 0.95);
    assert.ok(trace.attachments.length > 5);
    assert.ok(trace.states.size > operations * 0.8);
  });

  for (const kind of ['all', 'lost', 'torn'] as const) {
    it(`holds every acknowledged change, sound and writable, when unsynced bytes are ${words[kind]}`, async () => {
      const random = seededRandom(5);
      const seen = new Set<string>();
      const during = (step: number): boolean => trace.compactions.some(({ start, end }) => step >= start && step <= end);
      for (let step = 0; step <= trace.disk.steps.length; step++) {
        for (let round = 0; round < (kind === 'torn' ? tornAtEachStep : 1); round++) {
          const state = trace.disk.afterCrash(step, kind, random);
          const fingerprint = fingerprintOf(state);
          if (!seen.has(fingerprint) && (step % stride === 0 || during(step))) {
            await assertRecovers(trace, state, step, `${kind} at step ${step}, round ${round}`, kind);
          }
          seen.add(fingerprint);
        }
      }
      console.log(`      ${seen.size} states of ${trace.disk.steps.length} steps`);
    });
  }
});



/** What was acknowledged before the crash is there; of the rest, what is there is a whole number of records. */
async function assertRecovers(trace: CrashTrace, state: DiskState, step: number, place: string, kind: CrashKind): Promise<void> {
  const disk = new MemoryDisk(state);
  const open = (): DataStore =>
    new DataStore({ directory: traceDirectory, files: disk.files, log: nullLogger, onEvent: () => undefined });
  const store = open();
  const anew = open();
  try {
    const kept = await keptRecords(trace, state, await store.contentHash());
    assert.ok(kept !== undefined, `${place}: a state that no choice of records gives`);
    const due = trace.acknowledged.filter((one) => one.step <= step);
    const lost = due.filter(({ record }) => !kept(record));
    assert.deepEqual(lost, [], `${place}: lost, of ${due.length} acknowledged changes`);
    for (const attachment of trace.attachments.filter((one) => one.step <= step)) {
      assert.ok((await store.getAttachment(attachment.id)).length > 0, place);
    }
    const { findings } = await store.checkStore();
    const allowed = kind === 'torn' ? findings.filter((finding) => finding.kind !== 'record') : findings;
    assert.deepEqual(allowed, [], place);
    const { id } = await store.createConversation({ name: 'after' });
    assert.equal((await anew.getConversation(id)).name, 'after', place);
    assert.equal(await anew.contentHash(), await store.contentHash(), place);
  } finally {
    await Promise.all([store.close(), anew.close()]);
  }
}

/**
 * Which records make up a state: the first so many, or also others where one that was not synced became a hole.
 * Undefined when the state is none that whole records give.
 */
async function keptRecords(trace: CrashTrace, state: DiskState, hash: string): Promise<((record: number) => boolean) | undefined> {
  const count = trace.states.get(hash);
  if (count !== undefined) {
    return (record) => record < count;
  }
  const ids = new Set([...state].flatMap(([, content]) => scanFrames(content, true).frames.map(({ id }) => id)));
  const first = trace.frames.findIndex(({ id }) => ids.has(id));
  const kept = (record: number): boolean => record < first || ids.has(trace.frames[record]!.id);
  return (await trace.hashOf(trace.frames.filter((_, record) => kept(record)))) === hash ? kept : undefined;
}

function fingerprintOf(state: DiskState): string {
  const hash = createHash('sha1');
  for (const [file, content] of [...state].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${file} ${content.length} `).update(content);
  }
  return hash.digest('hex');
}
