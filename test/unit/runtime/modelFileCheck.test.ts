import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { isJanError } from '../../../src/common/errors';
import { checkDownloadedFile, checkModelFile } from '../../../src/runtime/modelFileCheck';
import { buildGguf, kv, type TensorSpec } from '../common/gguf/ggufBuilder';

describe('the parts of a model that is split', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'jan-parts-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const nameOf = (part: number): string => path.join(folder, `m-0000${part}-of-00003.gguf`);
  const place = (index: number, count = 3): Uint8Array[] => [kv.uint16('split.no', index), kv.uint16('split.count', count)];
  const tensors = (name: string): TensorSpec[] => [{ name, shape: [8, 4] }];

  async function write({ ofFirst = tensors('one') }: { readonly ofFirst?: TensorSpec[] } = {}): Promise<Uint8Array[]> {
    const first = [
      kv.string('general.architecture', 'qwen2'),
      kv.uint32('qwen2.context_length', 64),
      kv.uint32('qwen2.block_count', 1),
      kv.uint32('qwen2.embedding_length', 8),
      kv.string('tokenizer.ggml.model', 'gpt2'),
      kv.strings('tokenizer.ggml.tokens', ['a', 'b']),
    ];
    const parts = [
      buildGguf({ entries: [...first, ...place(0)], tensors: ofFirst }),
      buildGguf({ entries: place(1), tensors: tensors('two') }),
      buildGguf({ entries: place(2), tensors: tensors('three') }),
    ];
    await Promise.all(parts.map((bytes, index) => writeFile(nameOf(index + 1), bytes)));
    return parts;
  }

  const refuses = (words: RegExp, part: number): Promise<void> =>
    assert.rejects(checkModelFile(nameOf(1)), (error: unknown) => {
      assert.ok(isJanError(error, 'model-invalid'), String(error));
      assert.match(error.message, words);
      assert.equal(error.details['path'], nameOf(part), 'the part is named');
      return true;
    });

  it('are all looked at before native code reads them, and counted', async () => {
    const parts = await write();
    assert.equal((await checkModelFile(nameOf(1))).size, parts.reduce((sum, { length }) => sum + length, 0));
    await writeFile(nameOf(3), parts[2]!.subarray(0, parts[2]!.length - 40));
    await refuses(/shorter than its tensors/, 3);
    await writeFile(nameOf(3), buildGguf({ entries: place(2), tensors: [{ name: 'three', shape: [8, 0] }] }));
    await refuses(/impossible size/, 3);
    await writeFile(nameOf(3), parts[1]!);
    await refuses(/not part 3 of 3/, 3);
    await writeFile(nameOf(3), buildGguf({ entries: place(2, 4), tensors: tensors('three') }));
    await refuses(/not part 3 of 3/, 3);
    await writeFile(nameOf(3), '<!DOCTYPE html><html><body>Not found</body></html>');
    await refuses(/does not begin with GGUF/, 3);
    await rm(nameOf(3));
    await assert.rejects(checkModelFile(nameOf(1)), (error: unknown) => isJanError(error, 'model-file-missing') && error.message.includes(nameOf(3)));
  });

  it('may leave the first without tensors, as gguf-split --no-tensor-first-split does', async () => {
    const parts = await write({ ofFirst: [] });
    assert.equal((await checkModelFile(nameOf(1))).size, parts.reduce((sum, { length }) => sum + length, 0));
    assert.equal((await checkDownloadedFile(nameOf(1))).header.tensorCount, 0);
  });
});
