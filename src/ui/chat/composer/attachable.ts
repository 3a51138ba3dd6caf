// What may be attached to a message: text in any usual encoding, and the image formats that browsers show. A file is
// known by its bytes, whatever its name says.
// Must not know: the view, VS Code, where files come from.

import type { AttachmentInfo } from '../../../api/jan';
import { JanError } from '../../../common/errors';
import type { AttachmentItem, ChatStrings } from '../../../protocol/chatProtocol';

/** Bytes; a longer text fits no context, and decoding it would hold the window. */
export const maxTextSize = 2 * 1024 * 1024;
/** Bytes. */
export const maxImageSize = 16 * 1024 * 1024;

/** A file, or a part of one, as it was found. */
export interface FoundFile {
  /** As shown; a path in the workspace, or a file's name. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly range?: AttachmentInfo['range'];
}

/** What to store of it: text as UTF-8. */
export interface AttachableFile {
  readonly info: AttachmentInfo;
  readonly bytes: Uint8Array;
}

export type AttachStrings = Pick<ChatStrings, 'attachNotText' | 'attachTooLarge' | 'attachImageTooLarge' | 'attachEmpty'>;

/** @throws JanError `invalid-argument` with the reason, for what no message can take */
export function toAttachable({ name, bytes, range }: FoundFile, strings: AttachStrings): AttachableFile {
  const refuse = (reason: string): JanError => new JanError('invalid-argument', reason.replace('{0}', () => shortName(name)));
  if (bytes.length === 0) {
    throw refuse(strings.attachEmpty);
  }
  const image = imageTypeOf(bytes);
  if (image !== undefined) {
    if (bytes.length > maxImageSize) {
      throw refuse(strings.attachImageTooLarge);
    }
    return { info: { name: shortName(name), mediaType: image }, bytes };
  }
  // UTF-16 is twice as long as the text it holds.
  if (bytes.length > 2 * maxTextSize + 2) {
    throw refuse(looksLikeText(bytes.subarray(0, 4096)) ? strings.attachTooLarge : strings.attachNotText);
  }
  const text = textOf(bytes);
  if (text === undefined) {
    throw refuse(strings.attachNotText);
  }
  const stored = new TextEncoder().encode(text);
  if (stored.length > maxTextSize) {
    throw refuse(strings.attachTooLarge);
  }
  return { info: { name: shortName(name), mediaType: 'text/plain', ...(range === undefined ? {} : { range }) }, bytes: stored };
}

export function attachmentKind(mediaType: string): AttachmentItem['kind'] {
  return mediaType.startsWith('image/') ? 'image' : mediaType.startsWith('text/') || /\b(json|xml|javascript|yaml|toml)\b/.test(mediaType) ? 'text' : 'other';
}

/** The end of a path says more than its start. */
function shortName(name: string): string {
  return name.length <= 300 ? name : `…${name.slice(-299)}`;
}

const imageSignatures: readonly (readonly [string, readonly number[]])[] = [
  ['image/png', [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]],
  ['image/jpeg', [0xff, 0xd8, 0xff]],
  ['image/gif', [0x47, 0x49, 0x46, 0x38]],
];

function imageTypeOf(bytes: Uint8Array): string | undefined {
  const found = imageSignatures.find(([, signature]) => signature.every((byte, index) => bytes[index] === byte));
  const isWebp = ascii(bytes, 0, 4) === 'RIFF' && ascii(bytes, 8, 12) === 'WEBP';
  return found?.[0] ?? (isWebp ? 'image/webp' : undefined);
}

function ascii(bytes: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(...bytes.subarray(start, end));
}

/** By byte order mark, else UTF-8, else Windows-1252, which has a character for nearly every byte. */
function textOf(bytes: Uint8Array): string | undefined {
  const [first, second] = bytes;
  const encoding = first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
  const text = decode(bytes, encoding) ?? (looksLikeText(bytes) ? decode(bytes, 'windows-1252') : undefined);
  return text?.includes('\0') === true ? undefined : text;
}

function decode(bytes: Uint8Array, encoding: string): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Hardly any control characters among the bytes, and no NUL. */
function looksLikeText(bytes: Uint8Array): boolean {
  let controls = 0;
  for (const byte of bytes) {
    if (byte === 0) {
      return false;
    }
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0c && byte !== 0x0d && byte !== 0x1b) {
      controls += 1;
    }
  }
  return controls * 100 <= bytes.length;
}
