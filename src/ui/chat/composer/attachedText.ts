// What the model reads of the files attached to messages: each as fenced text under its name, in a layout that stays the
// same from one request to the next, so that what the engine has computed of them is used again.
// Must not know: the view, how attachments are stored, the model.

import type { Attachment, JanApi, Message } from '../../../api/jan';
import { isJanError } from '../../../common/errors';
import { attachmentKind, maxTextSize } from './attachable';

/**
 * By message id, what comes before the message's own text. A file that can't be shown is named, with the reason, so that
 * neither the model nor its reader believes it was read.
 * @throws what the store says, but for bytes that are gone or damaged
 */
export async function attachedTexts(
  data: Pick<JanApi['data'], 'getAttachment'>,
  path: readonly Message[],
): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>();
  const known = new Map<string, Promise<string | Unreadable>>();
  for (const message of path) {
    const blocks: string[] = [];
    for (const attachment of message.attachments ?? []) {
      const reading = known.get(attachment.id) ?? readText(data, attachment);
      known.set(attachment.id, reading);
      blocks.push(blockOf(attachment, await reading));
    }
    if (blocks.length > 0) {
      texts.set(message.id, blocks.join('\n\n'));
    }
  }
  return texts;
}

interface Unreadable {
  /** Ends the sentence "The content is not included: …". */
  readonly reason: string;
}

async function readText(data: Pick<JanApi['data'], 'getAttachment'>, { id, mediaType, size }: Attachment): Promise<string | Unreadable> {
  if (attachmentKind(mediaType) === 'image') {
    return { reason: 'it is an image, and only text can be read here.' };
  }
  if (size > maxTextSize) {
    return { reason: 'the file is too large.' };
  }
  let bytes: Uint8Array;
  try {
    bytes = await data.getAttachment(id);
  } catch (error) {
    if (isJanError(error, 'attachment-not-found') || isJanError(error, 'store-damaged')) {
      return { reason: 'the file is not there any more.' };
    }
    throw error;
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.includes('\0') ? { reason: 'the file is no text.' } : text;
  } catch {
    return { reason: 'the file is no text.' };
  }
}

function blockOf({ name, range }: Attachment, content: string | Unreadable): string {
  // eslint-disable-next-line no-control-regex -- a name must not look like a line of its own
  const title = name.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').slice(0, 300);
  const lines = range === undefined ? '' : range.startLine === range.endLine ? ` (line ${range.startLine})` : ` (lines ${range.startLine}–${range.endLine})`;
  const head = `File: ${title}${lines}`;
  return typeof content === 'string' ? `${head}\n${fenced(content, languageOf(title))}` : `${head}\nThe content is not included: ${content.reason}`;
}

/** The file is data: no line of it can end the block, as the fence is longer than any in it. */
function fenced(text: string, language: string): string {
  let longest = 2;
  for (const [run] of text.matchAll(/`{3,}/g)) {
    longest = Math.max(longest, run.length);
  }
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${text}${text.endsWith('\n') ? '' : '\n'}${fence}`;
}

function languageOf(name: string): string {
  return /\.([A-Za-z0-9+#-]{1,20})$/.exec(name)?.[1]?.toLowerCase() ?? '';
}
