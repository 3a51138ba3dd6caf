import assert from 'node:assert/strict';
import { applyImport, markDuplicates, undoImport } from '../../../../../src/builtin/data/exchange/applyImport';
import { readConversations, type ExportedConversation } from '../../../../../src/builtin/data/exchange/exportSource';
import { readImport } from '../../../../../src/builtin/data/exchange/readImport';
import { exportJson } from '../../../../../src/builtin/data/exchange/toJson';
import { exportFileName, exportMarkdown } from '../../../../../src/builtin/data/exchange/toMarkdown';
import { JanError } from '../../../../../src/common/errors';
import { all, createRandom, fixtureFile, joined, MemoryData, memoryFile, randomConversation } from '../../../../fixtures/exchange/exchangeFixture';

const importInto = async (data: MemoryData, text: string): Promise<ReturnType<typeof applyImport>> =>
  applyImport(data, await markDuplicates(data, await readImport([memoryFile(text, 'export.json', 4096)])));

describe('Export to JSON and back', () => {
  it('loses nothing of random trees', async () => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    const random = createRandom(seed);
    const conversations = Array.from({ length: 150 }, (_, n) => randomConversation(random, n));
    const text = await joined(exportJson(conversations, { now: () => 1 }));
    assert.ok(JSON.parse(text), 'is JSON to others too');
    const plan = await readImport([memoryFile(text, 'export.json', 1 + Math.floor(random() * 100_000))]);
    assert.deepEqual([plan.skipped, plan.adapted], [[], []], `seed ${seed}`);
    const data = new MemoryData();
    const receipt = await applyImport(data, plan);
    assert.equal(receipt.outcome, 'complete');
    assert.equal(data.stored.size, conversations.length);
    for (const expected of conversations) {
      assert.deepEqual(data.stored.get(expected.conversation.id), expected, `seed ${seed}`);
    }
    assert.ok((await joined(exportJson(readInOrder(data, conversations), { now: () => 1 }))) === text, `seed ${seed}`);
  });

  it('brings attachments along, verified', async () => {
    const data = new MemoryData();
    const receipt = await applyImport(data, await readImport([fixtureFile('jan/export.json')]));
    assert.deepEqual([receipt.outcome, receipt.messages, receipt.failed], ['complete', 3, []]);
    assert.deepEqual([...data.attachments.values()].map((bytes) => Buffer.from(bytes).toString()), ['abc']);
    const bytes = Buffer.alloc(200_001, 'x');
    const stored = await data.storeAttachment(bytes, { name: 'x', mediaType: 'text/plain' });
    const [source] = [...data.stored.values()] as [ExportedConversation];
    const changed = { ...source, messages: source.messages.map((message) => ({ ...message, attachments: [stored] })) };
    const text = await joined(exportJson([changed], { readAttachment: async ({ id }) => data.attachments.get(id) }));
    const other = new MemoryData();
    await importInto(other, text);
    assert.deepEqual([...other.attachments], [[stored.id, bytes]]);
    const damaged = await importInto(new MemoryData(), text.replace('"eHh4', '"eHh5'));
    assert.equal(damaged.failed.length, 1);
    assert.equal(damaged.conversationIds.length, 1);
  });

  it('exports all of a store, page by page, and cancels', async () => {
    const data = new MemoryData();
    const random = createRandom(5);
    await importInto(data, await joined(exportJson(Array.from({ length: 1100 }, (_, n) => ({ ...randomConversation(random, n), messages: [] })).map((one) => {
      const { activeMessageId: _, ...conversation } = one.conversation;
      assert.ok(_ === undefined || _.length > 0);
      return { ...one, conversation };
    }))));
    assert.equal((await all(readConversations(data))).length, 1100);
    const stop = new AbortController();
    stop.abort();
    await assert.rejects(all(readConversations(data, undefined, { signal: stop.signal })), { code: 'cancelled' });
    await assert.rejects(joined(exportJson([...data.stored.values()], { signal: stop.signal })), { code: 'cancelled' });
  });

  it('refuses what a newer version wrote, and says so', async () => {
    const text = (await joined(exportJson([randomConversation(createRandom(1), 1)]))).replace('"version": 1', '"version": 2');
    const plan = await readImport([memoryFile(text)]);
    assert.equal(plan.conversations.length, 0);
    assert.match(plan.skipped[0]!.reason, /newer version/);
  });
});

describe('Applying an import', () => {
  const text = async (n = 6): Promise<string> => {
    const random = createRandom(9);
    return joined(exportJson(Array.from({ length: n }, (_, i) => randomConversation(random, i))));
  };

  it('recognises duplicates, keeps other states beside, and undoes as one step', async () => {
    const data = new MemoryData();
    const first = await importInto(data, await text());
    assert.equal(first.conversationIds.length, 6);
    const again = await importInto(data, await text());
    assert.deepEqual([again.conversationIds, again.duplicates], [[], 6]);
    const before = new Map(data.stored);
    const [id, known] = [...data.stored].find(([, { messages }]) => messages.length > 1)!;
    data.stored.set(id, { ...known, messages: known.messages.map((message, i) => (i === 0 ? { ...message, content: 'went on' } : message)) });
    const third = await importInto(data, await text());
    assert.deepEqual([third.conversationIds.length, third.duplicates], [1, 5]);
    assert.equal(data.stored.size, 7);
    const ids = [...data.stored.values()].flatMap(({ messages }) => messages.map((message) => message.id));
    assert.equal(new Set(ids).size, ids.length);
    assert.equal((await importInto(data, await text())).duplicates, 6);
    await undoImport(data, third);
    await undoImport(data, first);
    assert.equal(data.stored.size, 0);
    assert.equal(before.size, 6);
  });

  it('ends when cancelled, and the receipt has what was written', async () => {
    const data = new MemoryData();
    const stop = new AbortController();
    let calls = 0;
    data.onImport = () => {
      if (++calls === 20) {
        stop.abort();
      }
    };
    const plan = await readImport([memoryFile(await text(100))]);
    const receipt = await applyImport(data, plan, { signal: stop.signal });
    assert.deepEqual([receipt.outcome, receipt.error?.code], ['cancelled', 'cancelled']);
    assert.deepEqual([...receipt.conversationIds].sort(), [...data.stored.keys()].sort());
    assert.ok(data.stored.size >= 20 && data.stored.size < 30);
    await undoImport(data, receipt);
    assert.equal(data.stored.size, 0);
  });

  it('sends a long conversation in parts, and leaves none behind when one fails', async () => {
    const messages = Array.from({ length: 2500 }, (_, i) => ({ id: `m${i}`, parentId: i === 0 ? null : `m${i - 1}`, role: 'user', content: `text ${i}` }));
    const plan = await readImport([memoryFile(JSON.stringify({ format: 'jan-conversations', version: 1, conversations: [{ messages }] }))]);
    const data = new MemoryData();
    const sizes: number[] = [];
    data.onImport = ({ messages: part }) => sizes.push(part.length);
    const receipt = await applyImport(data, plan);
    assert.deepEqual([sizes, receipt.messages, receipt.conversationIds.length], [[1000, 1000, 500], 2500, 1]);
    const failing = new MemoryData();
    let calls = 0;
    failing.onImport = () => {
      if (++calls === 2) {
        throw new JanError('disk-full', 'The disk is full.');
      }
    };
    const failed = await applyImport(failing, plan);
    assert.deepEqual([failed.outcome, failed.conversationIds, failing.stored.size], ['failed', [], 0]);
  });

  it('goes on after a conversation that is refused, and stops when the store fails', async () => {
    const data = new MemoryData();
    let calls = 0;
    data.onImport = () => {
      if (++calls === 2) {
        throw new JanError('invalid-argument', 'Not this one.');
      }
    };
    const plan = await readImport([memoryFile(await text(20))]);
    const receipt = await applyImport(data, plan);
    assert.deepEqual([receipt.outcome, receipt.conversationIds.length, receipt.failed.map(({ reason }) => reason)], ['complete', 19, ['Not this one.']]);
    const full = new MemoryData();
    full.onImport = () => {
      if (full.stored.size === 7) {
        throw new JanError('disk-full', 'The disk is full.');
      }
    };
    const failed = await applyImport(full, plan);
    assert.deepEqual([failed.outcome, failed.error?.code, failed.conversationIds.length], ['failed', 'disk-full', 7]);
  });
});

describe('Export to Markdown', () => {
  const read = async (): Promise<ExportedConversation> => {
    const data = new MemoryData();
    await applyImport(data, await readImport([fixtureFile('jan/export.json')]));
    return [...data.stored.values()][0]!;
  };

  it('shows the active branch, or all of them', async () => {
    const source = await read();
    const active = await joined(exportMarkdown(source));
    assert.equal(active, [
      '---', 'title: "Ünïcode & branches"', 'model: "owner/model-Q4_K_M.gguf"', 'created: 2026-11-21T22:26:40.000Z', 'updated: 2026-11-21T22:26:49.000Z',
      'tags: ["work", "日本"]', '---', '', '# Ünïcode & branches', '', '**Instructions**', '', '> Be short.', '',
      '## 1. You', '', '*2026-11-21T22:26:41.000Z*', '', '- Attachment: src/a.ts, lines 2–4', '', 'Hi', '',
      '## 2. Assistant (owner/model-Q4\\_K\\_M.gguf)', '', '*2026-11-21T22:26:44.000Z*', '', 'Hello!', '',
    ].join('\n'));
    const all = await joined(exportMarkdown(source, { branches: 'all' }));
    assert.ok(all.includes('*Another branch after message 1*'));
    assert.ok(all.includes('> **Reasoning**\n>\n> Greet.\n\nHel\n\n*Failed: The engine ended.*'));
    assert.equal(all.match(/^## /gm)?.length, 3);
  });

  it('writes each message of random trees once, and no text breaks out of its place', async () => {
    const random = createRandom(11);
    for (let n = 0; n < 30; n++) {
      const source = randomConversation(random, n);
      const text = await joined(exportMarkdown(source, { branches: 'all' }));
      const lines = text.split('\n');
      assert.equal(lines.filter((line) => /^## \d+\. (You|Assistant|System)/.test(line)).length, source.messages.length);
      assert.equal(lines.filter((line) => line.startsWith('```')).length % 2, 0);
    }
  });

  it('names files so that every system takes them', () => {
    const taken = new Set<string>();
    const of = (name: string): string => exportFileName({ id: '1', name, createdAt: 0, updatedAt: 0 }, taken);
    assert.deepEqual([of('a/b: c?'), of('A\\B  C'), of('../..'), of('\u0000\n. ')], ['1970-01-01 a b c.md', '1970-01-01 A B C (2).md', '1970-01-01 ...md'.replace('...', 'Conversation.').replace('..md', '.md'), '1970-01-01 Conversation (2).md']);
    assert.ok(of('x'.repeat(10_000)).length < 120);
  });
});

async function* readInOrder(data: MemoryData, order: readonly ExportedConversation[]): AsyncGenerator<ExportedConversation> {
  for (const { conversation } of order) {
    yield data.stored.get(conversation.id)!;
  }
}
