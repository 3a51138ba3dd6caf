// Attached files as read-only documents, so that VS Code's own editors show them: text, images, whatever else.
// Must not know: the chat, how attachments are stored.

import * as vscode from 'vscode';
import type { Attachment, JanApi } from '../../../api/jan';
import type { Disposable } from '../../../common/lifecycle';
import { attachmentScheme } from '../../ids';

type Attachments = Pick<JanApi['data'], 'getAttachment'>;

export function registerAttachmentFiles(data: Attachments): Disposable {
  return vscode.workspace.registerFileSystemProvider(attachmentScheme, new AttachmentFileSystem(data), { isReadonly: true, isCaseSensitive: true });
}

export async function openAttachment({ id, name }: Attachment): Promise<void> {
  const fileName = name.split(/[\\/]/).at(-1) ?? name;
  await vscode.commands.executeCommand('vscode.open', vscode.Uri.from({ scheme: attachmentScheme, path: `/${fileName}`, query: id }), { preview: true });
}

/** `/<any name>?<id>`: the bytes never change, so neither does anything about the file. */
class AttachmentFileSystem implements vscode.FileSystemProvider {
  readonly onDidChangeFile = new vscode.EventEmitter<vscode.FileChangeEvent[]>().event;

  constructor(private readonly data: Attachments) {}

  watch(): vscode.Disposable {
    return new vscode.Disposable(() => undefined);
  }

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    const { length } = await this.readFile(uri);
    return { type: vscode.FileType.File, ctime: 0, mtime: 0, size: length, permissions: vscode.FilePermission.Readonly };
  }

  async readFile(uri: vscode.Uri): Promise<Uint8Array> {
    if (!/^[0-9a-f]{64}$/.test(uri.query)) {
      throw vscode.FileSystemError.FileNotFound(uri);
    }
    return this.data.getAttachment(uri.query);
  }

  readDirectory(): [string, vscode.FileType][] {
    return [];
  }

  createDirectory(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  writeFile(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  delete(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  rename(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }
}
