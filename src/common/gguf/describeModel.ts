// Turns a GGUF header into what a person wants to know: size in words, memory it needs, whether it can chat.
// Must not know: Node, the store, VS Code.

import { invalidGguf } from './byteCursor';
import { contextBytes } from './contextBytes';
import type { GgufHeader } from './readGgufHeader';

export interface ModelDescription {
  readonly architecture?: string;
  readonly quantization?: string;
  readonly parameters?: number;
  readonly contextLength?: number;
  readonly name?: string;
  readonly author?: string;
  readonly license?: string;
}

export function describeModel(header: GgufHeader): ModelDescription {
  return {
    architecture: header.architecture,
    quantization: header.quantization,
    parameters: header.parameters > 0 ? header.parameters : undefined,
    contextLength: header.contextLength,
    name: shortText(header, 'general.name', 200),
    author: shortText(header, 'general.organization', 100) ?? shortText(header, 'general.author', 100),
    license: shortText(header, 'general.license', 100),
  };
}

function shortText(header: GgufHeader, key: string, limit: number): string | undefined {
  const value = header.metadata.get(key);
  // eslint-disable-next-line no-control-regex -- a name from a file may hold anything; views show it as one line
  const text = typeof value === 'string' ? value.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim() : '';
  return text === '' ? undefined : text.slice(0, limit);
}

/** @throws JanError `model-invalid`: nothing that llama.cpp computes with tensors expects one without numbers. */
export function checkHasNoEmptyTensor({ emptyTensor }: GgufHeader): void {
  if (emptyTensor !== undefined) {
    throw invalidGguf('a tensor has an impossible size', { tensor: emptyTensor });
  }
}

/**
 * Is this a file that llama.cpp can generate text with (the first part, of a split model)?
 * @throws JanError `model-invalid`, saying what the file is instead.
 */
export function checkIsLanguageModel(header: GgufHeader): void {
  const type = header.metadata.get('general.type');
  if (type === 'adapter') {
    throw invalidGguf('it is a LoRA adapter, which works only together with its base model');
  }
  if (header.architecture === 'clip' || type === 'mmproj') {
    throw invalidGguf('it is the vision part of a model; choose the file with the language model');
  }
  if (header.split !== undefined && header.split.index !== 0) {
    throw invalidGguf(
      `it is part ${header.split.index + 1} of ${header.split.count}; choose the file that ends in -00001-of-…`,
    );
  }
  if (header.architecture === undefined) {
    throw invalidGguf('it does not say which architecture it has');
  }
  // gguf-split --no-tensor-first-split leaves all weights to the other parts.
  if (header.tensorCount === 0 && header.split === undefined) {
    throw invalidGguf('it holds a vocabulary but no weights');
  }
  checkHasNoEmptyTensor(header);
}

/** What the engine keeps beside weights and context: compute buffers and the process itself. */
const engineBytes = 160 * 1024 * 1024;

/**
 * Bytes of memory that a model needs: weights, a context (default 4096 tokens, or what it was trained for when less),
 * and the engine's own. An estimate: without a header the context counts as a tenth of the weights.
 */
export function estimateMemory(fileBytes: number, header?: GgufHeader, contextTokens = 4096): number {
  const tokens = Math.min(contextTokens, header?.contextLength ?? contextTokens);
  const context = header === undefined ? undefined : contextBytes(header, { contextTokens: tokens });
  return Math.round(fileBytes + (context ?? fileBytes / 10) + engineBytes);
}
