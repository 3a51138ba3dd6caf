import assert from 'node:assert/strict';
import { soakRounds, soakTimeout } from '../../../fixtures/soak';
import { StoreFixture } from '../../../fixtures/data/storeFixture';

interface Round {
  readonly round: number;
  readonly kind: number;
  /** Of the process, so that other processes' load does not count. */
  readonly cpuMs: number;
  readonly failed?: string;
  /** So far. */
  readonly quarantined: number;
}

const rounds = soakRounds(150, 20_000);
/** ms. */
const longest = 2000;
const silence = 60_000;

describe('A changed snapshot', function () {
  this.timeout(soakTimeout(300_000));
  const fixture = new StoreFixture();
  afterEach(() => fixture.dispose());

  it('is set aside or read, never trusted, and never makes the store hang or throw what is no JanError', async () => {
    const fuzzer = await fixture.spawn('snapshotFuzzer', ['4', String(rounds)]);
    let hung = false;
    let watch = setTimeout(() => undefined, 0);
    const rewind = (): void => {
      clearTimeout(watch);
      watch = setTimeout(() => {
        hung = true;
        fuzzer.child.kill('SIGKILL');
      }, silence);
    };
    rewind();
    fuzzer.child.on('message', rewind);
    await fuzzer.exited;
    clearTimeout(watch);
    const told = fuzzer.messages as Round[];
    assert.equal(hung, false, `silent for ${silence} ms after round ${told.at(-1)?.round}`);
    const failed = new Map(told.filter((one) => one.failed !== undefined).map((one) => [one.kind, one.failed]));
    assert.deepEqual(failed, new Map(), 'by kind of change');
    assert.equal(told.length, rounds);
    // The whole round, which opens the store several times and does everything with it.
    const slowest = told.reduce((a, b) => (a.cpuMs > b.cpuMs ? a : b));
    assert.ok(slowest.cpuMs < longest, JSON.stringify(slowest));
    const { quarantined } = told.at(-1)!;
    console.log(`      ${quarantined} of ${rounds} set aside; longest round ${Math.round(slowest.cpuMs)} ms`);
    assert.ok(quarantined > rounds / 3);
  });
});
