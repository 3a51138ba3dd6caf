// The functions behind the names that export and import conversations. They call the other names of the Data service,
// so that they serve whichever plugin keeps the conversations.
// Must not know: VS Code, the store.

import * as path from 'node:path';
import type {
  DataService,
  ExchangeOptions,
  ExportRequest,
  ExportResult,
  ImportOptions,
  ImportPreview,
  ImportReceipt,
} from '../../../api/jan';
import { isJanError, JanError } from '../../../common/errors';
import { createUuidV7 } from '../../../common/uuid';
import { checkInput, inputSchema } from '../inputs';
import { applyImport, markDuplicates, undoImport, type ImportTarget } from './applyImport';
import type { ExchangeName } from './exchangeNames';
import type { ImportPlan } from './exchangeTypes';
import { ExportFolder, writeTextFile } from './exportFiles';
import { readConversations, type ExportedConversation, type ExportTarget } from './exportSource';
import { findImportFiles } from './importFiles';
import { previewOf } from './importPreview';
import { Pacer } from './pacer';
import { readImport } from './readImport';
import { exportJson } from './toJson';
import { exportFileName, exportMarkdown } from './toMarkdown';

/** The names that are called. */
export type ExchangeTarget = ImportTarget & ExportTarget & Pick<DataService, 'getAttachment'>;

/** A plan may be large; a preview that nobody decides on is forgotten. */
const planKeptMs = 30 * 60 * 1000;

export function createExchangeProviders(data: ExchangeTarget): Pick<DataService, ExchangeName> {
  let kept: { readonly id: string; readonly plan: ImportPlan; readonly timer: NodeJS.Timeout } | undefined;
  const forget = (): void => {
    clearTimeout(kept?.timer);
    kept = undefined;
  };
  return {
    exportConversations: async (request, options) =>
      exportTo(data, checkInput(inputSchema.exportRequest, request, 'request'), checkOptions(options)),

    async previewImport(paths, given): Promise<ImportPreview> {
      const options = checkOptions(given);
      const files = await findImportFiles(checkInput(inputSchema.paths, paths, 'paths'), options.signal);
      forget();
      const plan = await markDuplicates(data, await readImport(files, options), options);
      forget(); // Another one may have been made meanwhile.
      const id = createUuidV7();
      kept = { id, plan, timer: setTimeout(forget, planKeptMs).unref() };
      return { id, ...previewOf(plan) };
    },

    async importConversations(previewId, options: ImportOptions = {}): Promise<ImportReceipt> {
      const changed = checkInput(inputSchema.changedChoice, options.changed, 'options.changed');
      if (kept === undefined || kept.id !== previewId) {
        throw new JanError('invalid-argument', 'This preview is not the newest one any more, or was imported already. Choose the files again.', {
          details: { argument: 'previewId' },
        });
      }
      const { plan } = kept;
      forget();
      return applyImport(data, plan, { ...checkOptions(options), ...(changed !== undefined && { changed }) });
    },

    async undoImport(conversationIds, options): Promise<number> {
      const ids = checkInput(inputSchema.manyIds, conversationIds, 'conversationIds');
      return undoImport(data, { conversationIds: ids }, checkOptions(options));
    },
  };
}

async function exportTo(data: ExchangeTarget, request: ExportRequest, options: ExchangeOptions): Promise<ExportResult> {
  const { format, conversationIds: ids, branches, into = 'file' } = request;
  const target = request.path;
  if (!path.isAbsolute(target)) {
    throw new JanError('invalid-argument', 'request.path must be an absolute path. Correct it and call again.', { details: { argument: 'request' } });
  }
  if (into === 'folder' && format === 'json') {
    throw new JanError('invalid-argument', 'JSON goes into one file. Choose a file, or Markdown.', { details: { argument: 'request' } });
  }
  const counts = { conversations: 0, messages: 0, files: 0, missingAttachments: 0 };
  const conversations = counting(readConversations(data, ids, options), counts, ids);
  let bytes = 0;
  if (into === 'folder') {
    const folder = new ExportFolder(target);
    await folder.prepare();
    const taken = new Set<string>();
    try {
      for await (const one of conversations) {
        bytes += await folder.write(exportFileName(one.conversation, taken), exportMarkdown(one, { branches, signal: options.signal }));
        counts.files++;
      }
    } catch (error) {
      await folder.takeBack();
      throw error;
    }
  } else {
    const readAttachment = async ({ id }: { readonly id: string }): Promise<Uint8Array | undefined> => {
      try {
        return await data.getAttachment(id);
      } catch (error) {
        if (isJanError(error, 'attachment-not-found') || isJanError(error, 'store-damaged')) {
          counts.missingAttachments++;
          return undefined;
        }
        throw error;
      }
    };
    const pieces =
      format === 'json'
        ? exportJson(conversations, { ...options, ...(request.attachments !== false && { readAttachment }) })
        : oneDocument(conversations, { branches, signal: options.signal });
    bytes = await writeTextFile(target, pieces);
    counts.files = 1;
  }
  return { path: target, ...counts, bytes };
}

/** @throws JanError `conversation-not-found` when something was asked for and nothing of it is there */
async function* counting(
  conversations: AsyncIterable<ExportedConversation>,
  counts: { conversations: number; messages: number },
  ids: readonly string[] | undefined,
): AsyncGenerator<ExportedConversation, void, undefined> {
  for await (const one of conversations) {
    counts.conversations++;
    counts.messages += one.messages.length;
    yield one;
  }
  if (ids !== undefined && ids.length > 0 && counts.conversations === 0) {
    throw new JanError('conversation-not-found', 'What was to be exported has been deleted meanwhile. Choose again.', { details: { ids: ids.slice(0, 10) } });
  }
}

/** Several conversations in one Markdown file. Front matter has its place only at a file's beginning. */
async function* oneDocument(
  conversations: AsyncIterable<ExportedConversation>,
  options: { readonly branches?: 'active' | 'all'; readonly signal?: AbortSignal },
): AsyncGenerator<string, void, undefined> {
  const pacer = new Pacer(options.signal);
  let held: ExportedConversation | undefined;
  let isAlone = true;
  const write = async function* (one: ExportedConversation, isFirst: boolean): AsyncGenerator<string, void, undefined> {
    yield isFirst ? '' : '\n\n---\n\n';
    yield* exportMarkdown(one, { ...options, frontMatter: isAlone });
  };
  let isFirst = true;
  for await (const one of conversations) {
    if (held !== undefined) {
      isAlone = false;
      yield* write(held, isFirst);
      isFirst = false;
    }
    held = one;
    if (pacer.due) {
      await pacer.pause();
    }
  }
  if (held !== undefined) {
    yield* write(held, isFirst);
  }
}

/** What comes from outside is used only as far as it is what it should be. */
function checkOptions(options: ExchangeOptions | undefined): ExchangeOptions {
  const { signal, onProgress } = options ?? {};
  return {
    ...(signal instanceof AbortSignal && { signal }),
    ...(typeof onProgress === 'function' && { onProgress }),
  };
}
