// The commands of Jan: each id and what it does, in a line or a file of its own.
// Must not know: how services work, how views draw.

import * as vscode from 'vscode';
import type { JanApi } from '../api/jan';
import { DisposableStore, type Disposable } from '../common/lifecycle';
import type { Logger } from '../common/log';
import { askForModel } from './askForModel';
import { registerAttachCommands } from './attachCommands';
import type { FoundFile } from './chat/composer/attachable';
import { chooseProvider } from './chooseProvider';
import { registerConversationCommands } from './conversations/conversationCommands';
import { copyEndpoint } from './copyEndpoint';
import { registerDownloadCommands } from './downloadCommands';
import { newEndpointToken, revokeEndpointToken } from './endpointTokenCommands';
import type { EndpointTokens } from './endpointTokens';
import { editConversationSettings } from './editModelSettings';
import { mayEndAnswers } from './endAnswers';
import { setHubToken } from './hubToken';
import { commandIds, viewIds, walkthroughId, type CommandId } from './ids';
import { registerModelCommands } from './modelCommands';
import { showActions } from './showActions';
import { withErrors } from './showError';
import { registerCommand, runCommand } from './vscodeIds';

/** What commands need of the chat view. */
export interface ChatCommands {
  newConversation(): Promise<void>;
  focusInput(): Promise<void>;
  stopAnswer(): Promise<void>;
  setModel(modelId: string): Promise<void>;
  listAll(): Promise<void>;
  attach(find: () => Promise<readonly FoundFile[]>): Promise<void>;
}

export interface CommandsOptions {
  readonly api: JanApi;
  readonly log: Logger & { readonly show?: () => void };
  readonly extensionId: string;
  readonly secrets: vscode.SecretStorage;
  readonly endpointTokens: EndpointTokens;
  readonly chat: ChatCommands;
  readonly refreshModels: () => Promise<void>;
  /** The conversation that the chat shows, if it exists already. */
  readonly currentConversation: () => string | undefined;
}

export function registerCommands(options: CommandsOptions): Disposable {
  const { api, log, chat } = options;
  const owned = new DisposableStore();
  const chatWith = async (modelId: string): Promise<void> => {
    await chat.setModel(modelId);
    await chat.focusInput();
    await runCommand(commandIds.loadModel, modelId);
  };
  owned.add(registerModelCommands({ api, log, chatWith }));
  owned.add(registerDownloadCommands({ api, log, chatWith, showModels: () => focusView(viewIds.models) }));

  owned.add(registerAttachCommands({ log, attach: (find) => chat.attach(find) }));
  owned.add(registerConversationCommands({ api, log, currentConversation: options.currentConversation, onAdded: () => chat.listAll() }));

  const on = <C extends CommandId>(id: C, act: () => PromiseLike<unknown>): void => {
    owned.add(registerCommand(id, (() => withErrors(act, log))));
  };
  on(commandIds.openChat, () => chat.focusInput());
  on(commandIds.newConversation, () => chat.newConversation());
  on(commandIds.stopAnswer, () => chat.stopAnswer());
  on(commandIds.pickModel, async () => {
    const modelId = await pickModel(api, undefined);
    if (modelId !== undefined) {
      await chat.setModel(modelId);
    }
  });
  on(commandIds.conversationSettings, async () => {
    const id = options.currentConversation();
    if (id === undefined) {
      void vscode.window.showInformationMessage(
        vscode.l10n.t('A conversation has settings of its own once it has begun. Settings for all conversations with a model: “Jan: Model Settings…”.'),
      );
    } else {
      await editConversationSettings(api, id);
    }
  });
  on(commandIds.refreshModels, () => options.refreshModels());
  on(commandIds.showActions, () => showActions(api));
  on(commandIds.copyEndpoint, () => copyEndpoint(api));
  on(commandIds.newEndpointToken, () => newEndpointToken(options.endpointTokens));
  on(commandIds.revokeEndpointToken, () => revokeEndpointToken(options.endpointTokens));
  on(commandIds.restartEngine, async () => {
    if (await mayEndAnswers(api, vscode.l10n.t('Restart Engine'))) {
      const title = vscode.l10n.t('Restarting Jan’s engine…');
      await vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title }, () => api.inference.restartEngine());
    }
  });
  on(commandIds.chooseProvider, () => chooseProvider(api));
  on(commandIds.setHubToken, () => setHubToken(options.secrets));
  on(commandIds.showLog, async () => log.show?.());
  on(commandIds.openSettings, async () => vscode.commands.executeCommand('workbench.action.openSettings', `@ext:${options.extensionId}`));
  on(commandIds.openWalkthrough, async () =>
    vscode.commands.executeCommand('workbench.action.openWalkthrough', `${options.extensionId}#${walkthroughId}`, false),
  );
  return owned;
}

/**
 * Asks for a model to chat with and begins to load it, so that it is ready when the question is typed.
 * @returns undefined when none was chosen; other answers of the picker lead to their commands
 */
export async function pickModel(api: JanApi, current: string | undefined): Promise<string | undefined> {
  const answer = await askForModel(api, current);
  switch (answer?.kind) {
    case undefined:
      return undefined;
    case 'search':
      await runCommand(commandIds.searchModels);
      return undefined;
    case 'add':
      await runCommand(commandIds.addModelFile);
      return undefined;
    case 'model':
      if (!answer.ready) {
        void runCommand(commandIds.loadModel, answer.modelId);
      }
      return answer.modelId;
  }
}

async function focusView(id: string): Promise<void> {
  await vscode.commands.executeCommand(`${id}.focus`);
}
