// What the engine knows of one model: how it was asked for, what came of it, who uses it.
// Must not know: other models, windows, the wire.

import type { ModelPurpose } from '../common/gguf/modelPurpose';
import type { GgufHeader } from '../common/gguf/readGgufHeader';
import type { LoadModelParams, RuntimeModel } from '../protocol/runtimeProtocol';
import type { EncoderModel } from './encoderModel';
import { LoadedModel } from './loadedModel';
import type { LoadedBeside } from './memoryPlan';
import type { StallWatch } from './stallWatch';

export interface ModelEntry {
  readonly modelId: string;
  readonly path: string;
  /** As it was asked for. */
  readonly params: LoadModelParams;
  readonly header: GgufHeader;
  /** Of the file, bytes. */
  readonly size: number;
  readonly beside: LoadedBeside;
  readonly purposes: readonly ModelPurpose[];
  /** What went otherwise than asked, in words. */
  notes: readonly string[];
  status: RuntimeModel['status'];
  progress: number;
  /** Bytes that a load under way will take. */
  planned: number;
  loaded?: LoadedModel | EncoderModel;
  /** Calls that need it now. */
  users: number;
  /** When its last call ended, or its load, by performance.now(). */
  lastUsed: number;
  /** Was it asked anything since it was loaded? */
  wasAsked: boolean;
  /** Set once it is unloaded. */
  leaving?: Promise<void>;
  readonly abort: AbortController;
  /** Over its load and all calls that need it. */
  readonly stall: StallWatch;
  /** Who waits for the load; when the last one has gone, it is given up. */
  readonly waiting: Set<(fraction: number) => void>;
  ready: Promise<LoadedModel | EncoderModel>;
}

/** In memory, and nobody wants anything of it now: it may leave. */
export function isIdle({ status, leaving, users, waiting }: Pick<ModelEntry, 'status' | 'leaving' | 'users' | 'waiting'>): boolean {
  return status === 'ready' && leaving === undefined && users === 0 && waiting.size === 0;
}

/** Bytes that it has, or will have. */
export function residentBytes({ loaded, planned }: ModelEntry): number {
  return loaded?.memory ?? planned;
}

export function describe(entry: ModelEntry): RuntimeModel {
  const { modelId, path, status, loaded } = entry;
  return {
    modelId,
    path,
    status,
    loadOptions: loadOptionsOf(entry),
    ...(status === 'loading' ? { progress: entry.progress } : {}),
    ...(loaded === undefined || status !== 'ready'
      ? {}
      : { contextLength: loaded.contextLength, slots: loaded.slots, memory: loaded.memory, gpuLayers: loaded.gpuLayers, ...notesOf(entry, loaded) }),
    activeRequests: loaded?.activeRequests ?? 0,
    queuedRequests: loaded?.queuedRequests ?? 0,
  };
}

/** What may matter to native code: which template writes the prompt does not, and it can be long. */
function loadOptionsOf({ params }: ModelEntry): Record<string, unknown> {
  return Object.fromEntries(Object.entries(params).filter(([name]) => !['modelId', 'path', 'chatTemplate'].includes(name)));
}

function notesOf({ notes }: ModelEntry, loaded: LoadedModel | EncoderModel): Pick<RuntimeModel, 'notes'> {
  const note = loaded instanceof LoadedModel ? loaded.templates.note : undefined;
  const all = [...notes, ...(note === undefined ? [] : [note])];
  return all.length === 0 ? {} : { notes: all };
}
