import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import type { ImportPlan, PlannedConversation } from '../../../../../src/builtin/data/exchange/exchangeTypes';
import { previewOf } from '../../../../../src/builtin/data/exchange/importPreview';
import { readImport } from '../../../../../src/builtin/data/exchange/readImport';
import { fixtureFile, memoryFile } from '../../../../fixtures/exchange/exchangeFixture';

const only = (plan: ImportPlan): PlannedConversation => {
  assert.equal(plan.conversations.length, 1, JSON.stringify(plan.skipped));
  return plan.conversations[0]!;
};
const outline = ({ messages }: PlannedConversation): unknown[] => messages.map(({ parent, role, content }) => [parent, role, content]);

describe('Import of known formats', () => {
  it('ChatGPT: tree, reasoning, tools, pictures by name, dates, model', async () => {
    const plan = await readImport([fixtureFile('chatgpt/conversations.json')]);
    assert.deepEqual([plan.sources, plan.skipped, plan.adapted], [['chatgpt'], [], []]);
    const conversation = only(plan);
    assert.deepEqual(outline(conversation), [
      [null, 'user', '[Image: file-Ab12, 1085 × 950]\n\nHow do I sort this list?\n\n[Attachment: list.png]'],
      [0, 'assistant', 'Use `sorted(items)`.'],
      [0, 'assistant', '```\nprint(sorted([3, 1, 2]))\n```'],
      [2, 'assistant', '*Tool python:*\n\n```\n[1, 2, 3]\n```'],
      [3, 'assistant', 'Sorted: 1, 2, 3 \u{1f600}'],
    ]);
    assert.equal(conversation.name, 'Sorting a list in Python');
    assert.equal(conversation.archived, true);
    assert.equal(conversation.active, 4);
    assert.deepEqual([conversation.createdAt, conversation.updatedAt], [1713456789123, 1713456999500]);
    assert.equal(conversation.messages[1]!.createdAt, 1713456795750);
    assert.equal(conversation.messages[1]!.modelId, 'gpt-4');
    assert.equal(conversation.messages[2]!.reasoning, 'Looking at the list\n\nIt holds numbers.');
    assert.equal(conversation.messages[4]!.status, 'stopped');
  });

  it('Claude: branches, thinking, artifacts, the text of attachments', async () => {
    const plan = await readImport([fixtureFile('claude/conversations.json')]);
    assert.deepEqual(plan.skipped, [{ where: 'claude/conversations.json, conversation 2', reason: 'It has no messages.' }]);
    const conversation = only(plan);
    assert.deepEqual(outline(conversation), [
      [null, 'user', 'Write notes for this.\n\n**Attachment: changes.txt**\n\n````\n- faster\n```\ncode\n```\n````\n\n[File: screen.png]'],
      [0, 'assistant', '*Tool artifacts:*\n\n```json\n{\n  "id": "notes",\n  "type": "text/markdown"\n}\n```\n\ncontent:\n\n```\n# Notes\n\nFaster.\n```\n\n*Result of tool artifacts:*\n\n```\nOK\n```\n\nHere they are.'],
      [0, 'assistant', 'Another try.'],
    ]);
    assert.equal(conversation.messages[1]!.reasoning, 'Short is good.');
    assert.equal(conversation.createdAt, Date.parse('2025-05-02T09:12:11.123Z'));
    assert.equal(conversation.active, 2);
  });

  it('Claude: a list without parents is a line', async () => {
    const chat = [1, 2, 3].map((n) => ({ uuid: `m${n}`, sender: n % 2 ? 'human' : 'assistant', text: `text ${n}` }));
    const plan = await readImport([memoryFile(JSON.stringify([{ uuid: 'c', name: '', chat_messages: chat }]))]);
    assert.deepEqual(only(plan).messages.map(({ parent }) => parent), [null, 0, 1]);
    assert.equal(only(plan).name, 'text 1');
  });

  it('Jan desktop: threads, a broken line, newest first, reasoning in the text', async () => {
    const folders = ['jan_1719900000', '01J8ZK3W5N'].map((name) => `jan-desktop/threads/${name}`);
    const plan = await readImport(folders.flatMap((name) => [fixtureFile(`${name}/thread.json`), fixtureFile(`${name}/messages.jsonl`)]));
    assert.deepEqual(plan.sources, ['jan-desktop']);
    assert.equal(plan.skipped.length, 1);
    assert.match(plan.skipped[0]!.where, /messages\.jsonl, line 3$/);
    const [old, newer] = plan.conversations as [PlannedConversation, PlannedConversation];
    assert.deepEqual(outline(old), [
      [null, 'user', 'Why did the chicken cross the Möbius strip?'],
      [0, 'assistant', 'To get to the same side.'],
      [1, 'assistant', 'Anything else?'],
    ]);
    assert.deepEqual([old.name, old.modelId, old.systemPrompt, old.createdAt], ['Funny physics joke', 'mistral-ins-7b-q4', 'Be funny.', 1719900000000]);
    assert.deepEqual([old.messages[1]!.reasoning, old.messages[1]!.timings], ['A classic.', { tokensPerSecond: 31.5 }]);
    assert.equal(old.messages[2]!.status, 'stopped');
    assert.deepEqual(outline(newer), [[null, 'user', 'What is this?\n\n[Image]'], [0, 'assistant', 'It is a picture.']]);
    assert.equal(newer.messages[1]!.status, 'failed');
    assert.equal(newer.messages[0]!.createdAt, 1752100300000);
  });

  it('Continue: contents as lists, context, thinking, tools; dates from the index in any order of files', async () => {
    const files = ['ccc10000-0000-4000-8000-0000000000ff.json', 'sessions.json'].map((name) => fixtureFile(`continue/sessions/${name}`));
    for (const order of [files, [...files].reverse()]) {
      const conversation = only(await readImport(order));
      assert.deepEqual(outline(conversation), [
        [null, 'user', 'What does this do?\n\n[Image]\n\n**Context: parser.ts**\n\n```\nexport const parse = 1;\n```'],
        [0, 'assistant', 'It exports a number.\n\n*Tool read\\_file:*\n\n```json\n{"path":"a.ts"}\n```'],
        [1, 'assistant', '*Tool:*\n\n```\nexport const a = 1;\n```'],
        [2, 'assistant', 'Done.'],
      ]);
      assert.equal(conversation.messages[1]!.reasoning, 'It is short.');
      assert.equal(conversation.messages[3]!.reasoning, 'All read.');
      assert.equal(conversation.workspace, 'file:///home/user/my%20project');
      assert.deepEqual([conversation.createdAt, conversation.messages[0]!.createdAt], [1735689600000, 1735689600000]);
    }
  });

  it('tells formats by content, whatever the name, the chunks or the encoding', async () => {
    const plain = await readImport([fixtureFile('chatgpt/conversations.json')]);
    const text = await readFile('test/fixtures/exchange/chatgpt/conversations.json');
    const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text.toString('utf8'), 'utf16le')]);
    const bom = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), text]);
    for (const [content, chunk] of [[text, 1], [text, 7], [bom, 3], [utf16, 5]] as const) {
      const plan = await readImport([memoryFile(content, 'x.bin', chunk)]);
      assert.deepEqual(outline(only(plan)), outline(only(plain)));
      assert.equal(only(plan).id, only(plain).id);
    }
  });

  it('gives the same ids each time, and none twice', async () => {
    const files = ['chatgpt', 'claude'].map((name) => fixtureFile(`${name}/conversations.json`));
    const [one, two] = [await readImport(files, { now: () => 1 }), await readImport([...files].reverse(), { now: () => 2 })];
    const ids = ({ conversations }: ImportPlan): string[] => conversations.flatMap(({ id, messages }) => [id, ...messages.map((message) => message.id)]);
    assert.deepEqual(ids(one).sort(), ids(two).sort());
    assert.equal(new Set(ids(one)).size, ids(one).length);
    const twice = await readImport([...files, ...files]);
    assert.equal(twice.conversations.length, 2);
    assert.equal(twice.skipped.filter(({ reason }) => reason === 'It is there twice.').length, 2);
  });

  it('previews counts, titles and dates', async () => {
    const plan = await readImport([fixtureFile('chatgpt/conversations.json'), fixtureFile('claude/conversations.json')]);
    const preview = previewOf(plan);
    assert.deepEqual([preview.conversations, preview.messages, preview.fresh, preview.skipped.length], [2, 8, 2, 1]);
    assert.deepEqual(preview.titles.map(({ title }) => title), ['Release notes', 'Sorting a list in Python']);
    assert.deepEqual([preview.from, preview.to], [1713456789123, Date.parse('2025-05-02T09:13:05.654Z')]);
  });
});
