// VS Code's calls that take an id, typed by the maps of ids.ts: a wrong id or signature does not compile. And what
// commands are handed over.
// Must not know: services, what the commands do.

import * as vscode from 'vscode';
import type { CommandId, CommandSignatures, ContextKey, ContextKeyTypes, SettingId, SettingTypes } from './ids';

export function registerCommand<C extends CommandId>(id: C, handler: CommandSignatures[C]): vscode.Disposable {
  return vscode.commands.registerCommand(id, handler);
}

export async function runCommand<C extends CommandId>(id: C, ...args: Parameters<CommandSignatures[C]>): Promise<void> {
  await vscode.commands.executeCommand(id, ...(args as unknown[]));
}

/** The addresses among what a menu, or anyone else, hands over to a command. */
export function urisAmong(target: unknown): readonly vscode.Uri[] {
  return (Array.isArray(target) ? target : [target]).filter((one): one is vscode.Uri => one instanceof vscode.Uri);
}

/** A link for Markdown that is trusted for this command. */
export function commandUri(id: CommandId): string {
  return `command:${id}`;
}

export function readSetting<S extends SettingId>(id: S): SettingTypes[S] | undefined {
  return vscode.workspace.getConfiguration().get<SettingTypes[S]>(id);
}

/** Writes the user's own setting. */
export async function writeSetting<S extends SettingId>(id: S, value: SettingTypes[S] | undefined): Promise<void> {
  await vscode.workspace.getConfiguration().update(id, value, vscode.ConfigurationTarget.Global);
}

export function onDidChangeSetting(id: SettingId, listener: () => void): vscode.Disposable {
  return vscode.workspace.onDidChangeConfiguration((event) => {
    if (event.affectsConfiguration(id)) {
      listener();
    }
  });
}

export async function setContextKey<K extends ContextKey>(key: K, value: ContextKeyTypes[K]): Promise<void> {
  await vscode.commands.executeCommand('setContext', key, value);
}
