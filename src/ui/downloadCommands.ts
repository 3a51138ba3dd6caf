// Commands on downloads: search, start, pause, resume, discard; and what is said when one ends.
// Must not know: how downloads are drawn or done.

import * as vscode from 'vscode';
import type { Download, DownloadRequest, JanApi } from '../api/jan';
import { JanError } from '../common/errors';
import { DisposableStore, type Disposable } from '../common/lifecycle';
import type { Logger } from '../common/log';
import { askForDownload } from './askForModel';
import { escapeLinks, formatBytes } from './format';
import { commandIds, settingIds, viewIds, type DownloadTarget, type FileTarget } from './ids';
import { askForDownloadRequest } from './searchModels';
import { showError, withErrors } from './showError';
import { registerCommand, runCommand } from './vscodeIds';

export interface DownloadCommandsOptions {
  readonly api: JanApi;
  readonly log: Logger;
  /** Shows where the download can be followed. */
  readonly showModels: () => Promise<void>;
  /** Loads a model and opens the chat with it. */
  readonly chatWith: (modelId: string) => Promise<void>;
}

export function registerDownloadCommands({ api, log, showModels, chatWith }: DownloadCommandsOptions): Disposable {
  const { l10n } = vscode;
  const owned = new DisposableStore();
  /** Started by this window: only of these the user is told how they end. */
  const started = new Map<string, DownloadRequest>();
  /** Ends that came before the call that started the download returned. */
  const endedEarly = new Map<string, Download>();
  let starting = 0;

  const start = async (request: DownloadRequest): Promise<void> => {
    await showModels();
    starting += 1;
    try {
      // The view's bar until the download has begun; then its item in the tree says more.
      const download = await vscode.window.withProgress({ location: { viewId: viewIds.models } }, () => api.models.downloadModel(request));
      started.set(download.id, request);
      void tellOfEnd(endedEarly.get(download.id) ?? download);
    } finally {
      starting -= 1;
      if (starting === 0) {
        endedEarly.clear();
      }
    }
  };

  const tellOfEnd = async (download: Download): Promise<void> => {
    const request = started.get(download.id);
    if (request === undefined) {
      if (starting > 0) {
        endedEarly.set(download.id, download);
      }
      return;
    }
    if (download.status === 'completed') {
      started.delete(download.id);
      const chat = l10n.t('Load and Chat');
      const message = l10n.t('{0} is downloaded and verified.', download.name);
      if ((await vscode.window.showInformationMessage(escapeLinks(message), chat)) === chat) {
        await withErrors(() => chatWith(download.modelId), log);
      }
    } else if (download.status === 'failed') {
      started.delete(download.id);
      const error = new JanError(download.error?.code ?? 'download-failed', l10n.t('{0} was not downloaded: {1}', download.name, download.error?.message ?? l10n.t('the reason is not known.')));
      await showError(error, log, () => withErrors(() => start(request), log));
    } else if (download.status === 'cancelled') {
      started.delete(download.id);
    }
  };

  const find = async (target: unknown, title: string, accepts: (download: Download) => boolean): Promise<Download | undefined> => {
    const id = downloadIdOf(target);
    if (id === undefined) {
      return askForDownload(api, title, accepts);
    }
    const download = (await api.models.getDownloads()).find((known) => known.id === id);
    if (download === undefined) {
      throw new JanError('download-not-found', l10n.t('This download has ended meanwhile.'));
    }
    return download;
  };

  /** A download goes on when the same file is asked for again. */
  const resume = async (download: Download): Promise<void> => {
    const model = await api.data.getModelById(download.modelId);
    const request: DownloadRequest =
      model.repository !== undefined && model.fileName !== undefined
        ? { repository: model.repository, fileName: model.fileName }
        : { ...(model.url === undefined ? {} : { url: model.url }) };
    await start({ ...request, ...(model.sha256 === undefined ? {} : { sha256: model.sha256 }) });
  };

  const discard = async (download: Download): Promise<void> => {
    // Asking is only worth it when there is something to lose.
    if (download.receivedBytes > 0) {
      const confirm = l10n.t('Discard');
      const answer = await vscode.window.showWarningMessage(
        l10n.t('Discard the download of “{0}”?', download.name),
        { modal: true, detail: l10n.t('{0} that have arrived are deleted.', formatBytes(download.receivedBytes)) },
        confirm,
      );
      if (answer !== confirm) {
        return;
      }
    }
    await api.models.cancelDownload(download.id, { keepPartial: false });
  };

  const on = (
    id: 'jan.cancelDownload' | 'jan.resumeDownload' | 'jan.discardDownload',
    title: string,
    accepts: (download: Download) => boolean,
    act: (download: Download) => Promise<void>,
  ): void => {
    owned.add(
      registerCommand(id, (target?: DownloadTarget) =>
        withErrors(async () => {
          const download = await find(target, title, accepts);
          if (download !== undefined) {
            await act(download);
          }
        }, log),
      ),
    );
  };
  on(commandIds.cancelDownload, l10n.t('Pause Download'), ({ status }) => status === 'running', (download) => api.models.cancelDownload(download.id));
  on(commandIds.resumeDownload, l10n.t('Resume Download'), ({ status }) => status === 'paused' || status === 'failed', resume);
  on(commandIds.discardDownload, l10n.t('Discard Download'), () => true, discard);

  owned.add(
    registerCommand(commandIds.searchModels, (text?: string) =>
      withErrors(async () => {
        const openSetting = (): void => void vscode.commands.executeCommand('workbench.action.openSettings', settingIds.hubUrl);
        const request = await askForDownloadRequest(api, openSetting, typeof text === 'string' ? text : '');
        if (request !== undefined) {
          await start(request);
        }
      }, log),
    ),
  );
  owned.add(
    registerCommand(commandIds.downloadModel, (target?: FileTarget) =>
      withErrors(async () => {
        const request = fileOf(target);
        await (request === undefined ? runCommand(commandIds.searchModels) : start(request));
      }, log),
    ),
  );
  owned.add(api.onDidChangeDownloads((download) => void tellOfEnd(download)));
  return owned;
}

function downloadIdOf(target: unknown): string | undefined {
  const id = typeof target === 'object' && target !== null ? (target as { downloadId?: unknown }).downloadId : target;
  return typeof id === 'string' && id !== '' ? id : undefined;
}

function fileOf(target: unknown): DownloadRequest | undefined {
  if (typeof target !== 'object' || target === null) {
    return undefined;
  }
  const { repository, fileName } = target as { repository?: unknown; fileName?: unknown };
  return typeof repository === 'string' && typeof fileName === 'string' ? { repository, fileName } : undefined;
}
