import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { isJanError } from '../../../src/common/errors';
import { checkedAdapters } from '../../../src/runtime/loadOptions';
import { writeLoraAdapter } from '../../fixtures/gguf/loraAdapter';
import type { GgmlTypeName } from '../../fixtures/gguf/ggufWriter';

describe('adapters before native code sees them', () => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'jan-lora-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function check(...types: readonly [a: GgmlTypeName, b: GgmlTypeName]): Promise<unknown> {
    const file = path.join(folder, `${types.join('-')}.gguf`);
    await writeLoraAdapter(file, { width: 64, types });
    return checkedAdapters([{ path: file }], 'llama');
  }

  it('are taken as llama.cpp’s converter writes them', async () => {
    await check('f32', 'f32');
    await check('f16', 'f16');
    await check('q8_0', 'f32');
  });

  it('are refused in a form that nothing computes with, which ended the process at the first message', async () => {
    const pairs: (readonly [GgmlTypeName, GgmlTypeName])[] = [['i32', 'f32'], ['f32', 'i32'], ['i64', 'i64'], ['f64', 'f64'], ['q8_1', 'f32']];
    for (const types of pairs) {
      await assert.rejects(check(...types), (error) => isJanError(error, 'invalid-argument') && /cannot compute with/.test(error.message), types.join());
    }
  });
});
