// What a check of the store found, as a document that says what each finding means and what to do.
// Must not know: VS Code, services, how the store is checked.

import type { StoreFinding, StoreReport } from '../../api/jan';
import { formatBytes } from '../format';
import type { Localise } from '../localise';
import { conversationsText, messagesText } from './texts';

/** Most findings that are written out one by one. */
const mostFindings = 500;

export function checkReport(report: StoreReport, at: number, l10n: Localise): string {
  const { conversations, messages, attachments, bytes, findings } = report;
  const lines = [
    `# ${l10n.t('Check of Your Conversations')}`,
    '',
    l10n.t('Checked on {0}: {1} with {2} and {3} attached files, {4}.', new Date(at).toLocaleString(), conversationsText(conversations, l10n), messagesText(messages, l10n), attachments, formatBytes(bytes)),
    '',
    report.ok ? l10n.t('Everything is in order.') : findings.length === 1 ? l10n.t('1 problem was found.') : l10n.t('{0} problems were found.', findings.length),
  ];
  const kinds = [...new Set(findings.map(({ kind }) => kind))];
  for (const kind of kinds) {
    const here = findings.filter((finding) => finding.kind === kind);
    const { title, step } = meaningOf(kind, l10n);
    lines.push('', `## ${title}`, '', step, '', ...here.slice(0, mostFindings).map(({ message }) => `- ${message}`));
    if (here.length > mostFindings) {
      lines.push(`- ${l10n.t('And {0} more.', here.length - mostFindings)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** Of a store that is sound, in a sentence. */
export function checkSummary({ conversations, messages, attachments, bytes }: StoreReport, l10n: Localise): string {
  return l10n.t('Checked {0} with {1} and {2} attached files, {3}. Everything is in order.', conversationsText(conversations, l10n), messagesText(messages, l10n), attachments, formatBytes(bytes));
}

function meaningOf(kind: StoreFinding['kind'], l10n: Localise): { readonly title: string; readonly step: string } {
  const restore = l10n.t('If you have a backup from before, “Jan: Restore Conversations from Backup…” adds what is missing and changes nothing else.');
  switch (kind) {
    case 'record':
    case 'content':
      return { title: l10n.t('Damaged parts of the journal'), step: `${l10n.t('They were passed over; everything else was read.')} ${restore}` };
    case 'snapshot':
      return { title: l10n.t('A damaged snapshot'), step: `${l10n.t('The files before it were read instead, and a new one will be written.')} ${restore}` };
    case 'database':
      return { title: l10n.t('The database is inconsistent'), step: l10n.t('Reload the window and check again. If this stays, back up your conversations and report it with the log.') };
    case 'newer':
      return { title: l10n.t('Written by a newer version'), step: l10n.t('Update Jan to read and change everything.') };
    case 'attachment':
      return { title: l10n.t('Attached files'), step: `${l10n.t('The messages themselves are whole. Attach the file again where you need it.')} ${restore}` };
    case 'difference':
      return { title: l10n.t('This window is behind'), step: l10n.t('Reload the window, then check again.') };
  }
}
