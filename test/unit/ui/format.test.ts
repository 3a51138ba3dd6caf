import assert from 'node:assert/strict';
import {
  escapeLinks,
  escapeMarkdown,
  formatBytes,
  formatCount,
  formatPercent,
  formatRemaining,
  formatSpeed,
  formatTokens,
  formatTokensPerSecond,
  joinFacts,
  percentOf,
} from '../../../src/ui/format';

describe('format', () => {
  it('writes sizes with three digits and the unit that fits', () => {
    assert.deepEqual(
      [0, 1, 999, 999.4, 1000, 1234, 4_370_000_000, 999_499_999, 999_600_000, 1e15].map((bytes) => formatBytes(bytes)),
      ['0 B', '1 B', '999 B', '999 B', '1 kB', '1.23 kB', '4.37 GB', '999 MB', '1 GB', '1 PB'],
    );
  });

  it('makes no link of a name', () => {
    assert.equal(escapeLinks('[Go](command:x?[1](2)) was added.'), '[Go] (command:x?[1] (2)) was added.');
  });

  it('says nothing where there is no size', () => {
    assert.deepEqual([undefined, Number.NaN, -1, Number.POSITIVE_INFINITY].map((bytes) => formatBytes(bytes)), ['', '', '', '']);
    assert.equal(formatSpeed(0), '');
    assert.equal(formatSpeed(12_300_000), '12.3 MB/s');
  });

  it('shows 100 % only at the end, and never more', () => {
    assert.equal(percentOf(0.9999), 99);
    assert.equal(percentOf(1), 100);
    assert.equal(percentOf(1.7), 100);
    assert.equal(percentOf(-0.1), 0);
    // 0.29 * 100 is 28.999… in binary.
    assert.equal(percentOf(0.29), 29);
    assert.equal(formatPercent(0.434), '43 %');
    assert.equal(formatPercent(Number.NaN), '');
    assert.equal(formatPercent(undefined), '');
  });

  it('writes counts, contexts and speeds short', () => {
    assert.deepEqual([0, 812, 999.9, 1_200_000, 7_250_000_000].map((count) => formatCount(count)), ['0', '812', '1k', '1.2M', '7.25B']);
    assert.deepEqual([300, 512, 4096, 131_072, 128_000, 1_000_000, 0].map((tokens) => formatTokens(tokens)), ['300', '512', '4k', '128k', '128k', '1M', '']);
    assert.deepEqual([38.4, 4.234, 0.5, 0].map((speed) => formatTokensPerSecond(speed)), ['38 t/s', '4.23 t/s', '0.5 t/s', '']);
  });

  it('tells how long the rest takes', () => {
    assert.equal(formatRemaining(100, 10), '10 s');
    assert.equal(formatRemaining(1250, 10), '2 min 5 s');
    assert.equal(formatRemaining(38_400, 10), '1 h 4 min');
    assert.equal(formatRemaining(100, 0), '');
    assert.equal(formatRemaining(0, 10), '');
  });

  it('joins what is there', () => {
    assert.equal(joinFacts('a', undefined, '', 'b'), 'a · b');
    assert.equal(joinFacts(undefined), '');
  });

  it('leaves nothing of a name to be markup', () => {
    const hostile = '![x](http://evil) <b>*a*</b> | $(alert)\n# h `c`';
    assert.equal(
      escapeMarkdown(hostile),
      '\\!\\[x\\]\\(http://evil\\) \\<b\\>\\*a\\*\\</b\\> \\| \\$\\(alert\\) \\# h \\`c\\`',
    );
  });
});
