// Walks forward through the start of a file in chunks, refusing to pass its end or the header limit.
// Must not know: what the bytes mean, where they come from (a reader is handed in), Node.

import { JanError } from '../errors';

/** Random access to a file's bytes. */
export interface RandomAccessReader {
  /** Bytes. */
  readonly size: number;
  /** Reads exactly `length` bytes at `offset`, or fewer when the file ends there. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** Small enough that parsing what one chunk holds stays well below 8 ms. */
const chunkBytes = 512 * 1024;

export function invalidGguf(reason: string, details: Readonly<Record<string, unknown>> = {}): JanError {
  return new JanError(
    'model-invalid',
    `This is not a usable GGUF model file: ${reason}. It may be damaged or incomplete: download it again, or choose another file.`,
    { details: { ...details, reason } },
  );
}

/**
 * `need(n)` first, then the synchronous getters: only `need` waits, so that a header of a hundred thousand strings
 * costs a wait per chunk and not one per string.
 */
export class ByteCursor {
  readonly #reader: RandomAccessReader;
  readonly #end: number;
  #chunk: DataView = new DataView(new ArrayBuffer(0));
  #chunkOffset = 0;
  #position = 0;

  /** @param limit bytes from the start that the cursor may pass at most. */
  constructor(reader: RandomAccessReader, limit: number) {
    this.#reader = reader;
    this.#end = Math.min(reader.size, limit);
  }

  get position(): number {
    return this.#position;
  }

  /** Bytes that are left before the end of the file or the limit. */
  get remaining(): number {
    return this.#end - this.#position;
  }

  /** Are the next `count` bytes in memory? */
  has(count: number): boolean {
    return this.#position - this.#chunkOffset + count <= this.#chunk.byteLength;
  }

  /** Brings the next `count` bytes into memory. @throws JanError `model-invalid` when there are not so many. */
  async need(count: number): Promise<void> {
    if (this.has(count)) {
      return;
    }
    if (count > this.remaining) {
      throw invalidGguf('it ends in the middle of its header');
    }
    const length = Math.min(Math.max(count, chunkBytes), this.remaining);
    const bytes = await this.#reader.read(this.#position, length);
    if (bytes.byteLength < count) {
      throw invalidGguf('it became shorter while it was read');
    }
    this.#chunk = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#chunkOffset = this.#position;
  }

  /** Moves on without reading. */
  skip(count: number): void {
    if (count > this.remaining) {
      throw invalidGguf('it ends in the middle of its header');
    }
    this.#position += count;
  }

  uint8(): number {
    return this.#chunk.getUint8(this.#advance(1));
  }
  int8(): number {
    return this.#chunk.getInt8(this.#advance(1));
  }
  uint16(): number {
    return this.#chunk.getUint16(this.#advance(2), true);
  }
  int16(): number {
    return this.#chunk.getInt16(this.#advance(2), true);
  }
  uint32(): number {
    return this.#chunk.getUint32(this.#advance(4), true);
  }
  int32(): number {
    return this.#chunk.getInt32(this.#advance(4), true);
  }
  float32(): number {
    return this.#chunk.getFloat32(this.#advance(4), true);
  }
  float64(): number {
    return this.#chunk.getFloat64(this.#advance(8), true);
  }
  uint64(): bigint {
    return this.#chunk.getBigUint64(this.#advance(8), true);
  }
  int64(): bigint {
    return this.#chunk.getBigInt64(this.#advance(8), true);
  }

  /** A 64-bit length or count as a number; beyond 2^53 it becomes Infinity, which every limit refuses. */
  length64(): number {
    const at = this.#advance(8);
    const high = this.#chunk.getUint32(at + 4, true);
    return high > 0x1f_ffff ? Number.POSITIVE_INFINITY : high * 0x1_0000_0000 + this.#chunk.getUint32(at, true);
  }

  /** A view of the next `count` bytes; valid until the next `need`. */
  bytes(count: number): Uint8Array {
    const at = this.#advance(count);
    return new Uint8Array(this.#chunk.buffer, this.#chunk.byteOffset + at, count);
  }

  /**
   * Passes `count` texts that each have their length before them; lists of them have hundreds of thousands.
   * @param limit bytes of one text @param visit sees the bytes of each from `start` to `end`, valid during the call
   */
  async texts(count: number, limit: number, visit?: (index: number, bytes: Uint8Array, start: number, end: number) => void): Promise<void> {
    for (let index = 0; index < count; ) {
      await this.need(8);
      const before = index;
      index = this.#textsOfChunk(index, count, limit, visit);
      if (index === before) {
        // It goes beyond what is in memory.
        const length = this.#chunk.getUint32(this.#position - this.#chunkOffset, true);
        if (visit === undefined) {
          this.skip(8 + length);
          index++;
        } else {
          await this.need(8 + length);
        }
      }
    }
  }

  /** Without any call for a text: this is most of the work on a header. Returns the index of the first that is not whole. */
  #textsOfChunk(first: number, count: number, limit: number, visit?: (index: number, bytes: Uint8Array, start: number, end: number) => void): number {
    const chunk = this.#chunk;
    const size = chunk.byteLength;
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, size);
    let at = this.#position - this.#chunkOffset;
    let index = first;
    for (; index < count && at + 8 <= size; index++) {
      const length = chunk.getUint32(at, true);
      if (chunk.getUint32(at + 4, true) !== 0 || length > limit) {
        throw invalidGguf('a text in its metadata is longer than possible', { limit });
      }
      const end = at + 8 + length;
      if (end > size) {
        break;
      }
      visit?.(index, bytes, at + 8, end);
      at = end;
    }
    this.#position = this.#chunkOffset + at;
    return index;
  }

  #advance(count: number): number {
    const at = this.#position - this.#chunkOffset;
    this.#position += count;
    return at;
  }
}
