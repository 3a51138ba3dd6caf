import assert from 'node:assert/strict';
import { DataStore } from '../../../../src/builtin/data/dataStore';
import { scanFrames, type Frame } from '../../../../src/builtin/data/frame';
import { loadSqlite, type SqlJsStatic } from '../../../../src/builtin/data/sqlite';
import { View } from '../../../../src/builtin/data/view';
import { nullLogger } from '../../../../src/common/log';
import { MemoryDisk } from '../../../fixtures/data/memoryDisk';
import { seededRandom } from '../../../fixtures/data/storeFixture';
import { soakRounds, soakTimeout } from '../../../fixtures/soak';

const size = 64 * 1024;
/** Every byte in the soak; else so many apart, and another place in each record. */
const storeStride = soakRounds(997, 1);

describe('A journal of 64 KiB', function () {
  this.timeout(soakTimeout(300_000));
  let whole: Buffer;
  let frames: readonly Frame[];
  let sqlite: SqlJsStatic;

  before(async () => {
    const disk = new MemoryDisk();
    const store = open(disk);
    const random = seededRandom(64);
    let { id } = await store.createConversation({ name: 'first' });
    for (let n = 0; (disk.state.get(journal)?.length ?? 0) < size; n++) {
      const content = `${n} ${'ä wörd '.repeat(Math.floor(random() * 120))}`;
      const message = await store.createMessage({ conversationId: id, role: 'user', content });
      if (n % 5 === 0) {
        await store.updateMessage({ id: message.id, append: ' more' });
      }
      if (n % 17 === 0) {
        id = (await store.createConversation({ name: `at ${n}` })).id;
      }
    }
    await store.close();
    whole = disk.state.get(journal)!;
    frames = scanFrames(whole, true).frames;
    sqlite = await loadSqlite();
  });

  const hashOf = (some: readonly Frame[]): string => {
    const view = new View(sqlite);
    some.forEach((frame) => view.apply(frame));
    const value = view.queries.contentHash();
    view.close();
    return value;
  };
  const flipped = (at: number): Buffer => {
    const bytes = Buffer.from(whole);
    bytes[at] = flipOf(bytes[at]!, at);
    return bytes;
  };
  const recordAt = (byte: number): number => frames.findIndex(({ end }) => byte < end);

  it('keeps every record but the one that a flipped byte is in, and says where, at every byte', () => {
    const ids = frames.map(({ id }) => id);
    const last = frames.at(-1)!;
    // One copy, changed and changed back: the scan is what takes the time.
    const bytes = Buffer.from(whole);
    for (let at = 0; at < whole.length; at++) {
      bytes[at] = flipOf(whole[at]!, at);
      const lost = recordAt(at);
      const { frames: found, damage, consumed } = scanFrames(bytes, true);
      bytes[at] = whole[at]!;
      const isKept = found.length === ids.length - 1 && found.every(({ id }, i) => id === ids[i < lost ? i : i + 1]);
      assert.ok(isKept, `byte ${at} of record ${lost}`);
      const { start, end } = frames[lost]!;
      // The last one may still be growing, as far as anyone can tell: it is open until something follows it.
      const isReported = damage.length === 1 && damage[0]!.start === start && damage[0]!.end === end;
      assert.ok(start === last.start ? consumed === start && damage.length === 0 : isReported, `byte ${at}`);
    }
  });

  it('keeps every record before a cut, at every byte', () => {
    for (let at = 0; at <= whole.length; at++) {
      const { frames: found, damage, consumed } = scanFrames(whole.subarray(0, at), true);
      const count = recordAt(at) < 0 ? frames.length : recordAt(at);
      const isRight = found.length === count && (count === 0 || found[count - 1]!.id === frames[count - 1]!.id);
      assert.ok(isRight && damage.length === 0 && consumed === (frames[count - 1]?.end ?? 0), `cut at ${at}`);
    }
  });

  it('gives the store exactly what the rest of a flipped journal gives, reports it, and is written to', async () => {
    for (let at = 3; at < whole.length; at += storeStride) {
      const disk = new MemoryDisk(new Map([[journal, flipped(at)]]));
      const lost = recordAt(at);
      const { start, end } = frames[lost]!;
      const rest = frames.filter((_, i) => i !== lost);
      await assertReads(disk, hashOf(rest), [start, end], `byte ${at} of record ${lost}`);
    }
  });

  it('gives the store exactly what comes before a cut, reports a torn end, and is written to', async () => {
    for (let at = 5; at <= whole.length; at += storeStride) {
      const disk = new MemoryDisk(new Map([[journal, whole.subarray(0, at)]]));
      const count = recordAt(at) < 0 ? frames.length : recordAt(at);
      const end = frames[count - 1]?.end ?? 0;
      await assertReads(disk, hashOf(frames.slice(0, count)), at === end ? undefined : [end, at], `cut at ${at}`);
    }
  });

  const assertReads = async (disk: MemoryDisk, hash: string, damage: readonly [number, number] | undefined, place: string): Promise<void> => {
    const store = open(disk);
    assert.equal(await store.contentHash(), hash, place);
    const found = store.damage.map(({ kind, start, end }) => ({ kind, start, end }));
    assert.deepEqual(found, damage === undefined ? [] : [{ kind: 'record', start: damage[0], end: damage[1] }], place);
    const { id } = await store.createConversation({ name: 'after' });
    await store.close();
    const anew = open(disk);
    assert.equal((await anew.getConversation(id)).name, 'after', place);
    await anew.close();
  };
});

const journal = '/store/journal-1.log';

function open(disk: MemoryDisk): DataStore {
  return new DataStore({ directory: '/store', files: disk.files, log: nullLogger, onEvent: () => undefined });
}

function flipOf(byte: number, at: number): number {
  return byte ^ (1 + ((at * 37) % 255));
}
