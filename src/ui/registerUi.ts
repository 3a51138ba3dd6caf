// The user interface: wires views, status bar, commands and VS Code's language model API to the services.
// Must not know: any implementation of a service; it sees the public API alone.

import * as path from 'node:path';
import * as vscode from 'vscode';
import type { JanApi } from '../api/jan';
import { DisposableStore, type Disposable } from '../common/lifecycle';
import type { Logger } from '../common/log';
import { registerChatView } from './chat/chatView';
import { registerAttachmentFiles } from './chat/composer/attachmentFiles';
import { FileMemory } from './chat/fileMemory';
import { keptConversation } from './chat/keptConversation';
import { pickModel, registerCommands } from './commands';
import { registerDamageNotice } from './damageNotice';
import type { EndpointTokens } from './endpointTokens';
import { registerLanguageModelProvider } from './languageModelProvider';
import { ModelTree } from './modelTree';
import { registerStatusBar } from './statusBar';
import { registerRetention } from './conversations/oldConversations';
import { commandIds, settingIds } from './ids';
import { onDidChangeSetting, readSetting, setContextKey, writeSetting } from './vscodeIds';

export interface UiOptions {
  readonly api: JanApi;
  readonly log: Logger & { readonly show?: () => void };
  readonly endpointTokens: EndpointTokens;
  readonly context: Pick<vscode.ExtensionContext, 'extension' | 'extensionUri' | 'secrets' | 'globalState' | 'storageUri' | 'globalStorageUri'>;
}

export interface Ui extends Disposable {
  /** Is anything in sight that shows what other windows change? A view that comes into sight reads everything anew. */
  isWatched(): boolean;
}

/** Registers everything that a user sees; asks no service before it is looked at. */
export function registerUi({ api, log, context, endpointTokens }: UiOptions): Ui {
  const owned = new DisposableStore();
  const storage = (context.storageUri ?? context.globalStorageUri).fsPath;
  const memory = owned.add(new FileMemory(path.join(storage, 'chat-view.json'), log));
  const chat = owned.add(
    registerChatView({
      api,
      log,
      extensionUri: context.extensionUri,
      memory,
      setContext: (key, value) => void setContextKey(key, value),
      pickModel: (current) => pickModel(api, current),
    }),
  );
  owned.add(registerAttachmentFiles(api.data));
  const tree = owned.add(new ModelTree({ api, log }));
  owned.add(registerStatusBar({ api, log }));
  owned.add(
    registerCommands({
      api,
      log,
      chat,
      extensionId: context.extension.id,
      secrets: context.secrets,
      endpointTokens,
      refreshModels: () => tree.refresh(),
      currentConversation: () => keptConversation(memory) ?? undefined,
    }),
  );
  owned.add(registerLanguageModelProvider({ api, log }));
  owned.add(
    registerDamageNotice({
      api,
      log,
      l10n: vscode.l10n,
      warn: (message, ...buttons) => vscode.window.showWarningMessage(message, ...buttons),
      inform: (message) => vscode.window.showInformationMessage(message),
      showLog: () => vscode.commands.executeCommand(commandIds.showLog),
    }),
  );
  owned.add(
    registerRetention({
      api,
      log,
      l10n: vscode.l10n,
      days: () => readSetting(settingIds.retentionDays),
      onDidChangeDays: (listener) => onDidChangeSetting(settingIds.retentionDays, listener),
      memory: context.globalState,
      ask: (message, ...buttons) => vscode.window.showWarningMessage(message, ...buttons),
      turnOff: () => writeSetting(settingIds.retentionDays, 0),
    }),
  );
  return { isWatched: () => chat.isShown() || tree.isShown, dispose: () => owned.dispose() };
}
