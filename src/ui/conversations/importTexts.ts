// What is said of an import: the preview's entries, its counts, and how it ended.
// Must not know: VS Code, services.

import type { ImportNote, ImportPreview, ImportReceipt, ImportSource, ImportTitle } from '../../api/jan';
import { escapeIcons, joinFacts } from '../format';
import type { Localise } from '../localise';
import { conversationsText, dayText, messagesText } from './texts';

export type ImportAnswer = 'all' | 'onlyNew';

/** An entry of the preview; those without an answer are there to be read. */
export interface PreviewEntry {
  readonly label: string;
  readonly kind: 'separator' | 'entry';
  readonly description?: string;
  readonly detail?: string;
  readonly answer?: ImportAnswer;
}

const sourceNames: Readonly<Record<ImportSource, string>> = {
  jan: 'Jan',
  chatgpt: 'ChatGPT',
  claude: 'Claude',
  'jan-desktop': 'Jan Desktop',
  continue: 'Continue',
};

/** Most notes that a list of entries shows; the report has all. */
const mostNotes = 100;

export function sourcesText(sources: readonly ImportSource[]): string {
  return sources.map((source) => sourceNames[source]).join(', ');
}

export function previewTitle(preview: ImportPreview, l10n: Localise): string {
  const { sources, conversations, messages } = preview;
  if (conversations === 0) {
    return l10n.t('Import Conversations');
  }
  return l10n.t('Import from {0}: {1}, {2}', sourcesText(sources), conversationsText(conversations, l10n), messagesText(messages, l10n));
}

export function previewHint(preview: ImportPreview, l10n: Localise): string {
  const { fresh, changed, duplicates, skipped } = preview;
  const counts = joinFacts(
    fresh > 0 ? l10n.t('{0} new', fresh) : undefined,
    changed > 0 ? l10n.t('{0} here with other messages', changed) : undefined,
    duplicates > 0 ? l10n.t('{0} here already', duplicates) : undefined,
    skipped.length > 0 ? l10n.t('{0} can’t be imported', skipped.length) : undefined,
  );
  return joinFacts(counts, l10n.t('nothing is imported before you choose'));
}

/** What can be chosen first, then everything that there is to see. */
export function previewEntries(preview: ImportPreview, l10n: Localise): readonly PreviewEntry[] {
  const { titles, skipped, adapted, moreNotes, conversations } = preview;
  const list: PreviewEntry[] = [...choices(preview, l10n)];
  const section = (label: string, entries: readonly PreviewEntry[]): void => {
    if (entries.length > 0) {
      list.push({ kind: 'separator', label }, ...entries);
    }
  };
  const shownTitles = conversations > titles.length ? l10n.t('The newest {0} of {1} conversations', titles.length, conversations) : l10n.t('Conversations');
  section(shownTitles, titles.map((title) => titleEntry(title, l10n)));
  section(l10n.t('Can’t be imported'), notes(skipped, 'warning'));
  section(l10n.t('Imported, but not quite as it was'), notes(adapted, 'info'));
  if (moreNotes > 0) {
    list.push({ kind: 'entry', label: l10n.t('And {0} more notes', moreNotes) });
  }
  return list;
}

function choices({ fresh, changed, conversations, messages, duplicates }: ImportPreview, l10n: Localise): PreviewEntry[] {
  if (fresh + changed === 0) {
    const label = conversations === 0 ? l10n.t('No conversations were found here') : l10n.t('Nothing to import: everything is here already');
    return [{ kind: 'entry', label: `$(info) ${label}` }];
  }
  const all: PreviewEntry = {
    kind: 'entry',
    label: `$(cloud-download) ${l10n.t('Import {0}', conversationsText(fresh + changed, l10n))}`,
    ...(duplicates === 0 ? { description: messagesText(messages, l10n) } : {}),
    ...(changed > 0 ? { detail: l10n.t('{0} went on differently here: what is imported is put beside it, nothing is overwritten.', conversationsText(changed, l10n)) } : {}),
    answer: 'all',
  };
  return changed > 0 && fresh > 0
    ? [all, { kind: 'entry', label: `$(add) ${l10n.t('Import only what is new: {0}', conversationsText(fresh, l10n))}`, answer: 'onlyNew' }]
    : [all];
}

function titleEntry({ title, messages, updatedAt, standing }: ImportTitle, l10n: Localise): PreviewEntry {
  const icon = { new: 'add', duplicate: 'check', changed: 'git-branch' }[standing];
  const words = { new: l10n.t('new'), duplicate: l10n.t('here already'), changed: l10n.t('here with other messages') }[standing];
  return {
    kind: 'entry',
    label: `$(${icon}) ${escapeIcons(title) || l10n.t('New conversation')}`,
    description: joinFacts(words, messagesText(messages, l10n), dayText(updatedAt)),
  };
}

function notes(list: readonly ImportNote[], icon: string): PreviewEntry[] {
  return list.slice(0, mostNotes).map(({ where, reason }) => ({ kind: 'entry', label: `$(${icon}) ${escapeIcons(where)}`, detail: reason }));
}

/** How an import ended, in a sentence or two. */
export function receiptText(receipt: ImportReceipt, sources: readonly ImportSource[], l10n: Localise): string {
  const { outcome, conversationIds, messages, duplicates, failed, error } = receipt;
  const added = l10n.t('{0} with {1}', conversationsText(conversationIds.length, l10n), messagesText(messages, l10n));
  const first = {
    complete: l10n.t('Imported {0} from {1}.', added, sourcesText(sources)),
    cancelled: l10n.t('The import was cancelled. Until then {0} came in.', added),
    failed: l10n.t('The import ended early: {0} Until then {1} came in.', error?.message ?? '', added),
  }[outcome];
  return [
    first,
    duplicates > 0 ? l10n.t('Left out as already here: {0}.', duplicates) : '',
    failed.length > 0 ? l10n.t('Not imported: {0}.', failed.length) : '',
  ]
    .filter((text) => text !== '')
    .join(' ');
}

/** Everything that an import could not do as wished, as a document. */
export function problemsReport(preview: ImportPreview, receipt: ImportReceipt, l10n: Localise): string {
  const lines = [`# ${l10n.t('Import from {0}', sourcesText(preview.sources))}`];
  const section = (title: string, list: readonly ImportNote[]): void => {
    if (list.length > 0) {
      lines.push('', `## ${title}`, '', ...list.map(({ where, reason }) => `- ${where}: ${reason}`));
    }
  };
  section(l10n.t('Refused by the store'), receipt.failed);
  section(l10n.t('Can’t be imported'), preview.skipped);
  section(l10n.t('Imported, but not quite as it was'), preview.adapted);
  if (preview.moreNotes > 0) {
    lines.push('', l10n.t('And {0} more notes', preview.moreNotes));
  }
  return `${lines.join('\n')}\n`;
}
