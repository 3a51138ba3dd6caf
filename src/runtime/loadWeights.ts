// Reads a model's weights; a graphics card that fails is no reason to fail, as the processor can run every model.
// Must not know: what is made of them, which models are loaded.

import type { Llama, LlamaModel } from 'node-llama-cpp';
import { isJanError } from '../common/errors';
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
    return { model: await load(0), notes: [withoutCard(error, path, log)] };
  }
}

/**
 * Weights, and what is made of them; when the graphics card has memory for the first and not for the second, both once
 * more on the processor. Nothing is left in memory when it fails.
 */
export async function loadAndPrepare<T>(
  llama: Pick<Llama, 'gpu' | 'loadModel'>,
  options: WeightsOptions,
  prepare: (model: LlamaModel) => Promise<T>,
): Promise<{ readonly prepared: T; readonly notes: readonly string[] }> {
  const first = await loadWeights(llama, options);
  try {
    return { prepared: await prepare(first.model), notes: first.notes };
  } catch (error) {
    const usedCard = llama.gpu !== false && first.model.gpuLayers > 0;
    await first.model.dispose();
    // What a JanError names (an adapter, a draft model) is no fault of the card.
    if (!usedCard || options.signal.aborted || isJanError(error)) {
      throw error;
    }
    const note = withoutCard(error, options.path, options.log);
    const second = await loadWeights(llama, { ...options, gpuLayers: 0 });
    try {
      return { prepared: await prepare(second.model), notes: [note] };
    } catch (again) {
      await second.model.dispose();
      throw again;
    }
  }
}

function withoutCard(error: unknown, path: string, log: Logger): string {
  const reason = (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');
  log.warn(`The graphics card could not load ${path}, using the processor: ${reason}`);
  return `The graphics card could not be used (${reason}): the model runs on the processor, which is slower.`;
}
