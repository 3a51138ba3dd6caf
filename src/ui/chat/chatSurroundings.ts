// What the chat asks of VS Code, as an interface, so that everything else of it runs without.
// Must not know: the chat.

import type { Attachment } from '../../api/jan';
import { JanError } from '../../common/errors';
import type { ChatAction } from '../../protocol/chatProtocol';
import { commandIds, type CommandId } from '../ids';
import type { FoundFile } from './composer/attachable';

export interface ChatSurroundings {
  /** Lets the user choose; `undefined`: they did not. */
  pickModel(currentModelId: string | undefined): Promise<string | undefined>;
  /** URI of the folder that is open in this window, if one is. */
  folder(): string | undefined;
  /** Asks where to, and exports these conversations. */
  exportConversations(ids: readonly string[]): Promise<void>;
  /** Lets the user choose files to attach; `[]`: they did not. */
  chooseFiles(): Promise<readonly FoundFile[]>;
  /** Files of this window's folders, as they are in its editors. @throws JanError `denied` for others, `invalid-argument` for what can't be read */
  readUris(uris: readonly string[]): Promise<readonly FoundFile[]>;
  /** Shows an attached file as it was attached. */
  openAttachment(attachment: Attachment): Promise<void>;
  executeCommand(id: CommandId): Promise<void>;
  copyText(text: string): Promise<void>;
  /** Resolves with false when there is no editor to insert into. */
  insertAtCursor(text: string): Promise<boolean>;
  /** The address is http or https. */
  openExternal(url: string): Promise<void>;
  /** An answer is being written in the conversation that is shown. */
  setAnswering(isAnswering: boolean): void;
}

/** The only commands that a button of an error can run. */
export const commandOfAction: Readonly<Partial<Record<ChatAction, CommandId>>> = {
  downloadModel: commandIds.downloadModel,
  addModelFile: commandIds.addModelFile,
  restartEngine: commandIds.restartEngine,
  showLog: commandIds.showLog,
};

/** The address of a link that a page wants opened. @throws JanError `denied` for anything but http and https */
export function safeUrl(text: string, refusal: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new JanError('denied', refusal.replace('{0}', () => text.slice(0, 200)));
  }
  return url.href;
}
