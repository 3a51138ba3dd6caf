import assert from 'node:assert/strict';
import { keptForWholeTiles, PromptPieces, type PieceTimes } from '../../../src/runtime/promptPieces';

const alone: PieceTimes = { wanted: 200, longest: 1000 };

/** Reads a prompt on a machine that takes `cost` for a piece; the pieces. */
function read(tokens: number, cost: (size: number, at: number) => number, { times = alone, isAmongOthers = false, batchSize = 512 } = {}): { sizes: number[]; ms: number } {
  const pieces = new PromptPieces(batchSize);
  const sizes: number[] = [];
  let ms = 0;
  for (let at = 0; at < tokens; ) {
    const size = pieces.next(tokens - at, times, isAmongOthers);
    const took = cost(size, at);
    pieces.took(size, took);
    sizes.push(size);
    ms += took;
    at += size;
  }
  return { sizes, ms };
}

/** As measured: whole tiles 6 ms a token, what fills none 28. */
const measured = (size: number): number => Math.floor(size / 64) * 64 * 6 + (size % 64) * 28;

describe('prompt pieces', () => {
  it('reads whole tiles however long they take in reason; what fills none comes first', () => {
    const { sizes } = read(3089, measured);
    assert.equal(sizes[0], 64 + (3089 % 64));
    assert.deepEqual([...new Set(sizes.slice(1))], [64], 'a tile of 384 ms is not read in parts of 448 ms');
  });

  it('takes as many tiles as are read in the wanted time, within the batch', () => {
    const { sizes } = read(5000, (size) => size);
    assert.deepEqual(sizes.slice(1, -1).filter((size) => size !== 192), [], '192 tokens in 200 ms');
    assert.ok(read(5000, (size) => size / 10).sizes.every((size) => size <= 512));
    assert.equal(Math.max(...read(5000, (size) => size / 10).sizes), 512);
  });

  it('leaves the last piece to the draw whole, also of a short prompt', () => {
    for (const tokens of [1, 17, 63, 64, 65, 127]) {
      assert.deepEqual(read(tokens, measured).sizes, [tokens]);
    }
    assert.equal(read(128, measured).sizes.at(-1), 64);
  });

  it('reads a tile that takes seconds in parts, so that a cancelled prompt ends sooner', () => {
    const { sizes } = read(640, (size) => size * 50);
    assert.deepEqual(sizes.slice(0, 17), [64, ...Array<number>(16).fill(16)]);
    assert.equal(sizes[17], 64, 'a whole one is tried again');
  });

  it('goes back to whole tiles when parts of one are slower: a machine that was busy for a moment stays fast', () => {
    let hiccup = true;
    const { sizes } = read(3072, (size) => {
      const ms = hiccup ? 1500 : measured(size);
      hiccup = false;
      return ms;
    });
    assert.ok(sizes.filter((size) => size < 64).length <= 16, String(sizes));
    assert.equal(sizes.at(-1), 64);
  });

  it('reads no parts that take longer than the tile, however slow it is', () => {
    const { sizes } = read(6400, (size) => measured(size) * 4);
    assert.ok(sizes.filter((size) => size < 64).length <= 4, String(sizes));
  });

  it("lets one token go with other answers' next ones: the rest is whole tiles", () => {
    const { sizes } = read(1000, measured, { times: { wanted: 60, longest: 500 }, isAmongOthers: true });
    assert.deepEqual(sizes.slice(1).filter((size) => size !== 65), []);
  });

  it('keeps to a batch that is smaller than a tile', () => {
    assert.deepEqual(read(100, measured, { batchSize: 32 }).sizes, [32, 32, 32, 4]);
    assert.ok(read(1000, measured, { batchSize: 100 }).sizes.every((size) => size <= 100));
  });

  it('reads a few known tokens again where the new ones nearly fill a tile and much comes before them', () => {
    assert.equal(keptForWholeTiles(3000, 3050), 3050 - 64);
    assert.equal(keptForWholeTiles(3000, 3064 + 50), 3000 - 14);
    assert.equal(keptForWholeTiles(3000, 3020), 3000, 'too few new ones');
    assert.equal(keptForWholeTiles(500, 550), 500, 'little before them');
    assert.equal(keptForWholeTiles(3000, 3064), 3000, 'whole as it is');
  });
});
