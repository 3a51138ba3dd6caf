import assert from 'node:assert/strict';
import { parsePs, shareOfProcessor } from '../../../../src/builtin/monitoring/processSample';

describe('process samples', () => {
  it('reads a line of ps', () => {
    const sample = parsePs(7, '  20480   1:02.50 Mon Nov 23 08:00:00 2026    \n', 5);
    assert.deepEqual(sample, { pid: 7, startedAt: 'Mon Nov 23 08:00:00 2026', cpuMs: 62_500, memory: 20_480 * 1024, at: 5 });
    assert.equal(parsePs(7, '1 10:00:00 x', 0)?.cpuMs, 36_000_000);
    assert.equal(parsePs(7, '', 0), undefined);
    assert.equal(parsePs(7, 'ps: no such process', 0), undefined);
  });

  it('shares the processor time over the span and all cores', () => {
    const before = { pid: 1, startedAt: '', cpuMs: 1000, memory: 0, at: 0 };
    assert.equal(shareOfProcessor(before, { ...before, cpuMs: 1500, at: 1000 }, 2), 25);
    assert.equal(shareOfProcessor(before, { ...before, at: 0 }, 2), 0);
    assert.equal(shareOfProcessor(before, { ...before, cpuMs: undefined, cpuShare: 12, at: 1000 }, 2), 12);
  });
});
