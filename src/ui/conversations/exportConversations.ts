// Export: which conversations, in which form, to which place.
// Must not know: how the forms look.

import * as vscode from 'vscode';
import type { Conversation, ExportRequest, JanApi } from '../../api/jan';
import type { Logger } from '../../common/log';
import { escapeIcons, escapeLinks, formatBytes, joinFacts } from '../format';
import { withErrors } from '../showError';
import { withExchangeProgress } from './exchangeProgress';
import { askForFile, askForNewFolder, showPlace } from './places';
import { conversationsText, dayText, fileNameFrom } from './texts';

export interface ExportOptions {
  readonly api: JanApi;
  readonly log: Logger;
}

type ExportForm = Pick<ExportRequest, 'format' | 'into' | 'branches'>;

/** Most conversations that are listed to choose from, in pages of what one call gives. */
const mostListed = 2000;
const pageSize = 500;

/** @param ids which; `undefined`: all */
export async function exportConversations({ api, log }: ExportOptions, ids: readonly string[] | undefined): Promise<void> {
  const { l10n } = vscode;
  const title = ids === undefined ? l10n.t('Export All Conversations') : l10n.t('Export {0}', conversationsText(ids.length, l10n));
  const form = await askForForm(title, ids?.length);
  if (form === undefined) {
    return;
  }
  const only = ids?.length === 1 ? await api.data.getConversation(ids[0]!) : undefined;
  const name = only === undefined ? l10n.t('Jan conversations {0}', dayText(Date.now())) : fileNameFrom(only.name, l10n.t('Conversation'));
  const isFolder = form.into === 'folder';
  const place = isFolder
    ? await askForNewFolder(title, l10n.t('Export Here'), name)
    : await askForFile(title, form.format === 'json' ? `${name}.json` : `${name}.md`, form.format === 'json' ? { JSON: ['json'] } : { Markdown: ['md'] });
  if (place === undefined) {
    return;
  }
  const result = await withExchangeProgress(title, ['reading'], (exchange) =>
    api.data.exportConversations({ ...form, path: place, ...(ids === undefined ? {} : { conversationIds: ids }) }, exchange),
  );
  const open = isFolder ? l10n.t('Show Folder') : l10n.t('Open File');
  const missing = result.missingAttachments > 0 ? ` ${l10n.t('Attached files that are not there any more: {0}.', result.missingAttachments)}` : '';
  const said = l10n.t('Exported {0} ({1}) to {2}.', conversationsText(result.conversations, l10n), formatBytes(result.bytes), result.path) + missing;
  void vscode.window.showInformationMessage(escapeLinks(said), open).then((chosen) => (chosen === open ? withErrors(() => showPlace(result.path, isFolder), log) : undefined));
}

/** Lists the conversations, the open one marked. @returns undefined when nothing was chosen */
export async function askForConversations(api: JanApi, current: string | undefined): Promise<readonly string[] | undefined> {
  const { l10n } = vscode;
  const conversations = await listConversations(api, current);
  if (conversations.length === 0) {
    void vscode.window.showInformationMessage(l10n.t('There are no conversations yet.'));
    return undefined;
  }
  const items = conversations.map((one) => ({
    label: escapeIcons(one.name) || l10n.t('New conversation'),
    description: joinFacts(one.id === current ? l10n.t('open now') : undefined, one.archived ? l10n.t('archived') : undefined, dayText(one.updatedAt)),
    picked: one.id === current,
    id: one.id,
  }));
  const chosen = await vscode.window.showQuickPick(items, {
    title: l10n.t('Export Conversation'),
    placeHolder: l10n.t('Tick the conversations to export'),
    canPickMany: true,
    matchOnDescription: true,
  });
  return chosen === undefined || chosen.length === 0 ? undefined : chosen.map(({ id }) => id);
}

/** The open one first, then the newest change first. */
async function listConversations(api: JanApi, current: string | undefined): Promise<Conversation[]> {
  const all: Conversation[] = [];
  for (let after: Conversation | undefined; all.length < mostListed; ) {
    const page = await api.data.getConversations({ limit: pageSize, ...(after && { after }) });
    all.push(...page);
    after = page.at(-1);
    if (page.length < pageSize) {
      break;
    }
  }
  return all.sort((a, b) => Number(b.id === current) - Number(a.id === current));
}

/** @param count how many; undefined: all */
async function askForForm(title: string, count: number | undefined): Promise<ExportForm | undefined> {
  const { l10n } = vscode;
  const json = {
    label: `$(json) ${l10n.t('JSON')}`,
    detail: l10n.t('Everything: all branches, settings and attached files. Can be imported again.'),
    form: { format: 'json' } as ExportForm,
  };
  const reading = l10n.t('For reading: the messages as they are shown.');
  const file: typeof json = { label: `$(markdown) ${l10n.t('Markdown')}`, detail: reading, form: { format: 'markdown' } };
  const branches: typeof json = {
    label: `$(git-branch) ${l10n.t('Markdown with all branches')}`,
    detail: l10n.t('Also the answers and questions that were replaced by others.'),
    form: { format: 'markdown', branches: 'all' },
  };
  const folder: typeof json = { label: `$(folder) ${l10n.t('Markdown, a file for each conversation')}`, detail: reading, form: { format: 'markdown', into: 'folder' } };
  const one: typeof json = { label: `$(markdown) ${l10n.t('Markdown, one file')}`, detail: l10n.t('All of them one after the other.'), form: { format: 'markdown' } };
  const items = count === 1 ? [file, branches, json] : [json, folder, one];
  return (await vscode.window.showQuickPick(items, { title, placeHolder: l10n.t('In which form') }))?.form;
}
