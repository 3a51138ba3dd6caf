import assert from 'node:assert/strict';
import type { ImportPreview, ImportReceipt } from '../../../../src/api/jan';
import { previewEntries, previewHint, previewTitle, problemsReport, receiptText } from '../../../../src/ui/conversations/importTexts';
import { untranslated as l10n } from '../../../../src/ui/localise';

const preview = (change: Partial<ImportPreview> = {}): ImportPreview => ({
  id: 'p',
  sources: ['chatgpt'],
  conversations: 3,
  messages: 12,
  fresh: 1,
  duplicates: 1,
  changed: 1,
  titles: [
    { title: 'Trip $(zap)', messages: 4, updatedAt: new Date(2026, 0, 2).getTime(), standing: 'new' },
    { title: '', messages: 1, updatedAt: new Date(2026, 0, 1).getTime(), standing: 'duplicate' },
    { title: 'Went on', messages: 7, updatedAt: 0, standing: 'changed' },
  ],
  skipped: [{ where: 'conversations.json, conversation 4', reason: 'It holds no messages.' }],
  adapted: [],
  moreNotes: 0,
  ...change,
});
const receipt = (change: Partial<ImportReceipt> = {}): ImportReceipt => ({
  outcome: 'complete',
  conversationIds: ['a', 'b'],
  messages: 9,
  duplicates: 1,
  failed: [],
  ...change,
});

describe('Texts of an import', () => {
  it('says where from, how many, what is new, here already and unreadable', () => {
    assert.equal(previewTitle(preview(), l10n), 'Import from ChatGPT: 3 conversations, 12 messages');
    assert.equal(previewHint(preview(), l10n), '1 new · 1 here with other messages · 1 here already · 1 can’t be imported · nothing is imported before you choose');
  });

  it('puts the choices first and lists everything behind them', () => {
    const entries = previewEntries(preview(), l10n);
    assert.deepEqual(entries.map(({ answer }) => answer).filter(Boolean), ['all', 'onlyNew']);
    assert.equal(entries[0]!.label, '$(cloud-download) Import 2 conversations');
    assert.match(entries[0]!.detail!, /nothing is overwritten/);
    const labels = entries.map(({ label }) => label);
    assert.ok(labels.includes('$(add) Trip $ (zap)'), 'a title is no icon');
    assert.ok(labels.includes('$(check) New conversation'));
    const bad = entries.find(({ label }) => label.includes('conversation 4'));
    assert.equal(bad?.detail, 'It holds no messages.');
    assert.equal(entries.find(({ label }) => label.includes('Trip'))?.description, 'new · 4 messages · 2026-01-02');
  });

  it('offers nothing when there is nothing', () => {
    const known = preview({ fresh: 0, changed: 0, duplicates: 3 });
    assert.match(previewEntries(known, l10n)[0]!.label, /everything is here already/);
    const none = preview({ sources: [], conversations: 0, messages: 0, fresh: 0, changed: 0, duplicates: 0, titles: [] });
    assert.match(previewEntries(none, l10n)[0]!.label, /No conversations were found/);
    assert.equal(previewTitle(none, l10n), 'Import Conversations');
    assert.ok([...previewEntries(known, l10n), ...previewEntries(none, l10n)].every(({ answer }) => answer === undefined));
  });

  it('says how it ended, whichever way', () => {
    const text = (change: Partial<ImportReceipt>): string => receiptText(receipt(change), ['chatgpt'], l10n);
    assert.equal(text({}), 'Imported 2 conversations with 9 messages from ChatGPT. Left out as already here: 1.');
    assert.match(text({ outcome: 'cancelled', conversationIds: ['a'], duplicates: 0 }), /^The import was cancelled\. Until then 1 conversation with 9 messages came in\.$/);
    const error = Object.assign(new Error('The disk is full.'), { name: 'JanError' as const, code: 'disk-full' as const, details: {} });
    assert.match(text({ outcome: 'failed', error }), /The disk is full\. Until then 2 conversations/);
    assert.match(text({ failed: [{ where: 'x', reason: 'y' }] }), /Not imported: 1\./);
  });

  it('reports every problem with its place', () => {
    const report = problemsReport(preview({ moreNotes: 7 }), receipt({ failed: [{ where: 'attachment “a”', reason: 'Its data is damaged.' }] }), l10n);
    assert.match(report, /## Refused by the store\n\n- attachment “a”: Its data is damaged\./);
    assert.match(report, /## Can’t be imported\n\n- conversations\.json, conversation 4: It holds no messages\./);
    assert.match(report, /And 7 more notes/);
  });
});
