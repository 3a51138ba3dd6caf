import assert from 'node:assert/strict';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import { findImportFiles } from '../../../../../src/builtin/data/exchange/importFiles';
import { readImport } from '../../../../../src/builtin/data/exchange/readImport';
import { isJanError } from '../../../../../src/common/errors';

const fixtures = path.resolve('test/fixtures/exchange');

describe('Import from a .zip', function () {
  this.timeout(30_000);
  let folder: string;
  let archive: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'jan-zip-'));
    archive = path.join(folder, 'export.zip');
  });
  afterEach(async () => rm(folder, { recursive: true, force: true }));

  const pack = async (entries: Readonly<Record<string, Buffer>>): Promise<void> => {
    const zip = new ZipFile();
    for (const [name, bytes] of Object.entries(entries)) {
      zip.addBuffer(bytes, name);
    }
    zip.end();
    await pipeline(zip.outputStream, createWriteStream(archive));
  };
  const refused = (message: RegExp): Promise<void> =>
    assert.rejects(findImportFiles([archive]), (error) => isJanError(error, 'invalid-argument') && message.test(error.message));
  const textOf = async (pieces: AsyncIterable<Uint8Array | string>): Promise<string> => {
    let text = '';
    for await (const piece of pieces) {
      text += Buffer.from(piece as Uint8Array).toString();
    }
    return text;
  };

  it('reads what ChatGPT sends, beside everything else in it, as it reads the unpacked file', async () => {
    const conversations = await readFile(path.join(fixtures, 'chatgpt/conversations.json'));
    await pack({
      'chat.html': Buffer.from('<html>'),
      'conversations.json': conversations,
      'user.json': Buffer.from('{"id":"u"}'),
      '__MACOSX/conversations.json': Buffer.from('rubbish'),
      'file-1.png': Buffer.from([1, 2, 3]),
    });
    const files = await findImportFiles([archive]);
    assert.deepEqual(files.map(({ name }) => name), ['export.zip/conversations.json', 'export.zip/user.json']);
    assert.equal(files[0]!.size, conversations.length);
    assert.equal(await textOf(files[0]!.open()), conversations.toString());
    const fromZip = await readImport(files, {});
    const unpacked = await readImport(await findImportFiles([path.join(fixtures, 'chatgpt/conversations.json')]), {});
    assert.ok(unpacked.conversations.length > 0);
    assert.deepEqual(
      fromZip.conversations.map(({ name, messages }) => [name, messages.map(({ content }) => content)]),
      unpacked.conversations.map(({ name, messages }) => [name, messages.map(({ content }) => content)]),
    );
  });

  it('can be read again, and left in the middle', async () => {
    await pack({ 'a.json': Buffer.alloc(5_000_000, ' ') });
    const [file] = await findImportFiles([archive]);
    for await (const piece of file!.open()) {
      assert.ok(piece.length > 0);
      break;
    }
    assert.equal((await textOf(file!.open())).length, 5_000_000);
  });

  it('says in words what is wrong with one', async () => {
    await pack({ 'readme.txt': Buffer.from('x') });
    await refused(/no \.json or \.jsonl file in it/);
    await pack({ 'conversations.json': Buffer.alloc(100_000, 'a') });
    const whole = await readFile(archive);
    await truncate(archive, whole.length - 30);
    await refused(/damaged/);
    await writeFile(archive, Buffer.concat([Buffer.from('PK\u0003\u0004'), Buffer.alloc(1000, 7)]));
    await refused(/damaged/);
    await writeFile(archive, Buffer.from([0x1f, 0x8b, 8, 0]));
    await refused(/Unpack it first/);
  });

  it('tells of content that is not as the archive says', async () => {
    await pack({ 'a.json': Buffer.from(JSON.stringify(Array.from({ length: 5000 }, (_, index) => index))) });
    const bytes = await readFile(archive);
    bytes.fill(0xff, 60, 200);
    await writeFile(archive, bytes);
    const [file] = await findImportFiles([archive]);
    await assert.rejects(textOf(file!.open()), (error) => isJanError(error, 'invalid-argument') && /damaged/.test(error.message));
  });

  it('never leaves the archive, whatever its entries are called', async () => {
    await pack({ 'a.json': Buffer.from('[]') });
    const bytes = await readFile(archive);
    for (let at = bytes.indexOf('a.json'); at >= 0; at = bytes.indexOf('a.json', at + 1)) {
      bytes.write('../../', at);
    }
    await writeFile(archive, bytes);
    await refused(/damaged|no \.json/);
  });
});
