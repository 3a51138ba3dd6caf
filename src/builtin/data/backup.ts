// Copies the store into a folder that is a store itself, and brings back from one what is not here.
// Must not know: who asks, the live view.

import * as path from 'node:path';
import type { BackupResult, ConversationImport, ImportResult, Model, NewModel, RestoreResult } from '../../api/jan';
import { JanError } from '../../common/errors';
import { AttachmentFiles } from './attachmentFiles';
import { readMessages } from './branchReader';
import { Follower, type StoreEnvironment } from './follower';
import { createJournal, parseStoreName } from './journal';
import { writeSnapshot } from './snapshot';
import { storeDamaged, toStoreError } from './storeErrors';
import { errorCodeOf, type StoreFiles } from './storeFiles';

/** Generation 1 has no snapshot. */
const backupGeneration = 2;
const conversationsAtOnce = 200;
const ignore = (): void => undefined;
const listener = { onApplied: ignore, onDamage: ignore, onReload: ignore };

export async function backUp(
  environment: StoreEnvironment,
  attachments: AttachmentFiles,
  target: string,
): Promise<BackupResult> {
  const { files, sqlite } = environment;
  demandAbsolute(target, 'targetPath');
  const entries = await listOrNothing(files, target);
  if (entries !== undefined && entries.length > 0) {
    throw new JanError('invalid-argument', `${target} is not empty. Choose a new folder for the backup.`, {
      details: { argument: 'targetPath' },
    });
  }
  const reader = new Follower(environment, listener, 'read');
  try {
    await reader.refresh();
    if (reader.isNewer) {
      throw new JanError('store-read-only', 'A newer version of Jan has written conversations. Update Jan, then back up.');
    }
    if (reader.view.integrityProblems().length > 0) {
      await reader.quarantine();
    }
    const copies = new AttachmentFiles(files, target);
    let attached = 0;
    let attachedBytes = 0;
    for (const { id } of reader.view.queries.attachments().values()) {
      if ((await attachments.check(id)) === 'sound') {
        attachedBytes += (await copies.store(await attachments.read(id))).size;
        attached += 1;
      }
    }
    await files.makeDirectory(target);
    const counts = reader.view.queries.counts();
    await createJournal(files, target, backupGeneration, '');
    // Last, and in one step: without it the folder is no store yet.
    const size = await writeSnapshot(files, sqlite, target, backupGeneration, reader.view);
    const { conversations, messages } = counts;
    return { path: target, conversations, messages, attachments: attached, bytes: size + attachedBytes };
  } catch (error) {
    throw toStoreError(error, 'write', target);
  } finally {
    await reader.close();
  }
}

export interface RestoreTarget {
  readonly attachments: AttachmentFiles;
  importConversation(input: ConversationImport): Promise<ImportResult>;
  hasModel(id: string): Promise<boolean>;
  storeModel(model: NewModel): Promise<Model>;
}

export async function restoreFrom(
  environment: StoreEnvironment,
  source: string,
  target: RestoreTarget,
): Promise<RestoreResult> {
  const { files } = environment;
  demandAbsolute(source, 'path');
  if (path.resolve(source) === path.resolve(environment.directory)) {
    throw new JanError('invalid-argument', 'This is the store itself. Choose the folder of a backup.');
  }
  const names = (await listOrNothing(files, source)) ?? [];
  if (!names.some((name) => parseStoreName(name) !== undefined)) {
    throw new JanError('invalid-argument', `${source} holds no backup of Jan's conversations. Choose another folder.`, {
      details: { argument: 'path' },
    });
  }
  const reader = new Follower({ ...environment, directory: source }, listener, 'read');
  try {
    await reader.refresh().catch((error: unknown) => {
      throw errorCodeOf(error) === 'ENOENT' ? storeDamaged(source) : error;
    });
    if (reader.journal === undefined) {
      throw storeDamaged(source);
    }
    const { queries } = reader.view;
    // First, so that no message names bytes that are not here.
    const attachments = await restoreAttachments(files, source, [...queries.attachments().keys()], target.attachments);
    let [conversations, messages, models] = [0, 0, 0];
    for (let after = 0; ; ) {
      const page = queries.conversationIds(after, conversationsAtOnce);
      for (const { id } of page) {
        const conversation = queries.conversation(id)!;
        const result = await target.importConversation({
          conversation,
          messages: (await readMessages(queries, id, { branch: 'all' })) ?? [],
        });
        conversations += result.created ? 1 : 0;
        messages += result.messages;
      }
      if (page.length < conversationsAtOnce) {
        break;
      }
      after = page.at(-1)!.seq;
    }
    for (const model of [...queries.models('finished'), ...queries.models('unfinished')]) {
      if (!(await target.hasModel(model.id))) {
        await target.storeModel(model);
        models += 1;
      }
    }
    return { conversations, messages, models, attachments };
  } catch (error) {
    throw toStoreError(error, 'read', source);
  } finally {
    await reader.close();
  }
}

async function restoreAttachments(
  files: StoreFiles,
  source: string,
  ids: readonly string[],
  target: AttachmentFiles,
): Promise<number> {
  const backup = new AttachmentFiles(files, source);
  let restored = 0;
  for (const id of ids) {
    if ((await target.check(id)) !== 'sound' && (await backup.check(id)) === 'sound') {
      await target.store(await backup.read(id), 'anew');
      restored += 1;
    }
  }
  return restored;
}

async function listOrNothing(files: StoreFiles, directory: string): Promise<string[] | undefined> {
  try {
    return await files.list(directory);
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') {
      return undefined;
    }
    throw toStoreError(error, 'read', directory);
  }
}

function demandAbsolute(target: string, argument: string): void {
  if (!path.isAbsolute(target)) {
    throw new JanError('invalid-argument', `${argument} must be an absolute path. Correct it and call again.`, {
      details: { argument },
    });
  }
}
