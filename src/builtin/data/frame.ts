// The frame of the journal: how one record is laid out in bytes, and how records are found in bytes that may be torn
// or damaged (docs/store-format.md). Pure: bytes in, records out.
// Must not know: files, SQLite, what the payloads mean.

import { crc32 } from 'node:zlib';

/** One record of the journal. */
export interface Frame {
  /** UUID of the record itself (not of what it is about). */
  readonly id: string;
  readonly kind: number;
  /** Version of the payload, 1…{@link newestVersion} where this code knows it. */
  readonly version: number;
  /** Bit 0: a reader that does not know the kind may go on as if it were not there. */
  readonly flags: number;
  /** UTF-8 JSON. */
  readonly payload: Uint8Array;
  /** Of the whole frame within the scanned bytes. */
  readonly start: number;
  readonly end: number;
}

export interface ByteRange {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

export interface ScanResult {
  /** Valid records, in file order. */
  readonly frames: readonly Frame[];
  /** Bytes that belong to no valid record although a later record exists. */
  readonly damage: readonly ByteRange[];
  /** Everything before this is dealt with; the next scan starts here. */
  readonly consumed: number;
  /** How many bytes from `consumed` on would decide about the unfinished record there; 0 when nothing is unfinished. */
  readonly wanted: number;
}

export const newestVersion = 2;
export const ignorableFlag = 1;
export const headerSize = 36;
/** A longer record is refused when written and taken for damage when read. */
export const maxPayloadSize = 256 * 1024 * 1024;

/**
 * Starts every record. It cannot occur in a payload: JSON escapes CR, LF and 0x1A. So whatever bytes come between
 * one marker and the next are one record, and a marker inside a record's stated length proves that record torn.
 */
export const marker: Uint8Array = Uint8Array.of(0x89, 0x4a, 0x41, 0x4e, 0x0d, 0x0a, 0x1a, 0x0a);

const lengthOffset = 8;
const crcOffset = 12;
const versionOffset = 16;
const idOffset = 20;

/** @throws RangeError when the payload is longer than {@link maxPayloadSize}. */
export function encodeFrame(id: string, kind: number, payload: Uint8Array, flags = 0, version = 1): Uint8Array {
  if (payload.length > maxPayloadSize) {
    throw new RangeError(`A record of ${payload.length} bytes is too long.`);
  }
  const bytes = Buffer.allocUnsafe(headerSize + payload.length);
  bytes.set(marker, 0);
  bytes.writeUInt32LE(payload.length, lengthOffset);
  bytes[versionOffset] = version;
  bytes[versionOffset + 1] = kind;
  bytes.writeUInt16LE(flags, versionOffset + 2);
  bytes.write(id.replaceAll('-', ''), idOffset, 16, 'hex');
  bytes.set(payload, headerSize);
  bytes.writeUInt32LE(checksum(bytes, 0, bytes.length), crcOffset);
  return bytes;
}

/**
 * Finds the records in `bytes`, which begin at a record or in damage.
 * @param atEnd no bytes follow in the file now. Then an unfinished record at the end is left for the next scan: it may
 *   still be growing, or be proven torn by a record that follows it.
 */
export function scanFrames(bytes: Uint8Array, atEnd: boolean): ScanResult {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const frames: Frame[] = [];
  const damage: ByteRange[] = [];
  let position = 0;
  while (position < buffer.length) {
    const found = readFrame(buffer, position);
    if (typeof found === 'object') {
      frames.push(found);
      position = found.end;
      continue;
    }
    const next = buffer.indexOf(marker, position + 1);
    if (next >= 0) {
      addDamage(damage, position, next);
      position = next;
      continue;
    }
    if (found === 'damaged' && !atEnd) {
      // No marker so far: all but the last bytes, which may hold the start of one, are lost for certain.
      const lost = Math.max(position + 1, buffer.length - marker.length + 1);
      addDamage(damage, position, lost);
      return { frames, damage, consumed: lost, wanted: headerSize };
    }
    return { frames, damage, consumed: position, wanted: found === 'damaged' ? buffer.length - position : found };
  }
  return { frames, damage, consumed: position, wanted: 0 };
}

/** The frame at `position`, the number of bytes it needs to be judged, or `damaged`. */
function readFrame(buffer: Buffer, position: number): Frame | number | 'damaged' {
  const available = buffer.length - position;
  const compared = Math.min(available, marker.length);
  if (buffer.compare(marker, 0, compared, position, position + compared) !== 0) {
    return 'damaged';
  }
  if (available < headerSize) {
    return headerSize;
  }
  const length = buffer.readUInt32LE(position + lengthOffset);
  if (length > maxPayloadSize) {
    return 'damaged';
  }
  const end = position + headerSize + length;
  if (end > buffer.length) {
    return headerSize + length;
  }
  // Looking for a marker first keeps the scan linear: no byte is checksummed for more than one candidate.
  const inner = buffer.subarray(position + marker.length, end).indexOf(marker);
  if (inner >= 0 || checksum(buffer, position, end) !== buffer.readUInt32LE(position + crcOffset)) {
    return 'damaged';
  }
  const hex = buffer.toString('hex', position + idOffset, position + headerSize);
  return {
    id: `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`,
    kind: buffer[position + versionOffset + 1]!,
    version: buffer[position + versionOffset]!,
    flags: buffer.readUInt16LE(position + versionOffset + 2),
    payload: buffer.subarray(position + headerSize, end),
    start: position,
    end,
  };
}

/** CRC-32 (IEEE 802.3, as in zip) of the length field and of everything behind the checksum. */
function checksum(buffer: Buffer, start: number, end: number): number {
  return crc32(
    buffer.subarray(start + versionOffset, end),
    crc32(buffer.subarray(start + lengthOffset, start + crcOffset)),
  );
}

function addDamage(damage: ByteRange[], start: number, end: number): void {
  const last = damage.at(-1);
  if (last?.end === start) {
    damage[damage.length - 1] = { start: last.start, end };
  } else {
    damage.push({ start, end });
  }
}
