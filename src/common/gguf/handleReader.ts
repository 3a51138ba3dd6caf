// A RandomAccessReader over an open file (Node's FileHandle has this shape).
// Must not know: Node's modules, what the file holds.

import type { RandomAccessReader } from './byteCursor';

export interface ReadableHandle {
  read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
}

/** @param size bytes of the file, as of when it was opened. */
export function createHandleReader(handle: ReadableHandle, size: number): RandomAccessReader {
  return {
    size,
    async read(offset, length) {
      const buffer = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await handle.read(buffer, filled, length - filled, offset + filled);
        if (bytesRead === 0) {
          break;
        }
        filled += bytesRead;
      }
      return buffer.subarray(0, filled);
    },
  };
}
