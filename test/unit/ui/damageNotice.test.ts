import assert from 'node:assert/strict';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { registerDataPlugin } from '../../../src/builtin/data/dataPlugin';
import type { Disposable } from '../../../src/common/lifecycle';
import { nullLogger } from '../../../src/common/log';
import { createCore } from '../../../src/core/core';
import { registerDamageNotice } from '../../../src/ui/damageNotice';
import { untranslated } from '../../../src/ui/localise';
import { bundle, eventually, readFrames, StoreFixture } from '../../fixtures/data/storeFixture';

describe('Notice of damage', function () {
  this.timeout(60_000);
  const fixture = new StoreFixture();
  const owned: Disposable[] = [];
  let directory: string;
  let journal: string;
  let warnings: { message: string; buttons: string[] }[];
  let told: string[];

  beforeEach(async () => {
    directory = await fixture.directory();
    journal = path.join(directory, 'journal-1.log');
    [warnings, told] = [[], []];
    const store = fixture.open(directory);
    const { id } = await store.createConversation({ name: 'kept' });
    for (const content of ['one', 'two', 'three']) {
      await store.createMessage({ conversationId: id, role: 'user', content });
    }
    await store.close();
  });
  afterEach(async () => {
    owned.splice(0).reverse().forEach((one) => one.dispose());
    await fixture.dispose();
  });

  const start = async (answer: string): Promise<ReturnType<ReturnType<typeof createCore>['api']>> => {
    const core = createCore({ log: nullLogger });
    const workers = {
      storeWorkerPath: await bundle('storeWorker', 'src/builtin/data/storeWorker.ts'),
      snapshotWorkerPath: await bundle('snapshotWorker', 'src/builtin/data/snapshotWorker.ts'),
    };
    const api = core.api('ui');
    owned.push(core, registerDataPlugin(core.api('builtin'), { directory, log: nullLogger, ...workers }));
    owned.push(
      registerDamageNotice({
        api,
        log: nullLogger,
        l10n: untranslated,
        warn: (message, ...buttons) => {
          warnings.push({ message, buttons });
          return Promise.resolve(answer);
        },
        inform: (message: string) => told.push(message),
        showLog: () => told.push('log'),
      }),
    );
    return api;
  };

  it('says what was lost and where as soon as the store is read, and checks on request', async () => {
    const frames = await readFrames(journal);
    const { start: from, end } = frames.at(-2)!;
    const bytes = await readFile(journal);
    bytes[from + 40]! ^= 1;
    await writeFile(journal, bytes);
    const api = await start('Check Conversations');
    assert.equal((await api.data.getConversations()).length, 1);
    await eventually(() => told.length > 0);
    assert.deepEqual(warnings, [
      {
        message:
          `A part of your saved conversations could not be read. ${end - from} bytes of journal-1.log from byte ${from} on ` +
          'are no valid records; what was in them is lost, everything else was read.',
        buttons: ['Check Conversations', 'Show Log'],
      },
    ]);
    assert.match(told[0]!, /^Checked 1 conversation with 2 messages .*Found 1 problem:/);
  });

  it('tells of all that is found together at once, and only once', async () => {
    const rubbish = Buffer.from('rubbish');
    const frames = await readFrames(journal);
    const bytes = await readFile(journal);
    await writeFile(journal, Buffer.concat([bytes.subarray(0, frames.at(-1)!.start), rubbish, bytes.subarray(frames.at(-1)!.start)]));
    await appendFile(journal, rubbish);
    const api = await start('Show Log');
    await api.data.getConversations();
    await eventually(() => told.length > 0);
    await api.data.checkStore();
    await api.data.getConversations();
    await new Promise((resolve) => setTimeout(resolve, 700));
    assert.deepEqual(warnings.map(({ message }) => message.slice(0, 60)), ['2 parts of your saved conversations could not be read. The f']);
    assert.deepEqual(told, ['log']);
  });

  it('says nothing of a sound store', async () => {
    const api = await start('Show Log');
    await api.data.getConversations();
    await new Promise((resolve) => setTimeout(resolve, 700));
    assert.deepEqual(warnings, []);
  });
});
