import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { encodeFrame, headerSize, marker, scanFrames, type Frame } from '../../../../src/builtin/data/frame';
import { seededRandom } from '../../../fixtures/data/storeFixture';

const frame = (payload: object, kind = 32): { id: string; bytes: Buffer; kind: number; text: string } => {
  const id = randomUUID();
  const text = JSON.stringify(payload);
  return { id, kind, text, bytes: Buffer.from(encodeFrame(id, kind, Buffer.from(text))) };
};
const texts = (frames: readonly Frame[]): string[] => frames.map(({ payload }) => Buffer.from(payload).toString());

describe('journal frames', () => {
  it('come back as they were written', () => {
    const written = [frame({ a: 1 }), frame({ text: 'ü 😀 \r\n\u001a' }, 200), frame({})];
    const { frames, damage, consumed, wanted } = scanFrames(Buffer.concat(written.map((one) => one.bytes)), true);
    assert.deepEqual(
      frames.map(({ id, kind, version, flags }) => ({ id, kind, version, flags })),
      written.map(({ id, kind }) => ({ id, kind, version: 1, flags: 0 })),
    );
    assert.deepEqual(texts(frames), written.map((one) => one.text));
    assert.deepEqual([damage, wanted], [[], 0]);
    assert.equal(consumed, frames.at(-1)!.end);
  });

  it('are found up to every possible tear, and the tear is left open until something follows it', () => {
    const first = frame({ first: true });
    const second = frame({ second: 'x'.repeat(50) });
    const third = frame({ third: true });
    for (let cut = 1; cut < second.bytes.length; cut++) {
      const torn = Buffer.concat([first.bytes, second.bytes.subarray(0, cut)]);
      const open = scanFrames(torn, true);
      assert.deepEqual(texts(open.frames), [first.text], `cut at ${cut}`);
      assert.deepEqual([open.consumed, open.damage], [first.bytes.length, []], `cut at ${cut}`);
      const followed = scanFrames(Buffer.concat([torn, third.bytes]), true);
      assert.deepEqual(texts(followed.frames), [first.text, third.text], `cut at ${cut}`);
      assert.deepEqual(followed.damage, [{ start: first.bytes.length, end: torn.length }], `cut at ${cut}`);
    }
  });

  it('survive any flipped bit of a neighbour, which is reported with its exact place', () => {
    const written = [frame({ first: true }), frame({ second: 'flip me' }), frame({ third: true })];
    const [before, middle] = [written[0]!.bytes.length, written[1]!.bytes.length];
    for (let byte = 0; byte < middle; byte++) {
      for (let bit = 0; bit < 8; bit++) {
        const bytes = Buffer.concat(written.map((one) => one.bytes));
        bytes[before + byte]! ^= 1 << bit;
        const { frames, damage } = scanFrames(bytes, true);
        assert.deepEqual(texts(frames), [written[0]!.text, written[2]!.text], `bit ${bit} of byte ${byte}`);
        assert.deepEqual(damage, [{ start: before, end: before + middle }], `bit ${bit} of byte ${byte}`);
      }
    }
  });

  it('are the same however the file is read in chunks', () => {
    const random = seededRandom(7);
    for (let round = 0; round < 60; round++) {
      const parts: Buffer[] = [];
      for (let i = 0; i < 12; i++) {
        const bytes = frame({ i, text: 'y'.repeat(Math.floor(random() * 120)) }).bytes;
        const choice = random();
        if (choice < 0.2) {
          parts.push(bytes.subarray(0, Math.floor(random() * bytes.length)));
        } else if (choice < 0.35) {
          bytes[Math.floor(random() * bytes.length)]! ^= 0xff;
          parts.push(bytes);
        } else if (choice < 0.45) {
          parts.push(Buffer.from(Array.from({ length: 40 }, () => Math.floor(random() * 256))));
        } else {
          parts.push(bytes);
        }
      }
      const all = Buffer.concat([...parts, frame({ last: true }).bytes]);
      const whole = scanFrames(all, true);
      const chunked: string[] = [];
      let lost = 0;
      let size = 1 + Math.floor(random() * 100);
      for (let offset = 0; offset < all.length; ) {
        const part = scanFrames(all.subarray(offset, offset + size), offset + size >= all.length);
        chunked.push(...texts(part.frames));
        lost += part.damage.reduce((sum, { start, end }) => sum + end - start, 0);
        offset += part.consumed;
        size = part.consumed === 0 ? size * 2 : 1 + Math.floor(random() * 100);
      }
      assert.deepEqual(chunked, texts(whole.frames));
      assert.equal(lost, whole.damage.reduce((sum, { start, end }) => sum + end - start, 0));
    }
  });

  it('are not believed when they claim more than is allowed', () => {
    const huge = frame({ a: 1 }).bytes;
    huge.writeUInt32LE(0xffffffff, 8);
    const next = frame({ b: 2 });
    const { frames, damage } = scanFrames(Buffer.concat([huge, next.bytes]), true);
    assert.deepEqual(texts(frames), [next.text]);
    assert.deepEqual(damage, [{ start: 0, end: huge.length }]);
    assert.throws(() => encodeFrame(randomUUID(), 1, { length: 2 ** 30 } as Uint8Array), RangeError);
  });

  it('are found in linear time among bytes made to look like frames', () => {
    const fake = Buffer.alloc(headerSize);
    fake.set(marker);
    fake.writeUInt32LE(100 * 1024 * 1024, 8);
    const bytes = Buffer.concat([...Array.from({ length: 200_000 }, () => fake), frame({ real: true }).bytes]);
    const started = performance.now();
    const { frames } = scanFrames(bytes, true);
    assert.equal(frames.length, 1);
    // Quadratic work would take hours; this leaves a slow machine room.
    assert.ok(performance.now() - started < 5000);
  });

  it('never throw, whatever the bytes', () => {
    const random = seededRandom(11);
    for (let round = 0; round < 500; round++) {
      const bytes = Buffer.from(Array.from({ length: Math.floor(random() * 200) }, () => Math.floor(random() * 256)));
      if (random() < 0.5 && bytes.length > 8) {
        bytes.set(marker, Math.floor(random() * (bytes.length - 8)));
      }
      const { frames, consumed } = scanFrames(bytes, random() < 0.5);
      assert.deepEqual(frames, []);
      assert.ok(consumed <= bytes.length);
    }
  });
});
