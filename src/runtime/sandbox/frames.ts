// How jobs and answers cross between the engine and its sandbox: 4 bytes of length, one that says what it is, the rest.
// Must not know: what they say.

import { readSync, writeSync } from 'node:fs';

/** `job` JSON of a SandboxJob · `ready` '1' if confined by Node, else '0' · `begun` nothing · `text` UTF-8 · `failed` JSON of a JobFailure. */
export const frameKinds = { job: 0, ready: 1, begun: 2, text: 3, failed: 4 } as const;
export type FrameKind = keyof typeof frameKinds;

export interface Frame {
  readonly kind: FrameKind;
  readonly body: string;
}

const headerBytes = 5;
const names = Object.keys(frameKinds) as FrameKind[];

export function frameBytes({ kind, body }: Frame): Buffer {
  const length = Buffer.byteLength(body);
  const bytes = Buffer.allocUnsafe(headerBytes + length);
  bytes.writeUInt32BE(length, 0);
  bytes.writeUInt8(frameKinds[kind], 4);
  bytes.write(body, headerBytes);
  return bytes;
}

/** Takes bytes as they come; nobody it reads from can make it keep more than `limit` bytes. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #size = 0;

  constructor(private readonly limit: number) {}

  /** @returns the frames that are complete now. @throws Error for one that is too long, or of no kind */
  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    const frames: Frame[] = [];
    while (this.#size >= headerBytes) {
      const header = this.#joined(headerBytes);
      const length = header.readUInt32BE(0);
      const kind = names[header.readUInt8(4)];
      if (kind === undefined || length > this.limit) {
        throw new Error('its answer has the wrong form');
      }
      if (this.#size < headerBytes + length) {
        break;
      }
      const bytes = this.#joined(headerBytes + length);
      frames.push({ kind, body: bytes.toString('utf8', headerBytes, headerBytes + length) });
      this.#chunks = [bytes.subarray(headerBytes + length)];
      this.#size -= headerBytes + length;
    }
    return frames;
  }

  /** What has come, in one piece if its first chunk is shorter than `needed`. */
  #joined(needed: number): Buffer {
    if (this.#chunks[0]!.length < needed) {
      this.#chunks = [Buffer.concat(this.#chunks)];
    }
    return this.#chunks[0]!;
  }
}

/** Waits for a frame, holding its thread. @returns undefined when the other side has closed */
export function readFrame(fd: number): Frame | undefined {
  const header = readBytes(fd, headerBytes);
  const body = header && readBytes(fd, header.readUInt32BE(0));
  return header && body && { kind: names[header.readUInt8(4)]!, body: body.toString() };
}

/** Returns when all of it is written. */
export function writeFrame(fd: number, frame: Frame): void {
  const bytes = frameBytes(frame);
  for (let at = 0; at < bytes.length; ) {
    at += writeSync(fd, bytes, at);
  }
}

function readBytes(fd: number, length: number): Buffer | undefined {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    const read = readOrEnd(fd, bytes, at);
    if (read === 0) {
      return undefined;
    }
    at += read;
  }
  return bytes;
}

function readOrEnd(fd: number, bytes: Buffer, at: number): number {
  try {
    return readSync(fd, bytes, at, bytes.length - at, null);
  } catch (error) {
    // So Windows says that a pipe is closed.
    if ((error as NodeJS.ErrnoException).code === 'EOF') {
      return 0;
    }
    throw error;
  }
}
