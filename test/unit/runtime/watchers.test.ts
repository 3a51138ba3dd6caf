import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { Watchers } from '../../../src/runtime/watchers';

/** Takes one piece, and the next when it is told to. */
class SlowReader extends Duplex {
  readonly lines: string[] = [];
  readonly #reads: (() => void)[] = [];

  constructor() {
    super({ writableHighWaterMark: 1 });
  }

  override _read(): void {
    // It says nothing.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.lines.push(chunk.toString());
    this.#reads.push(done);
  }

  /** Resolves when what it makes room for has been written. */
  takeOne(): Promise<void> {
    this.#reads.shift()!();
    return new Promise((resolve) => setImmediate(resolve));
  }
}

describe('those who watch the engine', () => {
  it('get the state at once; who reads slowly gets the newest one, once', async () => {
    const watchers = new Watchers('0');
    const slow = new SlowReader();
    watchers.add(slow as unknown as Socket);
    assert.deepEqual(slow.lines, ['0\n']);
    watchers.tell('1');
    watchers.tell('2');
    assert.deepEqual(slow.lines, ['0\n']);
    await slow.takeOne();
    assert.deepEqual(slow.lines, ['0\n', '2\n']);
    await slow.takeOne();
    assert.deepEqual(slow.lines, ['0\n', '2\n'], 'nothing is told twice');
    watchers.tell('3');
    assert.deepEqual(slow.lines, ['0\n', '2\n', '3\n']);
  });

  it('get nothing any more when they have left', async () => {
    const watchers = new Watchers('0');
    const reader = new SlowReader();
    watchers.add(reader as unknown as Socket);
    await reader.takeOne();
    reader.destroy();
    await new Promise((resolve) => reader.once('close', resolve));
    watchers.tell('1');
    assert.deepEqual(reader.lines, ['0\n']);
  });
});
