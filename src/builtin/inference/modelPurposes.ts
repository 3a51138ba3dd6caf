// What the models on this machine were made for, read once a file.
// Must not know: the engine, the store.

import { open, stat } from 'node:fs/promises';
import type { ModelCapability } from '../../api/jan';
import { createHandleReader } from '../../common/gguf/handleReader';
import { modelPurposes } from '../../common/gguf/modelPurpose';
import { readGgufHeader } from '../../common/gguf/readGgufHeader';

export class ModelPurposes {
  readonly #known = new Map<string, { readonly stamp: string; readonly purposes: readonly ModelCapability[] }>();

  /** Undefined for a file that can't be read: whoever loads it is told why. */
  async of(path: string): Promise<readonly ModelCapability[] | undefined> {
    try {
      const { size, mtimeMs } = await stat(path);
      const stamp = `${size}:${mtimeMs}`;
      const known = this.#known.get(path);
      if (known?.stamp === stamp) {
        return known.purposes;
      }
      const file = await open(path, 'r');
      try {
        const purposes = modelPurposes(await readGgufHeader(createHandleReader(file, size)));
        this.#known.set(path, { stamp, purposes });
        return purposes;
      } finally {
        await file.close();
      }
    } catch {
      return undefined;
    }
  }
}
