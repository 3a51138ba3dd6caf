// Writes conversations as our JSON (docs/export-format.md), in pieces, whatever their size.
// Must not know: files, the store.

import type { Attachment, ExchangeOptions } from '../../../api/jan';
import type { ExportedConversation } from './exportSource';
import { exportFormat, exportVersion } from './fromJan';
import { Pacer, pieceLength } from './pacer';

export interface JsonExportOptions extends ExchangeOptions {
  /** Unix ms, for `exportedAt`. */
  readonly now?: () => number;
  /** Gives an attachment's bytes, to put them into the export; undefined where they are gone. Absent: references only. */
  readonly readAttachment?: (attachment: Attachment) => Promise<Uint8Array | undefined>;
}

/** Of one base64 piece: a multiple of 3, so that each stands alone. */
const bytesPerPiece = 48 * 1024;

/** @returns pieces of text; joined they are one JSON value. @throws JanError `cancelled`, and what the source throws */
export async function* exportJson(
  conversations: AsyncIterable<ExportedConversation> | Iterable<ExportedConversation>,
  options: JsonExportOptions = {},
): AsyncGenerator<string, void, undefined> {
  const pacer = new Pacer(options.signal);
  const exportedAt = (options.now ?? Date.now)();
  yield `{\n"format": ${JSON.stringify(exportFormat)},\n"version": ${exportVersion},\n"exportedAt": ${exportedAt},\n"conversations": [`;
  const attachments = new Map<string, Attachment>();
  let separator = '\n';
  for await (const { conversation, messages } of conversations) {
    pacer.throwIfCancelled();
    const head = JSON.stringify(conversation);
    yield `${separator}${head.slice(0, -1)},"messages":[`;
    separator = ',\n';
    let between = '\n';
    for (const message of messages) {
      yield between;
      between = ',\n';
      const { id, parentId, role, content, reasoning, error, modelId, usage, timings, createdAt, updatedAt } = message;
      const status = message.status === 'streaming' ? 'interrupted' : message.status;
      // Named one by one, so that the same conversation gives the same text wherever it comes from.
      const fields = { id, parentId, role, content, reasoning, status, error, modelId, usage, timings, attachments: message.attachments, createdAt, updatedAt };
      yield* writeObject(fields, pacer);
      for (const attachment of message.attachments ?? []) {
        attachments.set(attachment.id, attachment);
      }
      if (pacer.due) {
        await pacer.pause();
      }
    }
    yield ']}';
  }
  yield '\n]';
  if (options.readAttachment !== undefined && attachments.size > 0) {
    yield ',\n"attachments": [';
    separator = '\n';
    for (const attachment of attachments.values()) {
      const bytes = await options.readAttachment(attachment);
      pacer.throwIfCancelled();
      if (bytes === undefined) {
        continue;
      }
      yield `${separator}{"id":${JSON.stringify(attachment.id)},"data":[`;
      separator = ',\n';
      for (let at = 0; at < bytes.length; at += bytesPerPiece) {
        const part = bytes.subarray(at, at + bytesPerPiece);
        yield `${at === 0 ? '' : ','}"${Buffer.from(part.buffer, part.byteOffset, part.length).toString('base64')}"`;
        if (pacer.due) {
          await pacer.pause();
        }
      }
      yield ']}';
    }
    yield '\n]';
  }
  yield '\n}\n';
}

/** An object whose long texts are escaped piece by piece. */
async function* writeObject(value: object, pacer: Pacer): AsyncGenerator<string, void, undefined> {
  let before = '{';
  for (const [key, field] of Object.entries(value) as [string, unknown][]) {
    if (field === undefined) {
      continue;
    }
    const name = `${before}${JSON.stringify(key)}:`;
    before = ',';
    if (typeof field !== 'string' || field.length <= pieceLength) {
      yield name + JSON.stringify(field);
      continue;
    }
    yield `${name}"`;
    for (let at = 0; at < field.length; at += pieceLength) {
      // A character cut in two is written as two escapes, which read as that character again.
      yield JSON.stringify(field.slice(at, at + pieceLength)).slice(1, -1);
      if (pacer.due) {
        await pacer.pause();
      }
    }
    yield '"';
  }
  yield before === '{' ? '{}' : '}';
}
