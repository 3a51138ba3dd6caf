// How a model is asked to be loaded: which options a load in memory keeps to, and what llama.cpp is told.
// Must not know: models in memory, windows.

import { open, stat } from 'node:fs/promises';
import { JanError, isJanError } from '../common/errors';
import { checkComputable, ModelFacts } from '../common/gguf/checkModel';
import { checkHasNoEmptyTensor } from '../common/gguf/describeModel';
import { createHandleReader } from '../common/gguf/handleReader';
import { readGgufHeader } from '../common/gguf/readGgufHeader';
import type { LoadModelParams } from '../protocol/runtimeProtocol';
import type { LoadedBeside } from './memoryPlan';
import { checkModelFile } from './modelFileCheck';

/** Options that a model in memory can't change. */
const lasting = ['contextLength', 'slots', 'gpuLayers', 'batchSize', 'threads', 'flashAttention', 'loraAdapters', 'draft'] as const;

/**
 * Names of the options that are asked for and that `loaded` was not loaded with.
 * @param got what came of it: a context may be shorter than asked for
 */
export function differingOptions(loaded: LoadModelParams, got: Partial<LoadModelParams>, asked: LoadModelParams): string[] {
  const same = (name: (typeof lasting)[number]): boolean => {
    const wanted = JSON.stringify(asked[name]);
    return wanted === undefined || wanted === JSON.stringify(loaded[name]) || wanted === JSON.stringify(got[name]);
  };
  return lasting.filter((name) => !same(name));
}

/** What was asked for before stays, unless it is asked for otherwise. */
export function mergedOptions(loaded: LoadModelParams, asked: LoadModelParams): LoadModelParams {
  return { ...loaded, ...Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined)) };
}

/**
 * What loading a model so loads along with it. An adapter that is not there counts for nothing: the load itself says so.
 * @throws JanError `model-file-missing`, `model-invalid` for the draft model
 */
export async function filesBeside({ draft, loraAdapters = [] }: Pick<LoadModelParams, 'draft' | 'loraAdapters'>): Promise<LoadedBeside> {
  const sizes = await Promise.all(loraAdapters.map(({ path }) => stat(path).then(({ size }) => size, () => 0)));
  return {
    ...(draft === undefined ? {} : { draft: await checkModelFile(draft.path) }),
    adapterBytes: sizes.reduce((sum, size) => sum + size, 0),
  };
}

/**
 * Adapters as node-llama-cpp takes them, each looked at before native code sees it.
 * @throws JanError `invalid-argument` that names the file
 */
export async function checkedAdapters(adapters: LoadModelParams['loraAdapters'], architecture: string | undefined): Promise<{ filePath: string; scale: number }[]> {
  const checked = [];
  for (const { path, scale = 1 } of adapters ?? []) {
    await checkAdapter(path, architecture);
    checked.push({ filePath: path, scale });
  }
  return checked;
}

async function checkAdapter(path: string, architecture: string | undefined): Promise<void> {
  const wrong = (reason: string, cause?: unknown): JanError =>
    new JanError('invalid-argument', `The LoRA adapter ${path} can’t be used: ${reason}. Choose another file, or load the model without it.`, {
      details: { field: 'loraAdapters', path },
      cause,
    });
  try {
    const file = await open(path, 'r');
    try {
      const facts = new ModelFacts();
      const header = await readGgufHeader(createHandleReader(file, (await file.stat()).size), facts);
      checkHasNoEmptyTensor(header);
      checkComputable(facts);
      const { metadata, architecture: own } = header;
      if (metadata.get('general.type') !== 'adapter' || metadata.get('adapter.type') !== 'lora') {
        throw wrong('it is no adapter');
      }
      if (own !== architecture) {
        throw wrong(`it was made for a model of the architecture ${own ?? 'unknown'}, and this one is ${architecture ?? 'unknown'}`);
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isJanError(error, 'invalid-argument')) {
      throw error;
    }
    throw wrong(isJanError(error) ? error.message.replace(/\.$/, '') : 'it can’t be read', error);
  }
}
