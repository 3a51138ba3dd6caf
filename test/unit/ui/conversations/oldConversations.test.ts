import assert from 'node:assert/strict';
import type { PurgeQuery, PurgeResult } from '../../../../src/api/jan';
import { nullLogger } from '../../../../src/common/log';
import { toDisposable } from '../../../../src/common/lifecycle';
import { applyRetention, countOld, dayMs, type RetentionOptions } from '../../../../src/ui/conversations/oldConversations';
import { untranslated as l10n } from '../../../../src/ui/localise';

const start = 1000 * dayMs;

/** Conversations by age in days, and what was asked and purged. */
class Window {
  now = start;
  days: unknown = 0;
  answer: string | undefined;
  ages: number[] = [];
  deletedAges: number[] = [];
  readonly asked: string[] = [];
  readonly kept = new Map<string, unknown>();

  readonly options: RetentionOptions = {
    api: { data: { purgeConversations: async (query: PurgeQuery) => this.purge(query) } } as unknown as RetentionOptions['api'],
    log: nullLogger,
    l10n,
    days: () => this.days,
    onDidChangeDays: () => toDisposable(() => undefined),
    memory: { get: (key) => this.kept.get(key), update: async (key, value) => void this.kept.set(key, value) },
    ask: async (message) => {
      this.asked.push(message);
      return this.answer;
    },
    turnOff: async () => void (this.days = 0),
    now: () => this.now,
  };

  private purge({ olderThan, deletedOnly, dryRun }: PurgeQuery): PurgeResult {
    const isOld = (age: number): boolean => start - age * dayMs < olderThan;
    const old = [...(deletedOnly === true ? [] : this.ages), ...this.deletedAges].filter(isOld);
    if (dryRun !== true) {
      this.ages = this.ages.filter((age) => !isOld(age));
    }
    return { conversations: old.length, messages: old.length * 2 };
  }
}

describe('Retention of conversations', () => {
  it('is off by default, and for what is no number of days', async () => {
    const window = new Window();
    window.ages = [500];
    for (const days of [0, -1, NaN, Infinity, '30', null, undefined, 1e9]) {
      window.days = days;
      assert.equal(await applyRetention(window.options), 0);
    }
    assert.deepEqual([window.asked, window.ages], [[], [500]]);
  });

  it('says how many before the first time, and removes nothing unless that is agreed to', async () => {
    const window = new Window();
    window.days = 30;
    window.ages = [10, 40, 50];
    for (const answer of [undefined, 'Not Now']) {
      window.answer = answer;
      assert.equal(await applyRetention(window.options), 0);
    }
    assert.match(window.asked[1]!, /^2 conversations not changed for 30 days would be deleted/);
    assert.deepEqual(window.ages, [10, 40, 50]);
    window.answer = 'Turn Off';
    assert.equal(await applyRetention(window.options), 0);
    assert.equal(window.days, 0);
    window.days = 30;
    window.answer = 'Delete Daily';
    assert.equal(await applyRetention(window.options), 2);
    assert.deepEqual(window.ages, [10]);
  });

  it('then removes once a day without asking, until fewer days are set', async () => {
    const window = new Window();
    Object.assign(window, { days: 30, ages: [40], answer: 'Delete Daily' });
    await applyRetention(window.options);
    window.answer = undefined;
    window.ages = [45];
    assert.equal(await applyRetention(window.options), 0, 'the same day');
    window.now += dayMs;
    assert.equal(await applyRetention(window.options), 1);
    window.ages = [20];
    window.days = 7;
    assert.equal(await applyRetention(window.options), 0);
    assert.equal(window.asked.length, 2);
    assert.deepEqual(window.ages, [20]);
  });

  it('does not ask about nothing, nor count what is deleted already', async () => {
    const window = new Window();
    Object.assign(window, { days: 30, ages: [1], deletedAges: [40, 50] });
    assert.equal((await countOld(window.options.api, 30, start)).conversations, 0);
    assert.equal(await applyRetention(window.options), 0);
    assert.deepEqual(window.asked, []);
  });
});
