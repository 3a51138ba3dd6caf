// The chat view of the side bar: gives the webview its page and carries messages between it and the controller.
// Must not know: how the chat works (the controller decides), how it is drawn (the webview does).

import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import type { JanApi } from '../../api/jan';
import { DisposableStore, type Disposable } from '../../common/lifecycle';
import type { Logger } from '../../common/log';
import { readModelSettings } from '../editModelSettings';
import { commandIds, contextKeys, settingIds, viewIds } from '../ids';
import { runCommand } from '../vscodeIds';
import type { ChatController } from './chatController';
import { createChatHtml } from './chatHtml';
import type { ChatSettings } from './chatRequest';
import { createChatStrings } from './chatStrings';
import type { ChatSurroundings } from './chatSurroundings';
import type { FoundFile } from './composer/attachable';
import { openAttachment } from './composer/attachmentFiles';
import type { ChatMemory } from './composer/drafts';

export interface ChatViewOptions {
  readonly api: JanApi;
  readonly log: Logger;
  readonly extensionUri: vscode.Uri;
  /** Per workspace: the open conversation, the chosen model and the drafts. */
  readonly memory: ChatMemory;
  readonly setContext: (key: typeof contextKeys.answering, value: boolean) => void;
  /** Lets the user choose a model; `undefined`: they did not. */
  readonly pickModel: (currentModelId: string | undefined) => Promise<string | undefined>;
}

export interface ChatView extends Disposable {
  /** Shows the view with an empty conversation. */
  newConversation(): Promise<void>;
  /** Shows the view and puts the cursor into its box. */
  focusInput(): Promise<void>;
  /** Shows the view with these files in its box; what of them cannot be attached is said there. */
  attach(find: () => Promise<readonly FoundFile[]>): Promise<void>;
  /** Stops the answer of the conversation that is shown. */
  stopAnswer(): Promise<void>;
  /** The model of the conversation that is shown, and of new ones. */
  setModel(modelId: string): Promise<void>;
  /** Lists the conversations of all folders: some were added that belong to none. */
  listAll(): Promise<void>;
  /** Does anyone see it? */
  isShown(): boolean;
}

export function registerChatView(options: ChatViewOptions): ChatView {
  const owned = new DisposableStore();
  let loading: Promise<ChatController> | undefined;
  const controller = (): Promise<ChatController> =>
    (loading ??= import('./chatController').then(({ ChatController }) =>
      owned.add(
        new ChatController({
          api: options.api,
          log: options.log,
          strings: createChatStrings(vscode.l10n),
          memory: options.memory,
          settings: readSettings,
          surroundings: surroundings(options),
        }),
      ),
    ));
  const provider = new ChatViewProvider(options, controller);
  // The page is cheap to draw again from the controller's state, a hidden one costs memory.
  owned.add(
    vscode.window.registerWebviewViewProvider(viewIds.chat, provider, {
      webviewOptions: { retainContextWhenHidden: false },
    }),
  );
  const reveal = async (): Promise<void> => {
    await vscode.commands.executeCommand(`${viewIds.chat}.focus`);
  };
  return {
    async newConversation() {
      (await controller()).newConversation();
      await reveal();
    },
    async focusInput() {
      await reveal();
      (await controller()).focusInput();
    },
    async attach(find) {
      await reveal();
      await (await controller()).attachFiles(find);
    },
    async stopAnswer() {
      (await loading)?.stopAnswer();
    },
    setModel: async (modelId) => (await controller()).setModel(modelId),
    listAll: async () => (await controller()).handle({ type: 'filterHistory', filter: { scope: 'all', archived: false, tag: null } }),
    isShown: () => provider.isShown,
    dispose: () => owned.dispose(),
  };
}

class ChatViewProvider implements vscode.WebviewViewProvider {
  #view: vscode.WebviewView | undefined;

  constructor(
    private readonly options: ChatViewOptions,
    private readonly controller: () => Promise<ChatController>,
  ) {}

  get isShown(): boolean {
    return this.#view?.visible === true;
  }

  resolveWebviewView(view: vscode.WebviewView): void {
    this.#view = view;
    const { extensionUri, log } = this.options;
    const { webview } = view;
    const bundle = vscode.Uri.joinPath(extensionUri, 'dist', 'webview');
    webview.options = {
      enableScripts: true,
      enableForms: false,
      enableCommandUris: false,
      localResourceRoots: [bundle, vscode.Uri.joinPath(extensionUri, 'media')],
    };
    const owned = new DisposableStore();
    // Code that no window needs before its first panel. Messages wait for it in their order.
    const loading = Promise.all([this.controller(), import('../../protocol/chatProtocol')]).then(([controller, { parseToHost }]) => {
      const page = owned.add(
        controller.attach((message) => {
          webview.postMessage(message).then(undefined, (error: unknown) => log.debug('chat: a message was not sent', error));
        }),
      );
      return { controller, parseToHost, page };
    });
    owned.add(
      webview.onDidReceiveMessage(async (received: unknown) => {
        const { controller, parseToHost } = await loading;
        const message = parseToHost(received);
        if (message === undefined) {
          log.warn('chat: the page sent something that is no message; ignored');
          return;
        }
        void controller.handle(message);
      }),
    );
    owned.add(
      view.onDidChangeVisibility(async () => {
        if (!view.visible) {
          (await loading).page.hidden();
        }
      }),
    );
    view.onDidDispose(() => {
      this.#view = undefined;
      owned.dispose();
    });
    const uri = (file: string): string => webview.asWebviewUri(vscode.Uri.joinPath(bundle, file)).toString();
    webview.html = createChatHtml({
      cspSource: webview.cspSource,
      nonce: randomBytes(24).toString('base64url'),
      language: vscode.env.language,
      title: 'Jan',
      script: uri('main.js'),
      styles: [uri('codicon.css'), uri('main.css')],
    });
  }
}

function readSettings(modelId: string | undefined): ChatSettings {
  const configuration = vscode.workspace.getConfiguration();
  const systemPrompt = configuration.get<unknown>(settingIds.systemPrompt);
  const temperature = configuration.get<unknown>(settingIds.temperature);
  const { systemPrompt: ofModel, temperature: temperatureOfModel } = modelId === undefined ? {} : readModelSettings(modelId);
  return {
    systemPrompt: typeof ofModel === 'string' ? ofModel : typeof systemPrompt === 'string' ? systemPrompt : '',
    // The model's own temperature is the service's to know.
    ...(temperatureOfModel === undefined && typeof temperature === 'number' && temperature >= 0 && temperature <= 2 ? { temperature } : {}),
  };
}

function surroundings(options: ChatViewOptions): ChatSurroundings {
  return {
    pickModel: options.pickModel,
    folder: () => vscode.workspace.workspaceFolders?.[0]?.uri.toString(),
    exportConversations: (ids) => runCommand(commandIds.exportConversation, ids),
    async chooseFiles() {
      const { chooseFiles, readFiles } = await import('./composer/attachSources');
      return readFiles(await chooseFiles());
    },
    readUris: async (uris) => (await import('./composer/attachSources')).readDragged(uris),
    openAttachment,
    async executeCommand(id) {
      await vscode.commands.executeCommand(id);
    },
    async copyText(text) {
      await vscode.env.clipboard.writeText(text);
    },
    async insertAtCursor(text) {
      const editor = vscode.window.activeTextEditor ?? vscode.window.visibleTextEditors[0];
      return (await editor?.edit((edit) => editor.selections.forEach((selection) => edit.replace(selection, text)))) === true;
    },
    async openExternal(url) {
      await vscode.env.openExternal(vscode.Uri.parse(url, true));
    },
    setAnswering: (isAnswering) => options.setContext(contextKeys.answering, isAnswering),
  };
}
