// The sample companion: gets the API, adds a backend, lists conversations. Copy this folder to write your own.
// Must not know: anything of Jan beyond src/api/jan.d.ts (copy that file along).

import * as vscode from 'vscode';
import type { JanApi, JanExports } from '../../../src/api/jan';
import { echoBackend } from './echoBackend';

/** Returns the API so that tests can drive Jan as any other extension would. */
export async function activate(context: vscode.ExtensionContext): Promise<{ api: JanApi }> {
  const jan = vscode.extensions.getExtension<JanExports>('janhq.jan-vscode');
  if (jan === undefined) {
    throw new Error('Install Jan for VS Code first: this extension adds to it.');
  }
  const api = (await jan.activate()).getAPI(1);
  const plugin = api.registerPlugin({ id: context.extension.id, name: 'Jan Sample Plugin', version: '0.1.0' });
  plugin.registerBackend(echoBackend);
  context.subscriptions.push(
    plugin,
    vscode.commands.registerCommand('janSample.listConversations', () => listConversations(api)),
  );
  return { api };
}

async function listConversations(api: JanApi): Promise<void> {
  try {
    const conversations = await api.data.getConversations({ limit: 50 });
    const items = conversations.map(({ name, updatedAt }) => ({
      label: name === '' ? 'New conversation' : name,
      description: new Date(updatedAt).toLocaleString(),
    }));
    const placeHolder = items.length === 0 ? 'No conversations yet' : 'Your conversations, newest first';
    await vscode.window.showQuickPick(items, { placeHolder });
  } catch (error) {
    const reason = api.isJanError(error) ? error.message : String(error);
    void vscode.window.showErrorMessage(`Conversations could not be listed. ${reason}`);
  }
}
