import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { PerformanceObserver } from 'node:perf_hooks';
import type { ImportPlan } from '../../../../../src/builtin/data/exchange/exchangeTypes';
import { readImport } from '../../../../../src/builtin/data/exchange/readImport';
import { isJanError } from '../../../../../src/common/errors';
import { createRandom, memoryFile } from '../../../../fixtures/exchange/exchangeFixture';

const read = (content: string | Uint8Array, name?: string): Promise<ImportPlan> => readImport([memoryFile(content, name)]);

/** A ChatGPT conversation of text messages. @param links parent of each node by its number */
const chatGpt = (links: (string | null)[], more: object = {}): object => ({
  id: 'c', title: 't', create_time: 1, current_node: `n${links.length - 1}`,
  mapping: Object.fromEntries(links.map((parent, i) => [`n${i}`, {
    id: `n${i}`, parent, children: [],
    message: { author: { role: i % 2 ? 'assistant' : 'user' }, content: { content_type: 'text', parts: [`text ${i}`] }, create_time: 1 + i },
  }])),
  ...more,
});

/**
 * Longest turn of the event loop while `work` runs, ms: neither other processes' time nor the garbage collector's, which
 * comes when it comes.
 */
async function longestTurn<T>(work: () => Promise<T>): Promise<{ longest: number; result: T }> {
  const collections: { startTime: number; duration: number }[] = [];
  const observer = new PerformanceObserver((list) => collections.push(...list.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  const turns: { start: number; end: number; cpu: number }[] = [];
  let running = true;
  let start = performance.now();
  let last = process.threadCpuUsage();
  const turn = (): void => {
    const { user, system } = process.threadCpuUsage(last);
    turns.push({ start, end: performance.now(), cpu: (user + system) / 1000 });
    last = process.threadCpuUsage();
    start = performance.now();
    if (running) {
      setImmediate(turn);
    }
  };
  setImmediate(turn);
  const result = await work();
  running = false;
  await new Promise((resolve) => setTimeout(resolve, 0)); // The observer hears of the last collections.
  observer.disconnect();
  const own = turns.map((one) => {
    const within = collections.filter(({ startTime, duration }) => startTime < one.end && startTime + duration > one.start);
    return Math.min(one.cpu, one.end - one.start) - within.reduce((sum, { duration }) => sum + duration, 0);
  });
  return { longest: Math.max(...own), result };
}

describe('Hostile imports', () => {
  it('a truncated file keeps the conversations before the cut', async () => {
    const text = JSON.stringify([chatGpt([null, 'n0']), chatGpt([null], { id: 'd' })]);
    for (const cut of [text.length - 1, text.length - 20, text.indexOf('"d"')]) {
      const plan = await read(text.slice(0, cut));
      assert.ok(plan.conversations.length >= 1);
      assert.match(plan.skipped.at(-1)!.reason, /^The rest of the file can’t be read: the file ends in the middle/);
    }
  });

  it('loops, lost parents and double ids keep every text', async () => {
    const plan = await read(JSON.stringify([chatGpt(['n2', 'n0', 'n1', 'n1', 'nowhere', 'n5'])]));
    const [conversation] = plan.conversations;
    assert.deepEqual(conversation!.messages.map(({ content }) => content).sort(), [0, 1, 2, 3, 4, 5].map((n) => `text ${n}`));
    conversation!.messages.forEach(({ parent }, index) => assert.ok(parent === null || parent < index));
    assert.ok(plan.adapted.some(({ reason }) => /circle.*: 2 /.test(reason)));
    assert.ok(plan.adapted.some(({ reason }) => /predecessor is missing.*: 1\./.test(reason)));
    const twice = await read(JSON.stringify({ format: 'jan-conversations', version: 1, conversations: [{ name: 'x', messages: [
      { id: 'same', parentId: null, role: 'user', content: 'one' }, { id: 'same', parentId: 'same', role: 'user', content: 'two' }] }] }));
    assert.deepEqual(twice.conversations[0]!.messages.map(({ content, parent }) => [content, parent]), [['one', null], ['two', 0]]);
    assert.notEqual(twice.conversations[0]!.messages[0]!.id, twice.conversations[0]!.messages[1]!.id);
  });

  it('bad entries are listed and the good ones come in', async () => {
    const good = chatGpt([null]);
    const plan = await read(JSON.stringify([null, 1, 'x', [], {}, { mapping: 5 }, { mapping: {} }, { chat_messages: 'no' }, { sessionId: 1, history: {} }, { messages: {} }, good]));
    assert.equal(plan.conversations.length, 1);
    assert.equal(plan.skipped.length, 10);
    plan.skipped.forEach(({ where, reason }) => assert.ok(/conversation \d+$/.test(where) && /\.$/.test(reason)));
  });

  it('files of nothing known are named', async () => {
    for (const text of ['', ' \n', '{}', '[]x', 'null', '"text"', '<html>', '{"a":[{"b":1}]}', '\u0000\u0001', '%PDF-1.7']) {
      const plan = await read(text);
      assert.equal(plan.conversations.length, 0);
      assert.ok(plan.skipped.length > 0, text);
    }
  });

  it('times that are none fall back to others', async () => {
    const times = ['NaN', '1e400', '-5', '1e308', 'null', '"x"', '{}', 'Infinity', '99999999999999999999'];
    for (const time of times) {
      const plan = await read(JSON.stringify([chatGpt([null], { create_time: 7, update_time: 'TIME' })]).replace('"TIME"', time).replace('"create_time":1}', `"create_time":${time}}`));
      const [conversation] = plan.conversations;
      assert.deepEqual([conversation!.createdAt, conversation!.messages[0]!.createdAt], [7000, 7000], time);
      assert.ok(Number.isSafeInteger(conversation!.updatedAt));
    }
  });

  it('keys of prototypes are keys', async () => {
    const text = JSON.stringify([chatGpt([null])]).replaceAll('n0', '__proto__').replace('"title"', '"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"title"');
    const plan = await read(text);
    assert.equal(plan.conversations[0]!.messages.length, 1);
    assert.equal(({} as { polluted?: unknown }).polluted, undefined);
    const settings = await read('{"format":"jan-conversations","version":1,"conversations":[{"messages":[],"settings":{"__proto__":{"polluted":1},"topK":-1,"topP":0.5}}]}');
    assert.deepEqual(settings.conversations[0]!.settings, { topP: 0.5 });
    assert.equal((settings.conversations[0]!.settings as { polluted?: unknown }).polluted, undefined);
  });

  it('invalid UTF-8 is shown as such and told', async () => {
    const bytes = Buffer.from(JSON.stringify([chatGpt([null])]).replace('text 0', 'text \u00ff\u00ff'), 'latin1');
    const plan = await read(bytes);
    assert.match(plan.conversations[0]!.messages[0]!.content, /^text \ufffd+$/);
    assert.match(plan.adapted[0]!.reason, /no valid text/);
  });

  it('deep nesting is passed over, what follows is read', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const plan = await read(`[{"mapping":${deep}},${JSON.stringify(chatGpt([null]))}]`);
    assert.equal(plan.conversations.length, 1);
    assert.match(plan.skipped[0]!.reason, /nested too deeply/);
    assert.equal((await read('[{"a":'.repeat(2_000_000))).conversations.length, 0);
  });

  it('limits hold, with a note for each', async () => {
    const texts = { textLength: 10, messagesPerConversation: 3, conversations: 2 };
    const many = [1, 2, 3].map((n) => chatGpt([null, 'n0', 'n1', 'n2', 'n3'], { id: `c${n}`, title: 'a title beyond the limit' }));
    const plan = await readImport([memoryFile(JSON.stringify(many))], { limits: texts });
    assert.deepEqual(plan.conversations.map(({ messages }) => messages.length), [3, 3]);
    assert.match(plan.skipped[0]!.reason, /too many conversations/);
    assert.ok(plan.adapted.some(({ reason }) => /were cut/.test(reason)));
    const small = await readImport([memoryFile(JSON.stringify(many))], { limits: { nodesPerEntry: 20 } });
    assert.equal(small.conversations.length, 0);
    const flood = await readImport([memoryFile(`[${'1,'.repeat(50_000)}1]`)]);
    assert.ok(flood.skipped.length <= 1000);
  });

  it('a large file holds no turn longer than 8 ms, reports progress and is cancelled at once', async function () {
    this.timeout(30_000);
    const big = 'x"\n'.repeat(80_000);
    const many = chatGpt(Array.from({ length: 20_000 }, (_, i) => (i === 0 ? null : `n${i - 1}`)));
    const large = Array.from({ length: 60 }, (_, i) => chatGpt([null], { id: `big ${i}`, x: big }));
    const text = JSON.stringify([...large, many, chatGpt([null], { id: 'last' })]).replace('text 0', JSON.stringify(big).slice(1, -1));
    const bytes = Buffer.from(text);
    const progress: number[] = [];
    // A piece of work that is too long is so in each run; what the clock's ticks (4 ms) add is not.
    const runs: number[] = [];
    let took = 0;
    for (let run = 0; run < 8 && !(Math.min(...runs) <= 8); run++) {
      progress.length = 0;
      const started = performance.now();
      const { longest, result } = await longestTurn(() => readImport([memoryFile(bytes)], { onProgress: ({ done }) => progress.push(done) }));
      took = performance.now() - started;
      runs.push(longest);
      assert.equal(result.conversations.length, 62);
      assert.equal(result.conversations[0]!.messages[0]!.content.length, big.length);
      assert.ok(progress.length > 10 && progress.at(-1) === bytes.length);
    }
    console.log(`      ${(bytes.length / 1e6).toFixed(0)} MB in ${took.toFixed(0)} ms, longest turns ${runs.map((ms) => ms.toFixed(1)).join(', ')} ms`);
    assert.ok(Math.min(...runs) <= 8, `${runs.join(', ')} ms`);
    const stop = new AbortController();
    const reading = readImport([memoryFile(bytes)], { signal: stop.signal, onProgress: () => stop.abort() });
    await assert.rejects(reading, { code: 'cancelled' });
  });

  it('a text of 10 MB comes in whole', async function () {
    this.timeout(30_000);
    const big = 'x"\n'.repeat(3_400_000);
    const bytes = Buffer.from(JSON.stringify([chatGpt([null]), chatGpt([null], { id: 'last' })]).replace('text 0', JSON.stringify(big).slice(1, -1)));
    const { longest, result } = await longestTurn(() => readImport([memoryFile(bytes)]));
    assert.ok(result.conversations[0]!.messages[0]!.content === big);
    assert.equal(result.conversations.length, 2);
    console.log(`      longest turn ${longest.toFixed(1)} ms`);
    // One text is one piece of memory: making it takes a turn, about 1 ms a megabyte where pages are slow.
    assert.ok(longest <= 100, `${longest} ms`);
  });

  it('mutated files end in a plan, soon', async function () {
    this.timeout(60_000);
    const seed = Math.floor(Math.random() * 2 ** 32);
    const random = createRandom(seed);
    const folder = 'test/fixtures/exchange';
    const names = ['chatgpt/conversations.json', 'claude/conversations.json', 'jan/export.json', 'jan-desktop/threads/jan_1719900000/messages.jsonl',
      'jan-desktop/threads/jan_1719900000/thread.json', 'continue/sessions/ccc10000-0000-4000-8000-0000000000ff.json', 'continue/sessions/sessions.json'];
    const originals = await Promise.all(names.map((name) => readFile(`${folder}/${name}`)));
    const words = ['null', '{}', '[]', '"', '\\', '{', '[', ']', '}', ',', ':', '1e999', '-', 'NaN', '"__proto__"', '"parent":"n"', '\ufeff', '\u0000', '['.repeat(5000), '9'.repeat(500), '"\\ud800"', '\n'];
    const deadline = performance.now() + 20_000;
    let runs = 0;
    let slowest = 0;
    while (runs < 4000 && performance.now() < deadline) {
      const place = Math.floor(random() * names.length);
      let bytes = originals[place]!;
      for (let changes = 1 + Math.floor(random() * 4); changes > 0; changes--) {
        const at = Math.floor(random() * bytes.length);
        const kind = random();
        const end = Math.min(bytes.length, at + Math.floor(random() * 200));
        const word = Buffer.from(words[Math.floor(random() * words.length)]!);
        bytes = kind < 0.2 ? bytes.subarray(0, at)
          : kind < 0.4 ? Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)])
          : kind < 0.6 ? Buffer.concat([bytes.subarray(0, at), Buffer.from([Math.floor(random() * 256)]), bytes.subarray(at + 1)])
          : kind < 0.8 ? Buffer.concat([bytes.subarray(0, at), word, bytes.subarray(random() < 0.5 ? at : end)])
          : Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
      }
      const started = performance.now();
      const where = `seed ${seed}, run ${runs}, ${names[place]}`;
      try {
        const plan = await readImport([memoryFile(bytes, names[place], 1 + Math.floor(random() * 5000))]);
        for (const { messages, active, name, updatedAt } of plan.conversations) {
          messages.forEach(({ parent, createdAt }, index) => assert.ok((parent === null || parent < index) && Number.isSafeInteger(createdAt), where));
          assert.ok(active === undefined || messages[active] !== undefined, where);
          assert.ok(name.length <= 500 && Number.isSafeInteger(updatedAt), where);
        }
      } catch (error) {
        assert.ok(isJanError(error), `${where}: ${String(error instanceof Error ? error.stack : error)}`);
      }
      slowest = Math.max(slowest, performance.now() - started);
      runs++;
    }
    console.log(`      ${runs} mutated files, the slowest ${slowest.toFixed(0)} ms`);
    assert.ok(runs >= 2000, `only ${runs} runs in 20 s`);
    assert.ok(slowest <= 2000, `seed ${seed}: ${slowest} ms`);
  });
});
