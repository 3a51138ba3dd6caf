// Import: what to read, a preview, the import itself, and Undo as one step.
// Must not know: formats, the store.

import * as vscode from 'vscode';
import type { ImportPreview, ImportReceipt, JanApi } from '../../api/jan';
import type { Logger } from '../../common/log';
import { escapeLinks } from '../format';
import { withErrors } from '../showError';
import { withExchangeProgress } from './exchangeProgress';
import { previewEntries, previewHint, previewTitle, problemsReport, receiptText, type ImportAnswer } from './importTexts';
import { findKnownImports } from './knownImports';
import { askForFiles, askForFolder } from './places';
import type { ReportDocuments } from './reportDocuments';
import { conversationsText } from './texts';

export interface ImportOptions {
  readonly api: JanApi;
  readonly log: Logger;
  readonly reports: ReportDocuments;
  /** Conversations were added that belong to no folder, or another one. */
  readonly onAdded: () => Promise<void>;
}

/** @param given absolute paths; absent: the user is asked */
export async function importConversations(options: ImportOptions, given?: readonly string[]): Promise<void> {
  const { api } = options;
  const { l10n } = vscode;
  const paths = given ?? (await askWhatToImport());
  if (paths === undefined) {
    return;
  }
  const preview = await withExchangeProgress(l10n.t('Reading conversations'), ['reading', 'comparing'], (exchange) => api.data.previewImport(paths, exchange));
  const answer = await showPreview(preview);
  if (answer === undefined) {
    return;
  }
  const receipt = await withExchangeProgress(l10n.t('Importing conversations'), ['writing'], (exchange) =>
    api.data.importConversations(preview.id, { ...exchange, changed: answer === 'onlyNew' ? 'skip' : 'copy' }),
  );
  if (receipt.conversationIds.length > 0) {
    await options.onAdded();
  }
  void tellOfEnd(options, preview, receipt);
}

interface SourceItem extends vscode.QuickPickItem {
  readonly choose?: () => Promise<string[] | undefined>;
}

async function askWhatToImport(): Promise<string[] | undefined> {
  const { l10n } = vscode;
  const title = l10n.t('Import Conversations');
  const label = l10n.t('Preview Import');
  const folder = async (start?: string): Promise<string[] | undefined> => {
    const picked = await askForFolder(title, label, start);
    return picked === undefined ? undefined : [picked];
  };
  const known = await findKnownImports();
  const items: SourceItem[] = [
    {
      label: `$(file) ${l10n.t('Choose Files…')}`,
      detail: l10n.t('An export of Jan, ChatGPT or Claude: the .zip as it was sent, or the conversations.json in it'),
      choose: () => askForFiles(title, label, { [l10n.t('Conversations')]: ['json', 'jsonl', 'zip'] }),
    },
    {
      label: `$(folder) ${l10n.t('Choose a Folder…')}`,
      detail: l10n.t('An unpacked export, Jan Desktop’s threads or Continue’s sessions'),
      choose: () => folder(),
    },
    ...(known.length > 0 ? [{ label: l10n.t('Found on this machine'), kind: vscode.QuickPickItemKind.Separator }] : []),
    ...known.map((one) => ({ label: `$(history) ${one.name}`, description: one.folder, choose: async () => [one.folder] })),
  ];
  const chosen = await vscode.window.showQuickPick(items, { title, placeHolder: l10n.t('What to import; a preview comes first') });
  return chosen?.choose?.();
}

type PreviewItem = vscode.QuickPickItem & { readonly answer?: ImportAnswer };

/** Stays open until something is chosen or given up, so that the list can be read in peace. */
function showPreview(preview: ImportPreview): Promise<ImportAnswer | undefined> {
  const { l10n } = vscode;
  const pick = vscode.window.createQuickPick<PreviewItem>();
  pick.title = previewTitle(preview, l10n);
  pick.placeholder = previewHint(preview, l10n);
  pick.ignoreFocusOut = true;
  pick.matchOnDescription = true;
  pick.matchOnDetail = true;
  pick.items = previewEntries(preview, l10n).map(({ kind, ...entry }) => ({
    ...entry,
    kind: kind === 'separator' ? vscode.QuickPickItemKind.Separator : vscode.QuickPickItemKind.Default,
    ...(entry.answer === undefined ? {} : { alwaysShow: true }),
  }));
  return new Promise((resolve) => {
    pick.onDidAccept(() => {
      const answer = pick.selectedItems[0]?.answer;
      if (answer !== undefined) {
        resolve(answer);
        pick.hide();
      }
    });
    pick.onDidHide(() => {
      resolve(undefined);
      pick.dispose();
    });
    pick.show();
  });
}

async function tellOfEnd({ api, log, reports }: ImportOptions, preview: ImportPreview, receipt: ImportReceipt): Promise<void> {
  const { l10n } = vscode;
  const undo = l10n.t('Undo');
  const details = l10n.t('Show Details');
  const buttons = [
    ...(receipt.conversationIds.length > 0 ? [undo] : []),
    ...(receipt.failed.length + preview.skipped.length + preview.adapted.length > 0 ? [details] : []),
  ];
  const text = receiptText(receipt, preview.sources, l10n);
  const show = receipt.outcome === 'failed' ? vscode.window.showErrorMessage : vscode.window.showInformationMessage;
  const chosen = await show(escapeLinks(text), ...buttons);
  if (chosen === undo) {
    await withErrors(async () => {
      const removed = await withExchangeProgress(l10n.t('Undoing the import'), ['removing'], (exchange) => api.data.undoImport(receipt.conversationIds, exchange));
      void vscode.window.showInformationMessage(l10n.t('The import was undone: {0} removed.', conversationsText(removed, l10n)));
    }, log);
  } else if (chosen === details) {
    await withErrors(() => reports.show(l10n.t('Import'), problemsReport(preview, receipt, l10n)), log);
  }
}
