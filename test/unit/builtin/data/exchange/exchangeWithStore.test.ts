import assert from 'node:assert/strict';
import { registerDataPlugin } from '../../../../../src/builtin/data/dataPlugin';
import { applyImport, markDuplicates, undoImport } from '../../../../../src/builtin/data/exchange/applyImport';
import { readConversations } from '../../../../../src/builtin/data/exchange/exportSource';
import { readImport } from '../../../../../src/builtin/data/exchange/readImport';
import { exportJson } from '../../../../../src/builtin/data/exchange/toJson';
import type { Disposable } from '../../../../../src/common/lifecycle';
import { nullLogger } from '../../../../../src/common/log';
import { createCore } from '../../../../../src/core/core';
import type { DataService } from '../../../../../src/api/jan';
import { StoreFixture } from '../../../../fixtures/data/storeFixture';
import { all, createRandom, joined, memoryFile, randomConversation } from '../../../../fixtures/exchange/exchangeFixture';

describe('Export and import with the Data service', function () {
  this.timeout(30_000);
  const fixture = new StoreFixture();
  const owned: Disposable[] = [];

  const open = async (): Promise<DataService> => {
    const core = createCore({ log: nullLogger });
    owned.push(core, registerDataPlugin(core.api('builtin'), { directory: await fixture.directory(), log: nullLogger }));
    return core.api('test').data;
  };

  afterEach(async () => {
    owned.splice(0).reverse().forEach((item) => item.dispose());
    await fixture.dispose();
  });

  it('what one store exports, another has after the import, and undo leaves nothing', async () => {
    const random = createRandom(77);
    const given = Array.from({ length: 40 }, (_, n) => randomConversation(random, n));
    const [one, other] = [await open(), await open()];
    const plan = await readImport([memoryFile(await joined(exportJson(given)))]);
    const receipt = await applyImport(one, await markDuplicates(one, plan));
    assert.deepEqual([receipt.outcome, receipt.failed, receipt.conversationIds.length], ['complete', [], 40]);
    const exported = await joined(exportJson(readConversations(one), { now: () => 0 }));
    const second = await applyImport(other, await readImport([memoryFile(exported)]));
    assert.equal(second.outcome, 'complete');
    assert.ok((await joined(exportJson(readConversations(other), { now: () => 0 }))) === exported);
    const byId = new Map((await all(readConversations(other))).map((found) => [found.conversation.id, found]));
    for (const { conversation, messages } of given) {
      // The store does not tell empty reasoning from none.
      const expected = messages.map(({ reasoning, ...message }) => ({ ...message, ...(reasoning && { reasoning }) }));
      assert.deepEqual(byId.get(conversation.id), { conversation, messages: expected });
    }
    const again = await applyImport(other, await markDuplicates(other, plan));
    assert.deepEqual([again.duplicates, again.conversationIds], [40, []]);
    await undoImport(other, second);
    assert.deepEqual(await other.getConversations(), []);
  });
});
