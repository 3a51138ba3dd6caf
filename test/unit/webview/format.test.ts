import assert from 'node:assert/strict';
import { countWords, dayGroupOf, fill, formatDuration, formatSpeed } from '../../../webview/format';

describe('format', () => {
  it('fills places', () => {
    assert.equal(fill('{1} of {0}', 3, 'b'), 'b of 3');
    assert.equal(fill('{0} and {2}', '$&'), '$& and {2}');
  });

  it('writes durations and speeds', () => {
    assert.deepEqual([340.4, 1234, 125_000].map(formatDuration), ['340 ms', '1.2 s', '2:05 min']);
    assert.deepEqual([0.84, 38.44, 1240].map((one) => formatSpeed(one, 'en')), ['0.8', '38', '1,240']);
  });

  it('counts words in any script', () => {
    assert.equal(countWords('Jan runs models.', 'en'), 3);
    assert.ok(countWords('你好世界', 'zh') >= 2);
    assert.equal(countWords(' … ', 'en'), 0);
  });

  it('groups by calendar day', () => {
    const now = new Date(2026, 10, 23, 8).getTime();
    const at = (day: number, hour: number): string => dayGroupOf(new Date(2026, 10, day, hour).getTime(), now);
    assert.deepEqual([at(23, 0), at(22, 23), at(22, 0), at(21, 23), at(16, 0), at(15, 23)], [
      'today', 'yesterday', 'yesterday', 'lastWeek', 'lastWeek', 'older',
    ]);
  });
});
