// Descriptions and services for tests of the user interface. No assertions here.

import type {
  AvailableModel,
  Download,
  EngineState,
  InferenceModel,
  JanApi,
  Model,
  ModelsChangeEvent,
  RunningModel,
} from '../../../src/api/jan';
import { Emitter } from '../../../src/common/events';

export function model(change: Partial<Model> = {}): Model {
  return {
    id: 'qwen',
    name: 'Qwen 3',
    backendId: 'llama.cpp',
    source: 'huggingface',
    path: '/models/qwen.gguf',
    size: 4_370_000_000,
    quantization: 'Q4_K_M',
    createdAt: 1,
    startDownloadAt: 1,
    finishDownloadAt: 2,
    ...change,
  };
}

export function running(change: Partial<RunningModel> = {}): RunningModel {
  return { modelId: 'qwen', name: 'Qwen 3', backendId: 'llama.cpp', status: 'ready', ...change };
}

export function download(change: Partial<Download> = {}): Download {
  return { id: 'd1', modelId: 'gemma', name: 'Gemma', status: 'running', totalBytes: 1000, receivedBytes: 430, speed: 100, ...change };
}

export function available(change: Partial<AvailableModel> = {}): AvailableModel {
  return {
    id: 'llama',
    name: 'Llama',
    description: 'A good one.',
    repository: 'owner/llama',
    fileName: 'llama.gguf',
    size: 2_000_000_000,
    downloaded: false,
    fit: 'fits',
    memoryNeeded: 3_000_000_000,
    ...change,
  };
}

export function inferenceModel(change: Partial<InferenceModel> = {}): InferenceModel {
  return { id: 'gpt', name: 'GPT', backendId: 'acme', loaded: true, remote: true, ...change };
}

export function engine(change: Partial<EngineState> = {}): EngineState {
  return { status: 'running', models: [], activeRequests: 0, ...change };
}

/** Services whose answers are fields, and events that a test fires. */
export class FakeServices {
  engineState: () => Promise<EngineState> = async () => engine();
  downloaded: () => Promise<Model[]> = async () => [];
  downloads: () => Promise<Download[]> = async () => [];
  available: () => Promise<AvailableModel[]> = async () => [];
  inference: () => Promise<InferenceModel[]> = async () => [];
  readonly calls: string[] = [];
  readonly changeModels = new Emitter<ModelsChangeEvent>();
  readonly changeDownloads = new Emitter<Download>();
  readonly changeEngine = new Emitter<EngineState>();

  get api(): Pick<JanApi, 'models' | 'inference' | 'onDidChangeModels' | 'onDidChangeDownloads' | 'onDidChangeEngine'> {
    const called = <T>(name: string, answer: () => Promise<T>): Promise<T> => {
      this.calls.push(name);
      return answer();
    };
    return {
      models: {
        getDownloadedModels: () => called('getDownloadedModels', this.downloaded),
        getDownloads: () => called('getDownloads', this.downloads),
        getAvailableModels: () => called('getAvailableModels', this.available),
      },
      inference: {
        getEngineState: () => called('getEngineState', this.engineState),
        getInferenceModels: () => called('getInferenceModels', this.inference),
      },
      onDidChangeModels: this.changeModels.event,
      onDidChangeDownloads: this.changeDownloads.event,
      onDidChangeEngine: this.changeEngine.event,
    } as unknown as JanApi;
  }
}
