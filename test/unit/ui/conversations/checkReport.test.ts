import assert from 'node:assert/strict';
import type { StoreFinding, StoreReport } from '../../../../src/api/jan';
import { checkReport, checkSummary } from '../../../../src/ui/conversations/checkReport';
import { untranslated as l10n } from '../../../../src/ui/localise';

const report = (findings: readonly StoreFinding[]): StoreReport => ({
  ok: findings.length === 0,
  summary: '',
  conversations: 2,
  messages: 1,
  attachments: 0,
  bytes: 2048,
  findings,
});

describe('Report of a check', () => {
  it('says that all is well', () => {
    assert.match(checkReport(report([]), 0, l10n), /2 conversations with 1 message and 0 attached files, 2\.05 kB\.\n\nEverything is in order\.\n$/);
    assert.equal(checkSummary(report([]), l10n), 'Checked 2 conversations with 1 message and 0 attached files, 2.05 kB. Everything is in order.');
  });

  it('says of every kind of finding what it means and what to do', () => {
    const kinds = ['record', 'content', 'snapshot', 'database', 'newer', 'attachment', 'difference'] as const;
    for (const kind of kinds) {
      const text = checkReport(report([{ kind, message: `found ${kind}` }]), 0, l10n);
      assert.match(text, new RegExp(`1 problem was found\\.\n\n## .+\n\n.{20,}\n\n- found ${kind}\n$`), kind);
    }
  });

  it('stays readable with very many', () => {
    const many = Array.from({ length: 700 }, (_, n): StoreFinding => ({ kind: 'attachment', message: `file ${n}` }));
    const lines = checkReport(report(many), 0, l10n).split('\n');
    assert.ok(lines.includes('- And 200 more.') && lines.length < 520);
  });
});
