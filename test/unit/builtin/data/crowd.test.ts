import assert from 'node:assert/strict';
import { soakRounds, soakTimeout } from '../../../fixtures/soak';
import { eventually, seededRandom, StoreFixture, storeFileNames, type WriterProcess } from '../../../fixtures/data/storeFixture';

interface Told {
  readonly conversation?: string;
  readonly mark?: string;
  readonly done?: true;
  readonly hash?: string;
}

const processes = 8;
const operationsEach = soakRounds(200, 10_000);
/** Changes of all processes between two blows. */
const betweenBlows = soakRounds(60, 1000);
/** Bytes of journal. */
const compactAt = soakRounds(40_000, 1_000_000);
/** A killed process may have saved this much that it could not tell. */
const untold = 2;

describe('Eight processes at once, killed and stopped at random', function () {
  this.timeout(soakTimeout(300_000));
  const fixture = new StoreFixture();
  afterEach(() => fixture.dispose());

  it('lose nothing that was acknowledged, make nothing twice, and hold the same in the end', async () => {
    const directory = await fixture.directory();
    const random = seededRandom(8);
    const started = performance.now();
    const all: { readonly writer: WriterProcess; readonly seed: number; killed: boolean }[] = [];
    let seeds = 0;
    const told = (writer: WriterProcess): readonly Told[] => writer.messages as Told[];
    const marksOf = (writer: WriterProcess): string[] => told(writer).flatMap(({ mark }) => mark ?? []);
    const isDone = (writer: WriterProcess): boolean => told(writer).some(({ done }) => done);
    const start = async (operations: number): Promise<WriterProcess> => {
      const seed = ++seeds;
      const writer = await fixture.spawn('storeWriter', [directory, 'marked', `${operations}`, `${seed}`, `${compactAt}`]);
      all.push({ writer, seed, killed: false });
      return writer;
    };
    const living = await Promise.all(Array.from({ length: processes }, () => start(operationsEach)));
    const stopped = new Set<WriterProcess>();
    const count = (): number => all.reduce((sum, { writer }) => sum + writer.messages.length, 0);
    const blows = { kills: 0, stops: 0 };
    while (!living.every(isDone)) {
      const next = count() + betweenBlows * (0.5 + random());
      await eventually(() => count() >= next || living.every((writer) => isDone(writer) || stopped.has(writer)), 600_000);
      for (const writer of stopped) {
        if (random() < 0.5 || living.every((one) => isDone(one) || stopped.has(one))) {
          writer.child.kill('SIGCONT');
          stopped.delete(writer);
        }
      }
      const slot = Math.floor(random() * processes);
      const victim = living[slot]!;
      if (isDone(victim)) {
        continue;
      }
      if (random() < 0.4) {
        blows.kills += 1;
        all.find(({ writer }) => writer === victim)!.killed = true;
        stopped.delete(victim);
        await victim.kill();
        living[slot] = await start(Math.max(1, operationsEach - marksOf(victim).length));
      } else if (stopped.size < processes / 2) {
        blows.stops += 1;
        stopped.add(victim);
        victim.child.kill('SIGSTOP');
      }
    }
    const seconds = (performance.now() - started) / 1000;
    for (const writer of living) {
      writer.child.kill('SIGCONT');
      writer.child.send({ hash: true });
    }
    await Promise.all(living.map((writer) => writer.until((messages) => (messages.at(-1) as Told).hash !== undefined)));
    const here = fixture.open(directory);
    const hashes = new Set(living.map((writer) => told(writer).at(-1)!.hash));
    assert.deepEqual(hashes, new Set([await here.contentHash()]));

    const found = new Map<string, number>();
    for (const conversation of all.flatMap(({ writer }) => told(writer).flatMap((one) => one.conversation ?? []))) {
      for (const { content } of await here.getConversationMessages(conversation)) {
        for (const [mark] of content.matchAll(/<\d+\.\d+>/g)) {
          found.set(mark, (found.get(mark) ?? 0) + 1);
        }
      }
    }
    assert.deepEqual([...found].filter(([, times]) => times > 1), [], 'made twice');
    for (const { writer, seed, killed } of all) {
      const marks = marksOf(writer);
      assert.deepEqual(marks.filter((mark) => !found.has(mark)), [], 'lost');
      const more = [...found.keys()].filter((mark) => mark.startsWith(`<${seed}.`)).length - marks.length;
      assert.ok(killed ? more <= untold : more === 0, `${more} more than told`);
    }
    const total = all.reduce((sum, { writer }) => sum + marksOf(writer).length, 0);
    assert.ok(total >= processes * operationsEach - all.length);
    assert.ok(blows.kills > 1 && blows.stops > 1);
    const report = await here.checkStore();
    // A process that is killed in the middle of a write may leave a part of a record, which no one was told of.
    assert.deepEqual(report.findings.filter(({ kind }) => kind !== 'record'), []);
    const generations = (await storeFileNames(directory)).filter((name) => name.startsWith('journal')).at(-1);
    console.log(
      `      ${total} changes in ${seconds.toFixed(0)} s, ${blows.kills} killed, ${blows.stops} stopped, ` +
        `up to ${generations}, ${report.findings.length} torn`,
    );
  });
});
