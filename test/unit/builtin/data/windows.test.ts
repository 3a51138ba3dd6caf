import assert from 'node:assert/strict';
import * as path from 'node:path';
import { eventually, StoreFixture, readFrames } from '../../../fixtures/data/storeFixture';

interface Told {
  readonly conversation?: string;
  readonly message?: string;
  readonly length?: number;
  readonly piece?: number;
  readonly done?: true;
}

describe('Store shared by windows', function () {
  this.timeout(60_000);
  const fixture = new StoreFixture();
  afterEach(() => fixture.dispose());

  it('shows a change of another window at the next read, and tells of it within 200 ms', async () => {
    const directory = await fixture.directory();
    const [here, there] = [fixture.open(directory), fixture.open(directory)];
    assert.deepEqual([await here.getConversations(), await there.getConversations()], [[], []]);
    const lags: number[] = [];
    for (let i = 0; i < 20; i++) {
      const { id } = await there.createConversation({ name: String(i) });
      const written = performance.now();
      assert.equal((await here.getConversation(id)).name, String(i));
      await there.updateConversation({ id, name: 'renamed' });
      await eventually(() => here.events.some(({ event }) => 'kind' in event && event.kind === 'updated' && event.ids.includes(id)));
      lags.push(performance.now() - written);
    }
    // The median, so that a busy machine's hiccup does not decide; each includes a durable write of the other window.
    assert.ok(lags.sort((a, b) => a - b)[10]! < 200, `lags: ${lags.map(Math.round).join(' ')}`);
    const origins = (events: typeof here.events): Set<unknown> =>
      new Set(events.map(({ event }) => ('origin' in event ? event.origin : undefined)));
    assert.deepEqual([origins(here.events), origins(there.events)], [new Set(['remote']), new Set(['local'])]);
  });

  it('gives each caller the state right behind its own change, whatever is read together with it', async () => {
    const directory = await fixture.directory();
    const [here, there] = [fixture.open(directory), fixture.open(directory)];
    const { id } = await here.createConversation({ name: 'first' });
    await there.getConversation(id);
    // In one burst, so that they are applied together.
    const [renamed, again, gone] = await Promise.allSettled([
      here.updateConversation({ id, name: 'second' }),
      here.updateConversation({ id, name: 'third' }),
      here.deleteConversation(id),
      ...Array.from({ length: 20 }, (_, n) => there.updateConversation({ id, name: `other ${n}` })),
    ]);
    assert.equal(renamed.status === 'fulfilled' && renamed.value.name, 'second');
    assert.equal(again.status === 'fulfilled' && again.value.name, 'third');
    assert.equal(gone.status, 'fulfilled');
    assert.deepEqual(await there.getConversations(), []);
  });

  it('decides conflicts the same way everywhere', async () => {
    const directory = await fixture.directory();
    const [here, there] = [fixture.open(directory), fixture.open(directory)];
    const { id } = await here.createConversation();
    await there.getConversation(id);
    const results = await Promise.allSettled([
      here.deleteConversation(id),
      there.createMessage({ conversationId: id, role: 'user', content: 'late' }),
      there.updateConversation({ id, name: 'late' }),
      there.deleteConversation(id),
    ]);
    assert.equal(await here.contentHash(), await there.contentHash());
    assert.deepEqual(await here.getConversations(), []);
    const deletions = [results[0], results[3]].filter(({ status }) => status === 'fulfilled');
    assert.equal(deletions.length, 1);
  });

  it('loses nothing when four processes write at once, and all hold the same in the end', async () => {
    const directory = await fixture.directory();
    const count = 200;
    const writers = await Promise.all([1, 2, 3, 4].map((seed) => fixture.spawn('storeWriter', [directory, 'mixed', `${count}`, `${seed}`])));
    await Promise.all(writers.map((writer) => writer.until((told) => told.some((one) => (one as Told).done))));
    const here = fixture.open(directory);
    const told = writers.flatMap((writer) => writer.messages as Told[]);
    for (const writer of writers) {
      assert.equal(writer.messages.length, count + 1);
      writer.child.send({ hash: true });
    }
    await Promise.all(writers.map((writer) => writer.until((messages) => messages.length > count + 1)));
    const hashes = new Set(writers.map((writer) => (writer.messages.at(-1) as { hash: string }).hash));
    assert.deepEqual(hashes, new Set([await here.contentHash()]));
    await assertHolds(here, told);
    const frames = await readFrames(path.join(directory, 'journal-1.log'));
    assert.equal(frames.length, 4 * count + 1);
    assert.deepEqual(here.damage, []);
  });

  it('loses nothing when windows seal and compact in the middle of it', async () => {
    const directory = await fixture.directory();
    const count = 150;
    const writers = await Promise.all(
      [5, 6, 7].map((seed) => fixture.spawn('storeWriter', [directory, 'mixed', `${count}`, `${seed}`, '40000'])),
    );
    const here = fixture.open(directory);
    await Promise.all(writers.map((writer) => writer.until((told) => told.some((one) => (one as Told).done))));
    writers.forEach((writer) => writer.child.send({ hash: true }));
    await Promise.all(writers.map((writer) => writer.until((messages) => messages.length > count + 1)));
    const hashes = new Set(writers.map((writer) => (writer.messages.at(-1) as { hash: string }).hash));
    assert.deepEqual(hashes, new Set([await here.contentHash()]));
    await assertHolds(here, writers.flatMap((writer) => writer.messages as Told[]));
    const anew = fixture.open(directory);
    assert.equal(await anew.contentHash(), await here.contentHash());
    assert.deepEqual([here.damage, anew.damage], [[], []]);
  });

  it('loses nothing when windows are stopped at any moment and wake up generations later', async () => {
    const directory = await fixture.directory();
    const count = 120;
    const writers = await Promise.all(
      [8, 9, 10].map((seed) => fixture.spawn('storeWriter', [directory, 'mixed', `${count}`, `${seed}`, '15000'])),
    );
    const isDone = (told: readonly unknown[]): boolean => told.some((one) => (one as Told).done);
    // One window at a time stands still while the others do twenty operations each.
    for (let turn = 0; !writers.every((writer) => isDone(writer.messages)); turn++) {
      const [stopped, ...others] = [0, 1, 2].map((i) => writers[(turn + i) % 3]!);
      await stopped!.until((told) => isDone(told) || told.length > Math.min(count, turn));
      stopped!.child.kill('SIGSTOP');
      const goals = others.map((writer) => writer.messages.length + 20);
      await Promise.all(others.map((writer, i) => writer.until((told) => isDone(told) || told.length >= goals[i]!)));
      stopped!.child.kill('SIGCONT');
      if (others.every((writer) => isDone(writer.messages))) {
        await stopped!.until(isDone);
      }
    }
    const here = fixture.open(directory);
    await assertHolds(here, writers.flatMap((writer) => writer.messages as Told[]));
    for (const writer of writers) {
      const told = writer.messages.length;
      writer.child.send({ hash: true });
      await writer.until((messages) => messages.length > told);
      assert.deepEqual(writer.messages.at(-1), { hash: await here.contentHash() });
    }
    assert.deepEqual(here.damage, []);
  });

  it('keeps every acknowledged write of a window that is killed in the middle of one', async () => {
    const directory = await fixture.directory();
    for (const seed of [21, 22, 23, 24, 25]) {
      const writer = await fixture.spawn('storeWriter', [directory, 'mixed', '100000', `${seed}`, '60000']);
      await writer.until((told) => told.length >= seed * 3);
      await writer.kill();
      const here = fixture.open(directory);
      await assertHolds(here, writer.messages as Told[], 'killed');
      await here.close();
    }
  });

  it('shows and stores an answer as interrupted when its writer was killed, with all that was acknowledged', async () => {
    const directory = await fixture.directory();
    const here = fixture.open(directory);
    await here.getConversations();
    const writer = await fixture.spawn('storeWriter', [directory, 'stream', '0', '1']);
    await writer.until((told) => told.some((one) => ((one as Told).piece ?? 0) >= 20));
    const { conversation, message } = writer.messages[0] as Required<Told>;
    assert.equal((await here.getConversationMessages(conversation))[0]!.status, 'streaming');
    await writer.kill();
    const pieces = (writer.messages as Told[]).filter(({ piece }) => piece !== undefined).length;
    const shown = (await here.getConversationMessages(conversation))[0]!;
    assert.equal(shown.id, message);
    assert.equal(shown.status, 'interrupted');
    const expected = Array.from({ length: pieces }, (_, i) => `${i} `).join('');
    assert.ok(shown.content.startsWith(expected), `${pieces} pieces were acknowledged: ${shown.content}`);
    const there = fixture.open(directory);
    assert.deepEqual(await there.getConversationMessages(conversation), [shown]);
    // Each piece's record holds the piece, not the answer so far.
    const frames = await readFrames(path.join(directory, 'journal-1.log'));
    const updates = frames.filter(({ kind }) => kind === 33);
    assert.ok(updates.length >= pieces && updates.every(({ payload }) => payload.length < 120));
  });

  it('ends interrupted answers as soon as the store is opened, without being asked for the conversation', async () => {
    const directory = await fixture.directory();
    const writer = await fixture.spawn('storeWriter', [directory, 'silent', '0', '1']);
    await writer.until((told) => told.length > 0);
    await writer.kill();
    const here = fixture.open(directory);
    await here.getConversations();
    await eventually(() => here.events.some(({ topic }) => topic === 'messages'));
    const { conversation } = writer.messages[0] as Required<Told>;
    assert.equal((await here.getConversationMessages(conversation))[0]!.status, 'interrupted');
  });

  it('leaves the answer of a silent but living window alone, also when it is stopped', async () => {
    const directory = await fixture.directory();
    const writer = await fixture.spawn('storeWriter', [directory, 'silent', '0', '1']);
    await writer.until((told) => told.length > 0);
    const { conversation } = writer.messages[0] as Required<Told>;
    writer.child.kill('SIGSTOP');
    // Ten days later, as far as this window knows.
    const here = fixture.open(directory, { now: () => Date.now() + 10 * 24 * 3600 * 1000 });
    assert.equal((await here.getConversationMessages(conversation))[0]!.status, 'streaming');
    const own = await here.createMessage({ conversationId: conversation, role: 'assistant', content: '', status: 'streaming' });
    const there = fixture.open(directory);
    assert.deepEqual(
      (await there.getConversationMessages(conversation)).map(({ status }) => status),
      ['streaming', 'streaming'],
    );
    await here.close();
    const statuses = (await there.getConversationMessages(conversation)).map(({ id, status }) => [id, status]);
    assert.deepEqual(statuses.at(-1), [own.id, 'interrupted']);
    assert.equal(statuses[0]![1], 'streaming');
  });

  it('sees a first store that another window makes', async () => {
    const directory = await fixture.directory();
    const here = fixture.open(directory);
    assert.deepEqual(await here.getConversations(), []);
    const there = fixture.open(directory);
    const { id } = await there.createConversation();
    await eventually(() => here.events.some(({ event }) => 'ids' in event && event.ids.includes(id)));
    assert.equal((await here.getConversations())[0]!.id, id);
  });

  it('starts anew, without an error, when the folder was deleted under it', async () => {
    const { rm } = await import('node:fs/promises');
    const directory = await fixture.directory();
    const here = fixture.open(directory);
    const { id } = await here.createConversation({ name: 'gone' });
    await rm(directory, { recursive: true });
    assert.deepEqual(await here.getConversations(), []);
    await assert.rejects(here.getConversation(id), { code: 'conversation-not-found' });
    const again = await here.createConversation({ name: 'anew' });
    const there = fixture.open(directory);
    assert.deepEqual(await there.getConversations(), [again]);
  });
});

/**
 * Everything that a writer was told to be saved is there, whole and once.
 * @param killed the writer may have saved one more change than it could tell
 */
async function assertHolds(
  store: ReturnType<StoreFixture['open']>,
  told: readonly Told[],
  killed: 'killed' | 'whole' = 'whole',
): Promise<void> {
  const saved = told.filter(({ conversation }) => conversation !== undefined);
  const lengths = new Map(saved.flatMap(({ message, length }) => (message === undefined ? [] : [[message, length]])));
  const found = new Map<string, number>();
  for (const id of new Set(saved.map(({ conversation }) => conversation!))) {
    for (const message of await store.getConversationMessages(id)) {
      found.set(message.id, message.content.length);
    }
  }
  const different = [...lengths].filter(([id, length]) => found.get(id) !== length);
  if (killed === 'killed') {
    assert.ok(different.length <= 1 && different.every(([id, length]) => (found.get(id) ?? 0) > length!));
    assert.ok(found.size - lengths.size <= 1);
  } else {
    assert.deepEqual(different, []);
    assert.equal(found.size, lengths.size);
  }
}
