// Commands on conversations as a whole: export, import, back up, restore, check, delete old ones.
// Must not know: how any of it is done.

import type { JanApi } from '../../api/jan';
import { DisposableStore, type Disposable } from '../../common/lifecycle';
import type { Logger } from '../../common/log';
import { commandIds, type ConversationTarget, type FilesTarget } from '../ids';
import { withErrors } from '../showError';
import { registerCommand, urisAmong } from '../vscodeIds';
import { pathOf } from './places';
import { ReportDocuments } from './reportDocuments';

export interface ConversationCommandsOptions {
  readonly api: JanApi;
  readonly log: Logger;
  /** The conversation that the chat shows, if it exists already. */
  readonly currentConversation: () => string | undefined;
  /** Conversations were added that belong to no folder, or another one. */
  readonly onAdded: () => Promise<void>;
}

export function registerConversationCommands({ api, log, currentConversation, onAdded }: ConversationCommandsOptions): Disposable {
  const owned = new DisposableStore();
  const reports = owned.add(new ReportDocuments());
  owned.add(
    registerCommand(commandIds.exportConversation, (target?: ConversationTarget) =>
      withErrors(async () => {
        const { askForConversations, exportConversations } = await import('./exportConversations');
        const ids = conversationIdsOf(target) ?? (await askForConversations(api, currentConversation()));
        if (ids !== undefined) {
          await exportConversations({ api, log }, ids);
        }
      }, log),
    ),
  );
  owned.add(registerCommand(commandIds.exportAllConversations, () => withErrors(async () => (await import('./exportConversations')).exportConversations({ api, log }, undefined), log)));
  owned.add(
    registerCommand(commandIds.importConversations, (target?: FilesTarget) =>
      withErrors(async () => (await import('./importConversations')).importConversations({ api, log, reports, onAdded }, pathsOf(target)), log),
    ),
  );
  const on = (id: SimpleCommand, act: () => Promise<unknown>): void => {
    owned.add(registerCommand(id, () => withErrors(act, log)));
  };
  on(commandIds.backUpConversations, async () => (await import('./backup')).backUpConversations({ api, log }));
  on(commandIds.restoreConversations, async () => (await import('./backup')).restoreConversations({ api, log, onAdded }));
  on(commandIds.checkConversations, async () => (await import('./checkConversations')).checkConversations(api, log, reports));
  on(commandIds.deleteOldConversations, async () => (await import('./deleteOld')).deleteOldConversations(api, log));
  return owned;
}

type SimpleCommand = 'jan.backUpConversations' | 'jan.restoreConversations' | 'jan.checkConversations' | 'jan.deleteOldConversations';


/** Commands may be called with anything, by anyone. */
export function conversationIdsOf(target: unknown): readonly string[] | undefined {
  const list = (Array.isArray(target) ? target : [target]).map((one: unknown) =>
    typeof one === 'object' && one !== null ? (one as { conversationId?: unknown }).conversationId : one,
  );
  const ids = list.filter((id): id is string => typeof id === 'string' && id !== '');
  return ids.length > 0 && ids.length === list.length ? ids : undefined;
}

function pathsOf(target: unknown): readonly string[] | undefined {
  const uris = urisAmong(target);
  return uris.length === 0 ? undefined : uris.map(pathOf);
}
