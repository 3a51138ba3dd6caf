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

  it('are checked as the one model that they are: what is wrong in a later one is refused, and that part named', async () => {
    await write();
    const third = (tensor: Partial<TensorSpec>, alignment?: number): Promise<void> => {
      const entries = [...place(2), ...(alignment === undefined ? [] : [kv.uint32('general.alignment', alignment)])];
      return writeFile(nameOf(3), buildGguf({ entries, tensors: [{ name: 'three', shape: [8, 4], ...tensor }], alignment, dataBytes: 4096 }));
    };
    await third({}, 1);
    await refuses(/aligned to 1 bytes/, 3);
    await third({}, 4);
    await refuses(/aligned to 4 bytes/, 3);
    await third({}, 64);
    await checkModelFile(nameOf(1));
    await third({ name: 'output_norm.weight', shape: [8], type: 1 });
    await refuses(/32-bit floats/, 3);
    await third({ type: 24 });
    await refuses(/cannot compute with/, 3);
    await third({ name: 'two' });
    await refuses(/occurs twice/, 3);
    await writeFile(nameOf(3), buildGguf({ entries: [kv.uint32('split.no', 2), kv.uint16('split.count', 3)], tensors: tensors('three') }));
    await refuses(/16-bit number/, 3);
  });

  it('hold all tensors together, or it is said which one is missing', async () => {
    const entries = [
      kv.string('general.architecture', 'llama'), kv.uint32('llama.context_length', 64), kv.uint32('llama.block_count', 1), kv.uint32('llama.embedding_length', 8),
      kv.uint32('llama.feed_forward_length', 16), kv.uint32('llama.attention.head_count', 2), kv.string('tokenizer.ggml.model', 'gpt2'), kv.strings('tokenizer.ggml.tokens', ['a', 'b']),
    ];
    const norms = ['output_norm.weight', 'blk.0.attn_norm.weight', 'blk.0.ffn_norm.weight'].map((name) => ({ name, shape: [8] }));
    const matrices = ['attn_q', 'attn_k', 'attn_v', 'attn_output'].map((name) => ({ name: `blk.0.${name}.weight`, shape: [8, 8] }));
    const feedForward = [{ name: 'blk.0.ffn_gate.weight', shape: [8, 16] }, { name: 'blk.0.ffn_up.weight', shape: [8, 16] }, { name: 'blk.0.ffn_down.weight', shape: [16, 8] }];
    const parts = async (third: TensorSpec[]): Promise<void> => {
      await writeFile(nameOf(1), buildGguf({ entries: [...entries, ...place(0)], tensors: [] }));
      await writeFile(nameOf(2), buildGguf({ entries: place(1), tensors: [{ name: 'token_embd.weight', shape: [8, 2] }, ...norms, ...matrices] }));
      await writeFile(nameOf(3), buildGguf({ entries: place(2), tensors: third }));
    };
    await parts(feedForward);
    await checkModelFile(nameOf(1));
    await parts(feedForward.slice(1));
    await refuses(/tensor that it needs is missing/, 1);
    await parts(feedForward.map((one) => ({ ...one, shape: [8, 8] })));
    await refuses(/does not have the size/, 3);
    await writeFile(nameOf(2), buildGguf({ entries: place(1), tensors: [] }));
    await writeFile(nameOf(3), buildGguf({ entries: place(2), tensors: [] }));
    await refuses(/no weights/, 1);
  });
});
