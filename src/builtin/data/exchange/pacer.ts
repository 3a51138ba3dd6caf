// Keeps long work from holding the event loop: do a piece, ask, and let others run when the time slice is used up.
// Must not know: what the work is.

import { JanError } from '../../../common/errors';

/** ms; less than half of what the extension host allows at most, so that one slow piece still fits. */
const sliceMs = 3;

/** UTF-16 units of one piece of text work (decoding, hashing, escaping): far below a slice. */
export const pieceLength = 64 * 1024;

/** UTF-16 units (or bytes) that are parsed at a time: slower work than the above. */
export const readLength = 16 * 1024;

export class Pacer {
  private sliceStart = performance.now();

  constructor(private readonly signal?: AbortSignal) {}

  /** Is the time slice used up, or the work cancelled? Then `await pause()`. */
  get due(): boolean {
    return performance.now() - this.sliceStart >= sliceMs || this.signal?.aborted === true;
  }

  /**
   * Lets other work run. Awaiting anything else does not: most promises go on within the same turn of the event loop.
   * @throws JanError `cancelled`
   */
  async pause(): Promise<void> {
    this.throwIfCancelled();
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.throwIfCancelled();
    this.sliceStart = performance.now();
  }

  throwIfCancelled(): void {
    if (this.signal?.aborted) {
      throw new JanError('cancelled', 'Cancelled.');
    }
  }
}
