import assert from 'node:assert/strict';
import { isJanError } from '../../../../src/common/errors';
import { maxImageSize, maxTextSize, toAttachable } from '../../../../src/ui/chat/composer/attachable';
import { strings } from './chatPage';

const bytesOf = (...parts: readonly (string | readonly number[])[]): Uint8Array =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from([...part]))));
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(toAttachable({ name: 'a.txt', bytes }, strings).bytes);
const refusal = (bytes: Uint8Array, name = 'a.bin'): string => {
  try {
    toAttachable({ name, bytes }, strings);
  } catch (error) {
    assert.ok(isJanError(error, 'invalid-argument'));
    return error.message;
  }
  assert.fail('it was taken');
};

describe('What can be attached', () => {
  it('is text in any usual encoding, stored as UTF-8', () => {
    assert.equal(textOf(bytesOf('Größe: 5 µm\n')), 'Größe: 5 µm\n');
    assert.equal(textOf(bytesOf([0xef, 0xbb, 0xbf], 'marked')), 'marked');
    assert.equal(textOf(bytesOf([0xff, 0xfe], [0x48, 0, 0x69, 0, 0xe4, 0])), 'Hiä');
    assert.equal(textOf(bytesOf([0xfe, 0xff], [0, 0x48, 0, 0x69])), 'Hi');
    assert.equal(textOf(bytesOf('Gr', [0xf6, 0xdf], 'e')), 'Größe');
  });

  it('keeps the lines of a selection', () => {
    const { info } = toAttachable({ name: 'src/a.ts', bytes: bytesOf('let a;'), range: { startLine: 3, endLine: 4 } }, strings);
    assert.deepEqual(info, { name: 'src/a.ts', mediaType: 'text/plain', range: { startLine: 3, endLine: 4 } });
  });

  it('is an image, known by its bytes and not by its name', () => {
    const images: readonly (readonly [string, Uint8Array])[] = [
      ['image/png', bytesOf([0x89], 'PNG\r\n', [0x1a, 0x0a], [0, 0, 0])],
      ['image/jpeg', bytesOf([0xff, 0xd8, 0xff, 0xe0], [0, 1])],
      ['image/gif', bytesOf('GIF89a', [0, 1])],
      ['image/webp', bytesOf('RIFF', [1, 0, 0, 0], 'WEBPVP8 ')],
    ];
    for (const [mediaType, bytes] of images) {
      assert.equal(toAttachable({ name: 'x.txt', bytes }, strings).info.mediaType, mediaType);
    }
    assert.match(refusal(bytesOf([0, 1, 2, 3]), 'picture.png'), /^picture\.png .*neither text nor an image/);
  });

  it('is nothing else, and each refusal says what to do instead', () => {
    assert.match(refusal(bytesOf('%PDF-1.7', [0, 0xff])), /text version/);
    assert.match(refusal(Buffer.from(Array.from({ length: 400 }, (_, index) => (index % 31) + 1).concat(0xff))), /neither text/);
    assert.match(refusal(new Uint8Array()), /empty/);
    assert.match(refusal(Buffer.alloc(maxTextSize + 1, 'a')), /2 MB.*Add Selection to Chat/);
    assert.match(refusal(Buffer.alloc(3 * maxTextSize, 'a')), /2 MB/);
    assert.match(refusal(Buffer.concat([bytesOf('GIF89a'), Buffer.alloc(maxImageSize)])), /16 MB/);
  });

  it('takes text up to the limit, and shortens names from their start', () => {
    assert.equal(textOf(Buffer.alloc(maxTextSize, 'a')).length, maxTextSize);
    const { name } = toAttachable({ name: `${'d/'.repeat(400)}end.ts`, bytes: bytesOf('x') }, strings).info;
    assert.ok(name.length <= 300 && name.endsWith('d/end.ts'), name);
  });
});
