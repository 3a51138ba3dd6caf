import Ajv from 'ajv';
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { ConversationSettings, DataService } from '../../../../../src/api/jan';
import { registerDataPlugin } from '../../../../../src/builtin/data/dataPlugin';
import { exportJson } from '../../../../../src/builtin/data/exchange/toJson';
import { conversationSettingsSchema, loadOptionsEntries } from '../../../../../src/builtin/settingsSchema';
import type { Disposable } from '../../../../../src/common/lifecycle';
import { nullLogger } from '../../../../../src/common/log';
import { createCore } from '../../../../../src/core/core';
import { StoreFixture } from '../../../../fixtures/data/storeFixture';
import { createRandom, joined, randomConversation } from '../../../../fixtures/exchange/exchangeFixture';

type Json = Record<string, unknown>;

/** Every setting there is; the compiler sees to it that none is missing. */
const settings: Required<ConversationSettings> = {
  temperature: 0.5, topP: 0.9, topK: 40, minP: 0.05, seed: -7, frequencyPenalty: 0.1, presencePenalty: -0.1, repeatPenalty: 1.1,
  maxTokens: 100, stop: ['END'],
  load: {
    contextLength: 4096, gpuLayers: 'auto', batchSize: 256, threads: 2, flashAttention: 'auto',
    loraAdapters: [{ path: '/a.gguf', scale: 0.5 }], draftModelId: 'draft', chatTemplate: '{{ x }}',
  },
};

/** As other programs would read an export: by the published schema and a library that knows nothing of us. */
describe('The published schema of exports', function () {
  this.timeout(30_000);
  const fixture = new StoreFixture();
  const owned: Disposable[] = [];
  let schema: Json;
  let folder: string;
  let data: DataService;

  before(async () => {
    schema = JSON.parse(await readFile('docs/export.schema.json', 'utf8')) as Json;
  });
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'jan-schema-'));
    const core = createCore({ log: nullLogger });
    owned.push(core, registerDataPlugin(core.api('builtin'), { directory: await fixture.directory(), log: nullLogger }));
    data = core.api('test').data;
  });
  afterEach(async () => {
    owned.splice(0).reverse().forEach((item) => item.dispose());
    await rm(folder, { recursive: true, force: true });
    await fixture.dispose();
  });

  /** @param isStrict takes no field that the schema does not name */
  const problems = (text: string, isStrict = true): string[] => {
    const ajv = new Ajv({ allErrors: true });
    const validate = ajv.compile(isStrict ? closed(schema) : schema);
    return validate(JSON.parse(text)) === true ? [] : (validate.errors ?? []).map((error) => `${error.dataPath} ${error.message ?? ''} ${JSON.stringify(error.params)}`);
  };

  it('names every field that the product writes, and nothing is otherwise than it says', async () => {
    const attachment = await data.storeAttachment(Buffer.alloc(100_000, 'x'), { name: 'a.ts', mediaType: 'text/plain', range: { startLine: 1, endLine: 9 } });
    const { id } = await data.createConversation({ name: 'All', modelId: 'm', systemPrompt: 'Be.', tags: ['t'], workspace: 'file:///w', pinned: true, archived: true, settings });
    const question = await data.createMessage({ conversationId: id, role: 'user', content: 'q\ud800', attachments: [attachment] });
    await data.createMessage({
      conversationId: id, role: 'assistant', content: 'a', reasoning: 'r', modelId: 'm', status: 'failed', error: { code: 'timeout', message: 'Late.' },
      usage: { promptTokens: 1, completionTokens: 2, cachedTokens: 0 }, timings: { firstTokenMs: 1.5, totalMs: 2, tokensPerSecond: 3 },
    });
    await data.createMessage({ conversationId: id, role: 'assistant', content: '', status: 'streaming', parentId: question.id });
    await data.forkConversation(id, question.id);
    const file = path.join(folder, 'all.json');
    await data.exportConversations({ format: 'json', path: file });
    assert.deepEqual(problems(await readFile(file, 'utf8')), []);
  });

  it('fits random conversations and an export of nothing', async () => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    const random = createRandom(seed);
    const text = await joined(exportJson(Array.from({ length: 100 }, (_, n) => randomConversation(random, n)), { now: () => 1 }));
    assert.deepEqual(problems(text), [], `seed ${seed}`);
    assert.deepEqual(problems(await joined(exportJson([]))), []);
  });

  it('knows every setting that a conversation can have', () => {
    const { settings: described } = schema['definitions'] as Record<string, { properties: Record<string, { properties?: Json }> }>;
    assert.deepEqual(Object.keys(described!.properties).sort(), Object.keys(conversationSettingsSchema.entries).sort());
    assert.deepEqual(Object.keys(described!.properties['load']!.properties!).sort(), Object.keys(loadOptionsEntries).sort());
  });

  it('refuses what no importer should take for an export, and lets later fields pass', async () => {
    const text = await joined(exportJson([randomConversation(createRandom(3), 1)], { now: () => 1 }));
    const changed = (change: (value: { version: number; conversations: { id: unknown; messages: Json[] }[] }) => void): string => {
      const value = JSON.parse(text) as Parameters<typeof change>[0];
      change(value);
      return JSON.stringify(value);
    };
    for (const broken of [
      changed((value) => (value.version = 2)),
      changed((value) => (value.conversations[0]!.id = 'x')),
      changed((value) => value.conversations[0]!.messages.push({ role: 'tool', content: '' })),
      changed((value) => value.conversations[0]!.messages.push({ role: 'user' })),
    ]) {
      assert.notDeepEqual(problems(broken, false), []);
    }
    assert.deepEqual(problems(changed((value) => Object.assign(value.conversations[0]!, { later: true })), false), []);
  });
});

/** The same with `additionalProperties: false` everywhere. */
function closed(value: unknown): Json {
  return JSON.parse(JSON.stringify(value), (key, one: unknown) =>
    typeof one === 'object' && one !== null && 'properties' in one && 'type' in one ? { ...one, additionalProperties: false } : one,
  ) as Json;
}
