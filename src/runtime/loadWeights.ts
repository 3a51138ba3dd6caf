// Reads a model's weights; a graphics card that fails is no reason to fail, as the processor can run every model.
// Must not know: contexts, which models are loaded.

import type { Llama, LlamaModel } from 'node-llama-cpp';
import type { Logger } from '../common/log';
import type { LoadModelParams } from '../protocol/runtimeProtocol';

export interface WeightsOptions {
  readonly path: string;
  readonly gpuLayers?: LoadModelParams['gpuLayers'];
  readonly signal: AbortSignal;
  /** 0…1. */
  readonly onProgress: (fraction: number) => void;
  readonly log: Logger;
}

export interface LoadedWeights {
  readonly model: LlamaModel;
  /** What went otherwise than asked, in words. */
  readonly notes: readonly string[];
}

export async function loadWeights(llama: Pick<Llama, 'gpu' | 'loadModel'>, options: WeightsOptions): Promise<LoadedWeights> {
  const { path, gpuLayers, signal, onProgress, log } = options;
  const load = (layers: WeightsOptions['gpuLayers']): Promise<LlamaModel> =>
    llama.loadModel({
      modelPath: path,
      loadSignal: signal,
      ...(layers === undefined ? {} : { gpuLayers: layers }),
      onLoadProgress: onProgress,
    });
  try {
    return { model: await load(gpuLayers), notes: [] };
  } catch (error) {
    if (llama.gpu === false || gpuLayers === 0 || signal.aborted) {
      throw error;
    }
    const reason = (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');
    log.warn(`The graphics card could not load ${path}, using the processor: ${reason}`);
    const note = `The graphics card could not be used (${reason}): the model runs on the processor, which is slower.`;
    return { model: await load(0), notes: [note] };
  }
}
