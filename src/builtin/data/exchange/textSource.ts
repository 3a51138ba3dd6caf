// Turns a file's bytes into short pieces of text: UTF-8 (or UTF-16 with its mark), never more than a piece at a time.
// Must not know: what the text means.

import { JanError } from '../../../common/errors';
import type { ImportFile } from './exchangeTypes';
import { readLength, type Pacer } from './pacer';

export interface TextPiece {
  /** At most `readLength` UTF-16 units. */
  readonly text: string;
  /** Bytes (characters, for a source of text) read so far. */
  readonly read: number;
  /** This piece holds bytes that are no text in the file's encoding (or U+FFFD itself). */
  readonly damaged: boolean;
}

/** @throws JanError `cancelled`; `invalid-argument` when the file can't be read */
export async function* readText(file: ImportFile, pacer: Pacer): AsyncGenerator<TextPiece, void, undefined> {
  let decoder: InstanceType<typeof TextDecoder> | undefined;
  let read = 0;
  let first = true;
  const source = file.open()[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { value: chunk, done } = await nextChunk(source, file.name);
      pacer.throwIfCancelled();
      if (done) {
        break;
      }
      for (let at = 0; at < chunk.length; at += readLength) {
        let text: string;
        if (typeof chunk === 'string') {
          text = chunk.slice(at, at + readLength);
        } else {
          const bytes = chunk.subarray(at, at + readLength);
          decoder ??= new TextDecoder(encodingOf(bytes), { ignoreBOM: true });
          text = decoder.decode(bytes, { stream: true });
        }
        read += Math.min(readLength, chunk.length - at);
        if (first && text.length > 0) {
          text = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
          first = false;
        }
        yield { text, read, damaged: text.includes('\ufffd') };
        if (pacer.due) {
          await pacer.pause();
        }
      }
    }
    const rest = decoder?.decode() ?? '';
    if (rest !== '') {
      yield { text: rest, read, damaged: true };
    }
  } finally {
    await source.return?.();
  }
}

async function nextChunk(
  source: AsyncIterator<Uint8Array | string>,
  name: string,
): Promise<IteratorResult<Uint8Array | string, undefined>> {
  try {
    return (await source.next()) as IteratorResult<Uint8Array | string, undefined>;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new JanError('invalid-argument', `“${name}” can’t be read (${reason}). Check the file and import it again.`, {
      cause: error,
      details: { file: name },
    });
  }
}

/** By the byte order mark; UTF-8 where there is none. */
function encodingOf(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) {
    return 'utf-16le';
  }
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8';
}
